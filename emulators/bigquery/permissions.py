"""What the service accounts may do, by Google's predefined roles, and what each request needs.

Whoever has roles can do nothing that is not listed here: a reader that asks for anything else is refused, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

JOB, DATASET, ROWS = "bigquery.jobs.create", "bigquery.datasets.get", "bigquery.tables.getData"
SESSION, STREAM = "bigquery.readsessions.create", "bigquery.readsessions.getData"
ROLES = {
    "roles/bigquery.jobUser": {JOB},
    "roles/bigquery.readSessionUser": {SESSION, STREAM},
    "roles/bigquery.dataViewer": {DATASET, ROWS},
}
"""Of what the roles hold, the part that some request here needs."""

OF_CALLS = {"CreateReadSession": SESSION, "ReadRows": STREAM}
"""What the calls of the Storage Read API need."""

_PROJECT = r"/bigquery/v2/projects/[^/]+"
_OF_REQUESTS = (
    ("POST", rf"{_PROJECT}/jobs", JOB),
    ("POST", rf"{_PROJECT}/jobs/[^/]+/cancel", JOB),  # one's own jobs need no more
    ("GET", rf"{_PROJECT}/(jobs|queries)/[^/]+", JOB),
    ("GET", rf"{_PROJECT}/datasets/[^/]+", DATASET),
    ("GET", rf"{_PROJECT}/datasets/[^/]+/tables/[^/]+/data", ROWS),
)


@dataclass(frozen=True)
class Permissions:
    """What was granted; no roles at all stand for everything."""

    roles: Collection[str] = ()

    def lacking(self, method: str, path: str, sql: str | None = None) -> str | None:
        """The first permission that a request needs and nobody has; None if it may be."""
        return next((one for one in _needed(method, path, sql) if not self.hold(one)), None)

    def hold(self, permission: str) -> bool:
        return not self.roles or any(permission in ROLES[role] for role in self.roles)


def _needed(method: str, path: str, sql: str | None) -> Iterator[str]:
    yield next(
        (one for verb, shape, one in _OF_REQUESTS if verb == method and re.fullmatch(shape, path)), f"{method} {path}"
    )
    if sql is not None and _names_a_table(sql):
        yield ROWS


def _names_a_table(sql: str) -> bool:
    try:
        trees = sqlglot.parse(sql, read="bigquery")
    except sqlglot.errors.SqlglotError:
        return False  # it will be refused for what it is
    tables = (table for tree in trees if tree for table in tree.find_all(exp.Table))
    return any(isinstance(table.this, exp.Identifier) and table.db for table in tables)
