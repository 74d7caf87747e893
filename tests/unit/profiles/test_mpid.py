"""MPIDs: a keyed bijection of profile numbers, apart for each workspace and environment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_sync.domain.environment import Environment
from warehouse_sync.profiles.mpid import MpidCodec

KEY = b"k" * 32
CODEC = MpidCodec(KEY, 5328)
MILLION = np.random.default_rng(20230213).integers(1, 1 << 61, 1_000_000, dtype=np.uint64)
DEVELOPMENT, PRODUCTION = Environment.DEVELOPMENT, Environment.PRODUCTION

profile_numbers = st.integers(1, 2**61 - 1)
environments = st.sampled_from(Environment)


@given(profile_numbers, environments)
def test_there_and_back(number: int, environment: Environment) -> None:
    mpid = CODEC.encode(number, environment)
    assert 0 <= mpid < 2**62
    assert CODEC.decode(mpid) == (number, environment)


@given(st.integers(0, 2**62 - 1))
def test_every_number_in_range_is_the_mpid_of_one_profile(mpid: int) -> None:
    number, environment = CODEC.decode(mpid)
    assert CODEC.encode(number, environment) == mpid


@pytest.mark.parametrize("numbers", [np.arange(1, 1_000_001, dtype=np.uint64), np.unique(MILLION)])
def test_a_million_numbers_collide_nowhere_and_environments_are_disjoint(numbers: np.ndarray) -> None:
    mpids = np.concatenate([CODEC.encode_many(numbers, environment) for environment in Environment])
    assert len(np.unique(mpids)) == 2 * len(numbers)
    back = CODEC._permute_back(mpids)
    assert np.array_equal(back >> np.uint64(1), np.concatenate([numbers, numbers]))


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    numbers = MILLION[:50]
    assert [int(mpid) for mpid in CODEC.encode_many(numbers, PRODUCTION)] == [
        CODEC.encode(int(number), PRODUCTION) for number in numbers
    ]


def test_another_workspace_and_another_key_are_unrelated() -> None:
    numbers = np.arange(1, 100_001, dtype=np.uint64)
    mine = CODEC.encode_many(numbers, DEVELOPMENT)
    for other in (MpidCodec(KEY, 5329), MpidCodec(b"q" * 32, 5328)):
        theirs = other.encode_many(numbers, DEVELOPMENT)
        assert not np.any(mine == theirs)
        assert not np.isin(mine, theirs).any()
        # Half of the 62 bits differ, as between two random numbers.
        assert abs(np.mean(np.bitwise_count(mine ^ theirs)) - 31) < 0.2


def test_neighbours_do_not_look_like_neighbours() -> None:
    mpids = CODEC.encode_many(np.arange(1, 100_001, dtype=np.uint64), PRODUCTION)
    assert abs(np.mean(np.bitwise_count(mpids[1:] ^ mpids[:-1])) - 31) < 0.2
    ascending = np.mean(mpids[1:] > mpids[:-1])
    assert 0.49 < ascending < 0.51
    assert abs(float(np.mean(mpids / 2.0**62)) - 0.5) < 0.01


@pytest.mark.parametrize("mpid", [-1, 2**62, 2**63 - 1, 2**63, -(2**63), 10**40])
def test_out_of_range_is_no_mpid(mpid: int) -> None:
    assert CODEC.decode(mpid) is None


def test_the_same_key_gives_the_same_mpids_for_ever() -> None:
    """A changed permutation would give every person of every home another MPID."""
    assert [CODEC.encode(number, DEVELOPMENT) for number in (1, 2, 2**61 - 1)] == FROZEN[DEVELOPMENT]
    assert [CODEC.encode(number, PRODUCTION) for number in (1, 2, 2**61 - 1)] == FROZEN[PRODUCTION]


FROZEN = {
    DEVELOPMENT: [3514010240081185281, 2557572729704082441, 3344056159964393055],
    PRODUCTION: [86459638510066035, 195270744108934173, 2753686166426643200],
}


def test_many_are_decoded_as_one_is() -> None:
    codec = MpidCodec(b"k" * 32, 1)
    made = [codec.encode(number, environment) for number in (1, 2, 77, 2**61 - 1) for environment in Environment]
    mpids = [*made, 0, 5, -1, -(2**63), 2**62 - 1, 2**62, 2**63 - 1]
    for environment in Environment:
        decoded = [codec.decode(mpid) for mpid in mpids]
        expected = [found[0] if found is not None and found[1] is environment else 0 for found in decoded]
        assert codec.decode_many(np.array(mpids, np.int64), environment).tolist() == expected
