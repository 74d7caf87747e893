"""Exports over HTTP: streamed, whole or refused, and let go of when the client goes away."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import httpx
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from tests.api.test_api_ceilings import plug, serving
from tests.unit.profiles.applying import DEVELOPMENT, Home
from warehouse_sync.api.app import create_app
from warehouse_sync.api.wire import BoundedProtocol
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.errors import StoreError
from warehouse_sync.profiles import export
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.exports import EXPORTS_AT_ONCE

URL = "/platform/extensions/workspaces/5328/profiles/export"
ALL = {"environment": "development"}


@pytest.fixture
def home(plane: Any) -> Home:
    home = Home(plane.stores)
    home.sync({"customer_id": "a", "tier": "gold"}, {"customer_id": "b", "tier": "iron"})
    return home


def test_both_forms(plane: Any, home: Home) -> None:
    answer = plane.client.get(URL, params=ALL)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-disposition"] == 'attachment; filename="profiles-5328-development.parquet"'
    found = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    assert [row["mpid"] for row in found] == [home.mpid(1), home.mpid(2)]
    answer = plane.client.get(URL, params=ALL | {"format": "jsonl", "origins": "false"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["attributes"] for line in answer.text.splitlines()] == [{"tier": "gold"}, {"tier": "iron"}]
    empty = plane.client.get(URL, params={"environment": "production"})
    assert pq.read_table(io.BytesIO(empty.content)).num_rows == 0


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 400, "environment"),
        (ALL | {"format": "csv"}, 400, "format"),
        ({"environment": "staging"}, 400, "environment"),
        (ALL | {"since_run": "0"}, 400, "since_run"),
        (ALL | {"since_run": "last"}, 400, "since_run"),
        (ALL | {"since_run": "99"}, 404, None),
        ({"environment": "production", "since_run": "1"}, 404, None),
    ],
)
def test_what_cannot_be_exported_is_refused_before_the_first_byte(
    plane: Any, home: Home, query: dict[str, str], status: int, field: str | None
) -> None:
    answer = plane.client.get(URL, params=query)
    assert (answer.status_code, answer.json()["errors"][0].get("field")) == (status, field)


def test_only_so_many_at_once(plane: Any, home: Home) -> None:
    wanted = (OPERATOR, 5328, DEVELOPMENT, ExportForm.PARQUET)
    held = [plane.services.exports.export(*wanted, since_run=None, origins=True) for _ in range(EXPORTS_AT_ONCE)]
    answer = plane.client.get(URL, params=ALL)
    assert answer.json()["errors"][0]["code"] == "limit_exceeded"
    held[0].close()
    assert plane.client.get(URL, params=ALL).status_code == 200
    for reading in held:
        reading.close()


def test_a_client_that_goes_away_gives_its_place_and_its_snapshot_back(
    plane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "RANGE_PROFILES", 1)
    home = Home(plane.stores)
    home.sync(*({"customer_id": str(number), "text": "x" * (4 << 20)} for number in range(6)))
    open_now, lent = [0], []
    real = plane.stores.reading

    @contextmanager
    def counted(*scope: Any) -> Iterator[Any]:
        with real(*scope) as found:
            open_now[0] += 1
            lent.append(found[0])
            try:
                yield found
            finally:
                open_now[0] -= 1

    monkeypatch.setattr(plane.stores, "reading", counted)
    head = f"GET {URL}?environment=development&format=jsonl HTTP/1.1\r\nHost: t\r\n"
    head += f"Authorization: {plane.client.headers['authorization']}\r\n\r\n"
    with serving(create_app(plane.services), BoundedProtocol) as port:
        for _ in range(EXPORTS_AT_ONCE + 1):  # a place that was not given back would be missing in the end
            with plug(port, head.encode()) as client:
                assert client.recv(12) == b"HTTP/1.1 200"
                assert open_now == [1]
            until(lambda: open_now == [0])
    with pytest.raises(duckdb.ConnectionException):
        lent[-1].execute("SELECT 1")


def test_what_breaks_in_the_middle_is_not_taken_for_whole(plane: Any, home: Home) -> None:
    def broken(request: Any) -> Iterator[bytes]:
        yield b"PAR1"
        raise StoreError("The profile store could not be read.")

    plane.services.exports._exporter.export = broken
    with (
        capture_logs(),
        serving(create_app(plane.services), BoundedProtocol) as port,
        pytest.raises(httpx.RemoteProtocolError, match="without sending complete"),
    ):
        httpx.get(f"http://127.0.0.1:{port}{URL}", params=ALL, headers=plane.client.headers, timeout=10)


def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
