"""Writes profile stores anew, so that nothing of what was deleted is left in their files.

The engine leaves deleted rows in a file until enough of those beside them are gone, and does not blank what it frees. A fresh copy holds
what the store holds and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse_sync.disk import sync_file, sync_folder
from warehouse_sync.errors import StoreError
from warehouse_sync.profiles.writer_lock import StillFiles


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A store that was written anew: its file's name, and its sizes in bytes."""

    name: str
    bytes_before: int
    bytes_after: int


def rewrite_stores(folder: Path, workspace_id: int, *, memory_mb: int) -> Iterator[Rewritten]:
    """Writes the stores of a workspace anew, one after the other. The caller holds the home: nobody else may have them open.

    A store is replaced in one step by its copy, when that is complete and on disk; before that nothing changes.

    Raises:
        StoreError: a store cannot be read, or there is no room for its copy.
    """
    for path in sorted(folder.glob(f"{workspace_id}-*.duckdb")):
        with closing(StillFiles(path)):  # a backup may be copying it
            yield _rewrite(path, memory_mb)


def _rewrite(path: Path, memory_mb: int) -> Rewritten:
    before = path.stat().st_size
    copy = path.with_suffix(".duckdb.new")
    copy.unlink(missing_ok=True)
    try:
        _copy(path, copy, memory_mb)
    except duckdb.Error as error:
        copy.unlink(missing_ok=True)
        reason = str(error).split("\n", maxsplit=1)[0][:300]
        raise StoreError(
            f"The profile store {path.name} cannot be written anew: {reason}", code="store_unusable"
        ) from error
    _replace(path, copy)
    return Rewritten(path.name, before, path.stat().st_size)


def _copy(path: Path, copy: Path, memory_mb: int) -> None:
    with duckdb.connect(
        ":memory:", config={"memory_limit": f"{memory_mb}MB", "temp_directory": str(path.parent / "spill")}
    ) as engine:
        for name, file in (("old", path), ("new", copy)):
            quoted = str(file).replace("'", "''")
            engine.execute(f"ATTACH '{quoted}' AS {name}")
        engine.execute("COPY FROM DATABASE old TO new")
        for name in ("old", "new"):
            engine.execute(f"CHECKPOINT {name}")  # leaves no log behind
        if _rows(engine, "old") != _rows(engine, "new"):
            raise duckdb.Error("the copy differs from the store")


def _rows(engine: duckdb.DuckDBPyConnection, name: str) -> dict[str, int]:
    tables = engine.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [name]).fetchall()
    counts = {}
    for (table,) in tables:
        [(counts[table],)] = engine.execute(f'SELECT count(*) FROM {name}."{table}"').fetchall()
    return counts


def _replace(path: Path, copy: Path) -> None:
    copy.chmod(0o600)
    sync_file(copy)
    copy.replace(path)
    sync_folder(path.parent)
