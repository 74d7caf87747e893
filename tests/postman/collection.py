"""Makes the Postman collection and its environment from the API's OpenAPI document, in the order of the published tutorial.

``python tests/postman/collection.py`` (``make openapi``) writes both to docs/postman.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "openapi.json"
FOLDER: Final = ROOT / "docs" / "postman"
COLLECTION: Final = FOLDER / "warehouse-sync.postman_collection.json"
ENVIRONMENT: Final = FOLDER / "warehouse-sync.postman_environment.json"
_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_NAMESPACE: Final = uuid.UUID("6f6b8a3e-5b0c-4c59-9d0e-1d1f0a4a7b11")

Json = dict[str, Any]

ENVIRONMENT_VALUES: Final = {
    "baseUrl": "http://127.0.0.1:8080",
    "clientId": "",
    "clientSecret": "",
    "audience": "https://api.mparticle.com",
    "workspaceId": "5328",
    "orgId": "1",
    "accountId": "1",
    "partnerFeedKey": "",
    "connectionId": "postman-connection",
    "modelId": "postman-model",
    "pipelineId": "postman-pipeline",
    "warehouseType": "duckdb",
    "sqlQuery": "SELECT p.id AS customer_id, p.email, p.score, p.updated_at FROM people AS p",
    "loadTimestampFieldName": "updated_at",
    "loadTimestampFieldType": "timestamp_ntz",
    "scheduleStartTime": "2020-01-01T00:00:00Z",
    "identityType": "customer_id",
    "identityValue": "1",
}
"""What a user fills in; the fields of each type of warehouse come with it, by their names."""
_SECRETS: Final = {"clientSecret", "partnerFeedKey"}

_MPID: Final = """\
// An MPID has more digits than a number of JavaScript can hold, so it is taken from the text.
pm.environment.set('mpid', pm.response.text().match(/"mpid": ?(-?\\d+)/)[1]);"""
_FINISHED: Final = """\
const state = pm.response.json().pipeline_run_state;
const tries = Number(pm.variables.get('tries') || 0) + 1;
pm.variables.set('tries', tries);
if (!['success', 'failed'].includes(state) && tries < 240) {
    setTimeout(() => pm.execution.setNextRequest(pm.info.requestName), 250);
} else {
    pm.test('the run succeeds', () => pm.expect(state, pm.response.text()).to.equal('success'));
    pm.test('every row is accounted for', () => {
        const run = pm.response.json();
        pm.expect(run.records_extracted).to.be.above(0);
        pm.expect(run.records_mapped + run.records_rejected).to.equal(run.records_extracted);
    });
}"""
_PROFILE: Final = """\
pm.test('it is the profile that was asked for', () => {
    const found = pm.response.json().user_identities.map(identity => identity.value);
    pm.expect(found).to.include(pm.environment.get('identityValue'));
});"""


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the tutorial.

    Attributes:
        operation: its short name in the document.
        body: fields that differ from the document's example.
        equals: what fields of the answer must be, as JavaScript.
        script: what else is checked or kept.
        kind: the type of warehouse that it is for; every one if empty.
    """

    operation: str
    status: str = "200"
    title: str = ""
    body: Json | None = None
    equals: dict[str, str] = field(default_factory=dict)
    script: str = ""
    kind: str = ""


_KEPT: Final = "pm.environment.get('{}')"
_DATA_MODEL: Final = {
    "id": "{{modelId}}",
    "name": "Postman model",
    "workspace_id": "{{workspaceId}}",
    "sql_query": "{{sqlQuery}}",
    "load_timestamp_field_type": "{{loadTimestampFieldType}}",
    "load_timestamp_field_name": "{{loadTimestampFieldName}}",
    "load_timestamp_field_time_zone": None,
    "load_timestamp_field_time_offset": 0,
}
_PIPELINE: Final = {
    "id": "{{pipelineId}}",
    "name": "Postman pipeline",
    "workspace_id": "{{workspaceId}}",
    "connection_id": "{{connectionId}}",
    "data_model_id": "{{modelId}}",
    "partner_feed_key": "{{partnerFeedKey}}",
    "schedule_interval": "on_demand",
    "schedule_start_time": "{{scheduleStartTime}}",
}
_TOKEN: Final = {
    "client_id": "{{clientId}}",
    "client_secret": "{{clientSecret}}",
    "audience": "{{audience}}",
    "grant_type": "client_credentials",
}
_RESOLVE: Final = {
    "environment_type": "development",
    "identity": {"type": "{{identityType}}", "value": "{{identityValue}}"},
}


