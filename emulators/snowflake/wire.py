"""The HTTP side: the requests that Snowflake's connectors send, and the answers they expect."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from emulators.snowflake.deliveries import Hole, Reset, Trickle, WithTransport
from emulators.snowflake.engine import Answer, Engine
from emulators.snowflake.faults import NO_FAULT, Fault, FaultName
from emulators.snowflake.refusals import Refusal, refusal_for
from emulators.snowflake.results import Result, ResultStore
from emulators.snowflake.sessions import Sessions

SESSION_SECONDS = 3600
MASTER_SECONDS = 14400
SERVER_VERSION = "9.40.0"
_TOKEN_PREFIX = 'Snowflake Token="'
_BROKEN_OFF = {FaultName.RESET: Reset, FaultName.HOLE: Hole, FaultName.TRICKLE: Trickle}


@dataclass
class Wire:
    """The endpoints, over the sessions.

    Args:
        sessions: where log-ins go.
        chunk_rows: most rows in one download.
        fault: how to misbehave.
        widths_per_chunk: whether the width of integers may differ between the chunks of one result.
    """

    sessions: Sessions
    chunk_rows: int
    fault: Fault = NO_FAULT
    widths_per_chunk: bool = False
    results: ResultStore = field(default_factory=ResultStore)

    def app(self) -> ASGIApp:
        post = ["POST"]
        routes = [
            Route("/session/v1/login-request", self.log_in, methods=post),
            Route("/session/token-request", self.renew, methods=post),
            Route("/session/heartbeat", self.heartbeat, methods=post),
            Route("/session", self.session, methods=post),
            Route("/queries/v1/query-request", self.query, methods=post),
            Route("/queries/v1/abort-request", self.abort, methods=post),
            Route("/chunks/{result}/{number:int}", self.chunk),
            Route("/telemetry/send", _accepted, methods=post),
            Route("/monitoring/queries/{query_id}", _finished),
        ]
        return WithTransport(Starlette(routes=routes, exception_handlers={Refusal: _refused, Exception: _refused}))

    async def log_in(self, request: Request) -> JSONResponse:
        data = (await _body(request))["data"]
        try:
            token, engine = await run_in_threadpool(self.sessions.log_in, data, request.query_params)
        except Exception as error:  # noqa: BLE001 - an HTTP 500 makes connectors retry
            refusal = refusal_for(error)
            answer = refusal.as_answer()
            answer.update(code=str(refusal.code), data={"nextAction": "RETRY_LOGIN", "pwdStatus": None})
            return JSONResponse(answer)
        return JSONResponse({"data": self._session_data(token, engine), "code": None, "message": None, "success": True})

    def _session_data(self, token: str, engine: Engine) -> dict[str, Any]:
        connection, settings = engine.connection, engine.settings
        return {
            "token": token,
            "masterToken": f"master-{token}",
            "validityInSeconds": SESSION_SECONDS,
            "masterValidityInSeconds": MASTER_SECONDS,
            "sessionId": settings.session_id,
            "displayUserName": settings.user,
            "serverVersion": SERVER_VERSION,
            "firstLogin": False,
            "parameters": [
                {"name": "AUTOCOMMIT", "value": connection._autocommit},
                {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": SESSION_SECONDS},
                {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
            ],
            "sessionInfo": {
                "databaseName": connection.database,
                "schemaName": connection.schema,
                "warehouseName": settings.warehouse,
                "roleName": settings.role,
            },
        }

    async def renew(self, request: Request) -> JSONResponse:
        token = _token(request).removeprefix("master-")
        self.sessions.find(token)
        data = {
            "sessionToken": token,
            "validityInSecondsST": SESSION_SECONDS,
            "masterToken": f"master-{token}",
            "validityInSecondsMT": MASTER_SECONDS,
        }
        return JSONResponse({"data": data, "code": None, "message": None, "success": True})

    async def heartbeat(self, request: Request) -> JSONResponse:
        self.sessions.find(_token(request))
        return await _accepted(request)

    async def session(self, request: Request) -> JSONResponse:
        token = _token(request)
        if request.query_params.get("delete"):
            await run_in_threadpool(self.sessions.close, token)
            self.results.forget(token)
        else:
            self.sessions.find(token)
        return await _accepted(request)

    async def query(self, request: Request) -> Response:
        token = _token(request)
        engine = self.sessions.find(token)
        body = await _body(request)
        body["requestId"] = request.query_params.get("requestId")
        answer = await run_in_threadpool(engine.run, body)
        data = await run_in_threadpool(self._answer_data, answer, token, str(request.base_url).rstrip("/"))
        data.update(
            finalDatabaseName=engine.connection.database,
            finalSchemaName=engine.connection.schema,
            finalWarehouseName=engine.settings.warehouse,
            finalRoleName=engine.settings.role,
        )
        told = JSONResponse({"data": data, "code": None, "message": None, "success": True})
        fault = None if answer.table is None else self.fault.strikes(0, data["returnedInline"])
        if fault is FaultName.EXPIRED:
            raise Refusal(390114, "08001", "Authentication token has expired.  The user must authenticate again.")
        return _BROKEN_OFF[fault](bytes(told.body)) if fault in _BROKEN_OFF else told

    def _answer_data(self, answer: Answer, token: str, base_url: str) -> dict[str, Any]:
        data: dict[str, Any] = {
            "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
            "rowtype": answer.rowtype,
            "queryId": answer.query_id,
            "statementTypeId": answer.statement_type,
            "total": 0,
            "returned": 0,
        }
        if answer.counts is not None:
            return {**data, "queryResultFormat": "json", "rowset": [answer.counts], "total": 1, "returned": 1}
        if answer.table is None:
            return {**data, "queryResultFormat": "arrow", "rowsetBase64": ""}
        result = Result(answer.table, self.chunk_rows, widths_per_chunk=self.widths_per_chunk, fault=self.fault)
        rows = result.table.num_rows
        data.update(
            total=rows,
            returned=rows,
            returnedInline=result.inline_rows,
            queryResultFormat="arrow",
            rowsetBase64=b64encode(result.inline()).decode(),
        )
        if result.chunks:
            self.results.add(token, result)
            data.update(chunks=result.listing(base_url), chunkHeaders={})
        return data

    async def abort(self, request: Request) -> JSONResponse:
        engine = self.sessions.find(_token(request))
        request_id = (await _body(request)).get("requestId")
        await run_in_threadpool(engine.cancel, request_id)
        return await _accepted(request)

    async def chunk(self, request: Request) -> Response:
        """Rows of a result. The address is the only key, as with the signed addresses that Snowflake hands out."""
        result, number = self.results.get(request.path_params["result"]), request.path_params["number"]
        if result is None or number >= len(result.chunks):
            return Response("expired", status_code=403)
        chunk = result.chunks[number]
        fault = self.fault.strikes(chunk.start, chunk.rows)
        if fault is FaultName.EXPIRED:
            return Response("expired", status_code=403)
        body = await run_in_threadpool(result.encoded, number)
        if fault in _BROKEN_OFF:
            return _BROKEN_OFF[fault](body)
        return Response(body, media_type="application/octet-stream", headers={"Content-Encoding": "gzip"})


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    parsed: dict[str, Any] = json.loads(body) if body else {}
    return parsed


def _token(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if not header.startswith(_TOKEN_PREFIX):
        raise Refusal(390103, "08001", "Session token not found in the request data.")
    return header.removeprefix(_TOKEN_PREFIX).rstrip('"')


async def _accepted(_request: Request) -> JSONResponse:
    return JSONResponse({"data": None, "code": None, "message": None, "success": True})


async def _finished(_request: Request) -> JSONResponse:
    return JSONResponse({"data": {"queries": [{"status": "SUCCESS"}]}, "success": True})


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(refusal_for(error).as_answer())
