"""What end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stage import CUSTOMERS
from tests.fixtures.snowflake import SnowflakeEmulator, running_snowflake


@pytest.fixture(scope="session")
def quiet_shop() -> Iterator[SnowflakeEmulator]:
    """A small shop for tests that leave its tables as they are; they may make tables of their own beside them."""
    with running_snowflake(sample=CUSTOMERS) as server:
        yield server
