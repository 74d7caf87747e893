"""For all crash tests: what takes long to prepare is prepared once."""

from __future__ import annotations

import pytest

from tests.crash.kill_points import Theatre, prepare


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return prepare(tmp_path_factory.mktemp("theatre"))
