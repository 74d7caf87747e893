"""Identifiers that customers choose (specification §1.4)."""

from __future__ import annotations

import re
from typing import Final

from warehouse_sync.errors import InvalidRequest

SLUG_PATTERN: Final = r"^[A-Za-z0-9_-]{1,128}$"
_SLUG: Final = re.compile(SLUG_PATTERN, re.ASCII)


def check_slug(text: str, *, field: str = "id") -> str:
    """Returns ``text`` if it is an identifier: 1 to 128 ASCII letters, digits, ``_`` and ``-``.

    Raises:
        InvalidRequest: it is not, naming ``field``.
    """
    if not _SLUG.match(text) or text.endswith("\n"):
        raise InvalidRequest(f"{field} may only hold letters, digits, '_' and '-', 1 to 128 of them.", field=field)
    return text
