"""Exports hold what look-ups tell, all from one moment, and let go of the store when nobody reads them any more."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home, table
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.errors import NotFound
from warehouse_sync.profiles import export
from warehouse_sync.profiles.export import DuckDbExporter, ExportRequest
from warehouse_sync.sync.undo import undo_run


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles")
    yield made
    made.stores.close()


def pieces(home: Home, form: ExportForm, **wanted: Any) -> Iterator[bytes]:
    asked = {"environment": DEVELOPMENT, "data_model_ids": {7: "crm", 8: "o'shop"}} | wanted
    return DuckDbExporter(home.stores).export(ExportRequest(home.workspace, form=form, **asked))


def parquet(home: Home, **wanted: Any) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(b"".join(pieces(home, ExportForm.PARQUET, **wanted)))).to_pylist()


def lines(home: Home, **wanted: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(pieces(home, ExportForm.JSON_LINES, **wanted)).splitlines()]


def numbers(home: Home, **wanted: Any) -> list[int]:
    """The numbers of the profiles in an export, which both forms agree on."""
    found = [home.stores.codec(home.workspace).decode(row["mpid"])[0] for row in parquet(home, **wanted)]
    assert found == [home.stores.codec(home.workspace).decode(int(row["mpid"]))[0] for row in lines(home, **wanted)]
    return found


def test_identities_attributes_and_origins(home: Home) -> None:
    home.sync({"customer_id": "c1", "email": "Ann@x", "tier": "gold", "note": 'say "hi"\n'})
    home.sync({"customer_id": "c1", "email": "new@x", "tier": "iron", "note": None, "t": 5})
    home.sync({"customer_id": "c2", "tier": "gold", "t": 1}, model=8)
    first, second = parquet(home)
    assert first["mpid"] == home.mpid(1)
    assert first["created_on"] == START + timedelta(minutes=1)
    assert {kind: value for kind, value in first["identities"].items() if value} == {
        "customer_id": "c1",
        "email": "new@x",
    }
    assert first["more_identities"] == [{"type": "email", "value": "Ann@x"}]
    assert first["attributes"] == {"note": None, "tier": "iron"}
    assert first["origins"] == {
        "note": None,
        "tier": {"data_model_id": "crm", "pipeline_run_id": 2, "load_timestamp": START + timedelta(seconds=5)},
    }
    assert second["origins"]["tier"]["data_model_id"] == "o'shop"
    one, other = lines(home)
    assert one == {
        "mpid": str(home.mpid(1)),
        "created_on": "2023-02-13T10:01:00Z",
        "identities": {"customer_id": "c1", "email": "new@x"},
        "more_identities": [{"type": "email", "value": "Ann@x"}],
        "attributes": {"tier": "iron"},
        "origins": {
            "tier": {"data_model_id": "crm", "pipeline_run_id": 2, "load_timestamp": "2023-02-13T10:00:05Z"},
        },
    }
    assert (other["identities"], other["attributes"]) == ({"customer_id": "c2"}, {"tier": "gold"})
    assert "origins" not in parquet(home, origins=False)[0]
    assert "origins" not in lines(home, origins=False)[0]


def test_every_kind_of_value(home: Home) -> None:
    moment = datetime(2023, 2, 13, 10, 0, 0, 250_000)
    values: dict[str, tuple[pa.DataType, Any, Any]] = {
        "integer": (pa.int64(), -7, -7),
        "float": (pa.float64(), 0.1, 0.1),
        "infinite": (pa.float64(), float("inf"), "inf"),
        "decimal": (pa.decimal128(9, 2), Decimal("12.50"), 12.5),
        "boolean": (pa.bool_(), True, True),
        "text": (pa.string(), 'é "q" \\ \t', 'é "q" \\ \t'),
        "day": (pa.date32(), date(2023, 2, 13), "2023-02-13"),
        "hour": (pa.time64("us"), time(10, 30), "10:30:00"),
        "clock": (pa.timestamp("us"), moment, "2023-02-13T10:00:00.25"),
        "instant": (pa.timestamp("us", "UTC"), moment.replace(tzinfo=UTC), "2023-02-13T10:00:00.25Z"),
        "list": (pa.list_(pa.string()), ["a", None], ["a", None]),
        "odd name, 'quoted' \"too\"": (pa.string(), "x", "x"),
    }
    row = {"customer_id": "c"} | {name: value for name, (_, value, _) in values.items()}
    home.apply(table([row], **{name: kind for name, (kind, _, _) in values.items()}))
    [stored] = parquet(home)
    expected = {name: value for name, (_, value, _) in values.items()} | {"list": '["a",null]'}
    assert stored["attributes"] == expected
    assert lines(home)[0]["attributes"] == {name: shown for name, (_, _, shown) in values.items()}


def test_of_several_data_models_the_newest_shows_as_in_a_look_up(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "from 7", "t": 5}, {"customer_id": "d", "x": "7 again", "t": 9})
    home.sync({"customer_id": "c", "x": "from 8", "t": 3}, {"customer_id": "d", "x": None, "t": 10}, model=8)
    home.sync({"customer_id": "c", "X": "another", "t": 6}, model=9)
    for number, (wide, narrow) in enumerate(zip(parquet(home), lines(home), strict=True), start=1):
        assert {name: value for name, value in wide["attributes"].items() if value is not None} == home.values(number)
        assert narrow["attributes"] == home.values(number)
    assert parquet(home)[0]["origins"]["x"]["pipeline_run_id"] == 1
    home.sync({"customer_id": "c", "x": "7 is old", "t": 11}, model=8)
    assert parquet(home)[0]["attributes"]["x"] == lines(home)[0]["attributes"]["x"] == "7 is old"


def test_an_attribute_of_several_types_is_text(home: Home) -> None:
    home.sync({"customer_id": "a", "x": "seventeen"}, {"customer_id": "b", "x": "old"})
    home.apply(table([{"customer_id": "b", "x": 17, "t": 1}], x=pa.int64()))
    assert [row["attributes"]["x"] for row in parquet(home)] == ["seventeen", "17"]
    assert [row["attributes"]["x"] for row in lines(home)] == ["seventeen", "17"]


def test_what_changed_since_a_run(home: Home) -> None:
    home.sync(*({"customer_id": str(n), "email": f"{n}@x", "x": "1"} for n in range(1, 6)))
    home.sync({"customer_id": "1", "x": "2", "t": 1})
    home.sync({"customer_id": "2", "x": "1", "t": 2}, {"customer_id": "3", "other": "new", "x": "1", "t": 2})
    home.sync({"customer_id": "6"})
    assert numbers(home) == [1, 2, 3, 4, 5, 6]
    assert numbers(home, since_run=1) == [1, 2, 3, 4, 5, 6]
    assert numbers(home, since_run=2) == [1, 3, 6]
    assert numbers(home, since_run=3) == [3, 6]
    home.runs += 1
    undo_run(home.stores, home.key(5), 2, home.rules, now=home.now)
    assert numbers(home, since_run=5) == [1]
    for unknown in (99, 0):
        with pytest.raises(NotFound):
            next(pieces(home, ExportForm.PARQUET, since_run=unknown))


def test_a_person_who_was_deleted_or_lost_something(home: Home) -> None:
    assert numbers(home) == []
    with pytest.raises(NotFound):
        next(pieces(home, ExportForm.JSON_LINES, since_run=1))
    home.sync({"customer_id": "a"}, {"customer_id": "b"})
    with home.stores.erasing(WORKSPACE, DEVELOPMENT) as connection:
        assert connection is not None
        connection.execute("DELETE FROM profiles WHERE profile = 1")
    assert numbers(home) == [2]
    assert numbers(home, environment=Environment.PRODUCTION) == []


def test_all_of_it_is_from_one_moment_however_long_it_takes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "RANGE_PROFILES", 2)
    home.sync(*({"customer_id": str(n), "x": "before"} for n in range(5)))
    reading = pieces(home, ExportForm.JSON_LINES)
    read = [next(reading)]
    home.sync(*({"customer_id": str(n), "y": "new", "t": 1} for n in range(5)))
    home.sync(*({"customer_id": str(n), "x": "after", "t": 2} for n in range(7)))
    assert home.stores.forget_history(START + timedelta(days=1))  # and a column with it
    read += reading
    found = [json.loads(line)["attributes"]["x"] for line in b"".join(read).splitlines()]
    assert found == ["before"] * 5
    assert len(read) == 3
    assert len(lines(home)) == 7
    assert [row["attributes"]["x"] for row in parquet(home)] == ["after"] * 7


@pytest.mark.parametrize("form", list(ExportForm))
def test_who_stops_reading_ends_the_transaction(home: Home, monkeypatch: pytest.MonkeyPatch, form: ExportForm) -> None:
    monkeypatch.setattr(export, "RANGE_PROFILES", 1)
    home.sync({"customer_id": "a"}, {"customer_id": "b"})

    opened: list[duckdb.DuckDBPyConnection] = []
    real = home.stores.reading

    @contextmanager
    def recorded(*scope: Any) -> Iterator[Any]:
        with real(*scope) as found:
            assert found is not None
            opened.append(found[0])
            yield found

    monkeypatch.setattr(home.stores, "reading", recorded)
    reading = pieces(home, form)
    next(reading)
    opened[0].execute("SELECT 1 FROM profiles").fetchall()
    reading.close()
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        opened[0].execute("SELECT 1")
    home.stores.fold_log(WORKSPACE, DEVELOPMENT)  # it would fail if somebody still read
