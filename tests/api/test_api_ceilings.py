"""Every ceiling on requests, at its limit and one above (S12). What the server itself cuts is tried over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse_sync.api.app import create_app
from warehouse_sync.api.ceilings import MAX_HEAD_BYTES, Patience, RequestLimits
from warehouse_sync.api.middleware import MAX_JSON_DEPTH, MAX_TOKEN_BODY_BYTES, Numbering
from warehouse_sync.api.request_rate import RequestRate
from warehouse_sync.api.wire import BoundedProtocol

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
PROFILE = "/userprofile/v1/1/2/5328/1?fields=user_attributes"


def ours(answer: Any, status: int) -> dict[str, Any]:
    """The one error of a refusal in our shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["statusCode"] == status
    assert set(body["errors"][0]) >= {"message", "code"}
    return body["errors"][0]


def of_rfc_6749(status: int, headers: Any, body: Any, wanted: int, error: str = "invalid_request") -> None:
    """The answer is one of the token endpoint's: its own body, and never to be stored (RFC 6749 §5.2)."""
    assert (status, body["error"]) == (wanted, error)
    assert set(body) == {"error", "error_description"}
    assert (headers["cache-control"], headers["pragma"]) == ("no-store", "no-cache")


def client_of(plane: Any, **limits: Any) -> httpx.Client:
    """A client of an application with other limits, on the same services."""
    app = create_app(plane.services, limits=RequestLimits(**limits))
    return httpx.Client(
        transport=type(plane.client._transport)(app), base_url="http://testserver", headers=plane.client.headers
    )


# --- how often --------------------------------------------------------------------------------------------------------------------


def test_fifteen_profiles_a_second_and_not_sixteen() -> None:
    rate = RequestRate(15)
    assert [rate.wait("a", 100.0) for _ in range(15)] == [0.0] * 15
    assert rate.percentage("a") == 100
    assert rate.wait("a", 100.0) == pytest.approx(1 / 15)
    assert rate.wait("b", 100.0) == 0
    assert rate.wait("a", 100.0 + 1 / 15) == 0
    assert rate.wait("a", 100.0 + 1 / 15) > 0
    assert [rate.wait("a", 102.0) for _ in range(15)] == [0.0] * 15


def test_memory_is_bounded() -> None:
    rate = RequestRate(1)
    for number in range(10_050):
        rate.wait(str(number), float(number))
    assert len(rate._filled) == 10_000


def test_too_many_requests_are_told_when_to_come_again(plane: Any) -> None:
    with client_of(plane, profile_per_second=2, control_per_second=3) as client:
        answers = [client.get(PROFILE) for _ in range(12)]
        assert [answer.status_code for answer in answers[:2]] == [400, 400]  # no such profile
        assert answers[0].headers["x-mp-rate-limit-percentage-used"] == "50"
        refused = next(
            answer for answer in answers if answer.status_code == 429
        )  # the third, unless the machine is slow
        assert ours(refused, 429)["code"] == "rate_limited"
        assert refused.headers["x-mp-rate-limit-exceeded"] == "account"
        assert int(refused.headers["retry-after"]) >= 1
        control = [client.get(f"{BASE}/pipelines").status_code for _ in range(12)]
        assert control[:3] == [200, 200, 200]
        assert 429 in control
        other = client.get(f"{BASE}/pipelines", headers=plane.headers())
        assert other.status_code == 200
        envelope = client.get("/v1/workspace")
        assert (envelope.status_code, envelope.json()["data"]) == (429, None)
        assert client.get("/health").status_code == 200


# --- how much ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "status"), [(2000, 400), (2001, 413)])
def test_the_body(plane: Any, size: int, status: int) -> None:
    with client_of(plane, body_bytes=2000) as client:
        body = json.dumps({"name": ""}).encode()
        answer = client.post(f"{BASE}/pipelines", content=body + b" " * (size - len(body)))
        ours(answer, status)
        assert (answer.headers.get("connection") == "close") == (status == 413)


