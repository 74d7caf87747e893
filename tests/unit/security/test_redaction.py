"""No form of a known secret, and nothing that looks like one, survives redaction."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.security.client_secrets import new_client_secret
from warehouse_sync.security.redaction import MAX_TEXT_CHARACTERS, Redactor

CANARY = "cÄnary/7+ \"q' & <b>\\n%"

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "url, slashes kept": urllib.parse.quote,
    "url, lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(text, safe="")),
    "form": urllib.parse.quote_plus,
    "json": json.dumps,
    "json, not ascii": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "repr": repr,
    "html": html.escape,
    "sql literal": lambda text: text.replace("'", "''"),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one byte": lambda text: base64.b64encode(b":" + text.encode() + b"!").decode(),
    "base64 after two bytes": lambda text: base64.b64encode(b"u:" + text.encode() + b"xy").decode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_masked_in_every_form(form: str) -> None:
    redactor = Redactor()
    redactor.register(Secret(CANARY))
    written = FORMS[form](CANARY)
    masked = redactor.redact(f"before [{written}] after")
    assert masked.startswith("before [")
    assert masked.endswith("] after")
    assert MASK in masked
    for length in (8, 12):  # nor any sizeable part of it
        assert not any(written[at : at + length] in masked for at in range(3, len(written) - length - 3))


@given(
    st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=6, max_size=40).filter(str.strip),
    st.text(max_size=20),
    st.sampled_from(sorted(FORMS)),
)
def test_no_known_secret_survives(secret: str, around: str, form: str) -> None:
    redactor = Redactor()
    redactor.register(Secret(secret))
    written = FORMS[form](secret)
    assert written not in redactor.redact(around + written + around)


def test_secrets_are_masked_only_while_in_use() -> None:
    redactor = Redactor()
    secret = Secret("correct horse")
    with redactor.in_use([secret]):
        with redactor.in_use([secret]):
            assert redactor.redact("a correct horse b") == f"a {MASK} b"
        assert redactor.redact("a correct horse b") == f"a {MASK} b"
    assert redactor.redact("a correct horse b") == "a correct horse b"


def test_overlapping_secrets_leave_no_rest() -> None:
    redactor = Redactor()
    for text in ("abcdefgh", "efghijkl", "cdef"):
        redactor.register(Secret(text))
    assert redactor.redact("-abcdefghijkl-") == f"-{MASK}-"


def test_each_line_of_a_key_is_masked() -> None:
    redactor = Redactor()
    redactor.register(Secret("MIIEvQIBADANBgkqhkiG\nw0BAQEFAASCBKcwggSj\n"))
    assert "w0BAQEFAASCBKcwggSj" not in redactor.redact("line 2: w0BAQEFAASCBKcwggSj")


def test_very_short_secrets_do_not_make_texts_unreadable() -> None:
    redactor = Redactor()
    redactor.register(Secret("a"))
    redactor.register(Secret(""))
    assert redactor.redact("a banana") == "a banana"
    assert redactor.redact("password=a") == f"password={MASK}"


JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
CLIENT_SECRET = new_client_secret().reveal()

SUSPECTS = {
    "key = value": ("login password=hunter2 failed", "hunter2"),
    "libpq": ("host=db user=a password=hunter,2 dbname=b", "hunter,2"),
    "quoted": ("password='hun ter2', user='a'", "hun ter2"),
    "escaped quote": ('"password": "hun\\"ter2", "user"', "ter2"),
    "json": ('{"password": "hunter2", "a": 1}', "hunter2"),
    "json in json": (r'"{\"password\": \"hunter2\", \"a\": 1}"', "hunter2"),
    "python": ("{'private_key': 'hunter2'}", "hunter2"),
    "unclosed": ('password="hunter2 and then nothing', "hunter2"),
    "upper case": ("PWD=hunter2;", "hunter2"),
    "compound name": ("client_secret=hunter2&grant_type=x", "hunter2"),
    "colon": ("Password: hunter2", "hunter2"),
    "query": ("GET /a?access_token=hunter2&b=1", "hunter2"),
    "api key": ("x-api-key: hunter2", "hunter2"),
    "bearer": ("sent Bearer abcdefghijklmnop1234", "abcdefghijklmnop1234"),
    "authorization": ("Authorization: Bearer short", "short"),
    "basic": ("Authorization: Basic aHVudGVyMjpodW50ZXIy", "aHVudGVyMjpodW50ZXIy"),
    "snowflake token": ('Snowflake Token="ver:1-hint:123-abcdef"', "ver:1-hint:123-abcdef"),
    "jwt": (f"token {JWT} refused", "c2lnbmF0dXJlLXNpZ25hdHVyZQ"),
    "url": ("postgresql://scott:tiger@db:5432/x failed", "tiger"),
    "url with at": ("postgresql://scott:ti@ger@db/x", "ti@ger"),
    "pem": ("a -----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY----- b", "MIIabc"),
    "pem in json": (r"-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
    "pem cut short": ("-----BEGIN PRIVATE KEY-----\nMIIabc", "MIIabc"),
    "our client secret": (f"got {CLIENT_SECRET}.", CLIENT_SECRET),
}


@pytest.mark.parametrize("kind", SUSPECTS)
def test_what_looks_like_a_secret_is_masked(kind: str) -> None:
    text, hidden = SUSPECTS[kind]
    masked = Redactor().redact(text)
    assert hidden not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        "run 7 finished: 12 rows, 3 rejected",
        "SELECT customer_id, updated_at FROM mp.demo.users",
        "https://api.example.com:8080/path?x=1",
        "the basic facts about bearer tokens",
        "token_lifetime_seconds=28800",
        "2026-03-01T12:00:00Z user@example.com",
    ],
)
def test_honest_texts_are_left_alone(text: str) -> None:
    assert Redactor().redact(text) == text


def test_long_texts_are_cut_and_no_half_secret_is_left_at_the_cut() -> None:
    redactor = Redactor()
    redactor.register(Secret("s3cret-at-the-cut"))
    text = "x" * (MAX_TEXT_CHARACTERS - 8) + "s3cret-at-the-cut" + "y" * 100
    masked = redactor.redact(text)
    assert "s3cret" not in masked
    assert len(masked) < MAX_TEXT_CHARACTERS + 50


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "-eyJ",
        "eyJaaaaa.",
        "password=",
        'password="',
        "password='\"",
        "-----BEGIN A-----",
        "://a:",
        "Bearer ",
        "\\",
        " ",
        "a" * 16,
        "@",
        "://:@",
    ],
)
def test_cost_is_bounded_for_hostile_texts(piece: str) -> None:
    redactor = Redactor()
    redactor.register(Secret("aaaaaaaaaaaaaaaa"))
    redactor.register(Secret("not in there"))
    begun = time.perf_counter()
    redactor.redact(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - begun < 1.0
