"""The ways of logging in to Snowflake, as arguments of its connector: password, key pair, OAuth token, programmatic access token.

A user has two public keys in Snowflake so that keys can be changed one after the other; a connection may hold both private keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault, missing_parameter

_FEWEST_BITS: Final = 2048  # Snowflake takes no smaller key
_KEYS: Final = (("private_key", "private_key_passphrase"), ("private_key_2", "private_key_2_passphrase"))


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof of who we are.

    Attributes:
        name: the field of the connection that holds it.
        arguments: for the connector's ``connect``; secret.
    """

    name: str
    arguments: dict[str, str | bytes] = field(repr=False)


def proofs(address: WarehouseAddress) -> tuple[Proof, ...]:
    """What a connection can log in with, in the order in which it is tried; more than one only while a key pair is being changed.

    Raises:
        WarehouseError: ``misconfigured``: there is none, or a private key cannot be read; names the field.
    """
    secrets = address.secrets
    if "private_key" in secrets:
        return tuple(_key_pairs(address))
    if "oauth_token" in secrets:
        return (_token("oauth_token", "oauth", secrets["oauth_token"]),)
    if "programmatic_access_token" in secrets:
        token = secrets["programmatic_access_token"]
        return (_token("programmatic_access_token", "PROGRAMMATIC_ACCESS_TOKEN", token),)
    if "password" in secrets:
        return (Proof("password", {"authenticator": "snowflake", "password": secrets["password"].reveal()}),)
    raise missing_parameter("password")


def _key_pairs(address: WarehouseAddress) -> Iterator[Proof]:
    for name, passphrase in _KEYS:
        if name in address.secrets:
            key = private_key_der(name, address.secrets[name], address.secrets.get(passphrase))
            yield Proof(name, {"authenticator": "SNOWFLAKE_JWT", "private_key": key})


def _token(name: str, authenticator: str, token: Secret) -> Proof:
    return Proof(name, {"authenticator": authenticator, "token": token.reveal().strip()})


def private_key_der(name: str, key: Secret, passphrase: Secret | None) -> bytes:
    """The private key of a PEM text as DER, which both lines of the connector take.

    Args:
        name: the field it came in, for the sentence.
        passphrase: of an encrypted key; without effect on a plain one.

    Raises:
        WarehouseError: ``misconfigured``: it is no RSA key of 2048 bits or more, or the passphrase does not open it.
    """
    pem = (
        key.reveal().replace("\\n", "\n").strip().encode()
    )  # keys that went through an environment variable lose their line breaks
    word = passphrase.reveal().encode() if passphrase is not None else None
    is_encrypted = b"ENCRYPTED" in pem
    if is_encrypted and not word:
        raise _unusable(f"{name}_passphrase", f"{name} is encrypted. Give its {name}_passphrase.")
    try:
        loaded = load_pem_private_key(pem, word if is_encrypted else None)
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
    ):  # the library says one thing for a wrong passphrase and for damage
        sentence = f"{name} cannot be read. Give the whole PEM text, from -----BEGIN to END-----"
        if is_encrypted:
            raise _unusable(f"{name}_passphrase", f"{sentence}, and check {name}_passphrase.") from None
        raise _unusable(name, f"{sentence}, PKCS#8 as Snowflake's documentation shows.") from None
    if not isinstance(loaded, RSAPrivateKey) or loaded.key_size < _FEWEST_BITS:
        raise _unusable(name, f"{name} must be an RSA key of {_FEWEST_BITS} bits or more.")
    return loaded.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _unusable(name: str, sentence: str) -> WarehouseError:
    return fault(WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, sentence, field=name)
