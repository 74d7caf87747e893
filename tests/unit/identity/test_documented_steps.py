"""docs/identities.md shows how a chunk of five rows is resolved, relation by relation: so it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.profiles.applying import Home
from warehouse_sync.sync import apply

SHOWN = {
    "SELECT ord, last_ord, rows FROM grp": [(0, 0, 1), (1, 2, 2), (3, 3, 1), (4, 4, 1)],
    "SELECT ord, value, probe.profile FROM probe JOIN pair USING (ord, type)": [
        (0, "C1", 1),
        (0, "ann@x", 1),
        (1, "C2", None),
        (1, "bob@x", 2),
        (3, "C5", None),
        (3, "eve@x", None),
        (4, "eve@x", None),
    ],
    "SELECT ord FROM entangled": [(3,), (4,)],
    "SELECT ord, profile FROM settled": [(0, 1)],
    "SELECT ord, profile, guards FROM judged": [(1, 2, 0)],
    "SELECT ord, profile FROM chosen": [(1, 2)],
    "SELECT ord, profile FROM created": [(3, 3), (4, 4)],
    "SELECT ord, rows FROM conflict": [(4, 1)],
    "SELECT profile, ord, rows FROM latest": [(1, 0, 1), (2, 2, 2), (3, 3, 1), (4, 4, 1)],
    "SELECT profile, value FROM attached": [(2, "C2"), (3, "C5"), (3, "eve@x"), (4, "eve@x")],
    "SELECT profile FROM detached": [],
}


def test_the_documented_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "profiles")
    home.sync({"customer_id": "C1", "email": "ann@x"}, {"email": "bob@x"})
    found: dict[str, list[Any]] = {}
    real = apply.write_identities

    def noted(chunk: Any, **given: Any) -> int:
        found.update({query: chunk.rows(f"{query} ORDER BY ALL") for query in SHOWN})
        return real(chunk, **given)

    monkeypatch.setattr(apply, "write_identities", noted)
    try:
        home.sync(
            {"customer_id": "C1", "email": "ann@x", "t": 1},
            {"customer_id": "C2", "email": "bob@x", "t": 2},
            {"customer_id": "C2", "email": "bob@x", "t": 3},
            {"customer_id": "C5", "email": "eve@x", "t": 4},
            {"email": "eve@x", "t": 5},
        )
    finally:
        home.stores.close()
    assert found == SHOWN
