"""Data models made from a dbt project's manifest (``target/manifest.json``).

A dbt model becomes ``SELECT * FROM its relation``, or of the columns it documents. How it is to be read stands in its ``meta``:

    models:
      - name: customer_scores
        config:
          tags: [warehouse_sync]
          meta:
            warehouse_sync: {load_timestamp_field_name: UPDATED_AT, load_timestamp_field_type: timestamp_ntz}
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from warehouse_sync.errors import InvalidRequest

META: Final = "warehouse_sync"
_FIELDS: Final = frozenset({"manifest", "select", "defaults"})


@dataclass(frozen=True, slots=True)
class DbtSelection:
    """Which models of which project.

    Attributes:
        place: where it is declared, for messages.
        manifest: the project's manifest.
        select: words in dbt's own notation, any of which a model must match: ``tag:x``, ``path:models/marts``, ``name*``.
        defaults: fields for models whose ``meta`` does not say otherwise.
    """

    place: str
    manifest: Path
    select: tuple[str, ...]
    defaults: Mapping[str, Any]

    @classmethod
    def parse(cls, place: str, folder: Path, fields: Mapping[str, Any]) -> Self:
        """Reads a ``from_dbt`` entry.

        Raises:
            InvalidRequest: a field is unknown, missing or of another kind.
        """
        unknown = sorted(set(fields) - _FIELDS)
        if unknown:
            raise _refusal(f"{place}.{unknown[0]}", f"is unknown. The fields are {', '.join(sorted(_FIELDS))}.")
        manifest, select, defaults = fields.get("manifest"), fields.get("select"), fields.get("defaults") or {}
        if not isinstance(manifest, str) or not manifest:
            raise _refusal(f"{place}.manifest", "must be the path of target/manifest.json.")
        if not isinstance(select, str) or not select.split():
            raise _refusal(f"{place}.select", "must say which models, like tag:warehouse_sync.")
        if not isinstance(defaults, dict):
            raise _refusal(f"{place}.defaults", "must be a mapping of fields.")
        return cls(place, folder / manifest, tuple(select.split()), defaults)


def models_of(selection: DbtSelection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and fields of a data model for each selected dbt model, in the order of their names.

    Raises:
        InvalidRequest: the manifest cannot be read, nothing is selected, or a selected model has no relation.
    """
    nodes = [node for node in _nodes(selection) if any(_matches(word, node) for word in selection.select)]
    if not nodes:
        raise _refusal(f"{selection.place}.select", f"selects no model of {selection.manifest}.")
    for node in sorted(nodes, key=lambda node: str(node["name"])):
        yield str(node["name"]), _fields(selection, node)


def _nodes(selection: DbtSelection) -> list[dict[str, Any]]:
    try:
        manifest = json.loads(selection.manifest.read_text())
        nodes = list(manifest["nodes"].values())
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(f"{selection.place}.manifest", f"cannot be read: {error}. Run dbt compile first.") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _refusal(f"{selection.place}.manifest", "is not a dbt manifest.") from None
    return [node for node in nodes if isinstance(node, dict) and node.get("resource_type") == "model"]


def _matches(word: str, node: Mapping[str, Any]) -> bool:
    method, _, value = word.rpartition(":")
    if method == "tag":
        return value in node.get("tags", [])
    if method == "path":
        path = str(node.get("original_file_path", ""))
        return path == value or path.startswith(value.rstrip("/") + "/")
    return fnmatch.fnmatchcase(str(node.get("name", "")), value)


def _fields(selection: DbtSelection, node: Mapping[str, Any]) -> dict[str, Any]:
    config = node.get("config") or {}
    meta = {**(node.get("meta") or {}), **(config.get("meta") or {})}.get(META) or {}
    if not isinstance(meta, dict):
        raise _refusal(f"{selection.place} ({node.get('name')})", f"meta.{META} must be a mapping of fields.")
    relation = node.get("relation_name")
    if not relation:
        raise _refusal(
            f"{selection.place} ({node.get('name')})",
            "has no relation in the warehouse (an ephemeral model?). Materialise it as a table or view, or leave it out of select.",
        )
    given: dict[str, Any] = {**selection.defaults, **meta}
    columns = ", ".join(_quoted(str(name), relation) for name in given.pop("columns", ())) or "*"
    return {"name": str(node["name"]), "type": "sql", "sql_query": f"SELECT {columns} FROM {relation}", **given}


def _quoted(column: str, relation: str) -> str:
    """A column as given if it is plain; else quoted as the relation's own name is (dbt knows the warehouse's quotes)."""
    if column.isidentifier():
        return column
    quote = "`" if "`" in relation else '"'
    return f"{quote}{column.replace(quote, quote * 2)}{quote}"


def _refusal(place: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(f"{place} {sentence}", field=place, code="invalid_configuration")
