"""Schemas as tables and words, for the reference page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

_RULES: Final = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}

Json = dict[str, Any]


def cells(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already; the first of each row is its head."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    top = f"<thead><tr>{head}</tr></thead>" if any(heads) else ""
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def link_of(name: str) -> str:
    """A link to the description of an object."""
    return f'<a href="#object-{escape(name)}">{escape(name)}</a>'


def type_of(schema: Json) -> str:
    """A schema in a few words of HTML."""
    if "$ref" in schema:
        return link_of(schema["$ref"].rpartition("/")[2])
    for choices in ("oneOf", "anyOf", "allOf"):
        if choices in schema:
            return " or ".join(type_of(choice) for choice in schema[choices])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    words = [escape(str(schema.get("type", "anything")))]
    if isinstance(schema.get("additionalProperties"), dict):
        words.append(f"of {type_of(schema['additionalProperties'])}")
    words += [escape(said.format(schema[rule])) for rule, said in _RULES.items() if rule in schema]
    return ", ".join(words)


def schema_table(schema: Json) -> str:
    """The fields of an object, or what else a schema is."""
    if "properties" not in schema:
        return f"<p>{type_of(schema)}</p>"
    required = set(schema.get("required", ()))
    rows = []
    for name, part in schema["properties"].items():
        must = ' <span class="must">required</span>' if name in required else ""
        meaning = escape(str(part.get("description", "")))
        if part.get("default") is not None:
            meaning += f" Default: <code>{escape(json.dumps(part['default']))}</code>."
        given = part.get("examples") or []
        example = "" if not given else f"<code>{escape(json.dumps(given[0], ensure_ascii=False))}</code>"
        rows.append((f"<code>{escape(name)}</code>{must}", type_of(part), meaning, example))
    return cells(("field", "type", "meaning", "example"), rows)
