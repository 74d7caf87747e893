"""A value that fits a schema, put together from the examples that the schema and its parts give."""

from __future__ import annotations

from typing import Any, Final

_DEEPEST: Final = 12
_PLAIN: Final = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def example_of(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:  # noqa: ANN401 - whatever JSON holds
    """An example of a schema of the API's document.

    Args:
        schemas: what ``#/components/schemas/…`` refers to.
    """
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    given = _given(schema)
    if given:
        return given[0]
    for choices in ("oneOf", "anyOf", "allOf"):
        if choices in schema:
            return example_of(schema[choices][0], schemas, depth + 1)
    return _plain(schema, schemas, depth)


def _given(schema: dict[str, Any]) -> list[Any]:
    """Values that a schema itself names."""
    single = [schema[name] for name in ("const", "example") if name in schema]
    default = [] if schema.get("default") is None else [schema["default"]]
    return [*schema.get("examples", ()), *schema.get("enum", ()), *single, *default]


def _plain(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - as above
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: example_of(part, schemas, depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [example_of(schema["items"], schemas, depth + 1)] if schema.get("items") else []
    if kind in {"integer", "number"}:
        return schema.get("minimum", _PLAIN[kind])
    return _PLAIN.get(str(kind))
