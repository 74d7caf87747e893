"""Every log line is one JSON object, whatever is logged; nobody can forge one, and secrets are masked."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.logs import (
    MAX_ENTRIES,
    MAX_TRACEBACK_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    configure_logging,
    get_logger,
    log_context,
)
from warehouse_sync.security.redaction import Redactor


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[Terminal]:
    """A stream that all logging goes to; afterwards logging is as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    redactor = Redactor()
    redactor.register(Secret("c4nary-value"))
    target = Terminal()
    configure_logging("debug", "json", redact=redactor.redact, stream=target)
    yield target
    root.handlers[:], sys.excepthook, threading.excepthook = before[0], before[2], before[3]
    root.setLevel(before[1])
    logging.captureWarnings(False)
    structlog.reset_defaults()


def alone(stream: Terminal) -> None:
    """Takes the root logger from the test runner too, whose own handler cannot print every record."""
    configure_logging("debug", redact=str, stream=stream)


def lines(stream: io.StringIO) -> list[dict]:
    """All lines, each of which must be one JSON object in ASCII."""
    text = stream.getvalue()
    assert text.isascii()
    assert text.endswith("\n")
    assert "\x1b" not in text

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    parsed = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
    assert all(isinstance(line, dict) for line in parsed)
    return parsed


def only(stream: io.StringIO) -> dict:
    (line,) = lines(stream)
    return line


def test_a_line_has_its_facts(stream: Terminal) -> None:
    with log_context(request_id="r1"), log_context(run_id=7):
        get_logger("warehouse_sync.sync").info("chunk applied", rows=3, at=datetime(2026, 1, 1, tzinfo=UTC))
    line = only(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "chunk applied",
        "logger": "warehouse_sync.sync",
        "request_id": "r1",
        "run_id": 7,
        "rows": 3,
        "at": "2026-01-01T00:00:00+00:00",
    }


def test_context_ends_with_its_block(stream: Terminal) -> None:
    with log_context(run_id=7):
        pass
    get_logger("a").info("later")
    assert "run_id" not in only(stream)


