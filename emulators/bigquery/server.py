"""A local BigQuery for tests: ``python emulators/bigquery/server.py --port 0 --account robot@p.iam.gserviceaccount.com=robot.pub``.

bqemulator translates and executes; `front.py` stands before it, checks who asks and can stop a query. Runs in its own environment
(``.venvs/bigquery``), on the loopback interface only. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import threading
from collections import OrderedDict
from contextvars import ContextVar
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script
    sys.path[0] = str(Path(__file__).resolve().parents[2])

os.environ["HOME"] = str(Path(sys.prefix) / "home")  # where DuckDB looks for its extensions: not the home of the person

import grpc
import pyarrow as pa
import uvicorn
from bqemulator.api.routes import jobs
from bqemulator.config import LogLevel, Settings
from bqemulator.grpc_api.read_servicer import BigQueryReadHandler
from bqemulator.jobs import executor
from bqemulator.server import EmulatorServer
from bqemulator.storage.engine import DuckDBEngine
from duckdb_extensions.extension_importer import import_extension

from emulators.bigquery.front import Account, Front
from emulators.bigquery.permissions import OF_CALLS, ROLES, Permissions

HOST = "127.0.0.1"
KEPT_RESULTS = 8
_ONLY_TRIED: ContextVar[bool] = ContextVar("only_tried", default=False)
_RESULT_TABLE = '_bqemu_anonymous"."anon'


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A local BigQuery (emulated) on 127.0.0.1.")
    parser.add_argument(
        "--port", type=int, default=19050, help="of the REST API; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--project", default="demo-project", help="the project there is (default: %(default)s)")
    parser.add_argument("--dataset", default="shop", help="the dataset there is (default: %(default)s)")
    parser.add_argument("--location", default="us-east4", help="where it lies (default: %(default)s)")
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="EMAIL=FILE",
        help="a service account and its public key in PEM; repeatable",
    )
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        choices=ROLES,
        help="what the accounts may do; repeatable (default: everything)",
    )
    parser.add_argument("--sql", action="append", default=[], help="run before anybody comes; repeatable")
    parser.add_argument("--bytes", type=int, default=10_485_760, help="what every query bills (default: %(default)s)")
    return parser.parse_args()


class _RecentResults(OrderedDict[str, pa.Table]):
    """The results of the last few jobs. bqemulator would keep every one for ever."""

    def __setitem__(self, job: str, result: pa.Table) -> None:
        super().__setitem__(job, result)
        while len(self) > KEPT_RESULTS:
            self.popitem(last=False)


def _mend() -> None:
    """Lets the Storage API read results of queries, not tables alone, forgets old ones, gives NUMERIC 38 digits, and runs no dry run."""
    recent = _RecentResults()
    for module in list(sys.modules.values()):
        if getattr(module, "JOB_RESULTS", None) is executor.JOB_RESULTS and module is not executor:
            module.JOB_RESULTS = recent
    executor.JOB_RESULTS = recent
    fetch_arrow, dry_run = DuckDBEngine.fetch_arrow, jobs._dry_run_response

    async def tried(**named: Any) -> Any:
        mark = _ONLY_TRIED.set(True)
        try:
            return await dry_run(**named)
        finally:
            _ONLY_TRIED.reset(mark)

    def mended(self: DuckDBEngine, sql: str, *arguments: Any, **named: Any) -> pa.Table:
        _, found, rest = sql.partition(_RESULT_TABLE)
        if found:
            wanted = rest.partition('"')[0]
            for job, result in recent.items():
                if job.replace("-", "") == wanted:
                    return result
        if _ONLY_TRIED.get():
            sql = f"SELECT * FROM ({sql}) LIMIT 0"
        return fetch_arrow(self, sql, *arguments, **named)

    execute = DuckDBEngine.execute

    def exact(self: DuckDBEngine, sql: str, *arguments: Any, **named: Any) -> Any:
        return execute(self, sql.replace(" AS DECIMAL)", " AS DECIMAL(38, 9))"), *arguments, **named)

    DuckDBEngine.fetch_arrow, DuckDBEngine.execute = mended, exact
    jobs._dry_run_response = tried


def _guard(permissions: Permissions) -> None:
    """Lets the Storage API ask for permissions. It does not know who calls."""
    served = BigQueryReadHandler.service

    def guarded(self: BigQueryReadHandler, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        needed = OF_CALLS.get(call.method.rpartition("/")[2])
        if needed is not None and permissions.hold(needed):
            return served(self, call)
        told = f"Permission denied: {needed or call.method}"
        return grpc.unary_unary_rpc_method_handler(
            lambda _, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, told)
        )

    BigQueryReadHandler.service = guarded


def _start_front(front: Front, listener: socket.socket) -> None:
    """Serves on a thread of its own: bqemulator's own loop stands still while a query runs."""
    config = uvicorn.Config(front.app(), log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()


async def _serve(options: argparse.Namespace, listener: socket.socket) -> None:
    emulator = EmulatorServer(
        Settings(rest_port=0, grpc_port=0, log_level=LogLevel.ERROR, default_project_id=options.project)
    )
    await emulator.start()
    accounts = [Account.parse(text) for text in options.account]
    permissions = Permissions(options.role)
    _guard(permissions)
    front = Front(emulator.rest_url, accounts, options.bytes, emulator._engine.connection.interrupt, permissions)
    _start_front(front, listener)
    dataset = {
        "datasetReference": {"projectId": options.project, "datasetId": options.dataset},
        "location": options.location,
    }
    await front.inside("POST", f"/bigquery/v2/projects/{options.project}/datasets", dataset)
    for sql in options.sql:
        query = {"configuration": {"query": {"query": sql, "useLegacySql": False}}}
        await front.inside("POST", f"/bigquery/v2/projects/{options.project}/jobs", query)
    rest = f"http://{HOST}:{listener.getsockname()[1]}"
    print(f"listening on {rest} and {emulator.grpc_endpoint}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serves until SIGTERM or Ctrl-C."""
    options = _options()
    home = Path(os.environ["HOME"])
    home.mkdir(exist_ok=True)
    if not list(home.glob(".duckdb/extensions/*/*/spatial.duckdb_extension")):
        import_extension("spatial")
    try:
        listener = socket.create_server((HOST, options.port))
    except OSError as error:
        sys.exit(
            f"cannot listen: port {options.port} is taken or not allowed ({error.strerror}); choose another with --port"
        )
    _mend()
    try:
        asyncio.run(_serve(options, listener))
    except KeyboardInterrupt:
        os._exit(0)


if __name__ == "__main__":
    main()