@pytest.mark.parametrize(("size", "status"), [(MAX_TOKEN_BODY_BYTES, 400), (MAX_TOKEN_BODY_BYTES + 1, 413)])
def test_the_body_of_a_token_request_which_anybody_may_send(plane: Any, size: int, status: int) -> None:
    answer = plane.client.post("/oauth/token", content=b"{}".ljust(size))
    of_rfc_6749(answer.status_code, answer.headers, answer.json(), status)
    assert (answer.headers.get("connection") == "close") == (status == 413)


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        ({"content": b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1)}, 400),
        ({"content": b"{}", "headers": {"X-Long": "x" * MAX_HEAD_BYTES}}, 431),
    ],
)
def test_a_token_request_is_refused_as_its_standard_wants(plane: Any, request_of: dict[str, Any], status: int) -> None:
    answer = plane.client.post("/oauth/token", **request_of)
    of_rfc_6749(answer.status_code, answer.headers, answer.json(), status)


def test_a_token_request_with_another_method_is_refused_as_its_standard_wants(plane: Any) -> None:
    answer = plane.client.get("/oauth/token")
    of_rfc_6749(answer.status_code, answer.headers, answer.json(), 405)
    assert answer.headers["allow"] == "POST"


def test_a_token_request_that_finds_no_place_is_told_to_come_again(plane: Any) -> None:
    with client_of(plane, at_once=0) as client:
        answer = client.post("/oauth/token", json={})
    of_rfc_6749(answer.status_code, answer.headers, answer.json(), 503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(("depth", "message"), [(MAX_JSON_DEPTH, "JSON object"), (MAX_JSON_DEPTH + 1, "nested")])
def test_the_depth(plane: Any, depth: int, message: str) -> None:
    answer = plane.client.post(f"{BASE}/pipelines", content=b"[" * depth + b"]" * depth)
    assert message in ours(answer, 400)["message"]


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 400), (0, 400), (10**30, 400)])
def test_the_page(plane: Any, size: int, status: int) -> None:
    plane.on_demand()
    answer = plane.client.get(f"{BASE}/pipelines/crm-pipeline/status/runs", params={"pageSize": size})
    assert answer.status_code == status


@pytest.mark.parametrize(("size", "status"), [(65_536, 200), (65_537, 400)])
def test_the_query(plane: Any, data_model: Any, size: int, status: int) -> None:
    query = data_model()["sql_query"]
    body = data_model(sql_query=query + " " * (size - len(query)))
    assert plane.client.post(f"{BASE}/data-models", json=body).status_code == status


def test_the_number_of_requests_at_once(plane: Any) -> None:
    release, entered = threading.Event(), threading.Semaphore(0)

    class Slow:
        def all_of(self, *_: object) -> list[Any]:
            entered.release()
            release.wait(30)
            return []

    object.__setattr__(plane.services, "pipelines", Slow())
    with client_of(plane, at_once=2) as client:
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda: results.append(client.get(f"{BASE}/pipelines").status_code))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
            assert entered.acquire(timeout=10)
        refused = client.get(f"{BASE}/connections")
        assert ours(refused, 503)["code"] == "too_busy"
        assert refused.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
        release.set()
        for thread in threads:
            thread.join()
        assert results == [200, 200]
        assert client.get(f"{BASE}/connections").status_code == 200


def test_the_time(plane: Any) -> None:
    release = threading.Event()

    class Slow:
        def all_of(self, *_: object) -> list[Any]:
            release.wait(30)
            return []

    object.__setattr__(plane.services, "pipelines", Slow())
    app = create_app(plane.services, limits=RequestLimits(seconds=0.2, at_once=1))
    headers = dict(plane.client.headers)

    async def scenario() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
            late = await client.get(f"{BASE}/pipelines")
            busy = await client.get(f"{BASE}/connections")  # the work that nobody waits for still takes its place
            release.set()
            await asyncio.sleep(0.5)
            return late, busy, await client.get(f"{BASE}/connections")

    late, busy, free = asyncio.run(scenario())
    assert ours(late, 504)["code"] == "request_timed_out"
    assert late.headers["x-request-id"]
    assert (busy.status_code, free.status_code) == (503, 200)


