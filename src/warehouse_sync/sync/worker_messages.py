"""What parent and child say to each other: one JSON object per line.

Parent to child: ``{"verb": "open", …}`` first, then one command at a time, and ``{"verb": "cancel"}`` at any time. Child to parent: any
number of ``progress``, then one ``result`` or ``error`` for each command.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.run import WORKER_DIED
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import (
    RunError,
    StoreError,
    WarehouseError,
    WarehouseFault,
    WarehouseStep,
    WarehouseSyncError,
)
from warehouse_sync.sync.spool import SpoolRequest

Message = Mapping[str, Any]


def line(message: Message) -> bytes:
    return json.dumps(message).encode() + b"\n"


def address_message(address: WarehouseAddress) -> Message:
    """An address with its secrets in plain text: only ever written into the child's standard input."""
    secrets = {name: secret.reveal() for name, secret in address.secrets.items()}
    return {"type": address.type, "parameters": dict(address.parameters), "secrets": secrets}


def address_of(message: Message) -> WarehouseAddress:
    secrets = {name: Secret(text) for name, text in message["secrets"].items()}
    return WarehouseAddress(message["type"], message["parameters"], secrets)


def spool_message(request: SpoolRequest) -> Message:
    return {**asdict(request), "directory": str(request.directory)}


def spool_request_of(message: Message) -> SpoolRequest:
    return SpoolRequest(**{**message, "directory": Path(message["directory"])})


def schema_text(schema: pa.Schema) -> str:
    return base64.b64encode(schema.serialize().to_pybytes()).decode("ascii")


def schema_of(text: str) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def table_text(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode("ascii")


def table_of(text: str) -> pa.Table:
    return pa.ipc.open_stream(base64.b64decode(text)).read_all()


def error_message(error: Exception) -> Message:
    """An error of ours as values; any other is named by its class only, since its text may hold anything."""
    if isinstance(error, MemoryError):
        error = out_of_memory()
    if not isinstance(error, WarehouseSyncError):
        text = f"The process that reads the warehouse failed with {type(error).__name__}. The run can be tried again."
        error = RunError(text, code=WORKER_DIED, transient=True)
    return {
        "kind": "error",
        "error": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "fault": error.fault.value if isinstance(error, WarehouseError) else None,
        "step": error.step.value if isinstance(error, WarehouseError) else None,
        "transient": getattr(error, "transient", False),
    }


def error_of(message: Message) -> WarehouseSyncError:
    """The error that ``error_message`` described."""
    text, field = message["message"], message["field"]
    if message["fault"] is not None:
        fault, step = WarehouseFault(message["fault"]), WarehouseStep(message["step"])
        return WarehouseError(text, fault=fault, step=step, field=field)
    if message["error"] == StoreError.__name__:
        return StoreError(text, field=field, code=message["code"])
    return RunError(text, code=message["code"], transient=message["transient"], field=field)


def out_of_memory() -> RunError:
    return RunError(
        "Reading the warehouse took more memory than one run may use. Select fewer or shorter columns, or ask the operator to raise "
        "the memory limit of workers.",
        code=WORKER_DIED,
        transient=True,
    )
