"""What commands print: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from warehouse_sync.configuration.yaml_text import write_yaml


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", help="How to print the result.")]


def show_one(values: Mapping[str, Any], output: Output) -> None:
    """Prints one thing."""
    if output is not Output.TABLE:
        _print_data(dict(values), output)
        return
    table = Table(show_header=False)
    for name, value in values.items():
        table.add_row(name, _text(value))
    _print(table)


def show_many(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: Output) -> None:
    """Prints several things of one kind: all they hold for programs, the given columns in this order for people."""
    if output is not Output.TABLE:
        _print_data([dict(row) for row in rows], output)
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    _print(table)


def _print_data(data: object, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(data))
        return
    typer.echo(write_yaml(data), nl=False)


def _print(table: Table) -> None:
    for column in table.columns:
        column.overflow = "fold"  # an id or a secret that is cut is worth nothing
    Console(highlight=False, markup=False).print(table)


def _text(value: object) -> str:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)):
        return write_yaml(value).rstrip()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
