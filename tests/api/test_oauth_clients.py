"""Common OAuth clients, unmodified, get a token from the real service on loopback and call the API with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidClientError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.fixtures.service import WORKSPACE, Access, prepare_home, running_service

AUDIENCE = "https://api.mparticle.com"


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    access: Access

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth/token"

    @property
    def pipelines(self) -> str:
        return f"{self.url}/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/pipelines"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("oauth") / "home"
    access = prepare_home(home)
    with running_service(home, access) as service:
        yield Server(service.url, access)


@pytest.fixture(autouse=True)
def plain_http_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib refuses plain HTTP, also on loopback, unless told so."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def _check(token: Any, answer: Any) -> None:
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 28_800
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib(server: Server, method: str) -> None:
    with AuthlibSession(
        server.access.client_id, server.access.client_secret, token_endpoint_auth_method=method
    ) as client:
        token = client.fetch_token(server.token_url, grant_type="client_credentials", audience=AUDIENCE)
        _check(token, client.get(server.pipelines))


def test_authlib_asks_for_a_new_token_by_itself(server: Server) -> None:
    with AuthlibSession(
        server.access.client_id,
        server.access.client_secret,
        token_endpoint=server.token_url,
        grant_type="client_credentials",
    ) as client:
        first = client.fetch_token(server.token_url, grant_type="client_credentials", audience=AUDIENCE)
        client.token = first | {"expires_at": 1}
        assert client.get(server.pipelines).status_code == 200
        assert client.token["expires_at"] > 1


def test_requests_oauthlib_with_the_secret_in_http_basic(server: Server) -> None:
    with OAuth2Session(client=BackendApplicationClient(server.access.client_id)) as session:
        basic = HTTPBasicAuth(server.access.client_id, server.access.client_secret)
        token = session.fetch_token(server.token_url, auth=basic, audience=AUDIENCE)
        _check(token, session.get(server.pipelines))


def test_requests_oauthlib_with_the_secret_in_the_form(server: Server) -> None:
    with OAuth2Session(client=BackendApplicationClient(server.access.client_id)) as session:
        token = session.fetch_token(
            server.token_url,
            client_id=server.access.client_id,
            client_secret=server.access.client_secret,
            include_client_id=True,
            audience=AUDIENCE,
        )
        _check(token, session.get(server.pipelines))


def test_a_wrong_secret_is_told_in_the_clients_own_words(server: Server) -> None:
    with (
        OAuth2Session(client=BackendApplicationClient(server.access.client_id)) as session,
        pytest.raises(InvalidClientError),
    ):
        session.fetch_token(server.token_url, auth=HTTPBasicAuth(server.access.client_id, "wrong"), audience=AUDIENCE)
