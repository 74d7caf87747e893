"""The JSON Schema of configuration files, for editors: made from the models that check them."""

from __future__ import annotations

from typing import Any, Final

from warehouse_sync.configuration.declared import Section, body_models
from warehouse_sync.configuration.files import FROM_DBT

_DBT: Final = {
    "description": "Data models made from a dbt project's manifest.",
    "type": "object",
    "additionalProperties": False,
    "required": ["manifest", "select"],
    "properties": {
        "manifest": {"type": "string", "description": "Path of target/manifest.json, relative to this file."},
        "select": {
            "type": "string",
            "description": "Which models: tag:x, path:models/marts, or a name with *; several words add up.",
        },
        "defaults": {
            "type": "object",
            "description": "Fields for models whose meta.warehouse_sync does not say otherwise.",
        },
    },
}


def json_schema() -> dict[str, Any]:
    """The schema of one configuration file."""
    definitions: dict[str, Any] = {}
    sections = {section.value: _section(section, definitions) for section in Section}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Warehouse Sync configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string"},
            "version": {"const": 1},
            "workspace": {"type": "integer", "description": "Number of the workspace that this is about."},
            **sections,
        },
        "$defs": definitions,
    }


def _section(section: Section, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = body_models()[section].json_schema(ref_template="#/$defs/{model}")
    inner = schema.pop("$defs", {})
    definitions.update({name: _relaxed(section, part) for name, part in inner.items()})
    entry = _relaxed(section, schema)
    if section is Section.FEEDS:
        entry = {"anyOf": [entry, {"type": "null"}]}  # a feed needs no more than its name
    found: dict[str, Any] = {"type": "object", "additionalProperties": entry}
    if section is Section.DATA_MODELS:
        found["properties"] = {FROM_DBT: _DBT}
    return found


def _relaxed(section: Section, schema: dict[str, Any]) -> dict[str, Any]:
    """A body's schema without what the file says elsewhere: the id is the key, the workspace stands at the top."""
    properties = dict(schema.get("properties", {}))
    if not properties:
        return schema
    for name in ("id", "workspace_id"):
        properties.pop(name, None)
    if section is Section.DATA_MODELS:
        properties["sql_file"] = {
            "type": "string",
            "description": "File with the query, relative to this one; instead of sql_query.",
        }
    if section is Section.PIPELINES:
        properties["feed"] = {"type": "string", "description": "Name of the feed; instead of partner_feed_id."}
    free = {"id", "workspace_id", "name", "sql_query"} | ({"type"} if section is Section.DATA_MODELS else set())
    required = [name for name in schema.get("required", []) if name not in free]
    return {**schema, "properties": properties, "required": required}
