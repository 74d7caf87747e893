"""What belongs to another workspace looks exactly as if it did not exist, on every route (S3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.fixtures.routes import Route
from tests.security.conftest import FOREIGN, NOWHERE, OWN, Borders

Values = dict[str, object]
_OF_THE_REQUEST = {"x-request-id", "content-length", "x-mp-rate-limit-percentage-used"}
_OUTSIDE_WORKSPACES = {"orgId", "accountId"}  # numbers that both workspaces share


def _mixes(route: Route, own: Values, other: Mapping[str, object]) -> Iterator[Values]:
    """Own ids with one of another place, and all of another place."""
    named = [name for name in route.parameters if name not in _OUTSIDE_WORKSPACES]
    for name in named:
        yield own | {name: other[name]}
    yield own | {name: other[name] for name in named}


def _ask(borders: Borders, headers: dict[str, str], route: Route, values: Values) -> httpx.Response:
    return borders.plane.client.request(
        route.method, route.url(values), params=dict(route.query), json=route.body_for(values), headers=headers
    )


def _told(answer: httpx.Response, values: Values) -> tuple[int, str, dict[str, str]]:
    """What an answer tells, but for the ids that were sent and the request's number."""
    text = answer.text
    for value in sorted((str(value) for value in values.values()), key=len, reverse=True):
        if len(value) >= 4:
            text = text.replace(value, "<id>")
    headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_REQUEST}
    return answer.status_code, text, headers


def test_foreign_ids_answer_like_none(borders: Borders) -> None:
    headers = borders.plane.headers(workspaces=[OWN])
    before = _state(borders)
    compared = 0
    for route in borders.routes:
        if not route.parameters:
            continue
        mixes = zip(_mixes(route, borders.own, borders.foreign), _mixes(route, borders.own, NOWHERE), strict=True)
        for foreign, nowhere in mixes:
            told = _told(_ask(borders, headers, route, foreign), foreign)
            assert told == _told(_ask(borders, headers, route, nowhere), nowhere), (route.name, foreign)
            if foreign["workspaceId"] != nowhere["workspaceId"] or route.parameters in (["feedId"], ["clientId"]):
                assert told[0] == 404, route.name
            assert told[0] in {400, 404} or foreign == nowhere, (route.name, told)
            compared += 1
    assert compared > 60
    assert _state(borders) == before


def test_the_own_ids_do_answer(borders: Borders) -> None:
    """Without this the comparison above would be one of refusals for other reasons."""
    headers = borders.plane.headers(workspaces=[OWN])
    for route in borders.routes:
        if route.parameters and route.method == "GET":
            assert _ask(borders, headers, route, borders.own).status_code == 200, route.name


def test_foreign_ids_in_bodies_answer_like_none(borders: Borders) -> None:
    plane, headers = borders.plane, borders.plane.headers(workspaces=[OWN])
    base = f"/platform/experimental/workspaces/{OWN}/inputs/warehouse/pipelines"
    good = plane.pipeline_body(
        id="new",
        workspace_id=OWN,
        connection_id=borders.own["connectionId"],
        data_model_id=borders.own["modelId"],
        partner_feed_id=borders.own["feedId"],
        partner_feed_key=None,
    )
    foreign = {
        "connection_id": borders.foreign["connectionId"],
        "partner_feed_id": borders.foreign["feedId"],
        "partner_feed_key": plane.feed.key.reveal(),
    }
    nowhere = {"connection_id": NOWHERE["connectionId"], "partner_feed_id": 999, "partner_feed_key": "us1-" + "0" * 32}
    for name, value in foreign.items():
        drop = {"partner_feed_id": None} if name == "partner_feed_key" else {}
        answers = [
            plane.client.request(method, url, json=good | drop | {"id": id_, name: sent}, headers=headers)
            for sent in (value, nowhere[name])
            for method, url, id_ in (("POST", base, "new"), ("PUT", f"{base}/own-pipeline", "own-pipeline"))
        ]
        told = [
            _told(answer, {"a": sent}) for answer, sent in zip(answers, [value] * 2 + [nowhere[name]] * 2, strict=True)
        ]
        assert [t[0] for t in told] == [400] * 4, told
        assert told[:2] == told[2:]


@pytest.mark.parametrize("permission", ["admin", "user", "profile"])
def test_a_credential_cannot_be_made_for_a_foreign_workspace(borders: Borders, permission: str) -> None:
    plane, headers = borders.plane, borders.plane.headers(workspaces=[OWN])
    url = "/platform/extensions/credentials"
    answers = [
        plane.client.post(url, json={"name": "x", "permission": permission} | scope, headers=headers)
        for scope in (
            {"workspaces": [FOREIGN]},
            {"workspaces": [NOWHERE["workspaceId"]]},
            {"workspaces": [OWN, FOREIGN]},
            {"all_workspaces": True},
        )
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(403, answers[0].text)}


def test_lists_hold_nothing_foreign(borders: Borders) -> None:
    plane, headers = borders.plane, borders.plane.headers(workspaces=[OWN])
    for url in ("/v1/workspace", "/platform/extensions/credentials", f"/platform/extensions/workspaces/{OWN}/audit"):
        text = plane.client.get(url, headers=headers).text
        for value in (FOREIGN, borders.foreign["clientId"], borders.foreign["connectionId"]):
            assert str(value) not in text, url
    assert plane.client.get("/platform/extensions/audit", headers=headers).status_code == 403


def test_both_are_in_the_audit_log(borders: Borders) -> None:
    """So the work done for a refusal does not tell either whether something is there."""
    plane, headers = borders.plane, borders.plane.headers(workspaces=[OWN])
    for route in borders.routes:
        if route.parameters in (["feedId"], ["clientId"]) or "workspaceId" in route.parameters:
            counts = []
            for values in (borders.own | borders.foreign, borders.own | NOWHERE):
                first = _log(plane)
                _ask(borders, headers, route, values)
                counts.append(len(_log(plane)) - len(first))
            assert counts == [1, 1], route.name


def _log(plane: Any) -> list[Any]:
    return plane.client.get("/platform/extensions/audit", params={"pageSize": 1000}).json()["items"]


def _state(borders: Borders) -> list[str]:
    """What an all-powerful reader sees in the foreign workspace."""
    plane = borders.plane
    return [
        _ask(borders, {}, route, borders.own | borders.foreign).text
        for route in borders.routes
        if route.method == "GET" and not route.path.endswith("/audit") and "workspaceId" in route.parameters
    ] + [plane.client.get(f"/platform/extensions/credentials/{borders.foreign['clientId']}").text]
