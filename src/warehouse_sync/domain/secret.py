"""A text that must never be seen by accident."""

from __future__ import annotations

from typing import Any, Final, NoReturn

MASK: Final = "************"
"""How every secret looks in a response: exactly twelve asterisks (specification §1.4)."""


class Secret:
    """Holds a secret text. Every way of printing it gives the mask; only ``reveal`` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. For adapters and the vault only; grep for callers."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(Secret)  # equal secrets hash alike without the hash telling anything of the text

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled: it would be written in plain text")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self
