"""A store of version 1 is brought to this version when it is opened, loses nothing, and goes on."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.unit.profiles.applying import WORKSPACE, Home

_COUNTS = [
    *("extracted", "rejected", "changed", "unchanged", "superseded", "values_dropped"),
    *("profiles_matched", "profiles_created", "identity_conflicts", "profiles_orphaned"),
]
_ROW = "profile BIGINT NOT NULL, load_ts TIMESTAMP NOT NULL, run BIGINT NOT NULL, seq BIGINT NOT NULL, digest UBIGINT NOT NULL"
VERSION_1 = f"""
CREATE TABLE store_version (version INTEGER NOT NULL, engine VARCHAR NOT NULL);
CREATE TABLE counters (next_profile BIGINT NOT NULL, next_seq BIGINT NOT NULL);
CREATE TABLE run_progress (run BIGINT NOT NULL, epoch BIGINT NOT NULL, chunks INTEGER NOT NULL, applied_on TIMESTAMP,
    first_profile BIGINT NOT NULL, {", ".join(f"{name} BIGINT NOT NULL" for name in _COUNTS)});
CREATE TABLE profiles (profile BIGINT NOT NULL, run BIGINT NOT NULL);
CREATE TABLE identities (profile BIGINT NOT NULL, type UTINYINT NOT NULL, h UHUGEINT NOT NULL, value VARCHAR NOT NULL,
    seq BIGINT NOT NULL, run BIGINT NOT NULL, ord BIGINT NOT NULL);
CREATE TABLE lookup (h UHUGEINT NOT NULL, profile BIGINT NOT NULL);
CREATE TABLE recency (profile BIGINT NOT NULL, seq BIGINT NOT NULL);
CREATE TABLE multivalued (profile BIGINT NOT NULL, type UTINYINT NOT NULL);
CREATE TABLE attributes (data_model BIGINT NOT NULL, number INTEGER NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    sql_type VARCHAR NOT NULL);
CREATE TABLE reject_counts (run BIGINT NOT NULL, reason VARCHAR NOT NULL, rows BIGINT NOT NULL);
CREATE TABLE reject_samples (run BIGINT NOT NULL, reason VARCHAR NOT NULL, ord BIGINT NOT NULL, row JSON NOT NULL);
CREATE TABLE m_7 ({_ROW}, a_1 VARCHAR);
CREATE TABLE h_7 ({_ROW}, replaced_by BIGINT NOT NULL, a_1 VARCHAR);
INSERT INTO store_version VALUES (1, 'older');
INSERT INTO counters VALUES (2, 3);
INSERT INTO run_progress VALUES (1, 1, 1, '2023-02-13 10:01:00', 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0);
INSERT INTO run_progress VALUES (2, 1, 1, '2023-02-13 10:02:00', 2, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0);
INSERT INTO profiles VALUES (1, 1);
INSERT INTO identities VALUES (1, 2, md5_number('2:ann@x'), 'Ann@x', 1, 1, 0);
INSERT INTO lookup VALUES (md5_number('2:ann@x'), 1);
INSERT INTO attributes VALUES (7, 1, 'x', 'string', 'VARCHAR');
INSERT INTO h_7 VALUES (1, '2023-02-13 10:00:00', 1, 1, 5, 2, 'old');
INSERT INTO m_7 VALUES (1, '2023-02-13 10:00:01', 2, 2, 6, 'new');
"""


def test_a_store_of_version_1_goes_on(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / f"{WORKSPACE}-development.duckdb")) as connection:
        connection.execute(VERSION_1)
    for _ in range(2):  # the second time there is nothing to bring up
        home = Home(tmp_path)
        home.runs = 2
        assert home.identities(1) == {"email": "Ann@x"}
        assert home.values(1) == {"x": "new"}
        home.stores.close()
    home = Home(tmp_path)
    home.runs = 2
    assert home.stores.begin(home.key(2), start_over=False).reading == 0
    assert home.sync({"email": "ann@X", "x": "new", "t": 1}).unchanged == 1
    counts = home.sync({"email": "ann@x", "other": "o", "x": "newer", "t": 2}, {"email": "bob@x", "x": "his"})
    assert (counts.profiles_created, counts.changed) == (1, 2)
    assert home.identities(1) == {"email": "Ann@x", "other": "o"}
    assert (home.values(1), home.values(2)) == ({"x": "newer"}, {"x": "his"})
    home.stores.close()


def test_a_store_of_version_2_goes_on(tmp_path: Path) -> None:
    """It did not keep which epoch had started over."""
    home = Home(tmp_path)
    home.sync({"email": "ann@x", "x": "old"})
    home.stores.close()
    with duckdb.connect(str(tmp_path / f"{WORKSPACE}-development.duckdb")) as connection:
        connection.execute("ALTER TABLE run_progress DROP COLUMN reading")
        connection.execute("UPDATE store_version SET version = 2")
    home = Home(tmp_path)
    home.runs = 1
    progress = home.stores.begin(home.key(1), start_over=False)
    assert (progress.reading, progress.chunks, progress.counts.changed) == (0, 1, 1)
    assert home.sync({"email": "ann@x", "x": "new"}).changed == 1
    home.stores.close()
