"""Following a page of the documentation literally: what it tells to run is run, what it tells to send is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.stage import pipeline
from tests.fixtures.service import WORKSPACE, Access, RunningService

PAGES = Path(__file__).resolve().parents[2] / "docs" / "warehouses"


@dataclass(frozen=True, slots=True)
class Place:
    """A service, access to it, and the warehouse it may read."""

    service: RunningService
    access: Access
    server: Any


def blocks(page: str, language: str) -> list[str]:
    """The page's blocks of a language, as they stand."""
    return blocks_of((PAGES / page).read_text(), language)


def statements(sql: Iterable[str]) -> tuple[str, ...]:
    """Every statement of blocks of SQL, without comments."""
    plain = (re.sub(r"--[^\n]*", "", block) for block in sql)
    return tuple(filter(None, (part.strip() for block in plain for part in block.split(";"))))


def documented(page: str, **changes: Any) -> dict[str, Any]:
    """The body that the page shows, at the place where the server is."""
    return json.loads(blocks(page, "json")[0]) | changes


def section(page: str, title: str) -> str:
    """The text below a heading of the page, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, f"{page} has no section {title!r}"
    return found[1]


def blocks_of(text: str, language: str) -> list[str]:
    """The blocks of a language in a text, as they stand."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def create(place: Place, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Creates a connection; gives the status and the answer, refusals too."""
    url = f"{place.service.url}/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/connections"
    headers = {"Authorization": f"Bearer {place.service.client._valid_token()}"}
    answer = httpx.post(url, json=body, headers=headers, timeout=60)
    return answer.status_code, answer.json()


def sync(place: Place, connection: str, sql: str, name: str | None = None, **changes: str) -> dict[str, Any]:
    """Runs a query on a connection, as a data model and a pipeline of one name; gives the finished run."""
    workspace, named = place.service.workspace, name or connection
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_tz"}
    model = {"id": named, "name": named, "workspace_id": WORKSPACE, "type": "sql", **stamp, **changes}
    workspace.create("data-models", {**model, "sql_query": sql})
    workspace.create("pipelines", pipeline(named, place.access, connection_id=connection))
    return place.service.run(named)