def test_an_answer_that_has_begun_goes_on_to_its_end() -> None:
    sent: list[Message] = []

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"whole"})

    async def note(message: Message) -> None:
        sent.append(message)

    asyncio.run(Patience(long, seconds=0.1)({"type": "http", "path": "/"}, None, note))  # type: ignore[arg-type]
    assert [message.get("body") for message in sent] == [None, b"whole"]


# --- over real sockets ------------------------------------------------------------------------------------------------------------


class _Impatient(BoundedProtocol):
    head_seconds = 0.4
    answer_seconds = 0.5


class _Narrow(BoundedProtocol):
    most_connections = 3


@contextmanager
def serving(app: ASGIApp, protocol: type[BoundedProtocol] = _Impatient) -> Iterator[int]:
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=protocol,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def port(plane: Any) -> Iterator[int]:
    with serving(create_app(plane.services, limits=RequestLimits(body_seconds=0.4))) as number:
        yield number


def talk(port: int, *parts: bytes, pause: float = 0.0) -> tuple[int, bytes]:
    """Status and body of what the server says until it closes or falls silent; 0 if it just closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        received = b""
        try:
            while chunk := connection.recv(65_536):
                received += chunk
                head, _, body = received.partition(b"\r\n\r\n")
                if b"\r\n\r\n" in received and b"content-length: %d" % len(body) in head.lower():
                    break
        except ConnectionError:
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


def request_of(size: int) -> bytes:
    """A request for the health whose head has exactly this many bytes."""
    start, end = b"GET /health HTTP/1.1\r\nHost: t\r\nX-Long: ", b"\r\n\r\n"
    return start + b"x" * (size - len(start) - len(end)) + end


def error_of(body: bytes) -> tuple[int, str]:
    answer = json.loads(body)
    return answer["statusCode"], answer["errors"][0]["code"]


@pytest.mark.parametrize("pieces", [1, 4])
def test_the_head(port: int, pieces: int) -> None:
    for size, status in ((MAX_HEAD_BYTES, 200), (MAX_HEAD_BYTES + 1, 431), (4 * MAX_HEAD_BYTES, 431)):
        text = request_of(size)
        step = -(-len(text) // pieces)
        found, body = talk(port, *[text[at : at + step] for at in range(0, len(text), step)], pause=0.05)
        assert found == status, size
        if status == 431:
            assert error_of(body) == (431, "headers_too_large")


def test_a_head_that_never_ends(port: int) -> None:
    started = time.monotonic()
    status, body = talk(port, b"GET /health HTTP/1.1\r\n", *[b"X: y\r\n"] * 20, pause=0.1)
    assert (status, error_of(body)) == (408, (408, "request_timed_out"))
    assert time.monotonic() - started < 5


def test_a_connection_that_never_speaks(port: int) -> None:
    started = time.monotonic()
    assert talk(port) == (0, b"")
    assert 0.3 < time.monotonic() - started < 3


def test_a_head_that_never_ends_after_a_request_that_did(port: int) -> None:
    whole = b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(whole)
        answer = b""
        while b'{"status":"ok"}' not in answer:  # head and body may come one after the other
            answer += connection.recv(65_536)
        connection.sendall(b"GET /heal")
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 408")


def test_a_request_that_is_not_slow_outlives_the_time_for_its_head(plane: Any) -> None:
    class Slow:
        def all_of(self, *_: object) -> list[Any]:
            time.sleep(1)
            return []

    object.__setattr__(plane.services, "pipelines", Slow())
    with serving(create_app(plane.services)) as number:
        answer = httpx.get(
            f"http://127.0.0.1:{number}{BASE}/pipelines",
            headers={"Authorization": plane.client.headers["Authorization"]},
        )
        assert answer.status_code == 200


def test_a_body_that_never_ends(port: int) -> None:
    head = b"POST /oauth/token HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n"
    status, body = talk(port, head, *[b"x"] * 10, pause=0.1)
    assert status == 408
    assert json.loads(body) == {
        "error": "invalid_request",
        "error_description": "The body did not come within 0.4 seconds. Send it again, faster.",
    }
    status, body = talk(port, head.replace(b"oauth/token", b"v1/workspace"), b"", pause=0.1)
    assert status == 401  # strangers' bodies are not waited for


@pytest.mark.parametrize(("target", "of_token"), [(b"/oauth/token?x=1", True), (b"/oauth/tokens", False)])
def test_a_token_request_whose_head_is_not_taken(port: int, target: bytes, of_token: bool) -> None:
    status, body = talk(
        port, b"POST %s HTTP/1.1\r\nHost: t\r\nX-Long: " % target, b"x" * 4 * MAX_HEAD_BYTES, pause=0.05
    )
    assert (status, "error" in json.loads(body)) == (431, of_token)
    status, body = talk(port, b"POST %s HTTP/1.1\r\n" % target, b"X: y\r\n", pause=0.1)
    assert (status, "error" in json.loads(body)) == (408, of_token)


@pytest.mark.parametrize("text", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"HELLO\r\n\r\n"])
def test_what_is_no_http(port: int, text: bytes) -> None:
    status, body = talk(port, text)
    assert (status, error_of(body)) == (400, (400, "invalid_request"))


def test_slow_connections_hold_up_nobody(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    for connection in slow:
        connection.sendall(b"GET /health HTTP/1.1\r\n")
    started = time.monotonic()
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    assert time.monotonic() - started < 2
    for connection in slow:
        connection.close()


def plug(port: int, said: bytes) -> socket.socket:
    """A connection whose system takes hardly anything that is not read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    connection.sendall(said)
    return connection


