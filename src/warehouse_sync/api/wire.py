"""Where HTTP comes in: the sockets that are listened on. A head that does not end is cut off; what is no HTTP is refused in our shape."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import math
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from warehouse_sync.api.errors import failure_body
from warehouse_sync.errors import SettingsError

_LONGEST_REQUEST_LINE: Final = 4096
_NOT_OF_THIS_MACHINE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_TURNS: Final = itertools.count()
_REASONS: Final = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


@contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """A socket for each address that a host name means, all of one port; for port 0 a free one. Nobody listens on them yet.

    Raises:
        SettingsError: no address can be had; says why.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _, address in addresses:
                one = _bound(family, kind, protocol, (address[0], port, *address[2:]))
                if one is not None:
                    sockets.append(opened.enter_context(one))
                    port = one.getsockname()[1]
        except OSError as error:
            raise _cannot_listen(host, port, (error.strerror or str(error)).lower()) from error
        if not sockets:
            raise _cannot_listen(host, port, "the name means no address of this machine")
        yield sockets


def _bound(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> socket.socket | None:
    """None if this machine has no such address, as ``localhost`` means ::1 where there is no IPv6."""
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
    except OSError as error:
        opened.close()
        if error.errno in _NOT_OF_THIS_MACHINE:
            return None
        raise
    return opened


def _cannot_listen(host: str, port: int, reason: str) -> SettingsError:
    return SettingsError(
        f"The service cannot listen at {host}, port {port}: {reason}. Stop the program that does, or set another port with --port or "
        "another address with --host.",
        field="WAREHOUSE_SYNC_PORT",
    )


class BoundedProtocol(H11Protocol):
    """The server's protocol with ceilings on time and number; the length of a head is limited by the server's configuration.

    Attributes:
        head_seconds: from a connection's first sign of a request to the end of its headers.
        answer_seconds: for a client to take what it was sent, before it is hung up on.
        most_connections: above so many, the one that has waited longest for a head is hung up on. Those that have sent one stay.
    """

    head_seconds: ClassVar[float] = 10
    answer_seconds: ClassVar[float] = 120
    most_connections: ClassVar[int] = 4_000

    _deadline: asyncio.TimerHandle | None = None
    _turn = 0
    _answer_deadline: asyncio.TimerHandle | None = None
    _has_spoken = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.most_connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self._has_spoken = True
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._relax()
        elif self._deadline is None and not self.transport.is_closing():
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._is_taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._must_be_taken()

    def resume_writing(self) -> None:
        self._is_taken()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if (
            self.transport.get_write_buffer_size()
        ):  # also what is left when the connection is closed must be taken some time
            self._must_be_taken()

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

    def _make_room(self) -> None:
        """Hangs up on the connection that has waited longest for a head, which may be this one."""
        others = (other for other in self.connections if isinstance(other, BoundedProtocol))
        min(others, key=BoundedProtocol.turn, default=self).hang_up()

    def turn(self) -> float:
        """Its place in the order in which connections began to wait for a head; the last if a head is there.

        Times do not tell: a loop's clock stands still while it takes in all that came at once.
        """
        return math.inf if self._deadline is None else self._turn

    def hang_up(self) -> None:
        """Closes without a word, whatever is still to be sent."""
        self.transport.abort()

    def _await_head(self) -> None:
        self._turn = next(_TURNS)
        self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def _must_be_taken(self) -> None:
        self._is_taken()
        self._answer_deadline = self.loop.call_later(self.answer_seconds, self._hang_up)

    def _is_taken(self) -> None:
        if self._answer_deadline is not None:
            self._answer_deadline.cancel()
            self._answer_deadline = None

    def _hang_up(self) -> None:
        self._answer_deadline = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._relax()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # an answer is under way; nothing can be said between
            return
        body = json.dumps(failure_body(status, [{"message": message, "code": code}], path=self._path_so_far())).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"pragma", b"no-cache"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        answer = h11.Response(status_code=status, headers=headers, reason=_REASONS[status])
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _path_so_far(self) -> str:
        """The path of the request whose head was not taken; empty if even that is not there."""
        unread, _ = self.conn.trailing_data
        words = unread[:_LONGEST_REQUEST_LINE].split(b" ")
        return words[1].partition(b"?")[0].decode("ascii", "replace") if len(words) > 2 else ""
