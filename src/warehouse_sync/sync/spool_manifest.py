"""The table of contents of a spool: what makes its parts one sealed whole."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from warehouse_sync.errors import StoreError

MANIFEST_NAME: Final = "manifest.json"
_FORMAT: Final = 2


@dataclass(frozen=True, slots=True)
class SpoolChunk:
    """One part of a spool: the rows that are applied in one transaction.

    Attributes:
        number: its place among the chunks, from 0.
        name: of its file.
        rows: how many rows it holds; at least one.
        first_ordinal: the place in the whole spool of its first row, from 0.
        size: bytes of its file.
        crc32: checksum of its file.
    """

    number: int
    name: str
    rows: int
    first_ordinal: int
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a sealed spool holds.

    Attributes:
        schema: of all rows, in the normal forms of ``warehouses/arrow.py``.
        load_timestamp: name of the column that rows are ordered by.
        origin: of what query on what warehouse they are the rows, as the request said it.
        reading: the epoch of the holder that fetched them; 0 where that was not kept yet.
        rows, size: in all chunks; bytes on disk.
        chunks: in the order of their load timestamps.
    """

    schema: pa.Schema
    load_timestamp: str
    origin: str
    rows: int
    size: int
    chunks: tuple[SpoolChunk, ...]
    reading: int = 0

    def to_json(self) -> str:
        body = {
            "format": _FORMAT,
            "schema": base64.b64encode(self.schema.serialize().to_pybytes()).decode("ascii"),
            "load_timestamp": self.load_timestamp,
            "origin": self.origin,
            "reading": self.reading,
            "rows": self.rows,
            "size": self.size,
            "chunks": [asdict(chunk) for chunk in self.chunks],
        }
        return json.dumps({"crc32": _checksum(body), "body": body})

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Reads what ``to_json`` wrote.

        Raises:
            StoreError: the text is damaged or of another format.
        """
        try:
            document = json.loads(text)
            body = document["body"]
            if document["crc32"] != _checksum(body) or body["format"] != _FORMAT:
                raise damaged("its manifest does not match its checksum, or is of another version")
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(body["schema"])))
            chunks = tuple(SpoolChunk(**chunk) for chunk in body["chunks"])
            reading = body.get("reading", 0)
            return cls(schema, body["load_timestamp"], body["origin"], body["rows"], body["size"], chunks, reading)
        except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise damaged("its manifest cannot be read") from error


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of a spool; None if the spool is not sealed.

    Raises:
        StoreError: there is a manifest and it is damaged.
    """
    try:
        text = (directory / MANIFEST_NAME).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise damaged("its manifest cannot be read") from error
    return Manifest.from_json(text)


def damaged(why: str) -> StoreError:
    return StoreError(f"The spool of this run is damaged: {why}. The run fetches its rows again.", code="spool_damaged")


def _checksum(body: Mapping[str, object]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
