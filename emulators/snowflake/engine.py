"""Statements: from Snowflake's SQL to rows in wire form. fakesnow translates, DuckDB executes; this module mends both."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlglot
from fakesnow.converter import from_binding
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import syntax_error
from fakesnow.fakes import FakeSnowflakeConnection
from fakesnow.statement_type import DML_TYPE_IDS, statement_type_id
from sqlglot import Expr, exp
from sqlglot.errors import ParseError, TokenError

from emulators.snowflake import columns, refusals
from emulators.snowflake.administration import SUCCESS, Administration
from emulators.snowflake.semi_structured import Declared

CANCEL_SECONDS = 5
_ENGINE_PARAMETERS = {"QUOTED_IDENTIFIERS_IGNORE_CASE", "AUTOCOMMIT"}

# what must be left alone comes first: strings, quoted names, dollar-quoted text, comments; then a session variable
_VARIABLE = re.compile(
    r"""'(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | \$\$.*?\$\$ | --[^\n]* | //[^\n]* | /\*.*?\*/ | (?<![\w$])\$(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


_SHOW_PARAMETERS = re.compile(r"\s*SHOW\s+PARAMETERS(\s+(IN|FOR)\s+SESSION)?\s*", re.IGNORECASE)
_UNNAMED = (exp.Func, exp.Binary, exp.Unary, exp.Literal, exp.Cast)


@dataclass(frozen=True)
class Answer:
    """What one statement returned.

    Attributes:
        query_id: as ``sfqid``.
        statement_type: Snowflake's number of the kind of statement.
        rowtype: description of the columns.
        table: the rows in wire form; None when they were not asked for.
        counts: for DML, the one row of affected rows.
    """

    query_id: str
    statement_type: int
    rowtype: list[dict[str, Any]]
    table: pa.Table | None = None
    counts: list[str | None] | None = None


@dataclass
class Settings:
    """What a session has chosen; names in upper case. ``warehouses`` and ``roles``: which there are; None stands for any."""

    session_id: int
    user: str
    role: str | None
    warehouse: str | None
    warehouses: frozenset[str] | None
    roles: frozenset[str] | None
    parameters: dict[str, Any] = field(default_factory=dict)
    last_query_id: str | None = None


