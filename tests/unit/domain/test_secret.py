"""A secret is never seen by accident."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest

from warehouse_sync.domain.secret import MASK, Secret

TEXT = "hunter2-canary"


@dataclass(frozen=True)
class Holder:
    secret: Secret


def test_the_mask_is_the_published_one() -> None:
    assert MASK == "*" * 12


@pytest.mark.parametrize(
    "shown",
    [
        str(Secret(TEXT)),
        repr(Secret(TEXT)),
        f"{Secret(TEXT)}",
        f"{Secret(TEXT)!s:>40}",
        f"{Secret(TEXT):>40}",
        f"{Secret(TEXT)!r}",
        "{}".format(Secret(TEXT)),  # noqa: UP032 - one of the ways
        "%s %r" % (Secret(TEXT), Secret(TEXT)),  # noqa: UP031 - one of the ways
        repr(Holder(Secret(TEXT))),
        repr({"password": Secret(TEXT)}),
        str([Secret(TEXT)]),
        json.dumps({"a": Secret(TEXT)}, default=str),
    ],
)
def test_every_way_of_printing_gives_the_mask(shown: str) -> None:
    assert MASK in shown
    assert TEXT not in shown


def test_logs_and_tracebacks_give_the_mask() -> None:
    written = io.StringIO()
    logger = logging.Logger("a logger of its own")
    logger.addHandler(logging.StreamHandler(written))
    logger.warning("logged in with %s and %r", Secret(TEXT), {"password": Secret(TEXT)})
    assert written.getvalue().count(MASK) == 2
    assert TEXT not in written.getvalue()
    assert TEXT not in "".join(traceback.format_exception(ValueError(Secret(TEXT), {"password": Secret(TEXT)})))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol: int) -> None:
    for thing in (Secret(TEXT), Holder(Secret(TEXT)), [Secret(TEXT)]):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(thing, protocol)


def test_it_has_no_dictionary_and_serialises_to_nothing() -> None:
    with pytest.raises(TypeError):
        vars(Secret(TEXT))
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_only_reveal_gives_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_equality_without_telling() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert hash(Secret(TEXT)) == hash(Secret("other"))
    assert {Secret(TEXT): 1}[Secret(TEXT)] == 1


def test_copies_are_the_same_secret() -> None:
    secret = Secret(TEXT)
    assert copy.deepcopy({"a": secret})["a"] is secret
    assert copy.copy(secret) is secret
