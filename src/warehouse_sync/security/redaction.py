"""Takes secrets out of texts that others will read: log lines, and what a driver says.

Two nets. Secrets in use are registered and found in every form a driver, a URL or a JSON document may give them. What was never
registered is found by its looks: ``password=…``, bearer tokens, JSON Web Tokens, private keys, passwords in URLs, our own client secrets.
It is a net, not a licence: code still must not put secrets into messages.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.security.client_secrets import CLIENT_SECRET_PREFIX, FEED_SECRET_PREFIX

MAX_TEXT_CHARACTERS: Final = 65_536
"""Longer texts are cut there: the cost of one call is bounded."""

SHORTEST_SECRET: Final = 4
"""Shorter secrets are not searched for: masking every "ab" would make all texts unreadable. Patterns still catch them by name."""

_SHORTEST_PART: Final = 12  # lines of a long secret, and its insides in base64, are searched for from this length on
_CUT: Final = "… (cut)"

# Every repetition is bounded, or starts where the last match ended, so that no text costs more than linear time.
_PATTERNS: Final = (
    re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----(.*?)(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL),
    re.compile(r"(?<![A-Za-z0-9_.-])(eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_.-]+)"),
    re.compile(r"(?i:\b(?:bearer|basic|snowflake token=)) {0,8}[\"']?([A-Za-z0-9._~+/=:-]{16,})"),
    re.compile(rf"((?:{CLIENT_SECRET_PREFIX}|{FEED_SECRET_PREFIX})[A-Za-z0-9_-]{{43}})"),
    re.compile(r"://[^\s/:@]{0,256}:([^\s/]{1,256})@"),
)
_NAMED_VALUE: Final = re.compile(
    r"(?i:passwords?|passwd|pwd|passphrase|passcode|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key"
    r"|credentials?|authorization)"
    r"\\{0,3}[\"']?\s{0,8}[:=]\s{0,8}(?i:(?:bearer|basic|digest|snowflake)\s{1,8})?"
    r"(?:(?P<quote>\\{0,3}[\"'])(?P<quoted>.*?)(?:(?<!\\)(?P=quote)|\Z)|(?P<bare>[^\s;&\"'<>]+))",
    re.DOTALL,
)

Span = tuple[int, int]


class Redactor:
    """Knows the secrets in use and masks them, and all that looks like one. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: Counter[str] = Counter()
        self._forms: tuple[str, ...] = ()

    @contextmanager
    def in_use(self, secrets: Iterable[Secret]) -> Iterator[None]:
        """Masks these secrets for as long as the block lasts, and as long as any other block holds them."""
        texts = [secret.reveal() for secret in secrets]
        self._change(texts, 1)
        try:
            yield
        finally:
            self._change(texts, -1)

    def register(self, secret: Secret) -> None:
        """Masks a secret for the life of the process, e.g. one from the settings."""
        self._change([secret.reveal()], 1)

    def redact(self, text: str) -> str:
        """The text with every secret replaced by the mask, cut at :data:`MAX_TEXT_CHARACTERS`."""
        forms = self._forms
        # Look beyond the cut, lest it leave the first half of a secret standing.
        seen = text[: MAX_TEXT_CHARACTERS + max(map(len, forms), default=0)]
        masked = _masked(seen, _merged([*_known(seen, forms), *_suspected(seen)]))
        return masked if len(text) <= MAX_TEXT_CHARACTERS else masked + _CUT

    def _change(self, texts: Iterable[str], step: int) -> None:
        with self._lock:
            for text in texts:
                self._uses[text] += step
            self._uses = +self._uses
            forms = {form for text in self._uses for form in _forms_of(text)}
            self._forms = tuple(forms)


def _forms_of(text: str) -> set[str]:
    """Every way we know in which a text may have been written by the time it reaches a message."""
    if len(text) < SHORTEST_SECRET:
        return set()
    parts = {text, text.strip(), *(line.strip() for line in text.splitlines() if len(line.strip()) >= _SHORTEST_PART)}
    forms = {form for part in parts for form in _written(part)}
    return {form for form in forms if len(form) >= SHORTEST_SECRET} | _base64_insides(text)


def _written(text: str) -> set[str]:
    raw = text.encode("utf-8", "surrogatepass")
    percent = {urllib.parse.quote_from_bytes(raw, safe=""), urllib.parse.quote_from_bytes(raw)}
    percent |= {form.replace("%20", "+") for form in percent}
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {
        text,
        *percent,
        *(re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in percent),
        *escaped,
        *(json.dumps(form)[1:-1] for form in escaped),  # JSON inside JSON
        html.escape(text),
        text.replace("'", "''"),  # as an SQL literal
        raw.hex(),
        raw.hex().upper(),
    }


def _base64_insides(text: str) -> set[str]:
    """What base64 of any text around this one must contain: its insides at each of the three alignments."""
    raw = text.encode("utf-8", "surrogatepass")
    forms: set[str] = set()
    for before in range(3):
        # The first and last groups mix with the neighbours' bits; the groups between are the secret's alone.
        encoded = base64.b64encode(b"\0" * before + raw)
        first = 0 if before == 0 else before + 1
        last = (before + len(raw)) * 8 // 6
        inside = encoded[first:last].decode()
        if len(inside) >= min(_SHORTEST_PART, len(raw)):
            forms |= {inside, inside.replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


def _known(text: str, forms: Iterable[str]) -> Iterator[Span]:
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)


def _suspected(text: str) -> Iterator[Span]:
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield match.span(1)
    for match in _NAMED_VALUE.finditer(text):
        yield match.span("bare" if match["quote"] is None else "quoted")


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same characters as spans in order that do not touch."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _masked(text: str, spans: Iterable[Span]) -> str:
    """The text up to the limit, with the mask in place of each span."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        if start >= MAX_TEXT_CHARACTERS:
            break
        pieces += [text[position:start], MASK]
        position = end
    pieces.append(text[position:MAX_TEXT_CHARACTERS])
    return "".join(pieces)
