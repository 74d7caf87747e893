"""Sessions of the console: opaque, ended by time, by signing out, and by very many others."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from warehouse_sync.console import sessions as module
from warehouse_sync.console.sessions import Session, Sessions


def session(seconds: float = 60) -> Session:
    return Session(cast("Any", None), time.monotonic() + seconds, [{"id": 1}], 1)


def test_a_session_is_found_by_its_id_alone() -> None:
    sessions, one, other = Sessions(), session(), session()
    sessions.add(one)
    assert sessions.find(one.id) is one
    assert sessions.find(other.id) is None
    assert sessions.find(None) is None
    assert one.id != other.id
    assert len(one.id) >= 43  # 256 bits


def test_a_session_ends_with_its_token_and_with_signing_out() -> None:
    sessions, spent, left = Sessions(), session(-1), session()
    sessions.add(spent)
    sessions.add(left)
    assert sessions.find(spent.id) is None
    sessions.end(left.id)
    assert sessions.find(left.id) is None
    sessions.end("unknown")


def test_very_many_sessions_cost_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    sessions, made = Sessions(), [session() for _ in range(5)]
    for one in made:
        sessions.add(one)
    assert [sessions.find(one.id) is one for one in made] == [False, False, True, True, True]