def tutorial(document: Json) -> dict[str, list[Step]]:
    """The folders of the collection and their requests, in order."""
    kinds = document["components"]["schemas"]["NewConnection"]["discriminator"]["mapping"]
    connection = {"id": _KEPT.format("connectionId"), "is_faulted": "false"}
    pipeline = {"id": _KEPT.format("pipelineId"), "is_draft": "false", "partner_feed_key": "'************'"}
    return {
        "1 Token": [
            Step(
                "token",
                body=_TOKEN,
                equals={"token_type": "'Bearer'"},
                script="pm.environment.set('accessToken', pm.response.json().access_token);",
            )
        ],
        "2 Connection": [
            *[
                Step(
                    "create_connection",
                    title=f"Create a connection to {name}",
                    body=_connection_body(document, name),
                    equals=connection,
                    kind=name,
                )
                for name in kinds
            ],
            Step("get_connection", equals=connection),
            Step("test_connection", equals={"status": "'passed'"}),
        ],
        "3 Data model": [
            Step("create_data_model", body=_DATA_MODEL, equals={"id": _KEPT.format("modelId"), "type": "'sql'"}),
            Step("get_data_model", equals={"id": _KEPT.format("modelId")}),
        ],
        "4 Pipeline": [
            Step("create_pipeline", body=_PIPELINE, equals=pipeline),
            Step("get_pipeline", equals=pipeline),
        ],
        "5 Trigger": [
            Step("get_status", title="Get the status before the first run", equals={"latest_pipeline_run": "null"}),
            Step(
                "trigger_run",
                equals={"status": "'trigger_requested'"},
                script="pm.environment.set('pipelineRunId', pm.response.json().pipeline_run_id);\npm.variables.set('tries', 0);",
            ),
        ],
        "6 Status": [
            Step("get_run", title="Get the run until it is finished", script=_FINISHED),
            Step("get_status", equals={"pipeline_id": _KEPT.format("pipelineId"), "is_faulted": "false"}),
        ],
        "7 Runs": [
            Step(
                "list_runs",
                script="pm.test('the run is listed', () => pm.expect(pm.response.json().items).to.have.lengthOf(1));",
            )
        ],
        "8 Profile": [
            Step("resolve_profile", body=_RESOLVE, script=f"{_PROFILE}\n{_MPID}"),
            Step("get_profile", script=_PROFILE),
        ],
        "9 Clean-up": [
            Step("delete_pipeline", "204"),
            Step("delete_data_model", "204"),
            Step("delete_connection", "204"),
            Step("get_pipeline", "404", "What is deleted is not found", equals={"statusCode": "404"}),
        ],
    }


def _connection_body(document: Json, kind: str) -> Json:
    fields = document["components"]["schemas"][f"New{kind.capitalize()}Connection"]["examples"][0]
    own = {name: f"{{{{{kind}_{name}}}}}" for name in fields if name not in {"id", "name", "workspace_id", "type"}}
    return {"id": "{{connectionId}}", "name": "Postman connection", "workspace_id": "{{workspaceId}}", **own}


def collection(document: Json) -> Json:
    """The collection, format 2.1.0."""
    found = {o["operationId"]: (path, method, o) for path, m in document["paths"].items() for method, o in m.items()}
    folders = [
        {"name": name, "item": [_request(*found[step.operation], step, document) for step in steps]}
        for name, steps in tutorial(document).items()
    ]
    return {
        "info": {
            "_postman_id": str(uuid.uuid5(_NAMESPACE, "collection")),
            "name": "Warehouse Sync",
            "description": "The tutorial, request by request. Fill in the environment first. Made by: make openapi.",
            "schema": _SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{accessToken}}", "type": "string"}]},
        "item": folders,
    }


