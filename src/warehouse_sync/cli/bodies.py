"""Bodies that a person wrote in a file: the API's JSON, or the same as YAML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from warehouse_sync.configuration.yaml_text import parse_yaml
from warehouse_sync.errors import InvalidRequest

FileOption = Annotated[
    Path, typer.Option("--file", help="File with the body, as the API takes it, in JSON or YAML; - for standard input.")
]


def read_body(file: Path) -> dict[str, Any]:
    """The object in a file.

    Raises:
        InvalidRequest: it cannot be read, or holds something else; the sentence names file and line.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file} cannot be read: {error}.", field="--file") from error
    try:
        found = parse_yaml(text, str(file))
    except ValueError as error:
        raise InvalidRequest(str(error), field="--file") from None
    if not isinstance(found, dict):
        raise InvalidRequest(f"{file} must hold one object with the fields of the body.", field="--file")
    return found
