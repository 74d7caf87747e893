"""Logs: one line per event on standard error, JSON by default, ours and the libraries' alike.

Nothing that is logged can forge or break a line: control characters are escaped, every text is cut at :data:`MAX_VALUE_CHARACTERS`
(tracebacks at :data:`MAX_TRACEBACK_CHARACTERS`, keeping their end), containers at :data:`MAX_ENTRIES` entries and :data:`MAX_DEPTH` levels,
an event at :data:`MAX_VALUES` values. Every text passes through the redaction that is handed in, which bounds its own cost; this module
stands below ``security/`` and cannot reach for it.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import re
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import date
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from warehouse_sync.domain.secret import MASK, Secret

Redact = Callable[[str], str]

MAX_VALUE_CHARACTERS: Final = 2048
MAX_TRACEBACK_CHARACTERS: Final = 16_384
MAX_ENTRIES: Final = 64
MAX_DEPTH: Final = 5
MAX_VALUES: Final = 256
_MAX_NAME_CHARACTERS: Final = 128
_MAX_INTEGER_BITS: Final = 256
_MAX_LINE_CHARACTERS: Final = 65_536
_TRACEBACK_SEEN: Final = 49_152
_HALF_A_SECRET: Final = 8192  # a cut may leave the rest of a secret of up to this length standing at the start
_FIRST: Final = ("timestamp", "level", "event", "logger")
_SECRET_NAME: Final = re.compile(
    r"(?i)passw|passphrase|secret|^token$|_token$|api_?key|private_?key|authorization|cookie"
)
_QUIET_LIBRARIES: Final = (
    "snowflake", "sqlalchemy", "urllib3", "httpx", "httpcore", "botocore", "boto3", "s3transfer", "asyncio", "alembic",
    "sqlglot", "multipart", "python_multipart", "websockets", "engineio", "socketio", "watchfiles", "PIL", "matplotlib",
)  # fmt: skip
_SERVER_LOGGERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)  # control, line-breaking and direction-changing characters, and halves of surrogate pairs
_BROKEN_RECORD: Final = '{"level": "error", "event": "a log record could not be written"}\n'


def configure_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["json", "console"] = "json",  # noqa: A002 - the setting's name
    *,
    redact: Redact,
    stream: TextIO | None = None,
) -> None:
    """Sends all logging of the process to one stream, once and for all; may be called again.

    Start uvicorn with ``log_config=None``, or it brings handlers of its own.

    Args:
        level: least level that is logged. The libraries' debug and info lines are never logged: drivers put texts of queries and addresses
            with credentials there.
        format: ``console`` is for people and holds only if the stream is a terminal.
        redact: masks secrets in a text.
        stream: standard error by default.
    """
    target = sys.stderr if stream is None else stream
    for_people = format == "console" and target.isatty()
    handler = _LineHandler(target)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _cleaner(redact),
                _console_line if for_people else _json_line,
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _take_over(handler, level)
    _log_what_nobody_caught()


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: ``log.info("run finished", run_id=7)``. The event is a fixed sentence, facts are named values."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def log_context(**values: object) -> AbstractContextManager[None]:
    """Adds values such as ``request_id`` or ``run_id`` to every line written within the block, in this thread or task."""
    return structlog.contextvars.bound_contextvars(**values)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines; a record that cannot be written leaves one fixed line instead of a traceback across many."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the library's signature
        try:
            self.stream.write(_BROKEN_RECORD)
        except (OSError, ValueError):
            return  # the stream is gone: there is nowhere left to say so


def _cleaner(redact: Redact) -> Processor:
    """The processor that makes every name and value short, printable and free of secrets."""

    def clean(_: object, __: str, event: EventDict) -> EventDict:
        cleaning = _Cleaning(redact)
        traceback = event.pop("exception", None)
        ordered = {name: event[name] for name in _FIRST if name in event} | dict(event)
        cleaned = cleaning.mapping(ordered, MAX_DEPTH)
        if traceback is not None:
            cleaned["exception"] = cleaning.tail(str(traceback))
        return cleaned

    return clean


class _Cleaning:
    """The cleaning of one event; counts its values."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._values_left = MAX_VALUES

    def value(self, value: object, depth: int) -> object:
        self._values_left -= 1
        if self._values_left < 0 or depth == 0:
            return "…"
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, Mapping):
            return self.mapping(value, depth - 1)
        if isinstance(value, list | tuple | set | frozenset):
            return self._list(value, depth - 1)
        return self._text(_as_text(value), MAX_VALUE_CHARACTERS)

    def mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        for name, value in itertools.islice(mapping.items(), MAX_ENTRIES):
            key = self._text(_as_text(name), _MAX_NAME_CHARACTERS)
            cleaned[key] = MASK if _SECRET_NAME.search(key) and value is not None else self.value(value, depth)
        if len(mapping) > MAX_ENTRIES:
            cleaned["…"] = f"{len(mapping) - MAX_ENTRIES} more"
        return cleaned

    def tail(self, text: str) -> str:
        """The end of a traceback: its last lines say what happened."""
        redacted = self._redact(text[-_TRACEBACK_SEEN:])
        if len(text) > _TRACEBACK_SEEN:
            redacted = redacted[_HALF_A_SECRET:]
        return (
            redacted
            if len(redacted) <= MAX_TRACEBACK_CHARACTERS and len(text) <= _TRACEBACK_SEEN
            else "…" + redacted[-MAX_TRACEBACK_CHARACTERS:]
        )

    def _list(self, values: Collection[object], depth: int) -> list[object]:
        kept = [self.value(value, depth) for value in itertools.islice(values, MAX_ENTRIES)]
        return kept if len(values) <= MAX_ENTRIES else [*kept, f"… {len(values) - MAX_ENTRIES} more"]

    def _text(self, text: str, limit: int) -> str:
        redacted = self._redact(text)  # before cutting: half a secret is not recognised any more
        return redacted if len(redacted) <= limit else f"{redacted[:limit]}… ({len(text)} characters)"


