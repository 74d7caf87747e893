"""A client of the public API, for the command line, the demonstration and scripts.

It knows paths, tokens and errors, and leaves bodies to the caller: they are the published JSON.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import httpx

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseSyncError

AUDIENCE: Final = "https://api.mparticle.com"

Json = Any
"""A parsed JSON value, as the published API shapes it."""

_FINISHED: Final = frozenset({"success", "failed"})
_TOKEN_RESERVE_SECONDS: Final = 60.0
_PATIENCE: Final = 5
_LONGEST_PAUSE_SECONDS: Final = 10.0


class ApiError(WarehouseSyncError):
    """The service answered with an error.

    Attributes:
        status: the HTTP status.
    """

    code = "api_error"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nothing was asked: there was no answer, or the credential was refused."""
        return self.status in {0, httpx.codes.UNAUTHORIZED}


class WarehouseSyncClient:
    """Speaks with one service as one credential. Fetches its token when it needs one and keeps it until shortly before its end.

    Args:
        url: the service, e.g. ``http://127.0.0.1:8080``.
        client_id, client_secret: of a credential.
        audience: what the service calls itself in tokens.
        timeout: longest wait for an answer, in seconds; creating a connection tests the warehouse and takes some.
        transport: how requests travel; by default over the network.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: Secret,
        *,
        audience: str = AUDIENCE,
        timeout: float = 180.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport)
        self._credential: tuple[str, Secret] | None = (client_id, client_secret)
        self._audience = audience
        self._token = ""
        self._token_ends = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, body: Json = None, query: dict[str, Json] | None = None) -> Json:
        """Calls a path and returns the parsed answer, or None where there is none.

        Raises:
            ApiError: the service refused, or cannot be reached.
        """
        try:
            headers = {"Authorization": f"Bearer {self._valid_token()}"}
            answer = self._http.request(method, path, json=body, params=query, headers=headers)
            for _ in range(_PATIENCE):
                if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    break
                time.sleep(_pause(answer))  # it asked too often; nothing was done
                answer = self._http.request(method, path, json=body, params=query, headers=headers)
        except httpx.HTTPError as error:
            raise ApiError(f"The service cannot be reached: {error}", status=0) from error
        if answer.is_error:
            raise ApiError(_message(answer), status=answer.status_code)
        return answer.json() if answer.content else None

    def download(self, path: str, target: BinaryIO, *, query: dict[str, Json] | None = None) -> int:
        """Writes an answer to a file as it comes; returns how many bytes.

        Raises:
            ApiError: the service refused, cannot be reached, or broke off: what was written is then not whole.
        """
        written = 0
        try:
            headers = {"Authorization": f"Bearer {self._valid_token()}"}
            with self._http.stream("GET", path, params=query, headers=headers) as answer:
                if answer.is_error:
                    answer.read()
                    raise ApiError(_message(answer), status=answer.status_code)
                for piece in answer.iter_bytes():
                    written += target.write(piece)
        except httpx.HTTPError as error:
            raise ApiError(f"The service cannot be reached, or broke off: {error}", status=0) from error
        return written

    def workspace(self, workspace_id: int) -> WorkspaceClient:
        """The Warehouse Sync API of one workspace."""
        return WorkspaceClient(self, workspace_id)

    def feeds(self, workspace_id: int) -> FeedsClient:
        """The feeds of one workspace.

        Raises:
            ApiError: the credential does not reach the workspace.
        """
        return FeedsClient(self, workspace_id, int(self.describe(workspace_id)["account_id"]))

    def describe(self, workspace_id: int) -> Json:
        """A workspace with its name, organisation and account.

        Raises:
            ApiError: the credential does not reach it.
        """
        for workspace in self.call("GET", "/v1/workspace")["data"]:
            if workspace["id"] == workspace_id:
                return workspace
        raise ApiError(f"This credential does not reach workspace {workspace_id}.", status=httpx.codes.NOT_FOUND)

    def forget_secret(self) -> float:
        """Goes on with the token at hand and keeps no secret; returns for how many seconds more. Later calls are refused."""
        self._credential = None
        return max(0.0, self._token_ends - time.monotonic())

    def _valid_token(self) -> str:
        if time.monotonic() < self._token_ends:
            return self._token
        if self._credential is None:
            raise ApiError("The token has ended. Sign in again.", status=httpx.codes.UNAUTHORIZED)
        client_id, secret = self._credential
        body = {
            "client_id": client_id,
            "client_secret": secret.reveal(),
            "audience": self._audience,
            "grant_type": "client_credentials",
        }
        answer = self._http.post("/oauth/token", json=body)
        if answer.is_error:
            raise ApiError(_message(answer), status=answer.status_code)
        issued = answer.json()
        self._token = issued["access_token"]
        self._token_ends = time.monotonic() + issued["expires_in"] - _TOKEN_RESERVE_SECONDS
        return self._token


class WorkspaceClient:
    """Connections, data models, pipelines and runs of one workspace. Paths are relative to its base path."""

    def __init__(self, client: WarehouseSyncClient, workspace_id: int) -> None:
        self._client = client
        self._base = f"/platform/experimental/workspaces/{workspace_id}/inputs/warehouse"

    def get(self, path: str, **query: str | int) -> Json:
        return self._client.call("GET", f"{self._base}/{path}", query=query or None)

    def create(self, kind: str, body: dict[str, Any]) -> Json:
        """Creates a resource; ``kind`` is ``connections``, ``data-models`` or ``pipelines``."""
        return self._client.call("POST", f"{self._base}/{kind}", body=body)

    def replace(self, kind: str, body: dict[str, Any]) -> Json:
        """Replaces the resource whose ``id`` the body names."""
        return self._client.call("PUT", f"{self._base}/{kind}/{body['id']}", body=body)

    def delete(self, kind: str, resource_id: str) -> None:
        self._client.call("DELETE", f"{self._base}/{kind}/{resource_id}")

    def trigger(self, pipeline_id: str) -> int:
        """Starts a run of an on-demand pipeline; returns its number."""
        answer = self._client.call("POST", f"{self._base}/pipelines/{pipeline_id}")
        return int(answer["pipeline_run_id"])

    def run(self, pipeline_id: str, run_id: int) -> dict[str, Any]:
        """The state of a run and what it counted so far."""
        found: dict[str, Any] = self.get(f"pipelines/{pipeline_id}/status/runs/{run_id}")
        return found


class FeedsClient:
    """The feeds of one workspace, in the Platform API, where each request names the account."""

    def __init__(self, client: WarehouseSyncClient, workspace_id: int, account_id: int) -> None:
        self._client = client
        self._of_workspace = f"/v1/workspace/{workspace_id}/partnerfeeds"
        self._workspace_id = workspace_id
        self._query: dict[str, Json] = {"accountId": account_id}

    def list(self) -> list[Json]:
        """Every feed, whole: the API's own list tells only part of each."""
        short = self._client.call("GET", self._of_workspace, query=self._query)["data"]
        return [self.get(feed["id"]) for feed in short]

    def get(self, feed_id: int) -> Json:
        """One feed.

        Raises:
            ApiError: the workspace has none with this id.
        """
        [found] = self._client.call("GET", f"/v1/partnerfeeds/{feed_id}", query=self._query)["data"]
        if found["workspace_id"] != self._workspace_id:
            raise ApiError("There is no feed with this id.", status=httpx.codes.NOT_FOUND)
        return found

    def create(self, body: dict[str, Any]) -> Json:
        """Makes a feed; the answer holds its key and secret, which cannot be read again."""
        [made] = self._client.call("POST", self._of_workspace, body=body, query=self._query)["data"]
        return made

    def replace(self, feed_id: int, body: dict[str, Any]) -> Json:
        """Replaces what is said of a feed; its key and secret stay."""
        [changed] = self._client.call("PUT", f"{self._of_workspace}/{feed_id}", body=body, query=self._query)["data"]
        return changed


def is_finished(run: dict[str, Any]) -> bool:
    """Whether a run will change no more."""
    return run["pipeline_run_state"] in _FINISHED


def _pause(answer: httpx.Response) -> float:
    """How long the service asks to wait, in seconds."""
    given = answer.headers.get("Retry-After", "")
    return min(float(given), _LONGEST_PAUSE_SECONDS) if given.isascii() and given.isdigit() else 1.0


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    if isinstance(body, dict) and body.get("errors"):
        return " ".join(error["message"] for error in body["errors"])
    if isinstance(body, dict) and "error" in body:
        return str(body.get("error_description") or body["error"])
    return f"HTTP {answer.status_code}"