class Cursor(FakeSnowflakeCursor):
    """fakesnow's cursor, with what it lacks: context functions, checked division, ``$`` inside quoted names."""

    def __init__(self, conn: FakeSnowflakeConnection, settings: Settings) -> None:
        super().__init__(conn=conn, duck_conn=conn._duck_conn)
        self._settings = settings

    def _inline_variables(self, sql: str) -> str:
        variables = {name.upper(): value for name, value in self._conn.variables._variables.items()}

        def value_of(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return match[0]
            if name.upper() not in variables:
                raise refusals.unknown_variable(match[0])
            return str(variables[name.upper()])

        return _VARIABLE.sub(value_of, sql)

    def _transform(self, expression: Expr, params: Any) -> Expr:
        named = _named_as_snowflake(expression)
        known = named.transform(self._context_function, copy=False).transform(self._earlier_result, copy=False)
        return super()._transform(known, params).transform(_checked_division, copy=False)

    def _context_function(self, node: Expr) -> Expr:
        settings = self._settings
        values: dict[str, str | None] = {
            "CURRENT_USER": settings.user,
            "CURRENT_ROLE": settings.role,
            "CURRENT_WAREHOUSE": settings.warehouse,
            "CURRENT_ACCOUNT": "EMULATOR",
            "CURRENT_REGION": "LOCAL",
            "CURRENT_SESSION": str(settings.session_id),
            "LAST_QUERY_ID": settings.last_query_id,
        }
        if not isinstance(node, exp.Func):
            return node
        name = node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name()
        if name not in values:
            return node
        value = values[name]
        return exp.Null() if value is None else exp.Literal.string(value)

    def _earlier_result(self, node: Expr) -> Expr:
        """``TABLE(RESULT_SCAN('…'))`` as a table, wherever it stands. fakesnow knows ``SELECT * FROM`` it alone."""
        call = node.this if isinstance(node, exp.TableFromRows) else None
        if not isinstance(call, exp.Anonymous) or call.name.upper() != "RESULT_SCAN" or _is_selected_whole(node):
            return node
        query_id = call.expressions[0].name
        remembered = self._conn.results_cache.get(query_id)
        if remembered is None:
            raise refusals.unknown_statement(query_id)
        name = f"result_scan_{query_id}"
        self._duck_conn.register(name, remembered[0])
        return exp.Table(this=exp.to_identifier(name, quoted=True))

    def columns_of_last(self) -> list[Any]:
        return self._describe_last_sql()

    def columns_without_running(self, sql: str) -> list[Any] | None:
        """The columns of a statement that is not run; None for kinds of statement that cannot be described so."""
        return self._describe_only(sql)

    @property
    def table(self) -> pa.Table:
        return self._arrow_table


def _named_as_snowflake(statement: Expr) -> Expr:
    """Gives columns without a name their text in upper case, e.g. COUNT(*), where they can become columns of the result."""
    for select in statement.find_all(exp.Select):
        inside = select.parent
        if inside is not None and not (isinstance(inside, exp.Subquery) and isinstance(inside.parent, exp.From)):
            continue
        unnamed = [column for column in select.expressions if isinstance(column, _UNNAMED)]
        for column in unnamed:
            name = column.sql(dialect="snowflake").upper()
            column.replace(exp.alias_(column.copy(), name, quoted=True))
    return statement


def _is_selected_whole(source: Expr) -> bool:
    select = source.find_ancestor(exp.Select)
    return select is not None and select.parent is None and select.is_star and not select.args.get("distinct")


def _checked_division(node: Expr) -> Expr:
    """``a / b`` fails where b is 0. DuckDB gives infinity; Snowflake refuses the statement."""
    if not isinstance(node, exp.Div) or node.args.get("safe") or node.meta.get("checked"):
        return node
    divisor = node.expression
    if isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.this) != 0:
        return node
    refuse = exp.Anonymous(this="error", expressions=[exp.Literal.string(refusals.DIVISION_BY_ZERO)])
    zero = exp.EQ(this=exp.paren(divisor.copy()), expression=exp.Literal.number(0))
    node.set("expression", exp.Case(ifs=[exp.If(this=zero, true=refuse)], default=divisor.copy()))
    node.meta["checked"] = True
    return node


