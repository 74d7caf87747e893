"""A local Snowflake for tests and demonstrations: ``python emulators/snowflake/server.py --port 18061 --sample 100000``.

Runs in its own environment (``.venvs/snowflake``), on the loopback interface only. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import time
import warnings
from pathlib import Path

if __package__ in (None, ""):  # run as a script: this folder would hide the package "snowflake" of the connector
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fakesnow.instance import FakeSnow

from emulators.snowflake import sample
from emulators.snowflake.faults import NO_FAULT, parse_fault
from emulators.snowflake.logins import KEY_PROPERTIES, Logins
from emulators.snowflake.results import SmallResults
from emulators.snowflake.sessions import Account, Sessions
from emulators.snowflake.wire import Wire

HOST = "127.0.0.1"
DEFAULT_USER, DEFAULT_PASSWORD = "demo", "demo"
STOP_SECONDS = 1


class _Server(uvicorn.Server):
    """Says when it is ready, and lets no running statement delay the end."""

    def __init__(self, config: uvicorn.Config, address: str, sessions: Sessions) -> None:
        super().__init__(config)
        self._address = address
        self._sessions = sessions

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"listening on {self._address}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sessions.cancel_all()
        await super().shutdown(sockets)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A local Snowflake (emulated) on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=18061, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--user", action="append", help=f"login name; repeatable (default: {DEFAULT_USER})")
    parser.add_argument("--password", action="append", help="one for each --user, in the same order")
    parser.add_argument(
        "--public-key",
        action="append",
        type=_named,
        metavar="USER=FILE",
        help="PEM file of a key pair; two for each user",
    )
    parser.add_argument("--oauth-token", action="append", type=_named, metavar="USER=TOKEN", help="repeatable")
    parser.add_argument(
        "--access-token",
        action="append",
        type=_named,
        metavar="USER=TOKEN",
        help="programmatic access token; repeatable",
    )
    parser.add_argument("--role", action="append", help="the roles there are; repeatable (default: any)")
    parser.add_argument("--warehouse", action="append", help="the warehouses there are; repeatable (default: any)")
    parser.add_argument(
        "--database", action="append", help="the databases there are; repeatable (default: made at log-in)"
    )
    parser.add_argument("--chunk-rows", type=int, default=100_000, help="most rows per download (default: %(default)s)")
    parser.add_argument(
        "--integer-width",
        choices=("result", "chunk"),
        default="result",
        help="what chooses the width of integers: the values of the result, or of each chunk (default: %(default)s)",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep databases in this folder (default: in memory)")
    parser.add_argument("--sample", type=int, metavar="N", help="fill the sample shop with N customers")
    parser.add_argument(
        "--fault",
        type=parse_fault,
        default=NO_FAULT,
        metavar="NAME:ROWS",
        help="misbehave once ROWS rows of a result were sent, e.g. drop-after:50000; a wrong name lists those there are",
    )
    options = parser.parse_args()
    options.user = options.user or [DEFAULT_USER]
    options.password = options.password or [DEFAULT_PASSWORD]
    if len(options.user) != len(options.password):
        parser.error("give one --password for each --user, in the same order")
    if options.chunk_rows < 1:
        parser.error("--chunk-rows must be at least 1")
    if options.sample is not None and options.sample < sample.FEWEST_CUSTOMERS:
        parser.error(f"--sample must be at least {sample.FEWEST_CUSTOMERS}")
    return options


def _named(text: str) -> tuple[str, str]:
    user, equals, value = text.partition("=")
    if not user or not equals or not value:
        raise argparse.ArgumentTypeError(f"{user or text!r} needs a user and a value, like DEMO=value")
    return user.upper(), value


def _public_keys(given: list[tuple[str, str]]) -> dict[str, dict[str, RSAPublicKey]]:
    keys: dict[str, dict[str, RSAPublicKey]] = {}
    for user, file in given:
        key, known = load_pem_public_key(Path(file).read_bytes()), keys.setdefault(user, {})
        if not isinstance(key, RSAPublicKey) or len(known) == len(KEY_PROPERTIES):
            sys.exit(f"{file} is not an RSA key, or the third of {user}: a user has at most {len(KEY_PROPERTIES)}")
        known[KEY_PROPERTIES[len(known)]] = key
    return keys


def _names(given: list[str] | None) -> frozenset[str] | None:
    return frozenset(name.upper() for name in given) if given else None


def _account(options: argparse.Namespace) -> Account:
    logins = Logins(
        {user.upper(): password for user, password in zip(options.user, options.password, strict=True)},
        _public_keys(options.public_key or []),
        dict(options.oauth_token or []),
        dict(options.access_token or []),
    )
    return Account(logins, _names(options.role), _names(options.warehouse), _names(options.database))


def _instance(options: argparse.Namespace) -> FakeSnow:
    if options.data is not None:
        options.data.mkdir(parents=True, exist_ok=True)
    instance = FakeSnow(db_path=options.data)
    instance.results_cache = SmallResults()
    for database in options.database or ():
        instance.connect(database, "PUBLIC").close()
    if options.sample is not None:
        started = time.monotonic()
        made = sample.create(instance, options.sample)
        took = time.monotonic() - started
        print(f"sample shop: {made} customers in {took:.1f} s" if made else "sample shop: kept as it is", flush=True)
    return instance


def main() -> None:
    """Serves until SIGTERM or Ctrl-C."""
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    options = _options()
    try:
        listener = socket.create_server((HOST, options.port))
    except OSError as error:
        sys.exit(
            f"cannot listen: port {options.port} is taken or not allowed ({error.strerror}); choose another with --port"
        )
    sessions = Sessions(_instance(options), _account(options))
    wire = Wire(sessions, options.chunk_rows, options.fault, options.integer_width == "chunk")
    config = uvicorn.Config(
        wire.app(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=STOP_SECONDS
    )
    server = _Server(config, f"http://{HOST}:{listener.getsockname()[1]}", sessions)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    sys.stdout.flush()
    os._exit(0)  # worker threads may still be busy with a result that nobody wants any more


if __name__ == "__main__":
    main()
