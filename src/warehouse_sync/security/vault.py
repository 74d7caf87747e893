"""Secrets at rest: AES-256-GCM in an envelope, bound to the place they belong to.

Every secret has a data key of its own, which is wrapped by a key-encryption key. Rotation wraps the data key anew and leaves the secret's
ciphertext alone. Both layers authenticate the place (purpose, workspace, object, field), so a record copied to another row does not open.

A record is, in bytes::

    "WSV" | version 1 | key id 8 | nonce 12 | wrapped data key 48 | nonce 12 | ciphertext and tag

The form is binary because every bit of it is then authenticated or looked up; base64 and JSON have spare bits that anybody can change.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import InvalidRequest, StoreError

KEY_BYTES: Final = 32
_MAGIC: Final = b"WSV\x01"
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_WRAPPED_BYTES: Final = _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
_HEADER_BYTES: Final = len(_MAGIC) + _KEY_ID_BYTES
_SHORTEST: Final = _HEADER_BYTES + _WRAPPED_BYTES + _NONCE_BYTES + _TAG_BYTES
_SENTINEL_TEXT: Final = "this home and this master key belong together"


@dataclass(frozen=True, slots=True)
class KeyEncryptionKey:
    """A master key. ``id`` is derived from it, so the same key is found again wherever it was kept."""

    key: bytes = field(repr=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError("a key-encryption key has 32 bytes")
        digest = hashlib.sha256(b"warehouse-sync key id\0" + self.key).digest()
        object.__setattr__(self, "id", digest[:_KEY_ID_BYTES].hex())


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret belongs; it opens nowhere else.

    Attributes:
        purpose: what kind of object holds it, e.g. ``connection``.
        workspace_id: the workspace of that object.
        key: the object's surrogate key, so a re-created id inherits nothing.
        field: the object's field.
    """

    purpose: str
    workspace_id: int
    key: int
    field: str


_SENTINEL_PLACE: Final = SecretPlace("sentinel", 0, 0, "sentinel")


@dataclass(frozen=True, slots=True)
class _Ring:
    """The keys a vault knows at one moment. Replaced as a whole, so that threads see one or the other."""

    current: KeyEncryptionKey
    by_id: dict[str, KeyEncryptionKey]