HOSTILE = [
    'x\n{"level": "info", "event": "forged"}',
    "x\r\nforged",
    "\x1b[2J\x1b[31mred",
    "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e",
    "\x00\x07\x7f\x9b",
    "\ud800",
    "\u202egnp.exe",
    '"}, {"',
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_can_forge_or_break_a_line(stream: Terminal, text: str) -> None:
    get_logger("a").info(text, name=text, nested={text: [text, {text}]})
    logging.getLogger("other").warning("stdlib %s", text)
    get_logger(text).error("from a strange logger")
    assert len(lines(stream)) == 3
    assert len(stream.getvalue()) < 100_000
    assert not any(line["event"] == "forged" for line in lines(stream))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_format_for_people_cannot_be_forged_either(stream: Terminal, text: str) -> None:
    configure_logging("debug", "console", redact=str, stream=stream)
    get_logger("a").info(text, name=text, exc_info=ValueError(text[:1000]))
    first, *trace = stream.getvalue().rstrip("\n").split("\n")
    assert "INFO" in first.upper()
    assert all(line.startswith("    | ") for line in trace)
    assert all(character.isprintable() or character == "\n" for character in stream.getvalue())


def test_the_format_for_people_needs_a_terminal(stream: Terminal) -> None:
    file = io.StringIO()
    configure_logging("info", "console", redact=str, stream=file)
    get_logger("a").info("x")
    assert only(file)["event"] == "x"


def test_values_are_cut_at_the_documented_length(stream: Terminal) -> None:
    get_logger("a").info("x", fits="a" * MAX_VALUE_CHARACTERS, long="a" * (MAX_VALUE_CHARACTERS + 1))
    line = only(stream)
    assert line["fits"] == "a" * MAX_VALUE_CHARACTERS
    assert line["long"] == "a" * MAX_VALUE_CHARACTERS + f"… ({MAX_VALUE_CHARACTERS + 1} characters)"


def test_containers_are_cut_too(stream: Terminal) -> None:
    alone(stream)
    deep: list = []
    for _ in range(2000):
        deep = [deep]
    wide = {f"k{number}": list(range(1000)) for number in range(1000)}
    get_logger("a").info("x", deep=deep, wide=wide, row=list(range(MAX_ENTRIES + 2)))
    line = only(stream)
    assert len(line["wide"]) == MAX_ENTRIES + 1
    assert len(stream.getvalue()) < 65_536 + 100


def test_odd_values_become_text(stream: Terminal) -> None:
    alone(stream)

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    values = {
        "nan": float("nan"),
        "big": 10**6000,
        "raw": b"secret bytes",
        "bad": Unprintable(),
        "none": None,
        "yes": True,
    }
    get_logger("a").info("x", **values)
    line = only(stream)
    assert {name: line[name] for name in values} == {
        "nan": "nan",
        "big": "integer of 19932 bits",
        "raw": "12 bytes",
        "bad": "unprintable Unprintable",
        "none": None,
        "yes": True,
    }


def test_secrets_are_masked_wherever_they_stand(stream: Terminal) -> None:
    secret = "c4nary-value"
    log = get_logger("a")
    log.info(f"event {secret}", text=f"x {secret}", nested={secret: [secret]}, held=Secret(secret), password="other")
    logging.getLogger("driver").error("login as %s with password=hunter2 and %s", "a", secret)
    log.error("failed", client_secret="hunter2x", exc_info=ValueError(f"dsn {secret}"))
    text = stream.getvalue()
    assert secret not in text
    assert "password=hunter2" not in text
    assert "hunter2x" not in text
    assert lines(stream)[0]["password"] == MASK == lines(stream)[0]["held"]


def test_a_secret_across_the_cut_of_a_value_is_masked(stream: Terminal) -> None:
    get_logger("a").info("x", value="a" * (MAX_VALUE_CHARACTERS - 4) + "c4nary-value")
    assert "c4na" not in stream.getvalue()


def test_tracebacks_stay_in_their_line_and_keep_their_end(stream: Terminal) -> None:
    def recurse(depth: int) -> None:
        if depth == 0:
            raise ValueError("the very end")
        try:
            recurse(depth - 1)
        except ValueError as error:
            raise ValueError("y" * 300) from error

    try:
        recurse(300)
    except ValueError:
        get_logger("a").exception("failed")
    line = only(stream)
    assert line["exception"].endswith("ValueError: " + "y" * 300)
    assert len(line["exception"]) <= MAX_TRACEBACK_CHARACTERS + 1


def test_libraries_go_the_same_way_and_their_chatter_does_not(stream: Terminal) -> None:
    with log_context(request_id="r1"):
        for name in ("uvicorn.access", "sqlalchemy.engine", "snowflake.connector", "urllib3.connectionpool"):
            logging.getLogger(name).debug("chatter")
            logging.getLogger(name).warning("worth knowing")
        logging.getLogger("uvicorn.error").info("started")
    events = [(line["logger"], line["event"], line["request_id"]) for line in lines(stream)]
    assert ("sqlalchemy.engine", "worth knowing", "r1") in events
    assert ("uvicorn.error", "started", "r1") in events
    assert [logger for logger, event, _ in events if event == "chatter"] == ["uvicorn.access"]


def test_the_level_is_kept(stream: Terminal) -> None:
    configure_logging("error", redact=str, stream=stream)
    get_logger("a").warning("no")
    logging.getLogger("uvicorn").warning("no")
    get_logger("a").error("yes")
    assert only(stream)["event"] == "yes"


def test_configuring_twice_does_not_double_lines(stream: Terminal) -> None:
    configure_logging("info", redact=str, stream=stream)
    get_logger("a").info("once")
    assert only(stream)["event"] == "once"


def test_a_record_that_cannot_be_formatted_leaves_one_line(stream: Terminal) -> None:
    alone(stream)
    logging.getLogger("a").warning("%d rows", "many")
    get_logger("a").info("after")
    assert [line["event"] for line in lines(stream)] == ["a log record could not be written", "after"]


def test_a_redaction_that_fails_lets_nothing_through(stream: Terminal) -> None:
    def broken(text: str) -> str:
        raise RuntimeError("no")

    configure_logging("info", redact=broken, stream=stream)
    get_logger("a").info("hunter2")
    assert "hunter2" not in stream.getvalue()
    assert len(lines(stream)) == 1


def test_errors_nobody_caught_and_warnings_are_lines(stream: Terminal) -> None:
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    sys.excepthook(LookupError, LookupError("main"), None)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old\nstyle", UserWarning, stacklevel=1)
    found = lines(stream)
    assert [line["logger"] for line in found] == ["warehouse_sync.uncaught"] * 2 + ["py.warnings"]
    assert "ZeroDivisionError" in found[0]["exception"]
    assert "LookupError: main" in found[1]["exception"]


def test_a_closed_stream_does_not_hurt(stream: Terminal) -> None:
    gone = io.StringIO()
    configure_logging("info", redact=str, stream=gone)
    gone.close()
    get_logger("a").info("into the void")
