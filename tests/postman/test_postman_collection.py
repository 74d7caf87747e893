"""The Postman collection is what its generator makes of the API's document, and a whole tutorial. ``make postman`` runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.postman.collection import COLLECTION, DOCUMENT, ENVIRONMENT, collection, environment, tutorial, written
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES
from warehouse_sync.warehouses.protocol import WarehouseType

DRIVE = Path(__file__).with_name("drive.py")
MADE_ON_THE_WAY = {"accessToken", "pipelineRunId", "mpid"}


@cache
def document() -> dict[str, Any]:
    return dict(json.loads(DOCUMENT.read_text()))


def requests() -> Iterator[dict[str, Any]]:
    for folder in collection(document())["item"]:
        yield from folder["item"]


def test_the_committed_files_are_what_the_generator_makes() -> None:
    assert COLLECTION.read_text() == written(collection(document())), "Run make openapi and commit what it writes."
    assert ENVIRONMENT.read_text() == written(environment(document())), "Run make openapi and commit what it writes."


def test_the_order_is_that_of_the_published_tutorial() -> None:
    folders = [re.sub(r"^\d+ ", "", name) for name in tutorial(document())]
    assert folders == [
        *("Token", "Connection", "Data model", "Pipeline", "Trigger", "Status", "Runs", "Profile", "Clean-up"),
    ]


def test_there_is_a_way_for_every_type_of_warehouse() -> None:
    kinds = document()["components"]["schemas"]["NewConnection"]["discriminator"]["mapping"]
    for kind in kinds:
        made = next(request for request in requests() if request["name"] == f"Create a connection to {kind}")
        body = json.loads(made["request"]["body"]["raw"])
        assert body["type"] == kind
        assert "skipRequest" in json.dumps(made["event"][0])


def test_every_request_checks_its_answer_and_sends_json() -> None:
    for request in requests():
        test = next(event for event in request["event"] if event["listen"] == "test")
        assert "to.have.status(" in test["script"]["exec"][0], request["name"]
        assert "{" not in request["request"]["url"]["raw"].replace("{{", "").replace("}}", "")
        if "body" in request["request"]:
            json.loads(request["request"]["body"]["raw"])


def test_every_variable_is_in_the_environment_or_made_on_the_way() -> None:
    text = json.dumps(collection(document()))
    given = {value["key"] for value in environment(document())["values"]}
    assert set(re.findall(r"{{(\w+)}}", text)) == (given - {"warehouseType"}) | MADE_ON_THE_WAY
    assert all(f"environment.set('{name}'" in text for name in MADE_ON_THE_WAY)


def _secrets_sent(kind: WarehouseType) -> list[str]:
    """The secret fields of the example: what is always needed, and what the first way of logging in needs."""
    first = kind.logins[0].needs if kind.logins else ()
    return [spec.name for spec in kind.fields if spec.secret and (spec.required or spec.name in first)]


def test_no_secret_is_committed() -> None:
    values = environment(document())["values"]
    assert {v["key"] for v in values if v["type"] == "secret"} == {
        "clientSecret",
        "partnerFeedKey",
        *(f"{kind.name}_{name}" for kind in WAREHOUSE_TYPES.values() for name in _secrets_sent(kind)),
    }
    assert not any(v["value"] for v in values if v["type"] == "secret")


def test_without_newman_it_says_how_to_get_it_and_fails(tmp_path: Path) -> None:
    poor = {"PATH": str(tmp_path), "HOME": str(tmp_path)} | {n: v for n, v in os.environ.items() if n == "LANG"}
    done = subprocess.run([sys.executable, str(DRIVE)], env=poor, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "apt-get install npm" in done.stderr
