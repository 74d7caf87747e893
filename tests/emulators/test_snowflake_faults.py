"""The faults that people can ask the local Snowflake for: their names, and what each does to an answer."""

from __future__ import annotations

import argparse
import asyncio
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.responses import Response

from emulators.snowflake.deliveries import Hole, Trickle
from emulators.snowflake.faults import MEANINGS, Fault, FaultName, parse_fault
from emulators.snowflake.results import Result

README = Path(__file__).resolve().parents[2] / "emulators" / "snowflake" / "README.md"
NUMBERS = pa.schema([pa.field("n", pa.int64(), metadata={"logicalType": "FIXED"})])


@pytest.mark.parametrize("name", FaultName)
def test_every_fault_can_be_asked_for_and_is_described(name: FaultName) -> None:
    assert parse_fault(f"{name}:50000") == Fault(name, 50_000)
    assert f"| `{name}:ROWS` | {MEANINGS[name]} |" in README.read_text()


@pytest.mark.parametrize("text", ["tsunami:5", "drop-after", "drop-after:", "drop-after:many", "drop-after:-1", ""])
def test_what_is_no_fault_is_refused_with_a_list_of_those_there_are(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse_fault(text)
    assert repr(text) in str(caught.value)
    assert all(f"{name}:ROWS" in str(caught.value) for name in FaultName)


def _parts(fault: FaultName) -> list[bytes]:
    """The six downloads of a result of 50 rows, 8 of them inline; the fault strikes from the third on."""
    result = Result(pa.table([list(range(50))], schema=NUMBERS), 8, fault=Fault(fault, 24))
    return [gzip.decompress(result.encoded(number)) for number in range(len(result.chunks))]


def test_a_type_changes_in_the_middle() -> None:
    tables = [pa.ipc.open_stream(part).read_all() for part in _parts(FaultName.RETYPED)]
    assert [str(table.schema.field("n").type) for table in tables] == ["int8"] * 2 + ["string"] * 4
    assert sum(table.num_rows for table in tables) == 42


def test_a_part_comes_in_place_of_the_next_one() -> None:
    tables = [pa.ipc.open_stream(part).read_all()["n"].to_pylist() for part in _parts(FaultName.DUPLICATE)]
    assert [rows[0] for rows in tables] == [8, 16, 16, 24, 32, 40]
    assert [len(rows) for rows in tables[:5]] == [8] * 5


def test_arrow_ends_in_its_middle() -> None:
    parts = _parts(FaultName.TRUNCATED)
    assert pa.ipc.open_stream(parts[1]).read_all().num_rows == 8
    with pytest.raises((pa.ArrowInvalid, OSError)):
        pa.ipc.open_stream(parts[2]).read_all()


def _sent(response: Response, seconds: float) -> list[dict[str, Any]]:
    """What a response sends to a client that goes after some seconds."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(seconds)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(response({"type": "http"}, receive, send), 10))
    return sent


def test_half_of_an_answer_comes_and_then_nothing() -> None:
    start, *bodies = _sent(Hole(b"12345678"), 0.1)
    assert (b"content-length", b"8") in start["headers"]
    assert bodies == [{"type": "http.response.body", "body": b"1234", "more_body": True}]


def test_half_of_an_answer_comes_and_then_a_byte_each_second() -> None:
    _, *bodies = _sent(Trickle(b"12345678"), 1.5)
    assert [body["body"] for body in bodies] == [b"1234", b"5"]
