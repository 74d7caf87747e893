"""One fingerprint, worked out in two ways: by the engine for the rows of a chunk, by us for the identity that somebody asks for."""

from __future__ import annotations

import hashlib

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from warehouse_sync.domain.identity import TYPE_CODES, IdentityRules, IdentityType
from warehouse_sync.profiles.fingerprint import fingerprint_constant, fingerprint_sql

BLANKS = " \t\n\v\f\r\xa0"
_TEXTS = st.text(st.sampled_from(BLANKS + "aZ9@.éİßΣ\u2003\u200b\u0130\x00\x1f!"), max_size=6) | st.text(max_size=40)
_ENGINE = duckdb.connect()


def of(sql: str, text: str) -> int | None:
    given = {"value": text} if "$value" in sql else {}
    [(number,)] = _ENGINE.execute(f"SELECT {sql}", given).fetchall()
    return None if number is None else int(number)


@given(_TEXTS, st.sampled_from([IdentityType.EMAIL, IdentityType.CUSTOMER_ID]), st.booleans())
@example("ÉCOLE@Example.com ", IdentityType.EMAIL, True)
@example(f"{BLANKS}a b{BLANKS}", IdentityType.CUSTOMER_ID, True)
@example(BLANKS, IdentityType.CUSTOMER_ID, True)
@example("", IdentityType.EMAIL, True)
def test_both_ways_agree(text: str, identity_type: IdentityType, folds: bool) -> None:
    rules = IdentityRules(fold_email_case=folds)
    by_engine = of(fingerprint_sql("$value::VARCHAR", identity_type, rules), text)
    assert of(fingerprint_constant(text, identity_type, rules), text) == by_engine


@given(_TEXTS)
@example("\x1fa\x1f")
@example("\u2003a\u2003")
def test_only_the_listed_blanks_are_trimmed(text: str) -> None:
    normal, code = text.strip(BLANKS), TYPE_CODES[IdentityType.CUSTOMER_ID]
    expected = int.from_bytes(hashlib.md5(f"{code}:{normal}".encode()).digest(), "little") if normal else None
    assert of(fingerprint_sql("$value::VARCHAR", IdentityType.CUSTOMER_ID, IdentityRules()), text) == expected


@pytest.mark.parametrize("text", ["a\udc80", "\ud800"])
def test_half_a_character_is_nobodys(text: str) -> None:
    assert of(fingerprint_constant(text, IdentityType.CUSTOMER_ID, IdentityRules()), "") is not None
