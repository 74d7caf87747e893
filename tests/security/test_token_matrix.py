"""No route answers anybody without a good token, but for the public ones (S1, S2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.fixtures.bad_tokens import SPACED, Forge, bad_tokens
from tests.fixtures.routes import Route, addresses_of
from tests.security.conftest import Borders
from warehouse_sync.api.app import PUBLIC_PATHS
from warehouse_sync.catalog import credentials
from warehouse_sync.security.client_secrets import mark_of

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
INVALID, MISSING = 'Bearer error="invalid_token"', "Bearer"
ANSWERS = {
    INVALID: "The access token is missing, malformed, expired or not ours. Request a new one from /oauth/token.",
    MISSING: "Send an access token in the Authorization header: Bearer TOKEN. Request one from /oauth/token.",
}

_NOT_HERE = SPACED | {"kid of another of our keys", "two megabytes"}
"""HTTP itself cuts spaces; this ring has one key; such long headers are refused before anybody looks at them."""

Headers = list[tuple[bytes, bytes]]


@pytest.fixture
def forge(borders: Borders) -> Forge:
    """Makes tokens of the foreign workspace's own admin, who really exists."""
    plane, client_id = borders.plane, str(borders.foreign["clientId"])
    with plane.database.read() as tx:
        found = credentials.find(tx, client_id)
    assert found is not None
    keys = plane.services.tokens._keys
    return Forge(
        key=keys.signing,
        old_key=keys.signing,
        issuer="http://testserver",
        audience="https://api.mparticle.com",
        at=int(plane.clock.now().timestamp()),
        client_id=client_id,
        secret_mark=mark_of(found[1]),
    )


def _app(borders: Borders) -> FastAPI:
    app: FastAPI = borders.plane.client._transport._transport.app
    return app


def _bad_headers(forge: Forge) -> Iterator[tuple[str, str, Headers]]:
    """What is wrong, the challenge it deserves, and the headers to send."""
    good = forge.good
    for kind, token in bad_tokens(forge).items():
        if kind in _NOT_HERE:
            continue
        challenge = INVALID if token.strip() else MISSING
        yield kind, challenge, [(b"authorization", f"Bearer {token}".encode("latin-1"))]
    texts = {
        "no scheme": good,
        "scheme Basic": f"Basic {good}",
        "scheme Token": f"Token {good}",
        "scheme glued": f"Bearer{good}",
        "scheme DPoP": f"DPoP {good}",
        "comma": f"Bearer, {good}",
        "empty": "",
    }
    for kind, text in texts.items():
        yield kind, MISSING, [(b"authorization", text.encode())]
    yield "no header", MISSING, []
    yield "two headers", MISSING, [(b"authorization", f"Bearer {good}".encode())] * 2
    yield (
        "a bad and a good one",
        MISSING,
        [(b"authorization", b"Bearer x"), (b"authorization", f"Bearer {good}".encode())],
    )
    yield "cookie", MISSING, [(b"cookie", f"access_token={good}".encode())]
    yield (
        "other header",
        MISSING,
        [(b"x-access-token", good.encode()), (b"proxy-authorization", f"Bearer {good}".encode())],
    )
    yield "scheme in quotes", INVALID, [(b"authorization", f'Bearer "{good}"'.encode())]
    yield "named parameter", INVALID, [(b"authorization", f"Bearer token={good}".encode())]


def test_bad_tokens_get_nothing_from_any_route(borders: Borders, forge: Forge) -> None:
    kinds = list(_bad_headers(forge))
    assert len(kinds) >= 80
    urls = [(route.method, route.url(borders.own | borders.foreign)) for route in borders.routes]
    asyncio.run(_all(_app(borders), kinds, urls))


def test_neither_does_any_other_method(borders: Borders, forge: Forge) -> None:
    kinds = [kind for kind in _bad_headers(forge) if kind[0] in {"no header", "tampered payload"}]
    assert len(kinds) == 2
    urls = {route.url(borders.own | borders.foreign) for route in borders.routes}
    asyncio.run(_all(_app(borders), kinds, [(method, url) for url in sorted(urls) for method in METHODS]))


async def _all(app: FastAPI, kinds: list[tuple[str, str, Headers]], urls: list[tuple[str, str]]) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        for kind, challenge, headers in kinds:
            for method, url in urls:
                answer = await client.request(method, url, headers=headers)
                assert answer.status_code == 401, (kind, method, url)
                assert answer.headers["www-authenticate"] == challenge, (kind, method, url)
                code = "invalid_token" if challenge == INVALID else "no_token"
                item = {"message": ANSWERS[challenge], "code": code}
                told = [] if method == "HEAD" else answer.json()["errors"]
                assert told == ([] if method == "HEAD" else [item]), (kind, method, url)


def test_the_good_token_is_let_in(borders: Borders, forge: Forge) -> None:
    """Without this the matrix would be one of refusals for other reasons; two routes are of the whole installation's roles."""
    client = borders.plane.client
    headers = {"Authorization": f"Bearer {forge.good}"}
    for route in borders.routes:
        if route.method == "GET" and route.path not in {"/platform/extensions/audit", "/metrics"}:
            answer = _get(client, route, borders.own | borders.foreign, headers)
            assert answer.status_code == 200, route.name


@pytest.mark.parametrize("where", ["query", "form", "json"])
def test_a_token_elsewhere_than_in_the_header_is_not_looked_at(borders: Borders, forge: Forge, where: str) -> None:
    del borders.plane.client.headers["Authorization"]
    token = {"access_token": forge.good}
    sent = {"query": {"params": token}, "form": {"data": token}, "json": {"json": token}}[where]
    for route in borders.routes:
        url = route.url(borders.own | borders.foreign)
        answer = borders.plane.client.request(route.method, url, **sent)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, MISSING), route.name


def test_bad_tokens_are_counted_and_not_stored(borders: Borders, forge: Forge) -> None:
    plane = borders.plane
    before = plane.client.get("/platform/extensions/audit").json()
    for _, _, headers in _bad_headers(forge):
        plane.client.request(
            "GET", "/v1/workspace", headers=[*headers, *([] if headers else [(b"authorization", b"")])]
        )
    after = plane.client.get("/platform/extensions/audit").json()
    assert after["items"] == before["items"]
    told = sum(after["unknown_clients_refused"].values()) - sum(before["unknown_clients_refused"].values())
    assert told >= len(list(_bad_headers(forge))) - 2  # a client's own header stands in for one that is not sent


def test_only_the_listed_addresses_are_open(borders: Borders) -> None:
    del borders.plane.client.headers["Authorization"]
    addresses = {path for path, _ in addresses_of(_app(borders))}
    opened = set()
    for path in addresses:
        url = path.format(**dict.fromkeys(borders.foreign, 1))
        if borders.plane.client.get(url).status_code != 401:
            opened.add(path)
    assert opened == PUBLIC_PATHS


def _get(client: Any, route: Route, values: dict[str, object], headers: dict[str, str]) -> httpx.Response:
    answer: httpx.Response = client.get(route.url(values), params=dict(route.query), headers=headers)
    return answer
