"""How Snowflake says no: error codes, SQL states and texts, and the way from the engine's exceptions to them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

import duckdb

import snowflake.connector.errors

EMULATOR_ERROR = 603
CANCELLED = 604


@dataclass(eq=False)  # not frozen: Python writes the traceback into an exception
class Refusal(Exception):
    """An answer with ``success: false``.

    Attributes:
        code: Snowflake's number, e.g. 2003; six digits on the wire.
        sql_state: five characters.
        message: as Snowflake words it, so far as known.
    """

    code: int
    sql_state: str
    message: str

    def as_answer(self) -> dict[str, Any]:
        """The body that connectors expect; always with a query id, so that ``sfqid`` of the error is filled."""
        code = f"{self.code:06d}"
        data = {
            "internalError": False,
            "errorCode": code,
            "sqlState": self.sql_state,
            "queryId": str(uuid.uuid4()),
            "line": -1,
            "pos": -1,
            "age": 0,
            "type": "COMPILATION",
        }
        return {"data": data, "code": code, "message": self.message, "success": False, "headers": None}


def no_warehouse() -> Refusal:
    return Refusal(
        606,
        "57P03",
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.\n",
    )


def no_such_object() -> Refusal:
    return Refusal(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")


def insufficient_privileges() -> Refusal:
    return Refusal(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on object.")


def not_authorized(kind: str, name: str) -> Refusal:
    return Refusal(2003, "02000", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def no_such_session(session_id: int) -> Refusal:
    return Refusal(2003, "02000", f"SQL compilation error:\nSession '{session_id}' does not exist or not authorized.")


def statement_count(found: int, wanted: int) -> Refusal:
    message = f"Actual statement count {found} did not match the desired statement count {wanted}."
    return Refusal(8, "0A000", message)


def empty_statement() -> Refusal:
    return Refusal(900, "42601", "SQL compilation error:\nEmpty SQL statement.")


def timed_out(seconds: int) -> Refusal:
    message = f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
    return Refusal(630, "57014", message)


def unknown_statement(query_id: str) -> Refusal:
    return Refusal(709, "02000", f"Statement {query_id} not found")


def unknown_variable(name: str) -> Refusal:
    return Refusal(2211, "02000", f"SQL compilation error:\nSession variable '{name.upper()}' does not exist")


def _missing_column(match: re.Match[str]) -> Refusal:
    return Refusal(904, "42000", f"SQL compilation error: error line 1 at position -1\ninvalid identifier '{match[1]}'")


def _missing_table(match: re.Match[str]) -> Refusal:
    name = match[1].upper()
    return Refusal(2003, "42S02", f"SQL compilation error:\nObject '{name}' does not exist or not authorized.")


def _missing_schema(match: re.Match[str]) -> Refusal:
    """The engine speaks of schemas only; a name with a dot in it is one of a database that is not there."""
    database, dot, _ = match[1].partition(".")
    kind, name = ("Database", database) if dot else ("Schema", match[1])
    return Refusal(2003, "02000", f"SQL compilation error:\n{kind} '{name.upper()}' does not exist or not authorized.")


def _missing_function(match: re.Match[str]) -> Refusal:
    return Refusal(2140, "42601", f"SQL compilation error:\nUnknown function {match[1].upper()}")


def _division(_match: re.Match[str]) -> Refusal:
    return Refusal(100051, "22012", "Division by zero")


def _interrupted(_match: re.Match[str]) -> Refusal:
    return Refusal(CANCELLED, "57014", "SQL execution canceled")


DIVISION_BY_ZERO = "emulator: division by zero"
"""The text the checked division raises inside the engine."""

_BY_TEXT = (
    (re.compile(re.escape(DIVISION_BY_ZERO)), _division),
    (re.compile(r"^INTERRUPT Error", re.IGNORECASE), _interrupted),
    (re.compile(r'Referenced column "([^"]+)" (?:not found|was not found)'), _missing_column),
    (re.compile(r'does not have a column named "([^"]+)"'), _missing_column),
    (re.compile(r'Referenced table "([^"]+)" not found'), _missing_column),
    (re.compile(r'because schema "([^"]+)" does not exist'), _missing_schema),
    (re.compile(r"Schema with name \"?([^\s\"!]+)\"? does not exist"), _missing_schema),
    (re.compile(r"(?:Table|View) with name \"?([^\s\"!]+)\"? does not exist"), _missing_table),
    (re.compile(r"Function with name \"?([^\s\"!]+)\"? does not exist"), _missing_function),
)


def refusal_for(error: Exception) -> Refusal:
    """What Snowflake would answer where the engine raises ``error``.

    The engine's own texts decide first: its classes lump an unknown column, an unknown function and a bad argument together.
    What is not recognised keeps the engine's number, or becomes 000603, never an HTTP 500, which connectors would retry.
    """
    if isinstance(error, Refusal):
        return error
    text = str(getattr(error, "raw_msg", None) or error)
    for pattern, refusal in _BY_TEXT:
        if match := pattern.search(text):
            return refusal(match)
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return Refusal(100035, "22007", text.split("\n", maxsplit=1)[0])
    if isinstance(error, snowflake.connector.errors.Error) and (error.errno or -1) > 0:
        prefix = "SQL compilation error:\n" if error.errno in (1003, 2043) else ""
        return Refusal(error.errno, error.sqlstate or "XX000", prefix + text)
    return Refusal(EMULATOR_ERROR, "XX000", f"emulator: {type(error).__name__}: {text}")