class Vault:
    """Seals and opens secrets. Holds no state but the keys; safe to share between threads.

    Keys may be added while it is in use, by another process that re-wraps the records. So it looks for newer keys before it seals, and when
    it meets a record of a key it does not know. A key it has once known it keeps.

    Args:
        keys: the current key-encryption key first, then the older ones that records may still use.
        reload: reads the keys anew, in the same order; without it the vault stays with those it was given.
    """

    def __init__(
        self, keys: Sequence[KeyEncryptionKey], reload: Callable[[], Sequence[KeyEncryptionKey]] | None = None
    ) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key-encryption key")
        self._ring = _Ring(keys[0], {key.id: key for key in keys})
        self._reload = reload

    @property
    def current_key_id(self) -> str:
        """Id of the key that new records use; records with another one are due to be re-wrapped."""
        return self._ring.current.id

    def refresh(self) -> None:
        """Looks for keys that were added since.

        Raises:
            StoreError, SettingsError: the keys cannot be read any more.
        """
        if self._reload is None:
            return
        keys = self._reload()
        self._ring = _Ring(keys[0], self._ring.by_id | {key.id: key for key in keys})

    def seal(self, secret: Secret, place: SecretPlace) -> bytes:
        """The record to store.

        Raises:
            InvalidRequest: the text is not valid Unicode, naming the place's field.
            StoreError, SettingsError: the keys cannot be read any more; what is sealed now could not be opened after a restart.
        """
        self.refresh()
        try:
            text = secret.reveal().encode()
        except UnicodeEncodeError:
            raise InvalidRequest(f"{place.field} is not valid Unicode text.", field=place.field) from None
        data_key = AESGCM.generate_key(bit_length=256)
        return self._wrapped(data_key, place) + _encrypt(data_key, text, _bound_to(place, "data"))

    def open(self, record: bytes, place: SecretPlace) -> Secret:
        """The secret of a record.

        Raises:
            StoreError: ``vault_wrong_key`` if none of our keys sealed it; ``vault_damaged`` if it was changed or belongs elsewhere.
        """
        data_key = self._unwrapped(record, place)
        sealed = record[_HEADER_BYTES + _WRAPPED_BYTES :]
        return Secret(_decrypt(data_key, sealed, _bound_to(place, "data")).decode())

    def rewrap(self, record: bytes, place: SecretPlace) -> bytes:
        """The same record under the current key: only its data key is wrapped anew. Raises what :meth:`open` raises."""
        self.open(record, place)  # never carry damage over to a new key
        return self._wrapped(self._unwrapped(record, place), place) + record[_HEADER_BYTES + _WRAPPED_BYTES :]

    def sentinel(self) -> bytes:
        """A record to keep beside the secrets, for :meth:`check_sentinel`."""
        return self.seal(Secret(_SENTINEL_TEXT), _SENTINEL_PLACE)

    def check_sentinel(self, record: bytes) -> None:
        """Finds a wrong master key at start rather than at the first run of the night.

        Raises:
            StoreError: the keys of this vault do not open the records stored beside the sentinel.
        """
        if self.open(record, _SENTINEL_PLACE).reveal() != _SENTINEL_TEXT:
            raise _damaged()

    def rewrap_sentinel(self, record: bytes) -> bytes:
        """The sentinel under the current key. The last step of a rotation."""
        return self.rewrap(record, _SENTINEL_PLACE)

    def _wrapped(self, data_key: bytes, place: SecretPlace) -> bytes:
        current = self._ring.current
        header = record_prefix(current.id)
        return header + _encrypt(current.key, data_key, header + _bound_to(place, "key"))

    def _unwrapped(self, record: bytes, place: SecretPlace) -> bytes:
        wanted = key_id(record)
        if wanted not in self._ring.by_id:
            self.refresh()
        wrapping = self._ring.by_id.get(wanted)
        if wrapping is None:
            raise StoreError(
                f"A stored secret was sealed with master key {wanted}, which was not given. Start with that key: restore the "
                "folder 'keys' of this home, or correct WAREHOUSE_SYNC_MASTER_KEY or WAREHOUSE_SYNC_MASTER_KEY_FILE.",
                code="vault_wrong_key",
            )
        wrapped = record[_HEADER_BYTES : _HEADER_BYTES + _WRAPPED_BYTES]
        return _decrypt(wrapping.key, wrapped, record[:_HEADER_BYTES] + _bound_to(place, "key"))


def key_id(record: bytes) -> str:
    """Id of the key-encryption key a record was sealed with.

    Raises:
        StoreError: ``vault_damaged`` if this is no record of a version we know.
    """
    if len(record) < _SHORTEST or not record.startswith(_MAGIC):
        raise _damaged()
    return record[len(_MAGIC) : _HEADER_BYTES].hex()


def record_prefix(key_id: str) -> bytes:
    """How every record under this key begins, and no other."""
    return _MAGIC + bytes.fromhex(key_id)


def _bound_to(place: SecretPlace, layer: str) -> bytes:
    """The additional authenticated data of one layer. A JSON list, so that no two places read the same."""
    parts = [layer, _MAGIC.hex(), place.purpose, place.workspace_id, place.key, place.field]
    return json.dumps(parts, separators=(",", ":")).encode()


def _encrypt(key: bytes, plain: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def _decrypt(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
    except InvalidTag:
        raise _damaged() from None


def _damaged() -> StoreError:
    return StoreError(
        "A stored secret was changed, cut or moved from the place it belongs to. Enter it again, or restore the control database.",
        code="vault_damaged",
    )
