"""Which columns of a result are ARRAY and which OBJECT. The engine keeps both as JSON, as it does VARIANT; Snowflake tells them apart.

Decided from the statement alone, by following each column of the result down to the expression or the declared table column it
comes from. What cannot be followed stays VARIANT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import Expr, exp

Kinds = dict[str, str | None]
"""Column name to "array", "object" or None for everything else."""

_ARRAYS = (
    exp.Array,
    exp.ArrayAgg,
    exp.ArrayConcat,
    exp.ArraySlice,
    exp.ArrayUniqueAgg,
    exp.SortArray,
    exp.Split,
    exp.ToArray,
)
_OBJECTS = (exp.JSONObject, exp.ObjectAgg, exp.StarMap, exp.Struct)
_TRANSPARENT = (exp.Alias, exp.Paren, exp.WithinGroup, exp.Filter, exp.Window, exp.Coalesce, exp.Distinct)


class Declared:
    """What CREATE statements said of the columns of tables and views, by the last part of their names."""

    def __init__(self) -> None:
        self._tables: dict[str, Kinds] = {}

    def learn(self, statement: Expr) -> None:
        """Remembers a CREATE TABLE or CREATE VIEW that was executed; ignores other statements."""
        if not isinstance(statement, exp.Create) or statement.kind not in ("TABLE", "VIEW"):
            return
        target = statement.this
        table = target.this if isinstance(target, exp.Schema) else target
        if not isinstance(table, exp.Table):
            return
        if isinstance(statement.expression, exp.Query):
            self._tables[_name(table)] = self.of_result(statement.expression)
        elif isinstance(target, exp.Schema):
            definitions = [part for part in target.expressions if isinstance(part, exp.ColumnDef)]
            self._tables[_name(table)] = {_name(part): _declared(part.kind) for part in definitions}

    def of_result(self, query: Expr, names: Mapping[str, Kinds] | None = None) -> Kinds:
        """The columns of a query. ``names``: the common table expressions it may use."""
        known = dict(names or {})
        for cte in getattr(query, "ctes", ()):
            known[cte.alias_or_name.upper()] = self.of_result(cte.this, known)
        if isinstance(query, exp.Subquery):
            return self.of_result(query.this, known)
        if isinstance(query, exp.SetOperation):
            return self.of_result(query.left, known)
        if not isinstance(query, exp.Select):
            return {}
        sources = self._sources(query, known)
        kinds: Kinds = {}
        for column in query.expressions:
            if column.is_star:
                for source in sources.values():
                    kinds.update(source)
            else:
                kinds[_output_name(column)] = self._kind(column, sources, known)
        return kinds

    def _sources(self, query: exp.Select, known: Mapping[str, Kinds]) -> dict[str, Kinds]:
        sources = {}
        origin = query.args.get("from_") or query.args.get("from")
        for source in [origin.this if origin else None, *(join.this for join in query.args.get("joins") or ())]:
            if isinstance(source, exp.Table):
                columns = known.get(source.name.upper()) if not source.db else None
                sources[source.alias_or_name.upper()] = columns or self._tables.get(_name(source), {})
            elif isinstance(source, exp.Subquery):
                sources[source.alias_or_name.upper()] = self.of_result(source, known)
        return sources

    def _kind(self, value: Any, sources: Mapping[str, Kinds], known: Mapping[str, Kinds]) -> str | None:
        if isinstance(value, _TRANSPARENT):
            return self._kind(value.this, sources, known)
        if isinstance(value, exp.Column):
            candidates = [sources.get(value.table.upper(), {})] if value.table else sources.values()
            return next((kinds[_name(value)] for kinds in candidates if _name(value) in kinds), None)
        if isinstance(value, exp.Subquery):
            return next(iter(self.of_result(value, known).values()), None)
        if isinstance(value, exp.Cast):
            return _declared(value.to)
        if isinstance(value, _ARRAYS):
            return "array"
        return "object" if isinstance(value, _OBJECTS) else None


def _declared(data_type: Any) -> str | None:
    return {exp.DType.ARRAY: "array", exp.DType.OBJECT: "object"}.get(getattr(data_type, "this", None))


def _name(node: Expr) -> str:
    identifier = node.this
    if isinstance(identifier, exp.Identifier) and not identifier.args.get("quoted"):
        return identifier.this.upper()
    return node.name


def _output_name(column: Expr) -> str:
    if isinstance(column, exp.Alias):
        alias = column.args["alias"]
        return alias.this if alias.args.get("quoted") else alias.this.upper()
    return _name(column) if isinstance(column, exp.Column) else column.sql(dialect="snowflake").upper()
