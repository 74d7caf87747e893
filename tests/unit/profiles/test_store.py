"""The store: fenced by the epoch, moved on chunk by chunk, all or nothing; versions (promises I1, I2, I5)."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home, table
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.errors import LeaseLostError, StoreError
from warehouse_sync.profiles.duckdb_store import DuckDbStores
from warehouse_sync.sync.apply import apply_chunk

FIRST = [{"email": "a", "x": "1"}, {"email": None, "x": "nobody"}]
SECOND = [{"email": "a", "x": "2"}, {"email": "b", "x": "2"}, {"email": None, "x": "nobody"}]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles")
    yield made
    made.stores.close()


def apply(home: Home, run: RunKey, number: int, rows: list[dict]) -> RunCounts:
    return apply_chunk(home.stores, home.plan(run, table(rows)), number, table(rows), now=START)


def everything(home: Home) -> dict[str, list[tuple]]:
    """Every row of every table of the store."""
    with home.stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        connection = opened[0]
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY 1"
        ).fetchall()
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for (name,) in names}


def test_an_older_epoch_writes_nothing(home: Home) -> None:
    home.stores.begin(home.key(1, epoch=1), start_over=False)
    apply(home, home.key(1, epoch=1), 0, FIRST)
    assert home.stores.begin(home.key(1, epoch=2), start_over=False).chunks == 1
    before = everything(home)
    with pytest.raises(LeaseLostError):
        apply(home, home.key(1, epoch=1), 1, SECOND)
    assert everything(home) == before
    assert apply(home, home.key(1, epoch=2), 1, SECOND).profiles_created == 1


def test_a_disk_that_is_full_when_a_store_is_made_leaves_no_part_of_one(home: Home) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))  # written in part, as on a full disk
    try:
        with pytest.raises(StoreError) as caught:
            home.stores.begin(home.key(1), start_over=True)
        assert caught.value.code == "store_write_failed"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    home.stores.begin(home.key(1), start_over=True)
    assert apply(home, home.key(1), 0, FIRST).profiles_created == 1


def test_an_older_epoch_may_not_begin(home: Home) -> None:
    home.stores.begin(home.key(1, epoch=5), start_over=False)
    before = everything(home)
    for start_over in (False, True):
        with pytest.raises(LeaseLostError):
            home.stores.begin(home.key(1, epoch=4), start_over=start_over)
    assert everything(home) == before
    assert home.stores.begin(home.key(1, epoch=5), start_over=False).chunks == 0  # the same holder again


@pytest.mark.parametrize("number", [0, 2, -1])
def test_only_the_next_chunk_can_be_applied(home: Home, number: int) -> None:
    run = home.key(1)
    home.stores.begin(run, start_over=False)
    apply(home, run, 0, FIRST)
    before = everything(home)
    with pytest.raises(LeaseLostError):
        apply(home, run, number, FIRST if number == 0 else SECOND)
    assert everything(home) == before
    apply(home, run, 1, SECOND)
    assert home.stores.begin(run, start_over=False).chunks == 2


def test_a_run_that_was_not_begun_writes_nothing(home: Home) -> None:
    home.sync(*FIRST)
    before = everything(home)
    with pytest.raises(LeaseLostError):
        apply(home, home.key(99), 0, SECOND)
    assert everything(home) == before


def delete_identities(home: Home, *, then: str = "", failure: type[BaseException] | None = None) -> None:
    with home.stores.chunk(home.key(1), 1, now=START) as chunk:
        chunk.execute("DELETE FROM identities")
        if then:
            chunk.execute(then)
        if failure:
            raise failure


def test_a_chunk_that_fails_leaves_nothing(home: Home) -> None:
    home.sync(*FIRST)
    before = everything(home)
    for failure in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(failure):
            delete_identities(home, failure=failure)
    with pytest.raises(StoreError):
        delete_identities(home, then="SELECT no_such_column FROM profiles")
    with pytest.raises(RuntimeError, match="checkpoint"):
        delete_identities(home)
    assert everything(home) == before


def test_starting_over_forgets_progress_and_rejects_but_no_profile(home: Home) -> None:
    home.sync(*FIRST)
    home.stores.begin(home.key(1, epoch=2), start_over=True)
    found = home.stores.begin(home.key(1, epoch=2), start_over=False)
    assert (found.chunks, found.counts) == (0, RunCounts())
    assert home.rejects() == {}
    assert home.count() == 1
    with pytest.raises(LeaseLostError):
        apply(home, home.key(1, epoch=1), 0, SECOND)


def test_an_mpid_made_by_the_run_itself_is_unknown_to_it(home: Home) -> None:
    """However the rows fall into chunks, and in a second attempt too."""
    run = home.key(1)
    home.stores.begin(run, start_over=False)
    apply(home, run, 0, FIRST)
    row = {"mpid": str(home.mpid(1)), "email": None}
    assert apply(home, run, 1, [row]).rejected == 1
    home.stores.begin(run, start_over=True)
    assert apply(home, run, 0, [row]).rejected == 1


def test_what_was_committed_is_there_after_opening_again(home: Home, tmp_path: Path) -> None:
    home.sync(*FIRST)
    home.sync(*SECOND)
    before = everything(home)
    home.stores.close()
    again = Home(tmp_path / "profiles")
    try:
        assert everything(again) == before
        again.runs = 2
        assert again.sync({"email": "b", "x": "2"}).unchanged == 1
    finally:
        again.stores.close()


def test_another_key_gives_other_mpids(home: Home, tmp_path: Path) -> None:
    home.sync(*FIRST)
    mpid = home.mpid(1)
    other = DuckDbStores(tmp_path / "other", b"q" * 32)
    assert other.codec(WORKSPACE).encode(1, DEVELOPMENT) != mpid
    other.close()


def test_a_store_of_a_newer_version_is_refused_every_time(home: Home, tmp_path: Path) -> None:
    home.sync(*FIRST)
    home.stores.close()
    path = tmp_path / "profiles" / f"{WORKSPACE}-development.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE store_version SET version = version + 1")
    again = Home(tmp_path / "profiles")
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match="newer version") as refused:
                again.stores.begin(again.key(2), start_over=False)
            assert refused.value.code == "store_too_new"
        production = again.key(3, environment=Environment.PRODUCTION)
        assert again.stores.begin(production, start_over=False).chunks == 0  # the other store is not held up
    finally:
        again.stores.close()


def test_a_damaged_file_is_refused_every_time(tmp_path: Path) -> None:
    home = Home(tmp_path / "profiles")
    (tmp_path / "profiles" / f"{WORKSPACE}-development.duckdb").write_bytes(b"this is no store" * 1000)
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot be opened") as refused:
                home.count()
            assert refused.value.code == "store_damaged"
            assert "already" not in refused.value.message
    finally:
        home.stores.close()


def test_after_a_new_engine_version_nothing_looks_changed(home: Home, tmp_path: Path) -> None:
    home.sync({"email": "a", "x": "1", "y": None})
    home.stores.close()
    with duckdb.connect(str(tmp_path / "profiles" / f"{WORKSPACE}-development.duckdb")) as connection:
        connection.execute("UPDATE store_version SET engine = 'older'")
        connection.execute("UPDATE m_7 SET digest = 1")
    again = Home(tmp_path / "profiles")
    try:
        again.runs = 1
        assert again.sync({"email": "a", "x": "1", "y": None}).unchanged == 1
    finally:
        again.stores.close()


def test_a_file_that_the_engine_gives_up_is_opened_again(home: Home) -> None:
    """A checkpoint that fails, as on a full disk, ends the use of a file, and nothing else: no service is to be started again for it."""
    home.sync(*FIRST)
    run = home.key(2)
    home.stores.begin(run, start_over=False)
    before = everything(home)
    fail_checkpoints(home, "before_header")
    with pytest.raises(StoreError) as refused:
        apply(home, run, 0, SECOND)
    assert refused.value.code == "store_write_failed"
    fail_checkpoints(home, None)
    done = home.stores.begin(run, start_over=False).chunks  # an error from COMMIT does not say whether it took effect
    if not done:
        assert everything(home) == before
        apply(home, run, 0, SECOND)
    assert home.values(1)["x"] == home.values(2)["x"] == "2"
    assert home.stores.begin(run, start_over=False).chunks == 1


def test_a_file_that_a_reader_holds_is_opened_again_when_the_reader_ends(home: Home) -> None:
    home.sync(*FIRST)
    fail_checkpoints(home, "before_header")
    with home.stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        opened[0].execute("SELECT * FROM profiles").fetchall()
        with pytest.raises(StoreError):
            home.sync(*SECOND)
        fail_checkpoints(home, None)
        for _ in range(2):
            with pytest.raises(StoreError):
                home.count()
    assert home.count() >= 1
    home.runs = 2
    home.sync(*SECOND)
    assert home.values(2)["x"] == "2"


def fail_checkpoints(home: Home, moment: str | None) -> None:
    """Lets every commit end with a checkpoint that fails, or none."""
    home.stores._engine.execute(f"SET wal_autocheckpoint = '{'1KB' if moment else '16MB'}'")
    home.stores._engine.execute(f"SET debug_checkpoint_abort = '{moment or 'none'}'")


def test_a_scope_without_store_is_empty_and_stays_so(home: Home) -> None:
    assert home.count() == 0
    assert home.reader.progress(WORKSPACE, DEVELOPMENT, 1) is None
    assert home.reader.profile(WORKSPACE, home.mpid(1)) is None
    assert home.rejects() == {}
    assert list(Path(home.stores._folder).glob("*.duckdb")) == []


def test_files_are_the_owners_alone(home: Home, tmp_path: Path) -> None:
    home.sync(*FIRST)
    folder = tmp_path / "profiles"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / f"{WORKSPACE}-development.duckdb").stat().st_mode & 0o077 == 0
