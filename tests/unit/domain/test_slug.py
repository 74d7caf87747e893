"""Identifiers that customers choose (specification §1.4)."""

from __future__ import annotations

import pytest

from warehouse_sync.domain.slug import check_slug
from warehouse_sync.errors import InvalidRequest


@pytest.mark.parametrize(
    "text", ["a", "crm-connection", "mP-warehouse-sync-early-access-TJW-connection", "A_1", "-", "x" * 128]
)
def test_identifiers(text: str) -> None:
    assert check_slug(text) == text


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a/b", "..", "a.b", "é", "٣", "a\n", "a\nb", "x" * 129, "a%2F", "a\x00"]
)
def test_anything_else_is_refused_naming_the_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_slug(text, field="connection_id")
    assert refused.value.field == "connection_id"
    assert "connection_id" in refused.value.message
