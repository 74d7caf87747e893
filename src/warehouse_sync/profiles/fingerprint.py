"""The fingerprint that stands for an identity in the store (decision D13).

It is the 128-bit MD5 of type and normal form. Two identities must never share one: with 10^9 identities the chance is below 10^-20.
"""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.identity import TYPE_CODES, IdentityRules, IdentityType

_WHITE_SPACE: Final = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)"


def fingerprint_sql(text: str, identity_type: IdentityType, rules: IdentityRules) -> str:
    """SQL that gives the fingerprint of an identity from SQL that gives its text; NULL when there is none.

    Values are compared trimmed, e-mail without case if the workspace says so, everything else verbatim. An empty text is no identity.
    """
    normal = f"trim({text}, {_WHITE_SPACE})"
    if identity_type is IdentityType.EMAIL and rules.fold_email_case:
        normal = f"lower({normal})"
    return f"md5_number('{TYPE_CODES[identity_type]}:' || nullif({normal}, ''))"
