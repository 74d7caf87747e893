"""A look-up compares identities as the workspace's own rules say (decision D13)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.profiles.applying import Home
from warehouse_sync.domain.identity import IdentityRules, IdentityType


@pytest.mark.parametrize(("fold", "found"), [(True, [1]), (False, [])])
def test_the_case_of_an_email_counts_only_where_the_workspace_says_so(
    tmp_path: Path, fold: bool, found: list[int]
) -> None:
    home = Home(tmp_path / "profiles")
    home.rules = replace(IdentityRules(), fold_email_case=fold)
    home.sync({"email": "Ann@X", "x": "1"})
    assert home.holders(IdentityType.EMAIL, "Ann@X") == [1]
    assert home.holders(IdentityType.EMAIL, "ann@x") == found
    home.stores.close()
