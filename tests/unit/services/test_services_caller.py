from __future__ import annotations

import pytest

from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.errors import Forbidden, NotFound
from warehouse_sync.services.caller import OPERATOR, Caller


def _caller(permission: Permission, workspaces: frozenset[int] | None = frozenset({1})) -> Caller:
    return Caller("id", "name", permission, workspaces)


@pytest.mark.parametrize("needed", list(Permission))
@pytest.mark.parametrize("held", list(Permission))
def test_a_permission_includes_itself_and_admin_includes_all(held: Permission, needed: Permission) -> None:
    if held is Permission.ADMIN or held is needed:
        _caller(held).require(needed, 1)
    else:
        with pytest.raises(Forbidden):
            _caller(held).require(needed, 1)


def test_a_foreign_workspace_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"^There is no workspace 2\.$"):
        _caller(Permission.ADMIN).require(Permission.ADMIN, 2)
    OPERATOR.require(Permission.ADMIN, 2)
    _caller(Permission.ADMIN, None).require(Permission.ADMIN, 2)


def test_a_missing_permission_comes_first_and_tells_nothing_of_workspaces() -> None:
    with pytest.raises(Forbidden):
        _caller(Permission.USER).require(Permission.ADMIN, 2)
