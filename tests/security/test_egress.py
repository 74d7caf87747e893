"""No spelling of a forbidden address gets a packet out of the service, whatever adapter it is given to (figure S11).

The traps listen on every address of this machine; what is not this machine's is refused before a socket is made, which an audit hook sees.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fixtures.postgres import running_postgres
from tests.fixtures.postgres_proxy import startup_proxy
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse

SPELLINGS = [
    # this machine
    *(
        "127.0.0.1",
        "127.0.0.2",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "LocalHost.",
    ),
    *(
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.1",
        "0177.0.0.1",
        "0x7f.0x0.0x0.0x1",
        "127.0.0x1",
        "0X7F000001",
    ),
    *(
        "::1",
        "[::1]",
        "0:0:0:0:0:0:0:1",
        "0000:0000:0000:0000:0000:0000:0000:0001",
        "::0001",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
    ),
    *(
        "[::ffff:127.0.0.1]",
        "::127.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "2002:7f00:0001::1",
    ),
    # nobody
    *(
        "0.0.0.0",
        "0",
        "0.0",
        "0x0",
        "00.00.00.00",
        "0.1.2.3",
        "::",
        "[::]",
        "0:0:0:0:0:0:0:0",
        "::ffff:0.0.0.0",
        "::ffff:0:0",
    ),
    # the link, and what clouds keep there
    *(
        "169.254.169.254",
        "169.254.1.1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xa9.254.0251.254",
        "169.254.43518",
    ),
    *("::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    *(
        "fe80::1",
        "[fe80::1]",
        "fe80::1%lo",
        "febf::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
    ),
    # networks of one's own
    *(
        "10.0.0.1",
        "10.1",
        "167772161",
        "0xa000001",
        "012.0.0.1",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.0.1",
        "192.168.257",
    ),
    *(
        "3232235521",
        "100.64.0.1",
        "198.18.0.1",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "::ffff:192.168.0.1",
    ),
    *("64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1", "2001:0:0:0:0:0:f5ff:fffe"),
    # many, and reserved
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "ff02::1", "4294967295", "0xffffffff"),
    # something else than a host
    *(
        "127.0.0.1:5432",
        "user@127.0.0.1",
        "127.0.0.1,10.0.0.1",
        "127.0.0.1 ",
        " 127.0.0.1",
        "127.0.0.1\n",
        "127.0.0.1\x00.example",
    ),
    *(
        "/var/run/postgresql",
        "@/tmp",
        "host=127.0.0.1",
        "postgresql://127.0.0.1",
        "http://127.0.0.1",
        "127.0.0.1/x",
        "127.0.0.1#x",
    ),
    *("127。0。0。1", "ⓛocalhost", "127.0.0.1%00", "%6c%6f%63alhost", "1⃣27.0.0.1", "", " ", "." * 300, "a" * 300),
]


@dataclass
class Trap:
    """Listens on all addresses of this machine, both kinds, at one port; counts who comes."""

    port: int = 0
    caught: list[str] = field(default_factory=list)
    _servers: list[socket.socket] = field(default_factory=list)

    def at(self, address: str, port: int) -> Trap:
        """The same at one address alone."""
        self.port = port
        self._servers = [socket.create_server((address, port))]
        return self

    def __enter__(self) -> Trap:
        if not self._servers:
            four = socket.create_server(("0.0.0.0", 0))
            self.port = four.getsockname()[1]
            self._servers = [four]
            with suppress(OSError):  # a machine without IPv6
                self._servers.append(socket.create_server(("::", self.port), family=socket.AF_INET6))
        for server in self._servers:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                visitor, who = server.accept()
                self.caught.append(str(who))
                visitor.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    with Trap() as listening:
        yield listening


_attempts: list[object] = []
_is_watching = threading.Event()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"} and _is_watching.is_set():
        _attempts.append(arguments[1])


sys.addaudithook(_watch)


@pytest.fixture
def attempts() -> Iterator[list[object]]:
    """Where Python code tried to connect to while the test ran."""
    _attempts.clear()
    _is_watching.set()
    yield _attempts
    _is_watching.clear()


def _postgres(host: str, port: int) -> WarehouseAddress:
    fields = {"host": host, "port": str(port), "database": "d", "user": "u", "sslmode": "disable"}
    return WarehouseAddress("postgres", fields, {"password": Secret("hunter22")})


def _redshift(host: str, port: int) -> WarehouseAddress:
    fields = {"host": host, "port": str(port), "database": "d", "user": "u", "sslmode": "disable"}
    return WarehouseAddress("redshift", fields, {"password": Secret("hunter22")})


def _snowflake_account(host: str, port: int) -> WarehouseAddress:
    return _snowflake(host, "us-central1.gcp")


def _snowflake_region(host: str, port: int) -> WarehouseAddress:
    return _snowflake("gd1234", host)


def _snowflake(account: str, region: str) -> WarehouseAddress:
    fields = {
        "source_account_id": account,
        "region": region,
        "warehouse": "w",
        "database": "d",
        "role": "r",
        "user": "u",
    }
    return WarehouseAddress("snowflake", fields, {"password": Secret("hunter22")})


def _databricks(host: str, port: int) -> WarehouseAddress:
    fields = {"server_hostname": host, "http_path": "/sql/1.0/warehouses/abc", "catalog": "main"}
    return WarehouseAddress("databricks", fields, {"access_token": Secret("hunter22")})


def _databricks_workspace(host: str, port: int) -> WarehouseAddress:
    return _databricks(f"{host}.azuredatabricks.net", port)


def _bigquery_token(host: str, port: int) -> WarehouseAddress:
    return _bigquery(token_uri=f"http://{host}:{port}/token")


def _bigquery_universe(host: str, port: int) -> WarehouseAddress:
    return _bigquery(universe_domain=host)


def _bigquery(**key: str) -> WarehouseAddress:
    fields = {"region": "us-east4", "project_id": "p", "dataset_id": "d", "service_account_id": "robot"}
    known = {"type": "service_account", "client_email": "robot", "private_key": _PRIVATE_KEY, **key}
    return WarehouseAddress("bigquery", fields, {"service_account_key": Secret(json.dumps(known))})


_PRIVATE_KEY = (
    rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)

DOORS: dict[str, Callable[[str, int], WarehouseAddress]] = {
    "postgres": _postgres,
    "redshift": _redshift,
    "snowflake account": _snowflake_account,
    "snowflake region": _snowflake_region,
    "databricks": _databricks,
    "databricks workspace": _databricks_workspace,
    "bigquery token": _bigquery_token,
    "bigquery universe": _bigquery_universe,
}
"""The fields of each type of warehouse that have to do with where it is."""

VERBS: dict[str, Callable[[Warehouse], object]] = {
    "create and test": lambda warehouse: warehouse.check(),
    "probe": lambda warehouse: warehouse.probe("SELECT 1"),
    "run": lambda warehouse: list(warehouse.fetch("SELECT 1")),
}


def test_there_are_many_spellings() -> None:
    assert len(set(SPELLINGS)) == len(SPELLINGS) >= 60


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("verb", VERBS)
def test_no_spelling_of_a_forbidden_address_gets_a_packet_out(
    door: str, verb: str, trap: Trap, attempts: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    if door.startswith(
        ("snowflake", "databricks")
    ):  # what is left then is a name below the vendor's domain: not to be looked up
        monkeypatch.setattr(socket, "getaddrinfo", _only_literals)
    for host in SPELLINGS:
        with pytest.raises(WarehouseError) as caught:
            _talk(DOORS[door](host, trap.port), VERBS[verb])
        error = caught.value
        assert error.step in {WarehouseStep.CONFIGURE, WarehouseStep.RESOLVE}, (host, error.step, error.message)
        assert error.fault in {
            WarehouseFault.EGRESS_DENIED,
            WarehouseFault.MISCONFIGURED,
            WarehouseFault.UNREACHABLE,  # no such host
        }, (host, error.message)
    assert attempts == []
    assert trap.caught == []


class _Lying(BaseHTTPRequestHandler):
    """A workspace that has every statement done at once, with its rows at an address of the test's choice."""

    link = ""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.rfile.read(length)
        manifest = {"schema": {"columns": []}, "total_row_count": 1}
        links = [{"external_link": self.link}]
        done = {"statement_id": "s", "status": {"state": "SUCCEEDED"}, "manifest": manifest}
        body = json.dumps({**done, "result": {"external_links": links}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_no_link_to_rows_leads_to_a_forbidden_address(trap: Trap, attempts: list[object]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Lying) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        own = server.server_address[:2]
        policy = WarehousePolicy(databricks_endpoint=f"http://127.0.0.1:{own[1]}", login_timeout_seconds=2)
        talking = open_warehouse(_databricks("adb-1.azuredatabricks.net", 0), policy, query_tag="egress")
        for host in SPELLINGS:
            _Lying.link = f"http://{host}:{trap.port}/rows"
            with pytest.raises(WarehouseError) as caught:
                list(talking.fetch("SELECT 1"))
            assert caught.value.fault in {
                WarehouseFault.EGRESS_DENIED,
                WarehouseFault.PROTOCOL,  # it is no address of the web
                WarehouseFault.UNREACHABLE,  # no such host
            }, (host, caught.value.message)
        talking.close()
        server.shutdown()
    assert [place for place in attempts if place != own] == []
    assert trap.caught == []


def test_the_trap_would_have_noticed(trap: Trap, attempts: list[object]) -> None:
    policy = WarehousePolicy(allowed_private_hosts=(f"127.0.0.1:{trap.port}",), login_timeout_seconds=2)
    with pytest.raises(WarehouseError):
        _talk(_postgres("127.0.0.1", trap.port), VERBS["create and test"], policy)
    assert len(trap.caught) == len(attempts) > 0
    trap.caught.clear()


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Where a real PostgreSQL and the stand-in for Redshift listen, by the type of warehouse."""
    with running_postgres(md5_user="analyst") as server, startup_proxy(server.port) as proxied:
        server.execute("ALTER SYSTEM SET password_encryption = 'md5'", "SELECT pg_reload_conf()")
        server.execute("CREATE ROLE analyst LOGIN PASSWORD 'hunter22'")
        yield {"postgres": server.port, "redshift": proxied}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", ["postgres", "redshift"])
def test_a_name_that_changes_its_address_is_not_followed(
    kind: str, verb: str, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def changing(host: str, *arguments: Any, **options: Any) -> list[tuple[Any, ...]]:
        """First where the server is; from then on where the trap is."""
        if host != "db.test":
            return _real_getaddrinfo(host, *arguments, **options)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, ports[kind]))]

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    policy = WarehousePolicy(allowed_private_hosts=(f"db.test:{ports[kind]}",), login_timeout_seconds=5)
    fields = {"host": "db.test", "port": str(ports[kind]), "database": "postgres", "user": "analyst"}
    address = WarehouseAddress(kind, {**fields, "sslmode": "disable"}, {"password": Secret("hunter22")})
    with Trap().at("127.0.0.2", ports[kind]) as trap:
        _talk(address, VERBS[verb], policy)
        assert asked == ["db.test"]
        assert trap.caught == []


def test_a_name_that_leads_to_a_good_and_a_forbidden_address_is_refused(
    trap: Trap, attempts: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.1", "169.254.169.254")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    policy = WarehousePolicy(allowed_private_hosts=(f"db.test:{trap.port}",), login_timeout_seconds=2)
    for door in (_postgres, _redshift):
        with pytest.raises(WarehouseError) as caught:
            _talk(door("db.test", trap.port), VERBS["create and test"], policy)
        assert caught.value.fault is WarehouseFault.EGRESS_DENIED
    assert attempts == []
    assert trap.caught == []


def _talk(
    address: WarehouseAddress, verb: Callable[[Warehouse], object], policy: WarehousePolicy | None = None
) -> None:
    quick = policy or WarehousePolicy(login_timeout_seconds=2)
    with closing(open_warehouse(address, quick, query_tag="egress")) as warehouse:
        verb(warehouse)


_real_getaddrinfo = socket.getaddrinfo


def _only_literals(host: str, *arguments: Any, **options: Any) -> list[tuple[Any, ...]]:
    """A resolver that knows addresses in their spellings, and no names."""
    if host.endswith((".snowflakecomputing.com", ".azuredatabricks.net")):
        raise socket.gaierror("no such name")
    return _real_getaddrinfo(host, *arguments, **options)
