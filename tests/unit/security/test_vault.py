"""Secrets at rest: whatever is changed, moved or opened with another key is refused."""

from __future__ import annotations

import dataclasses
import os

import pytest

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import InvalidRequest, StoreError
from warehouse_sync.security.vault import KeyEncryptionKey, SecretPlace, Vault, key_id

OLD, NEW = KeyEncryptionKey(os.urandom(32)), KeyEncryptionKey(os.urandom(32))
PLACE = SecretPlace("connection", 7, 12, "password")
SECRET = Secret("pä$$ wörd")


def test_opens_what_it_sealed_and_shows_none_of_it() -> None:
    record = Vault([OLD]).seal(SECRET, PLACE)
    assert Vault([OLD]).open(record, PLACE) == SECRET
    assert SECRET.reveal().encode() not in record
    assert key_id(record) == OLD.id == Vault([OLD, NEW]).current_key_id


@pytest.mark.parametrize("text", ["", "x" * 100_000, "-----BEGIN KEY-----\nab\n-----END KEY-----\n", "\0", "🙂"])
def test_any_text_survives(text: str) -> None:
    vault = Vault([OLD])
    assert vault.open(vault.seal(Secret(text), PLACE), PLACE).reveal() == text


def test_text_that_is_not_unicode_is_the_callers_fault() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Vault([OLD]).seal(Secret("\ud800"), PLACE)
    assert refused.value.field == "password"


def test_the_same_secret_is_never_sealed_alike() -> None:
    vault = Vault([OLD])
    assert vault.seal(SECRET, PLACE) != vault.seal(SECRET, PLACE)


def test_every_flipped_bit_is_refused() -> None:
    vault = Vault([OLD, NEW])
    record = vault.seal(SECRET, PLACE)
    for bit in range(len(record) * 8):
        flipped = bytearray(record)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreError) as refused:
            vault.open(bytes(flipped), PLACE)
        assert refused.value.code in {"vault_damaged", "vault_wrong_key"}
        with pytest.raises(StoreError):
            vault.rewrap(bytes(flipped), PLACE)


def test_every_cut_and_any_addition_is_refused() -> None:
    vault = Vault([OLD])
    record = vault.seal(SECRET, PLACE)
    for changed in [*(record[:length] for length in range(len(record))), record + b"\0", b"\0" + record]:
        with pytest.raises(StoreError) as refused:
            vault.open(changed, PLACE)
        assert refused.value.code == "vault_damaged"


@pytest.mark.parametrize(
    "change",
    [{"purpose": "feed"}, {"workspace_id": 8}, {"key": 13}, {"field": "private_key"}, {"workspace_id": 71, "key": 2}],
)
def test_a_record_moved_to_another_place_is_refused(change: dict) -> None:
    vault = Vault([OLD])
    with pytest.raises(StoreError) as refused:
        vault.open(vault.seal(SECRET, PLACE), dataclasses.replace(PLACE, **change))
    assert refused.value.code == "vault_damaged"


def test_the_halves_of_two_records_do_not_make_a_third() -> None:
    vault = Vault([OLD])
    one, other = (vault.seal(SECRET, PLACE) for _ in range(2))
    with pytest.raises(StoreError):
        vault.open(one[:72] + other[72:], PLACE)


def test_another_key_is_told_apart_from_damage() -> None:
    record = Vault([OLD]).seal(SECRET, PLACE)
    with pytest.raises(StoreError) as refused:
        Vault([NEW]).open(record, PLACE)
    assert refused.value.code == "vault_wrong_key"
    assert OLD.id in refused.value.message
    assert "WAREHOUSE_SYNC_MASTER_KEY" in refused.value.message


def test_rewrapping_moves_to_the_current_key_and_keeps_the_ciphertext() -> None:
    record = Vault([OLD]).seal(SECRET, PLACE)
    moved = Vault([NEW, OLD]).rewrap(record, PLACE)
    assert key_id(moved) == NEW.id
    assert moved[72:] == record[72:]
    assert Vault([NEW]).open(moved, PLACE) == SECRET
    with pytest.raises(StoreError):
        Vault([OLD]).open(moved, PLACE)


def test_sentinel_finds_a_wrong_key_at_start() -> None:
    sentinel = Vault([OLD]).sentinel()
    Vault([OLD]).check_sentinel(sentinel)
    with pytest.raises(StoreError) as refused:
        Vault([NEW]).check_sentinel(sentinel)
    assert refused.value.code == "vault_wrong_key"
    Vault([NEW]).check_sentinel(Vault([NEW, OLD]).rewrap_sentinel(sentinel))


def test_a_secrets_record_is_no_sentinel() -> None:
    vault = Vault([OLD])
    with pytest.raises(StoreError):
        vault.check_sentinel(vault.seal(SECRET, PLACE))


def test_keys_do_not_print_themselves() -> None:
    assert repr(OLD) == f"KeyEncryptionKey(id='{OLD.id}')"
    with pytest.raises(ValueError, match="32 bytes"):
        KeyEncryptionKey(b"short")
