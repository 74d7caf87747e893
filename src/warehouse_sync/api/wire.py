"""HTTP as it comes from the socket: a head that does not end is cut off, and what is no HTTP is refused in our own shape."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class BoundedProtocol(H11Protocol):
    """The server's protocol with a time limit on a request's head; its length is limited by the server's configuration.

    Attributes:
        head_seconds: from a connection's first sign of a request to the end of its headers.
    """

    head_seconds: ClassVar[float] = 10

    _deadline: asyncio.TimerHandle | None = None
    _has_spoken = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def data_received(self, data: bytes) -> None:
        self._has_spoken = True
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._relax()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's words, which are not ours
        """Called by the server while it handles what its parser could not read."""
        error = sys.exception()
        too_long = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431
        if too_long:
            self._refuse(431, "headers_too_large", "The request line and the headers are together too long. Send less.")
        else:
            self._refuse(400, "invalid_request", "This is not an HTTP request that can be read.")

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
            return
        if self._has_spoken and self.conn.our_state is h11.IDLE:
            self._refuse(408, "request_timed_out", f"The headers did not come within {self.head_seconds:g} seconds.")
        else:
            self.transport.close()

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._relax()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # an answer is under way; nothing can be said between
            return
        body = json.dumps({"statusCode": status, "errors": [{"message": message, "code": code}]}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        answer = h11.Response(status_code=status, headers=headers, reason=_REASONS[status])
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
