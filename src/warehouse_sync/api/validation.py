"""What the framework says of a wrong request, in our words. A value that was sent is never repeated: it may be a password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from warehouse_sync.api.errors import BodyRefused
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

_MAX_NAME_CHARACTERS: Final = 100
_MAX_PROBLEMS: Final = 50
_NOT_AN_OBJECT: Final = frozenset({"model_attributes_type", "model_type", "dict_type"})
_NO_TAG: Final = "union_tag_not_found"
_WRONG_TAG: Final = "union_tag_invalid"
_SENTENCES: Final = {
    "missing": "{field} is required.",
    _NO_TAG: "{field} is required.",
    "extra_forbidden": "{field} is not a field of this request. Check its spelling.",
    _WRONG_TAG: "{field} must be one of: {allowed}.",
    "enum": "{field} must be one of: {allowed}.",
    "literal_error": "{field} must be one of: {allowed}.",
    "string_too_long": "{field} may hold at most {most} characters.",
    "string_too_short": "{field} must not be empty.",
}


def refusal(problems: Sequence[Mapping[str, Any]]) -> BodyRefused:
    """One refusal that names every field at fault."""
    return BodyRefused([_problem(problem) for problem in problems[:_MAX_PROBLEMS]])


def _problem(problem: Mapping[str, Any]) -> tuple[str | None, str]:
    kind = str(problem["type"])
    context = problem.get("ctx") or {}
    if kind == "json_invalid":
        return None, "The body is not valid JSON."
    field = _field(problem["loc"], kind)
    if field is None:
        return None, "The body must be a JSON object, sent with Content-Type: application/json."
    return field, _sentence(field, kind, context, str(problem["msg"]))


def _field(location: Sequence[Any], kind: str) -> str | None:
    """The dotted name of a field; None for the body itself."""
    if kind in {_NO_TAG, _WRONG_TAG}:
        return "type"
    names = [str(part) for part in location[1:]]
    if location and location[0] == "body" and len(names) > 1 and names[0] in WAREHOUSE_TYPES:
        names = names[1:]  # the chosen member of a union is no part of the request
    return ".".join(names)[:_MAX_NAME_CHARACTERS] or None


def _sentence(field: str, kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind == "value_error":
        return f"{field} {message.removeprefix('Value error, ')}."
    if kind in _NOT_AN_OBJECT:
        return f"{field} must be a JSON object."
    template = _SENTENCES.get(kind)
    if template is None:
        return f"{field}: {message[0].lower()}{message[1:]}."
    allowed = str(context.get("expected", context.get("expected_tags", ""))).replace("'", "").replace(" or ", ", ")
    return template.format(field=field, allowed=allowed, most=context.get("max_length"))