class Engine:
    """The statements of one session, one at a time; ``cancel`` may come from any thread.

    Args:
        cancel_session: stops what another session runs, on behalf of this one.
        administration: who may do what.
    """

    def __init__(
        self,
        connection: FakeSnowflakeConnection,
        settings: Settings,
        declared: Declared,
        cancel_session: Callable[[Settings, int], None],
        administration: Administration,
    ) -> None:
        self._administration = administration
        self.connection = connection
        self._declared = declared
        self.settings = settings
        self._one_at_a_time = threading.Lock()
        self._cancel_session = cancel_session
        self._running: str | None = None

    def run(self, body: Mapping[str, Any]) -> Answer:
        """Executes the body of a query request.

        Raises:
            Refusal: in Snowflake's words, whatever went wrong.
        """
        with self._one_at_a_time:
            try:
                with self._named(str(body.get("requestId"))), self._limited():
                    return self._run(body)
            except Exception as error:
                raise refusals.refusal_for(error) from error

    def cancel(self, request_id: str | None = None) -> bool:
        """Stops the running statement, if it is the one that ``request_id`` names; whatever runs when None.

        Asks until it has stopped: an interrupt is lost while a statement is still being translated.
        """
        running, end = self._running, time.monotonic() + CANCEL_SECONDS
        if running is None or request_id not in (None, running):
            return False
        while self._running == running and time.monotonic() < end:
            self.connection._duck_conn.interrupt()
            time.sleep(0.02)
        return True

    def close(self) -> None:
        self.cancel()
        with self._one_at_a_time:
            self.connection.close()

    @contextmanager
    def _named(self, request_id: str) -> Iterator[None]:
        self._running = request_id
        try:
            yield
        finally:
            self._running = None

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """STATEMENT_TIMEOUT_IN_SECONDS, when the session has set it."""
        seconds = int(self.settings.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS") or 0)
        if not seconds:
            yield
            return
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.cancel()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if expired.is_set():
                raise refusals.timed_out(seconds) from error
            raise
        finally:
            timer.cancel()

    def _run(self, body: Mapping[str, Any]) -> Answer:
        sql = str(body["sqlText"])
        sql = self._administration.carry_out(sql, self.settings.role) or sql
        statement = _only_statement(sql, body.get("parameters") or {}, self.settings.parameters)
        cursor = Cursor(self.connection, self.settings)
        if (handled := self._session_statement(statement)) is not None:
            sql = handled
        elif (
            self.settings.warehouse is None and statement.find(exp.Table) and isinstance(statement, exp.Query | exp.DML)
        ):
            raise refusals.no_warehouse()
        else:
            place = self.connection.database, self.connection.schema
            self._administration.check(self.settings.role, statement, *place)
        kind = statement_type_id(statement)
        if body.get("describeOnly") and (described := cursor.columns_without_running(sql)) is not None:
            return Answer(str(uuid.uuid4()), kind, self._described(statement, described))
        affected = self._execute(cursor, sql, body.get("bindings") or {})
        self.settings.last_query_id = cursor.sfqid
        self._declared.learn(statement)
        query_id, rowtype = str(cursor.sfqid), self._described(statement, cursor.columns_of_last())
        if kind not in DML_TYPE_IDS:
            return Answer(query_id, kind, rowtype, table=columns.to_wire(cursor.table, rowtype))
        counts = [affected] if affected is not None else [column[0].as_py() for column in cursor.table.columns]
        return Answer(query_id, kind, rowtype, counts=[None if count is None else str(count) for count in counts])

    def _described(self, statement: Expr, engine_columns: list[Any]) -> list[dict[str, Any]]:
        rowtype = columns.describe(engine_columns)
        if any(column["type"] == "variant" for column in rowtype):
            kinds = self._declared.of_result(statement)
            for column in rowtype:
                if column["type"] == "variant":
                    column["type"] = kinds.get(column["name"]) or "variant"
        return rowtype

    def _execute(self, cursor: Cursor, sql: str, bindings: Mapping[str, Any]) -> int | None:
        """Runs the statement once, or once for each row of an array binding; then returns the sum of affected rows."""
        if not any(isinstance(binding["value"], list) for binding in bindings.values()):
            cursor.execute(sql, binding_params=_parameters(bindings), server=True)
            return None
        affected = 0
        for row in _binding_rows(bindings):
            cursor.execute(sql, binding_params=row, server=True)
            affected += cursor.rowcount or 0
        return affected

    def _session_statement(self, statement: Expr) -> str | None:
        """Handles USE ROLE, USE WAREHOUSE, ALTER SESSION, SHOW PARAMETERS and SYSTEM$CANCEL_ALL_QUERIES here.

        Returns:
            what to run instead; None for other statements.
        """
        if (session_id := _session_to_cancel(statement)) is not None:
            self._cancel_session(self.settings, session_id)
            return f"SELECT 'all queries of session {session_id} are cancelled.' AS \"{CANCEL_ALL}\""
        if isinstance(statement, exp.Use):
            return self._use(str(statement.args.get("kind") or "").upper(), statement.this)
        if isinstance(statement, exp.Alter) and statement.args.get("kind") == "SESSION":
            return self._alter_session(statement)
        if isinstance(statement, exp.Command) and _SHOW_PARAMETERS.fullmatch(statement.sql("snowflake")):
            return self._show_parameters()
        return None

    def _show_parameters(self) -> str:
        """What the session has chosen; no defaults. One connector sends truths as JSON's, the other as text."""
        chosen = [
            (name, str(value).lower() if isinstance(value, bool) else value)
            for name, value in self.settings.parameters.items()
        ]
        values = [[exp.Literal.string(str(part)) for part in pair] for pair in chosen]
        rows = ", ".join(f"({', '.join(part.sql('snowflake') for part in pair)})" for pair in values)
        return f'SELECT * FROM (VALUES {rows or "(NULL, NULL)"}) AS p ("key", "value")'

    def _use(self, kind: str, target: Expr) -> str | None:
        name = target.name if target.this.args.get("quoted") else target.name.upper()
        if kind in ("WAREHOUSE", "DATABASE") and not self._administration.may_use(self.settings.role, kind, name):
            raise refusals.no_such_object()
        if kind == "WAREHOUSE":
            self.settings.warehouse = existing(name, self.settings.warehouses)
            return SUCCESS
        if kind == "ROLE":
            if not self._administration.has_role(self.settings.user, name):
                raise refusals.no_such_object()
            self.settings.role = existing(name, self.settings.roles)
            return SUCCESS
        return None

    def _alter_session(self, statement: Expr) -> str | None:
        altered = statement.find(exp.AlterSession)
        if altered is None:
            return None
        for item in altered.expressions:
            name = item.find(exp.Identifier)
            if name is None or name.this.upper() in _ENGINE_PARAMETERS:
                return None
            if altered.args.get("unset"):
                self.settings.parameters.pop(name.this.upper(), None)
            else:
                value = item.this.expression
                self.settings.parameters[name.this.upper()] = (
                    value.name if isinstance(value, exp.Literal) else value.sql()
                )
        return SUCCESS


CANCEL_ALL = "SYSTEM$CANCEL_ALL_QUERIES"


def _session_to_cancel(statement: Expr) -> int | None:
    """The session that ``SELECT SYSTEM$CANCEL_ALL_QUERIES(n)`` names."""
    call = statement.expressions[0] if isinstance(statement, exp.Select) and len(statement.expressions) == 1 else None
    if not isinstance(call, exp.Anonymous) or call.name.upper() != CANCEL_ALL or len(call.expressions) != 1:
        return None
    named = call.expressions[0].name
    return int(named) if named.isdigit() else None


def existing(name: str, names: frozenset[str] | None) -> str:
    """The name, if there is such an object.

    Raises:
        Refusal: 2043, if there is not.
    """
    if names is not None and name not in names:
        raise refusals.no_such_object()
    return name


def _only_statement(sql: str, query_parameters: Mapping[str, Any], session_parameters: Mapping[str, Any]) -> Expr:
    try:
        parsed = sqlglot.parse(sql, read="snowflake")
    except (ParseError, TokenError) as error:
        raise _syntax_error(error) from None
    statements = [part for part in parsed if part is not None and not isinstance(part, exp.Semicolon)]
    if not statements:
        raise refusals.empty_statement()
    wanted = query_parameters.get("MULTI_STATEMENT_COUNT", session_parameters.get("MULTI_STATEMENT_COUNT", 1))
    if int(wanted) not in (0, len(statements)):
        raise refusals.statement_count(len(statements), int(wanted))
    if len(statements) > 1:
        message = "emulator: several statements in one request are not supported; send them one by one"
        raise refusals.Refusal(refusals.EMULATOR_ERROR, "0A000", message)
    return statements[0]


def _syntax_error(error: ParseError | TokenError) -> Exception:
    if isinstance(error, ParseError):
        return syntax_error(error)
    return refusals.Refusal(1003, "42000", f"SQL compilation error:\n{error}")


def _parameters(bindings: Mapping[str, Any]) -> Any:
    if not bindings:
        return None
    if not all(name.isdigit() for name in bindings):
        return {name: _value(binding) for name, binding in bindings.items()}
    return tuple(_value(bindings[str(position)]) for position in range(1, len(bindings) + 1))


def _binding_rows(bindings: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    ordered = [bindings[str(position)] for position in range(1, len(bindings) + 1)]
    by_column = [[_value({**binding, "value": value}) for value in binding["value"]] for binding in ordered]
    return zip(*by_column, strict=True)


def _value(binding: Mapping[str, Any]) -> Any:
    text = binding["value"]
    if text is None:
        return None
    if binding["type"] == "FIXED" and not text.lstrip("+-").isdigit():
        return Decimal(text)
    if binding["type"] == "REAL":
        return float(text)
    return _FROM_BINDING(dict(binding))


_FROM_BINDING: Callable[[dict[str, Any]], Any] = from_binding
