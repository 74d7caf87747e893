"""Attacks the API from its own document: examples, edge values, random bodies right and wrong, and chains of requests (figure S5).

Random ids and numbers alone would meet nothing but 404, so right requests are steered: their ids come from a few names and their
workspace is the real one, and what is wrong in a wrong request is left as it is.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import CheckNode
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

from tests.fixtures.service import Access
from tests.fuzz.leaks import leaks

WORKSPACE: Final = 5328
QUERIES: Final = (
    "SELECT id AS customer_id, email, score, updated_at FROM people",
    "SELECT id AS customer_id, tags, spent, updated_at FROM shop.main.people WHERE even -- half of them",
    "SELECT email, count(*) AS n, max(updated_at) AS updated_at FROM people GROUP BY email;",
    "SELECT id AS customer_id, no_such_column, updated_at FROM people",
    "SELECT 1 AS x",
    "DROP TABLE people",
)
_IDS: Final = {
    "connectionId": ("shop", "c1", "c2"),
    "modelId": ("m0", "m1", "m2"),
    "pipelineId": ("p0", "p1", "p2"),
    "connection_id": ("shop", "c1"),
    "data_model_id": ("m0", "m1"),
    "workspaceId": (WORKSPACE,),
    "orgId": (1,),
    "accountId": (1,),
    "pipelineRunId": (1, 2, 3),
    "feedId": (1, 2),
}
_NOBODY: Final = "0" * 32
"""Whose credential is meant where the attack would have meant its own; that it is not there is then no finding."""
_KIND: Final = {"connections": "connectionId", "data-models": "modelId", "pipelines": "pipelineId"}


@dataclass
class Outcome:
    """What an attack found.

    Attributes:
        cases: requests by phase.
        statuses: answers by status.
        failures: one text per distinct failure.
    """

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)
    seconds: float = 0

    @property
    def requests(self) -> int:
        return sum(self.cases.values())


def attack(url: str, token: str, own: Access, *, cases: int, examples: int, seed: int, thorough: bool) -> Outcome:
    """Attacks a running service, in as many rounds as it takes. The first one has the examples and edge values of the document too.

    Args:
        token: of a credential that may do everything.
        own: that credential, which the attack must not switch off, and a feed.
        cases: least number of requests.
        examples: random requests per operation and round.
        seed: of the first round.
        thorough: edge values for those operations too that ask a warehouse, each of which takes half a second.
    """
    outcome = Outcome()
    started = time.monotonic()
    _round(url, _configuration(token, examples, thorough=thorough), own, seed, outcome)
    while outcome.requests < cases and not outcome.failures:
        seed += 1
        random_only = _configuration(token, examples, thorough=thorough)
        random_only["phases"] |= {"examples": {"enabled": False}, "coverage": {"enabled": False}}
        _round(url, random_only, own, seed, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def _round(url: str, configuration: dict[str, Any], own: Access, seed: int, outcome: Outcome) -> None:
    config = SchemathesisConfig.from_dict(configuration | {"seed": seed})
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    before_call = schemathesis.hook(_steering(seed, own))
    try:
        for event in from_schema(schema).execute():
            if isinstance(event, NonFatalError):
                outcome.failures[f"error of the tool {event.label}"] = str(event.value)
            if isinstance(event, ScenarioFinished):
                _take(event, outcome)
    finally:
        schemathesis.hooks.unregister(before_call)


def _configuration(token: str, examples: int, *, thorough: bool) -> dict[str, Any]:
    refused = ["2xx", "400", "401", "403", "404", "413", "429", "503", "505"]
    slow = {"include-path-regex": "/connections|/pipelines/?[^/]*$", "include-method": ["POST", "PUT"]}
    return {
        "operations": [] if thorough else [slow | {"phases": {"coverage": {"enabled": False}}}],
        "headers": {"Authorization": f"Bearer {token}"},
        "continue-on-failure": True,
        "request-timeout": 60,
        "workers": 1,
        "cache": {"enabled": False},
        "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
        "phases": {
            "examples": {"enabled": True},
            "coverage": {"enabled": True},
            "fuzzing": {"enabled": True},
            "stateful": {"enabled": True, "max-steps": 6, "generation": {"max-examples": examples * 4}},
        },
        # A body may fit the document and still name a connection that is not there or a query that writes: 400 by the specification.
        "checks": {
            "enabled": True,
            "positive_data_acceptance": {"expected-statuses": refused},
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503", "505"]},
        },
    }


def _take(event: ScenarioFinished, outcome: Outcome) -> None:
    recorder = event.recorder
    for case_id, interaction in recorder.interactions.items():
        outcome.cases[event.phase.value] += 1
        answer = interaction.response
        if answer is None:
            outcome.failures[f"no answer to {recorder.label}"] = str(interaction.request.uri)
            continue
        outcome.statuses[answer.status_code] += 1
        if answer.status_code in {200, 201} and interaction.request.method == "POST":
            outcome.created[interaction.request.uri.partition("?")[0].rpartition("/")[2]] += 1
        sent, told = _request_text(interaction.request), answer.content.decode(errors="replace")
        for leak in leaks(told, sent):
            outcome.failures[f"leak in {recorder.label}: {leak}"] = f"{sent[:500]} -> {told[:500]}"
        for check in recorder.checks.get(case_id, ()):
            if check.failure_info is not None and not _is_of_our_making(check):
                failure = check.failure_info.failure
                key = f"{check.name} in {recorder.label}: {failure.title}: {failure.message[:160]}"
                text = f"{failure.message}\n{check.failure_info.code_sample}\n-> {answer.status_code} {told[:300]}"
                outcome.failures.setdefault(key, text)


def _is_of_our_making(check: CheckNode) -> bool:
    return check.name == "ensure_resource_availability" and check.failure_info.code_sample.rstrip("'").endswith(
        f"/{_NOBODY}"
    )


def _request_text(request: Any) -> str:
    body = (request.body or b"").decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        body += json.dumps(json.loads(body), ensure_ascii=False)
    return f"{request.uri} {unquote(request.uri)} {body} {json.dumps(body)}"


def _steering(seed: int, own: Access) -> Any:
    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        parameters = dict(case.path_parameters or {})
        # The same request is steered alike each time: what Hypothesis repeats must not differ.
        chance = random.Random(f"{seed} {case.operation.label} {parameters} {case.body}")
        right = _is_right(case, "path_parameters") and not _is_linked(case)
        for name in parameters:
            if right and name in _IDS and (name == "workspaceId" or chance.random() < 0.8):
                parameters[name] = chance.choice(_IDS[name])
        if parameters and right:
            case.path_parameters = parameters
        if parameters.get("clientId") == own.client_id:
            case.path_parameters = parameters | {"clientId": _NOBODY}
        if isinstance(case.body, dict) and _is_right(case, "body"):
            case.body = _steered(case.body, case.operation.path, parameters, chance, own.feed_id)

    return before_call


def _is_linked(case: Any) -> bool:
    """Whether its path was taken from an answer."""
    return case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL


def _is_right(case: Any, location: str) -> bool:
    if case.meta is None:
        return True
    return all(
        info.mode is GenerationMode.POSITIVE
        for place, info in case.meta.components.items()
        if place.container_name == location
    )


def _steered(
    body: Mapping[str, Any], path: str, parameters: Mapping[str, Any], chance: random.Random, feed_id: int
) -> dict[str, Any]:
    steered = dict(body)
    kind = next((part for part in path.split("/") if part in _KIND), None)
    choices: dict[str, tuple[Any, ...]] = {
        "workspace_id": (WORKSPACE, str(WORKSPACE)),
        "connection_id": _IDS["connection_id"],
        "data_model_id": _IDS["data_model_id"],
        "database": ("shop.duckdb",),
        "sql_query": QUERIES,
        "load_timestamp_field_name": ("updated_at", "UPDATED_AT"),
        "load_timestamp_field_time_zone": (None, "America/New_York"),
        "schedule_interval": ("on_demand", "on_demand", "daily", "once"),
        "schedule_start_time": ("2024-01-01T00:00:00Z",),
        "schedule_end_time": (None, "2030-01-01T00:00:00Z"),
        "partner_feed_id": (feed_id,),
        "partner_feed_key": (None,),
    }
    if kind is not None:
        new = f"n{chance.randrange(10**6)}"
        choices["id"] = (parameters[_KIND[kind]],) if _KIND[kind] in parameters else (*_IDS[_KIND[kind]], new, new, new)
    for name, values in choices.items():
        if name in steered and chance.random() < 0.9:
            steered[name] = chance.choice(values)
    return steered


def summary(outcome: Outcome) -> Iterator[str]:
    """The outcome in lines for people."""
    yield f"{outcome.requests} requests in {outcome.seconds:.0f} s: {dict(outcome.cases)}"
    yield f"answers: {dict(sorted(outcome.statuses.items()))}; accepted: {dict(outcome.created)}"
    for name, text in outcome.failures.items():
        yield f"FAILED {name}\n    " + text.replace("\n", "\n    ")
