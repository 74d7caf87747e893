"""Which kinds of syntax nodes a read-only query is made of. What is not listed here is refused, whatever a later parser invents."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

_ALLOWED_FAMILIES: Final = (exp.Func, exp.Binary, exp.Unary, exp.SubqueryPredicate, exp.JSONPathPart, exp.SetOperation)

_ALLOWED_NAMES: Final = """
    Alias Aliases All Any AtTimeZone Between BitString Boolean Bracket ByteString CTE Column ColumnDef Comprehension Connect Cube DataType
    DataTypeParam Distinct Dot Fetch Filter FormatJson From FromTimeZone Group GroupingSets Having HavingMax HexString HistoricalData
    Identifier IgnoreNulls In Interval IntervalSpan JSON JSONColumnDef JSONKeyValue JSONPath JSONSchema JSONValue Join Kwarg Lambda
    Lateral Limit LimitOptions Literal ModelAttribute National Null ObjectIdentifier Offset OnCondition Order Ordered
    OverflowTruncateBehavior Paren Pivot PivotAlias PivotAny PositionalColumn Prior Pseudocolumn PseudoType Qualify RawString
    RecursiveWithSearch RespectNulls Rollup Select Slice Star Subquery Table TableAlias TableFromRows TableSample Tuple
    UnicodeString UnpivotColumns Values Var Where Window WindowSpec With WithinGroup
"""
_ALLOWED: Final = frozenset(_ALLOWED_NAMES.split())

_REFUSED_FUNCTIONS: Final = frozenset(
    {"DynamicIdentifier", "NextValueFor", "OpenJSON", "ReadCSV", "ReadParquet", "XMLTable"}
)

_EXPLAINED: Final = {
    "Into": "SELECT … INTO writes a table; remove INTO",
    "Lock": "FOR UPDATE and FOR SHARE lock rows; remove the locking clause",
    "Placeholder": "a placeholder has no value here; write the value itself",
    "Parameter": "a session variable or positional parameter ($…, @…) has no value here; write the value or the column's name",
    "SessionParameter": "a session variable has no value here; write the value itself",
    "DynamicIdentifier": "IDENTIFIER(…) hides which object is read; write the name itself",
    "DirectoryStage": "a stage is not a table; read a table or a view",
    "MatchRecognize": "MATCH_RECOGNIZE cannot be checked; put it into a view and select from the view",
    "Hint": "optimizer hints cannot be checked; remove the hint",
    "Command": "only one SELECT is allowed",
    "ReadCSV": "files cannot be read; load them into a table first",
    "ReadParquet": "files cannot be read; load them into a table first",
}
_WRITES: Final = frozenset(
    {"Insert", "Update", "Delete", "Merge", "Create", "Drop", "Alter", "TruncateTable", "Copy", "Returning"}
)


def is_allowed(kind: type[exp.Expr]) -> bool:
    """Whether a node of this class may stand in a query."""
    if kind.__name__ in _REFUSED_FUNCTIONS:
        return False
    return kind.__name__ in _ALLOWED or issubclass(kind, _ALLOWED_FAMILIES)


def why_refused(kind: type[exp.Expr]) -> str:
    """What is wrong with a node that is not allowed, and the remedy, without a final full stop."""
    name = kind.__name__
    if name in _WRITES:
        return f"{name.upper().removesuffix('TABLE')} changes data or objects; a data model may only read"
    return _EXPLAINED.get(
        name, f"it uses {name}, which is not part of a plain SELECT; put that into a view and select from the view"
    )