def _number(value: float) -> object:
    """JSON has no infinities, and a huge integer is a huge text."""
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _MAX_INTEGER_BITS else f"integer of {value.bit_length()} bits"
    return float(value) if math.isfinite(value) else str(float(value))


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, date):
        return value.isoformat()
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value that cannot be printed must not cost the line
        return f"unprintable {type(value).__name__}"


def _json_line(_: object, __: str, event: EventDict) -> str:
    """ASCII only: newlines, escape sequences and odd characters all become JSON escapes."""
    line = json.dumps(event, allow_nan=False)
    if len(line) <= _MAX_LINE_CHARACTERS:
        return line
    kept = {name: event[name] for name in (*_FIRST, "request_id", "run_id") if name in event}
    return json.dumps({**kept, "omitted": f"line of {len(line)} characters"}, allow_nan=False)


def _console_line(_: object, __: str, event: EventDict) -> str:
    facts = dict(event)
    clock, level, sentence = (facts.pop(name, "") for name in ("timestamp", "level", "event"))
    traceback = facts.pop("exception", None)
    pairs = " ".join(f"{_printable(name)}={_printable(value)}" for name, value in facts.items())
    line = f"{clock} {level:<8} {_printable(sentence)}  {pairs}".rstrip()
    if traceback is None:
        return line
    return "\n".join([line, *(f"    | {_printable(part)}" for part in str(traceback).split("\n"))])


def _printable(value: object) -> str:
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), str(value))


def _take_over(handler: logging.Handler, level: str) -> None:
    """One handler at the root; whatever libraries have installed goes, and their chatter stays out."""
    root = logging.getLogger()
    root.handlers.clear()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _SERVER_LOGGERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def _log_what_nobody_caught() -> None:
    """Python would print these tracebacks across many lines."""
    log = logging.getLogger("warehouse_sync.uncaught")

    def in_main_thread(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("an error was not caught", exc_info=(kind, error, trace))

    def in_thread(caught: threading.ExceptHookArgs) -> None:
        if caught.exc_value is not None:
            in_main_thread(caught.exc_type, caught.exc_value, caught.exc_traceback)

    sys.excepthook = in_main_thread
    threading.excepthook = in_thread