def read_to_the_end(connection: socket.socket) -> bytes:
    received = bytearray()
    with suppress(ConnectionError):
        while chunk := connection.recv(1 << 20):
            received += chunk
    return bytes(received)


async def much(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers more than any system takes for a client that does not read."""
    assert scope["type"] == "http", "this is no application with a lifespan"
    headers = [(b"content-length", b"%d" % (32 << 20))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(32 << 20)})


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_an_answer_that_nobody_takes_is_given_up(close: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nHost: t\r\n" + close + b"\r\n"
    with serving(Numbering(much)) as number, plug(number, head) as slow:
        assert slow.recv(1)
        time.sleep(1.5)
        assert len(read_to_the_end(slow)) < 32 << 20


def test_an_answer_that_is_taken_late_is_not_given_up() -> None:
    with serving(Numbering(much)) as number, socket.create_connection(("127.0.0.1", number), timeout=10) as late:
        late.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)
        assert len(read_to_the_end(late)) > 32 << 20


def test_a_long_answer_goes_out_in_pieces() -> None:
    sent: list[Message] = []

    async def note(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/", "headers": []}
    asyncio.run(Numbering(much)(scope, None, note))  # type: ignore[arg-type]
    bodies = [message for message in sent if message["type"] == "http.response.body"]
    assert max(len(message["body"]) for message in bodies) <= 64 * 1024
    assert sum(len(message["body"]) for message in bodies) == 32 << 20
    assert [message["more_body"] for message in bodies] == [True] * (len(bodies) - 1) + [False]


def test_above_so_many_connections_the_longest_silent_one_is_hung_up_on(plane: Any) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: t\r\n"
    with serving(create_app(plane.services), _Narrow) as number, plug(number, head + b"\r\n") as known:
        assert known.recv(1)
        with plug(number, head) as first, plug(number, head) as second, plug(number, b"") as third:
            assert read_to_the_end(first) == b""  # at once, or after ten seconds with a sentence
            second.sendall(b"\r\n")
            third.sendall(head + b"\r\n")
            assert second.recv(12) == third.recv(12) == b"HTTP/1.1 200"
