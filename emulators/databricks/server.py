"""A stub of Databricks' Statement Execution API over DuckDB: ``python emulators/databricks/server.py --port 18090``.

Runs in the project's own environment, on the loopback interface only. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from pathlib import Path

if __package__ in (None, ""):  # run as a script
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import uvicorn

from emulators.databricks.api import Api, Workspace

HOST = "127.0.0.1"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A stub of Databricks' Statement Execution API on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=18090, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--token", action="append", default=[], help="a personal access token; repeatable")
    parser.add_argument(
        "--client", action="append", default=[], metavar="ID=SECRET", help="a service principal; repeatable"
    )
    parser.add_argument("--warehouse", default="abc123", help="id of the SQL warehouse there is (default: %(default)s)")
    parser.add_argument("--catalog", default="main", help="the catalog there is (default: %(default)s)")
    parser.add_argument(
        "--chunk-rows", type=int, default=100_000, help="most rows in one download (default: %(default)s)"
    )
    return parser.parse_args()


def main() -> None:
    """Serves until SIGTERM or Ctrl-C."""
    options = _options()
    try:
        listener = socket.create_server((HOST, options.port))
    except OSError as error:
        sys.exit(
            f"cannot listen: port {options.port} is taken or not allowed ({error.strerror}); choose another with --port"
        )
    clients = dict(client.split("=", 1) for client in options.client)
    workspace = Workspace(frozenset(options.token), clients, options.warehouse, options.catalog, options.chunk_rows)
    config = uvicorn.Config(Api(workspace).app(), log_level="warning", access_log=False, lifespan="off")
    print(f"listening on http://{HOST}:{listener.getsockname()[1]}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    os._exit(0)  # worker threads may still be busy with a result that nobody wants any more


if __name__ == "__main__":
    main()
