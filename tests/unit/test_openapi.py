"""The API's OpenAPI document: valid, complete, every example fits its schema, and the copy in docs/ is what the service answers.

``make openapi`` writes the copy anew (``python tests/unit/test_openapi.py > docs/openapi.json``).
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from warehouse_sync.api.app import create_app
from warehouse_sync.api.documents import TAGS, operations
from warehouse_sync.api.documents_examples import EXAMPLES, PARAMETERS
from warehouse_sync.api.documents_texts import DESCRIPTIONS
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "docs" / "openapi.json"
PUBLIC = {"health", "token", "jwks", "openid_configuration"}


@cache
def document() -> dict[str, Any]:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    services = cast("Any", SimpleNamespace(tokens=None))
    return create_app(services, version=version).openapi()


def written() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


ALL = [pytest.param(path, method, found, id=found["operationId"]) for path, method, found in operations(document())]
every_operation = pytest.mark.parametrize(("path", "method", "operation"), ALL)


def bodies_of(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent and answered: a name, and schema and examples."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "request", content
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield status, content


def misfit(value: Any, schema: dict[str, Any]) -> str:
    """Why a value does not fit a schema of the document; empty if it does."""
    whole = {**schema, "components": document()["components"]}
    return "; ".join(error.message[:200] for error in Draft202012Validator(whole).iter_errors(value))


def test_the_copy_is_what_the_service_answers() -> None:
    assert COPY.read_text() == written(), "The API has changed: run make openapi and commit what it writes."


def test_the_document_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []
    assert document()["openapi"].startswith("3.1.")


@every_operation
def test_every_operation_says_what_it_does(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert len(operation["tags"]) == 1
    assert operation["tags"][0] in TAGS
    assert re.fullmatch(r"[a-z_]+", operation["operationId"])


def test_names_of_operations_are_short_and_unique() -> None:
    names = [found["operationId"] for _, _, found in operations(document())]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 40


@every_operation
def test_every_operation_needs_a_token_but_for_the_open_ones(path: str, method: str, operation: dict[str, Any]) -> None:
    expected = [] if operation["operationId"] in PUBLIC else [{"oauth2": []}, {"bearer": []}]
    assert operation["security"] == expected


@every_operation
def test_every_status_has_a_body_and_a_fitting_example(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    assert {"408", "413", "431", "500", "504"} <= responses.keys()
    if operation["operationId"] not in PUBLIC:
        assert {"400", "401", "403", "404", "429", "503"} <= responses.keys()
    for status, response in responses.items():
        assert response["description"]
        assert bool(response.get("content")) is (status != "204")
        assert "X-Request-Id" in response["headers"]
    assert ("WWW-Authenticate" in responses.get("401", {}).get("headers", {})) is ("401" in responses)
    for name, content in bodies_of(operation):
        examples = [content["example"]] if "example" in content else []
        examples += [given["value"] for given in content.get("examples", {}).values()]
        assert examples, (name, "has no example")
        assert content["schema"], (name, "has no schema")
        for example in examples:
            assert misfit(example, content["schema"]) == "", (name, example)


@every_operation
def test_every_parameter_is_described_and_its_example_fits(path: str, method: str, operation: dict[str, Any]) -> None:
    parameters = operation.get("parameters", [])
    assert set(re.findall(r"{(\w+)}", path)) == {p["name"] for p in parameters if p["in"] == "path"}
    for parameter in parameters:
        assert parameter["description"], parameter["name"]
        assert misfit(parameter["example"], parameter["schema"]) == "", parameter["name"]


def test_examples_of_failures_have_their_status() -> None:
    checked = 0
    for _, _, operation in operations(document()):
        for status, content in bodies_of(operation):
            if isinstance(content.get("example"), dict) and "statusCode" in content["example"]:
                assert str(content["example"]["statusCode"]) == status
                checked += 1
    assert checked > 200


def test_a_token_is_had_where_the_document_says() -> None:
    flow = document()["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    server = document()["servers"][0]["url"]
    assert flow["tokenUrl"] == f"{server}/oauth/token"
    assert "/oauth/token" in document()["paths"]
    services = cast("Any", SimpleNamespace(tokens=None))
    elsewhere = create_app(services, address="https://sync.example.com/").openapi()
    assert elsewhere["servers"][0]["url"] == "https://sync.example.com"
    flows = elsewhere["components"]["securitySchemes"]["oauth2"]["flows"]
    assert flows["clientCredentials"]["tokenUrl"] == "https://sync.example.com/oauth/token"


@pytest.mark.parametrize(
    ("union", "prefix"), [("NewConnection", "New"), ("ReplacedConnection", "Replaced"), ("Connection", "")]
)
def test_a_connection_is_one_of_the_types_of_warehouse(union: str, prefix: str) -> None:
    schemas = document()["components"]["schemas"]
    mapping = schemas[union]["discriminator"]["mapping"]
    assert schemas[union]["discriminator"]["propertyName"] == "type"
    assert set(mapping) == set(WAREHOUSE_TYPES)
    assert [kind["$ref"] for kind in schemas[union]["oneOf"]] == list(mapping.values())
    for name, kind in WAREHOUSE_TYPES.items():
        member = schemas[mapping[name].rpartition("/")[2]]
        assert mapping[name].endswith(f"/{prefix}{name.capitalize()}Connection")
        assert {spec.name for spec in kind.fields} <= member["properties"].keys()
        assert member["properties"]["type"]["const"] == name


def test_nothing_is_said_of_what_is_not_there() -> None:
    schemas = document()["components"]["schemas"]
    names = {operation["operationId"] for _, _, operation in operations(document())}
    parameters = {p["name"] for _, _, operation in operations(document()) for p in operation.get("parameters", [])}
    used = {operation["tags"][0] for _, _, operation in operations(document())}
    assert set(EXAMPLES) <= schemas.keys()
    assert set(DESCRIPTIONS) <= names
    assert set(PARAMETERS) <= parameters
    assert set(TAGS) == used


def test_what_is_written_is_the_same_every_time() -> None:
    services = cast("Any", SimpleNamespace(tokens=None))
    again = create_app(services, version=document()["info"]["version"]).openapi()
    assert json.dumps(again, indent=1, ensure_ascii=False) + "\n" == written()


if __name__ == "__main__":
    sys.stdout.write(written())
