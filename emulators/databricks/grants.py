"""Who may read what. Service principals need what Unity Catalog wants granted; personal access tokens are those of the owner."""

from __future__ import annotations

import re

from sqlglot import exp

_GRANT = re.compile(
    r"\s*GRANT\s+(SELECT|USE SCHEMA|USE CATALOG)\s+ON\s+(?:TABLE|SCHEMA|CATALOG)\s+([\w.]+)\s+TO\s+`([^`]+)`[\s;]*",
    re.IGNORECASE,
)


class Grants:
    """What was granted, on names with their catalog."""

    def __init__(self) -> None:
        self._granted: set[tuple[str, str, str]] = set()

    def note(self, sql: str) -> bool:
        """Carries out a GRANT; says whether the statement is one."""
        found = _GRANT.fullmatch(sql)
        if found is not None:
            privilege, name, principal = found.groups()
            self._granted.add((privilege.upper(), name.lower(), principal))
        return found is not None

    def missing(self, principal: str | None, tree: exp.Expr) -> str | None:
        """The first privilege that a statement needs and a service principal lacks. None: for the owner, who needs none, too."""
        if principal is None:
            return None
        if not isinstance(tree, exp.Query):
            return "User does not have MODIFY, or may not do this at all,"  # no privilege to write can be granted here
        for table in tree.find_all(exp.Table):
            catalog, schema = table.catalog or "main", table.db
            needed = (
                ("USE CATALOG", catalog),
                ("USE SCHEMA", f"{catalog}.{schema}"),
                ("SELECT", f"{catalog}.{schema}.{table.name}"),
            )
            for privilege, name in (
                needed if schema and catalog == "main" else ()
            ):  # there is no other: nothing is found there
                if (privilege, name.lower(), principal) not in self._granted:
                    return f"User does not have {privilege} on {name}"
        return None
