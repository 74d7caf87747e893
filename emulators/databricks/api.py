"""The HTTP side of the stub: the requests of the Statement Execution API that a reader sends, and the answers it expects."""

from __future__ import annotations

import base64
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duckdb
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from emulators.databricks.grants import Grants
from emulators.databricks.statements import Statement, chunks, encoded

TOKEN_SECONDS = 3600
KEPT_STATEMENTS = 16
KEPT_CHUNKS = 64
_TRUSTED_SECONDS = 50


@dataclass(frozen=True)
class Workspace:
    """What there is.

    Attributes:
        tokens: personal access tokens.
        clients: service principals, id to secret.
        warehouse, catalog: the one SQL warehouse and the one catalog.
        chunk_rows: most rows in one download.
    """

    tokens: frozenset[str] = field(repr=False)
    clients: Mapping[str, str] = field(repr=False)
    warehouse: str
    catalog: str
    chunk_rows: int


class Api:
    """The endpoints, over one engine."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._engine = duckdb.connect()
        self._engine.execute("SET TimeZone = 'UTC'")
        self._clients: dict[str, str] = {}  # of tokens
        self._grants = Grants()
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._chunks: OrderedDict[str, bytes] = OrderedDict()

    def app(self) -> ASGIApp:
        statements = "/api/2.0/sql/statements"
        return Starlette(
            routes=[
                Route("/oidc/v1/token", self.token, methods=["POST"]),
                Route("/api/2.0/sql/warehouses/{id}", self.warehouse),
                Route(statements, self.execute, methods=["POST"]),
                Route(statements + "/{id}", self.status),
                Route(statements + "/{id}/cancel", self.cancel, methods=["POST"]),
                Route(statements + "/{id}/result/chunks/{number:int}", self.chunk),
                Route("/storage/{key}", self.download),
            ]
        )

    async def token(self, request: Request) -> JSONResponse:
        """OAuth for a service principal: client credentials by HTTP Basic."""
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        client, _, secret = base64.b64decode(coded or "").decode().partition(":")
        form = await request.body()
        if scheme.lower() != "basic" or self._workspace.clients.get(client) != secret:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if b"grant_type=client_credentials" not in form or b"scope=all-apis" not in form:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        token = secrets.token_urlsafe(24)
        self._clients[token] = client
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    async def warehouse(self, request: Request) -> JSONResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        if request.path_params["id"] != self._workspace.warehouse:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", f"SQL warehouse {request.path_params['id']} does not exist")
        return JSONResponse({"id": self._workspace.warehouse, "state": "RUNNING"})

    async def execute(self, request: Request) -> JSONResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        body = await request.json()
        if body["warehouse_id"] != self._workspace.warehouse:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", "The warehouse does not exist")
        client = self._clients.get(_token(request))
        if client is None and self._grants.note(body["statement"]):
            body["statement"] = "SELECT 'granted' AS status"
        statement = Statement(body["statement"], self._engine.cursor(), partial(self._grants.missing, client))
        self._keep(statement)
        if body.get("catalog", self._workspace.catalog) != self._workspace.catalog:
            error = {
                "error_code": "BAD_REQUEST",
                "message": f"[NO_SUCH_CATALOG_EXCEPTION] Catalog '{body['catalog']}' was not found.",
            }
            status = {"state": "FAILED", "error": error, "sql_state": "42704"}
            return JSONResponse({"statement_id": statement.id, "status": status})
        threading.Thread(target=statement.run, daemon=True).start()
        wait = min(float(str(body.get("wait_timeout", "10s")).removesuffix("s")), _TRUSTED_SECONDS)
        await run_in_threadpool(statement.done.wait, wait)
        return await run_in_threadpool(self._answer, statement, request)

    async def status(self, request: Request) -> JSONResponse:
        refused, statement = self._refused(request), self._statements.get(request.path_params["id"])
        if refused is not None or statement is None:
            return refused or _error(404, "NOT_FOUND", "The statement was not found")
        return await run_in_threadpool(self._answer, statement, request)

    async def cancel(self, request: Request) -> JSONResponse:
        refused, statement = self._refused(request), self._statements.get(request.path_params["id"])
        if refused is None and statement is not None:
            await run_in_threadpool(statement.cancel)
        return refused or JSONResponse({})

    async def chunk(self, request: Request) -> JSONResponse:
        refused, statement = self._refused(request), self._statements.get(request.path_params["id"])
        if refused is not None or statement is None:
            return refused or _error(404, "NOT_FOUND", "The statement was not found")
        link = await run_in_threadpool(self._link, statement, request.path_params["number"], request)
        return JSONResponse({"external_links": [link]})

    async def download(self, request: Request) -> Response:
        """Rows of a result. The address is the only key, as with the signed links to cloud storage; with a token it is refused."""
        if "authorization" in request.headers:
            return Response("a token does not belong here", status_code=400)
        body = self._chunks.get(request.path_params["key"])
        return Response(body, media_type="application/octet-stream") if body else Response("expired", status_code=403)

    def _answer(self, statement: Statement, request: Request) -> JSONResponse:
        told: dict[str, Any] = {"statement_id": statement.id, "status": {"state": statement.state}}
        if statement.failure is not None:
            told["status"]["error"] = {"error_code": "BAD_REQUEST", "message": statement.failure.message}
            told["status"]["sql_state"] = statement.failure.state
        if statement.state != "SUCCEEDED" or statement.table is None:
            return JSONResponse(told)
        parts = list(chunks(statement.table, self._workspace.chunk_rows))
        told["manifest"] = {
            "format": "ARROW_STREAM",
            "schema": {"column_count": statement.table.num_columns, "columns": statement.columns()},
            "total_row_count": statement.table.num_rows,
            "total_chunk_count": len(parts),
            "truncated": False,
        }
        told["result"] = {"external_links": [self._link(statement, 0, request)]} if parts else {}
        return JSONResponse(told)

    def _link(self, statement: Statement, number: int, request: Request) -> dict[str, Any]:
        assert statement.table is not None
        parts = list(chunks(statement.table, self._workspace.chunk_rows))
        key, body = secrets.token_hex(16), encoded(parts[number])
        self._chunks[key] = body
        while len(self._chunks) > KEPT_CHUNKS:
            self._chunks.popitem(last=False)
        link = {
            "chunk_index": number,
            "row_offset": number * self._workspace.chunk_rows,
            "row_count": parts[number].num_rows,
            "byte_count": len(body),
            "external_link": f"{str(request.base_url).rstrip('/')}/storage/{key}",
            "expiration": "2099-01-01T00:00:00Z",
        }
        return {**link, "next_chunk_index": number + 1} if number + 1 < len(parts) else link

    def _keep(self, statement: Statement) -> None:
        self._statements[statement.id] = statement
        while len(self._statements) > KEPT_STATEMENTS:
            self._statements.popitem(last=False)

    def _refused(self, request: Request) -> JSONResponse | None:
        if "authorization" not in request.headers:
            return _error(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")
        if _token(request) in self._workspace.tokens | self._clients.keys():
            return None
        return _error(403, "403", "Invalid access token.")


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error_code": code, "message": message}, status_code=status)
