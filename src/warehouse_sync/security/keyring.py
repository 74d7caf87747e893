"""The keys of a home, in ``HOME/keys/``: made at first use, then only read. There is no default key.

=============================  =====================================================================================================
``master-0001.key`` …          key-encryption keys of the vault, 32 bytes in base64; the highest number is the current one
``token-signing-0001.pem`` …   private keys that sign access tokens, PKCS 8; the highest number signs, all are accepted
``client-secrets.key``         HMAC key of stored client secrets, 32 bytes in base64; without it no client can log in
``profile-mpid.key``           key of the MPID permutation, 32 bytes in base64; without it every published MPID changes
=============================  =====================================================================================================

A new key is a new file, so nothing is ever overwritten; an old one is retired by removing its file once nothing uses it.
"""

from __future__ import annotations

import binascii
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import SettingsError, StoreError
from warehouse_sync.security.key_files import create_key_file, ensure_private_directory, read_key_file
from warehouse_sync.security.tokens import SigningKey
from warehouse_sync.security.vault import KEY_BYTES, KeyEncryptionKey

MASTER_KEY_SETTING: Final = "WAREHOUSE_SYNC_MASTER_KEY"
_FEWEST_DISTINCT_BYTES: Final = (
    16  # 32 random bytes have fewer with a chance below 2^-60: such a key was typed, not drawn
)
_MASTER: Final = "master", "key"
_TOKEN_SIGNING: Final = "token-signing", "pem"
_CLIENT_SECRETS_FILE: Final = "client-secrets.key"
_PROFILE_MPID_FILE: Final = "profile-mpid.key"


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys of a home.

    Attributes:
        directory: where the key files are; say so to the operator, for they belong in a backup.
        created: the files this call created; empty except at first use.
        master: key-encryption keys for the vault, current first.
        token_signing: for access tokens; the first signs.
        client_secrets: the HMAC key of client secrets, 32 bytes.
        profile_mpid: the key of the MPID permutation, 32 bytes.
    """

    directory: Path
    created: tuple[Path, ...]
    master: tuple[KeyEncryptionKey, ...]
    token_signing: tuple[SigningKey, ...]
    client_secrets: bytes = field(repr=False)
    profile_mpid: bytes = field(repr=False)


def open_keyring(home: Path, *, master_key: Secret | None = None, master_key_file: Path | None = None) -> Keyring:
    """Reads the keys of a home and creates the missing ones. Two processes that do so at once get the same keys.

    A master key from the settings comes first and no master key file is created; those that exist still open older records, which is how a
    home moves from its file to a setting. Several keys may be given, separated by commas or white space, current first.

    Args:
        master_key: setting ``WAREHOUSE_SYNC_MASTER_KEY``: base64 of 32 random bytes.
        master_key_file: setting ``WAREHOUSE_SYNC_MASTER_KEY_FILE``: a file with the same content.

    Raises:
        SettingsError: a given master key is no key, or both were given.
        StoreError: a key file is unreadable, damaged, or readable by other users; names the file and the remedy.
    """
    directory = home / "keys"
    given = given_master_keys(master_key, master_key_file)
    ensure_private_directory(directory)
    created: list[Path] = []
    if not given:
        _create_first(directory, _MASTER, _new_key_text, created)
    _create_first(directory, _TOKEN_SIGNING, _new_signing_key_text, created)
    for name in (_CLIENT_SECRETS_FILE, _PROFILE_MPID_FILE):
        _create(directory / name, _new_key_text, created)
    return Keyring(
        directory=directory,
        created=tuple(created),
        master=tuple(dict.fromkeys(given + tuple(stored_master_keys(home).values()))),
        token_signing=tuple(stored_token_signing_keys(home).values()),
        client_secrets=_read_key(directory / _CLIENT_SECRETS_FILE),
        profile_mpid=_read_key(directory / _PROFILE_MPID_FILE),
    )


def read_master_keys(
    home: Path, *, master_key: Secret | None = None, master_key_file: Path | None = None
) -> tuple[KeyEncryptionKey, ...]:
    """The master keys of a home as they are now, current first; makes nothing. For a vault that looks for newer keys.

    Raises:
        SettingsError, StoreError: as :func:`open_keyring`; StoreError also if there is no key at all.
    """
    given = given_master_keys(master_key, master_key_file)
    found = tuple(dict.fromkeys(given + tuple(stored_master_keys(home).values())))
    if not found:
        raise StoreError(f"The key folder {home / 'keys'} holds no master key. Restore it from a backup of the home.")
    return found


def given_master_keys(master_key: Secret | None, file: Path | None) -> tuple[KeyEncryptionKey, ...]:
    """The master keys that the settings give, current first; empty if they give none.

    Raises:
        SettingsError: what is given is no key, or both are given.
        StoreError: the file cannot be read.
    """
    if master_key is not None and file is not None:
        raise SettingsError(
            f"Set {MASTER_KEY_SETTING} or {MASTER_KEY_SETTING}_FILE, not both.", field=MASTER_KEY_SETTING
        )
    if master_key is not None:
        return _parse_given(master_key.reveal(), MASTER_KEY_SETTING)
    if file is not None:
        text = read_key_file(file, group_may_read=True).decode("ascii", "replace")
        return _parse_given(text, f"{MASTER_KEY_SETTING}_FILE")
    return ()


def stored_master_keys(home: Path) -> dict[Path, KeyEncryptionKey]:
    """The master keys that lie in the home, by file, the newest first.

    Raises:
        StoreError: a file or the folder cannot be read.
    """
    return {path: KeyEncryptionKey(_read_key(path)) for path in _numbered(home / "keys", _MASTER)}


def stored_token_signing_keys(home: Path) -> dict[Path, SigningKey]:
    """As :func:`stored_master_keys`, the keys that sign access tokens."""
    return {path: _read_signing_key(path) for path in _numbered(home / "keys", _TOKEN_SIGNING)}


def add_master_key(home: Path) -> Path:
    """Adds a new current master key and returns its file; records are moved to it by re-wrapping them.

    Raises:
        StoreError: the file cannot be created.
    """
    return _create_next(home / "keys", _MASTER, _new_key_text)


def add_token_signing_key(home: Path) -> Path:
    """Adds a key that signs tokens from the next start; tokens of older keys stay valid until their files are removed.

    Raises:
        StoreError: the file cannot be created.
    """
    return _create_next(home / "keys", _TOKEN_SIGNING, _new_signing_key_text)


def _parse_given(text: str, setting: str) -> tuple[KeyEncryptionKey, ...]:
    words = re.split(r"[\s,]+", text.strip())
    try:
        return tuple(KeyEncryptionKey(_parse_key(word)) for word in words)
    except ValueError:
        raise SettingsError(
            f"{setting} does not hold a key: base64 of 32 random bytes is needed. Make one with: openssl rand -base64 32",
            field=setting,
        ) from None


def _parse_key(text: str) -> bytes:
    """The bytes of a key in base64, usual or URL-safe. Raises ValueError if it is no key, or too regular to be a random one."""
    try:
        key = b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != KEY_BYTES or len(set(key)) < _FEWEST_DISTINCT_BYTES:
        raise ValueError("not 32 random bytes")
    return key


def _read_key(path: Path) -> bytes:
    try:
        return _parse_key(read_key_file(path).decode("ascii").strip())
    except ValueError:
        raise _damaged(path) from None


def _read_signing_key(path: Path) -> SigningKey:
    try:
        key = load_pem_private_key(read_key_file(path), password=None)
    except (ValueError, TypeError):
        raise _damaged(path) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _damaged(path)
    return SigningKey(key)


def _damaged(path: Path) -> StoreError:
    return StoreError(f"The key file {path} does not hold a key any more. Restore it from a backup of the home.")


def _numbered(directory: Path, kind: tuple[str, str]) -> list[Path]:
    """The numbered key files of one kind, newest first."""
    name, suffix = kind
    pattern = re.compile(rf"{re.escape(name)}-(\d{{4}})\.{suffix}")
    try:
        return sorted((path for path in directory.iterdir() if pattern.fullmatch(path.name)), reverse=True)
    except OSError as error:
        raise StoreError(f"The key folder {directory} cannot be read: {error.strerror}.") from None


def _create_first(directory: Path, kind: tuple[str, str], content: Callable[[], bytes], created: list[Path]) -> None:
    if not _numbered(directory, kind):
        _create(directory / f"{kind[0]}-0001.{kind[1]}", content, created)


def _create(path: Path, content: Callable[[], bytes], created: list[Path]) -> None:
    if not os.path.lexists(path) and create_key_file(path, content()):
        created.append(path)


def _create_next(directory: Path, kind: tuple[str, str], content: Callable[[], bytes]) -> Path:
    ensure_private_directory(directory)
    while True:
        existing = _numbered(directory, kind)
        number = 1 + (int(existing[0].stem[-4:]) if existing else 0)
        path = directory / f"{kind[0]}-{number:04d}.{kind[1]}"
        if create_key_file(path, content()):
            return path


def _new_key_text() -> bytes:
    return b64encode(os.urandom(KEY_BYTES)) + b"\n"


def _new_signing_key_text() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
