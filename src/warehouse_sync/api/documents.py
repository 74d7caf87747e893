"""The API's OpenAPI document, completed: what the framework cannot know is added to what it read from the routes.

It adds the way to a token, examples, headers, the failures that every route may answer with, and short names of operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from warehouse_sync.api.documents_examples import ERRORS, EXAMPLES, PARAMETERS, TOKEN_ERRORS
from warehouse_sync.api.documents_texts import DESCRIPTIONS
from warehouse_sync.api.documents_values import example_of
from warehouse_sync.api.errors import PLATFORM_PREFIX, TOKEN_PATH, failure_body
from warehouse_sync.api.platform import ACCOUNT_DESCRIPTION

ADDRESS: Final = "http://127.0.0.1:8080"
"""Where a service listens that nobody told otherwise."""

TAGS: Final = {
    "Access": "Getting a token. Cache it: it is valid for hours.",
    "Connections": "Where a warehouse is and how to log in.",
    "Data models": "One SELECT, and the column that says when a row was loaded or changed.",
    "Pipelines": "A connection and a data model, with a feed, an environment and a schedule.",
    "Runs": "Executions of a pipeline, each for one interval of time.",
    "Webhook": "What one receiver is told of pipelines that need somebody.",
    "Profiles": "What is known of one person. Failures to find one are answered with 400, as published.",
    "Platform": "Workspaces and feeds, in the envelope of the Platform API.",
    "Credentials": "Who may ask for tokens.",
    "Identity settings": "How rows find their profiles.",
    "Audit": "Who did what, and who was refused.",
    "Service": "What anybody may ask.",
}
_DESCRIPTION: Final = """\
Create a **connection**, a **data model** and a **pipeline**; the service then reads rows from your warehouse and keeps profiles up to date.

