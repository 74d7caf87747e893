"""The fingerprint that stands for an identity in the store (decision D13).

It is the 128-bit MD5 of type and normal form. Two identities must never share one: with 10^9 identities the chance is below 10^-20.
"""

from __future__ import annotations

import hashlib
from typing import Final

from warehouse_sync.domain.identity import TYPE_CODES, IdentityRules, IdentityType

_BLANKS: Final = " \t\n\v\f\r\xa0"
_BLANKS_SQL: Final = " || ".join(f"chr({ord(blank)})" for blank in _BLANKS)


def fingerprint_sql(text: str, identity_type: IdentityType, rules: IdentityRules) -> str:
    """SQL that gives the fingerprint of an identity from SQL that gives its text; NULL when there is none.

    Values are compared trimmed, e-mail without case if the workspace says so, everything else verbatim. An empty text is no identity.
    """
    normal = f"CASE WHEN {_may_need_trimming(text)} THEN trim({text}, {_BLANKS_SQL}) ELSE {text} END"
    if _folds_case(identity_type, rules):
        normal = f"lower({normal})"
    return f"md5_number('{TYPE_CODES[identity_type]}:' || nullif({normal}, ''))"


def fingerprint_constant(text: str, identity_type: IdentityType, rules: IdentityRules) -> str:
    """SQL that gives the same of a text, written out, but for letters whose case the engine alone folds as it does.

    A search by a number costs half of one by a function, which the engine works out twice before it looks at zone maps. ``$value`` in the
    SQL stands for the text.
    """
    if _folds_case(identity_type, rules) and not text.isascii():
        return fingerprint_sql("$value::VARCHAR", identity_type, rules)
    normal = text.strip(_BLANKS)
    if _folds_case(identity_type, rules):
        normal = normal.lower()
    if not normal:
        return "NULL"
    digest = hashlib.md5(
        f"{TYPE_CODES[identity_type]}:{normal}".encode(errors="surrogatepass"), usedforsecurity=False
    ).digest()
    return f"{int.from_bytes(digest, 'little')}::UHUGEINT"


def _folds_case(identity_type: IdentityType, rules: IdentityRules) -> bool:
    return identity_type is IdentityType.EMAIL and rules.fold_email_case


def _may_need_trimming(text: str) -> str:
    """SQL that is true of every text that trimming would change, and of few others: two characters are looked at in no time."""
    return " OR ".join(f"({text})[{place}] NOT BETWEEN '!' AND '~'" for place in (1, -1))
