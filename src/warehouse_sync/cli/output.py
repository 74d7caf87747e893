"""What commands print: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="How to print the result.")]


def show_one(values: dict[str, Any], output: Output) -> None:
    """Prints one thing."""
    if output is Output.JSON:
        typer.echo(json.dumps(values))
        return
    table = Table(show_header=False)
    for name, value in values.items():
        table.add_row(name, _text(value))
    _print(table)


def show_many(rows: Sequence[dict[str, Any]], columns: Sequence[str], output: Output) -> None:
    """Prints several things of one kind, the given columns in this order."""
    if output is Output.JSON:
        typer.echo(json.dumps(list(rows)))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    _print(table)


def _print(table: Table) -> None:
    for column in table.columns:
        column.overflow = "fold"  # an id or a secret that is cut is worth nothing
    Console(highlight=False, markup=False).print(table)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