Send every request with `Authorization: Bearer TOKEN`, but for those that need no token. Bodies and answers are JSON. A failure is
`{"statusCode": …, "errors": [{"message": …, "code": …}]}`; programs should look at `code`. Every answer has `X-Request-Id`.
"""
_SECURED: Final[list[dict[str, list[str]]]] = [{"oauth2": []}, {"bearer": []}]
_ALWAYS: Final = ("408", "413", "431", "500", "504")
_UNIONS: Final = {"New": "NewConnection", "Replaced": "ReplacedConnection", "": "Connection"}
_TEXT: Final = {"type": "string"}
_HEADERS: Final = {
    "RequestId": {"description": "The request's number, also in the service's log.", "schema": _TEXT},
    "Challenge": {"description": "How to get in (RFC 6750 §3).", "schema": _TEXT},
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "RateExceeded": {"description": "Whose limit it was; absent at `/oauth/token`.", "schema": _TEXT},
    "RateUsed": {
        "description": "How much of a second's requests is used up.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "NoStore": {"description": "The answer is for its reader alone: do not keep it.", "schema": {"const": "no-store"}},
}
_USED: Final = "X-mp-rate-limit-percentage-used"
_BY_STATUS: Final = {
    "401": {"WWW-Authenticate": "Challenge"},
    "403": {"WWW-Authenticate": "Challenge"},
    "429": {"Retry-After": "RetryAfter", "X-mp-rate-limit-exceeded": "RateExceeded"},
    "503": {"Retry-After": "RetryAfter"},
}

Document = dict[str, Any]


def complete(document: Document, *, address: str = ADDRESS) -> Document:
    """The framework's document with everything a client's developer needs. Changes and returns ``document``.

    Args:
        address: where the service is reached, without a slash at the end.
    """
    components = document["components"]
    schemas = components["schemas"]
    document["info"]["description"] = _DESCRIPTION
    document["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    document["servers"] = [{"url": address, "description": "This service."}]
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    components["securitySchemes"] = _security(address)
    components["headers"] = dict(_HEADERS)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _name_unions(document)
    for name, value in EXAMPLES.items():
        if name in schemas:
            schemas[name]["examples"] = [value]
    for path, method, operation in operations(document):
        _complete_operation(operation, path, method, schemas)
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Path, method in capitals, and operation, in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _security(address: str) -> Document:
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "Client credentials (RFC 6749 §4.4). There are no scopes: the credential's permission decides.",
            "flows": {"clientCredentials": {"tokenUrl": f"{address}/oauth/token", "scopes": {}}},
        },
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token from `/oauth/token`."},
    }


def _name_unions(document: Document) -> None:
    """Gives each union of the types of warehouse a name of its own, so that clients are made with one type for it."""
    schemas = document["components"]["schemas"]

    def visit(node: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        if isinstance(node, list):
            return [visit(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "discriminator" not in node or "oneOf" not in node:
            return {key: visit(value) for key, value in node.items()}
        first = node["oneOf"][0]["$ref"].rpartition("/")[2]
        name = next(union for prefix, union in _UNIONS.items() if first.startswith(prefix))
        schemas[name] = {
            "title": name,
            "description": "One of the types of warehouse; `type` says which.",
            **{key: node[key] for key in ("oneOf", "discriminator")},
        }
        return {"$ref": f"#/components/schemas/{name}"}

    document["paths"] = visit(document["paths"])
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _complete_operation(operation: Document, path: str, method: str, schemas: Document) -> None:
    name = operation["operationId"].partition(_slug(path))[0].rstrip("_")
    operation["operationId"] = f"{name}_by_{method.lower()}" if (name, method) == ("get_profile", "POST") else name
    secured = operation.get("security") not in (None, [])
    operation["security"] = list(_SECURED) if secured else []
    operation.setdefault("description", DESCRIPTIONS.get(operation["operationId"], ""))
    for parameter in operation.get("parameters", ()):
        _complete_parameter(parameter, schemas)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _add_examples(content, schemas)
    responses = operation["responses"]
    responses.pop("422", None)  # ours is 400, in our own shape
    for status in _ALWAYS:
        responses.setdefault(status, {"description": ERRORS[status][0]})
    for status, response in responses.items():
        _complete_response(response, status, path, schemas)
        if secured and status < "3":
            response["headers"][_USED] = {"$ref": "#/components/headers/RateUsed"}
    operation["responses"] = dict(sorted(responses.items()))


def _slug(path: str) -> str:
    """How the framework writes a path into the name of an operation."""
    return "".join(character if character.isalnum() else "_" for character in path)


def _complete_parameter(parameter: Document, schemas: Document) -> None:
    schema = parameter["schema"]
    for said_twice in ("title", "description", "deprecated"):
        schema.pop(said_twice, None)
    if len(schema.get("anyOf", ())) == 2 and {"type": "null"} in schema["anyOf"]:  # a query has no null
        given = next(kind for kind in schema.pop("anyOf") if kind != {"type": "null"})
        schema |= given
    if (parameter["name"], schema.get("type")) == ("accountId", "integer") and parameter["in"] == "query":
        parameter["required"] = (
            parameter["description"] == ACCOUNT_DESCRIPTION
        )  # its absence is refused by us, with 401
    said, example, rules = PARAMETERS.get(parameter["name"], ("", None, {}))
    schema |= rules
    parameter.setdefault("description", said)
    given_examples = schema.pop("examples", None)
    parameter["example"] = given_examples[0] if given_examples else example
    if parameter["example"] is None:
        parameter["example"] = example_of(schema, schemas)


def _complete_response(response: Document, status: str, path: str, schemas: Document) -> None:
    names = {"X-Request-Id": "RequestId", **_BY_STATUS.get(status, {})}
    if path == TOKEN_PATH or "client_secret" in str(_body_schema(response, schemas)):
        names["Cache-Control"] = "NoStore"
    response["headers"] = {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in names.items()}
    if status in ERRORS and (path, status) != ("/health", "503"):
        _complete_failure(response, status, path)
    elif status in {"200", "201"} and response["description"] == "Successful Response":
        response["description"] = "It was made." if status == "201" else "Success."
    elif status == "204":
        response["description"] = "It is gone. There is no body."
    for content in response.get("content", {}).values():
        _add_examples(content, schemas)


def _complete_failure(response: Document, status: str, path: str) -> None:
    item = TOKEN_ERRORS.get(status, ERRORS[status][1]) if path == TOKEN_PATH else ERRORS[status][1]
    schema = "ErrorBody"
    if path == TOKEN_PATH:
        schema = "TokenErrorBody"
    elif path.startswith(PLATFORM_PREFIX):
        schema = "PlatformErrorBody"
    example = failure_body(int(status), [item], path=path)
    response["content"] = {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
    }


def _body_schema(response: Document, schemas: Document) -> Document:
    schema: Document = response.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return dict(schemas.get(name, schema).get("properties", {}))


def _add_examples(content: Document, schemas: Document) -> None:
    """An example of a body; one for each type of warehouse where it depends on the type."""
    if "example" in content or "examples" in content:
        return
    schema = content["schema"]
    schema.pop("title", None)
    union = schemas.get(schema.get("$ref", "").rpartition("/")[2], {}).get("oneOf")
    if union is None:
        content["example"] = example_of(schema, schemas)
        return
    content["examples"] = {kind["$ref"].rpartition("/")[2]: {"value": example_of(kind, schemas)} for kind in union}