def environment(document: Json) -> Json:
    """The environment that the collection needs, with examples where there is a good one."""
    values = dict(ENVIRONMENT_VALUES)
    secret = set(_SECRETS)
    schemas = document["components"]["schemas"]
    for kind, reference in schemas["NewConnection"]["discriminator"]["mapping"].items():
        for name, value in schemas[reference.rpartition("/")[2]]["examples"][0].items():
            if name in {"id", "name", "workspace_id", "type"}:
                continue
            values[f"{kind}_{name}"] = value
            if name in _secret_fields(kind):
                values[f"{kind}_{name}"] = ""
                secret.add(f"{kind}_{name}")
    return {
        "id": str(uuid.uuid5(_NAMESPACE, "environment")),
        "name": "Warehouse Sync",
        "values": [
            {"key": key, "value": value, "type": "secret" if key in secret else "default", "enabled": True}
            for key, value in values.items()
        ],
        "_postman_variable_scope": "environment",
    }


def _secret_fields(kind: str) -> set[str]:
    return {spec.name for spec in WAREHOUSE_TYPES[kind].fields if spec.secret}


def _request(path: str, method: str, operation: Json, step: Step, document: Json) -> Json:
    address = "{{baseUrl}}" + re.sub(r"{(\w+)}", r"{{\1}}", path)
    query = [
        {"key": p["name"], "value": str(p["example"])}
        for p in operation.get("parameters", ())
        if p["in"] == "query" and (p.get("required") or p["name"] in {"currentPage", "pageSize"})
    ]
    request: Json = {
        "method": method.upper(),
        "header": [],
        "description": operation["description"],
        "url": {
            "raw": address + ("?" + "&".join(f"{q['key']}={q['value']}" for q in query) if query else ""),
            "host": ["{{baseUrl}}"],
            "path": address.removeprefix("{{baseUrl}}/").split("/"),
            **({"query": query} if query else {}),
        },
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if step.body is not None:
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        raw = json.dumps(_body(operation, step), indent=2)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    events = [_event("test", _test_script(operation, step, document))]
    if step.kind:
        events.insert(0, _event("prerequest", _only_for(step.kind)))
    return {"name": step.title or operation["summary"], "event": events, "request": request, "response": []}


def _body(operation: Json, step: Step) -> Json:
    """The document's example, with the user's own values."""
    content = operation["requestBody"]["content"]["application/json"]
    examples = content.get("examples", {})
    example = content.get("example")
    for name, given in examples.items():
        if step.kind and name == f"New{step.kind.capitalize()}Connection":
            example = given["value"]
    return {**(example or {}), **(step.body or {})}


def _only_for(kind: str) -> str:
    return f"if (pm.environment.get('warehouseType') !== '{kind}') {{\n    pm.execution.skipRequest();\n}}"


def _test_script(operation: Json, step: Step, document: Json) -> str:
    lines = [f"pm.test('status {step.status}', () => pm.response.to.have.status({step.status}));"]
    content = operation["responses"][step.status].get("content")
    if content is None:
        lines.append("pm.test('there is no body', () => pm.expect(pm.response.text()).to.equal(''));")
    else:
        schema = content["application/json"]["schema"]
        required = _required(schema, document)
        if required:
            lines.append(
                f"pm.test('all fields are there', () => pm.expect(pm.response.json()).to.include.all.keys({json.dumps(required)}));"
            )
    lines += [
        f"pm.test('{name}', () => pm.expect(pm.response.json().{name}).to.equal({value}));"
        for name, value in step.equals.items()
    ]
    return "\n".join([*lines, step.script] if step.script else lines)


def _required(schema: Json, document: Json) -> list[str]:
    """The fields that every answer has; of a union those that all of its members have."""
    schemas = document["components"]["schemas"]
    whole = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "oneOf" not in whole:
        return list(whole.get("required", ()))
    members = [_required(member, document) for member in whole["oneOf"]]
    return [name for name in members[0] if all(name in member for member in members)]


def _event(listen: str, script: str) -> Json:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": script.splitlines()}}


def written(value: Json) -> str:
    """The text of a file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    document = json.loads(DOCUMENT.read_text())
    FOLDER.mkdir(exist_ok=True)
    COLLECTION.write_text(written(collection(document)))
    ENVIRONMENT.write_text(written(environment(document)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
