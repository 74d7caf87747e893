"""The wire's MPID and the store's dense profile number: a keyed bijection between them.

The store numbers profiles 1, 2, 3 …, which keeps neighbours together on disk. Published numbers must not tell how many profiles there are
or when one was made, so the wire shows a permutation of ``[0, 2^62)`` instead: a balanced Feistel network of two 31-bit halves. The lowest
bit of the number under the permutation tells the environment, so that one workspace's MPIDs are unique across both.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import numpy as np
import numpy.typing as npt

from warehouse_sync.domain.environment import Environment

_ROUNDS: Final = 6
_HALF_BITS: Final = 31
_HALF: Final = (1 << _HALF_BITS) - 1
_ENVIRONMENT_BIT: Final = {Environment.PRODUCTION: 0, Environment.DEVELOPMENT: 1}
_ENVIRONMENT_OF_BIT: Final = {bit: environment for environment, bit in _ENVIRONMENT_BIT.items()}

Numbers = npt.NDArray[np.uint64]


class MpidCodec:
    """Translates between profile numbers and MPIDs of one workspace.

    Args:
        key: the home's key for MPIDs; a lost key changes every MPID, so it is part of a backup.
        workspace_id: MPIDs of different workspaces are unrelated.
    """

    def __init__(self, key: bytes, workspace_id: int) -> None:
        self._round_keys = [
            int.from_bytes(hmac.digest(key, f"mpid/{workspace_id}/{round_}".encode(), hashlib.sha256)[:8], "big")
            for round_ in range(_ROUNDS)
        ]

    def encode(self, profile: int, environment: Environment) -> int:
        """The MPID, in ``[0, 2^62)``, of profile number ``profile`` (1 to 2^61 - 1)."""
        return int(self.encode_many(np.array([profile], dtype=np.uint64), environment)[0])

    def decode(self, mpid: int) -> tuple[int, Environment] | None:
        """The profile number and environment an MPID stands for, or None if it can be no MPID.

        Every number in range stands for some profile number; whether that profile exists is the store's to say.
        """
        if not 0 <= mpid < 1 << (2 * _HALF_BITS):
            return None
        plain = int(self._permute_back(np.array([mpid], dtype=np.uint64))[0])
        return plain >> 1, _ENVIRONMENT_OF_BIT[plain & 1]

    def decode_many(self, mpids: npt.NDArray[np.int64], environment: Environment) -> npt.NDArray[np.int64]:
        """:meth:`decode` for a whole array: the profile numbers; 0, which is no profile's, for what is no MPID of the environment."""
        in_range = (mpids >= 0) & (mpids < 1 << (2 * _HALF_BITS))
        plain = self._permute_back(np.where(in_range, mpids, 0).astype(np.uint64)).astype(np.int64)
        return np.where(in_range & (plain & 1 == _ENVIRONMENT_BIT[environment]), plain >> 1, 0)

    def encode_many(self, profiles: Numbers, environment: Environment) -> Numbers:
        """:meth:`encode` for a whole array."""
        return self._permute((profiles << np.uint64(1)) | np.uint64(_ENVIRONMENT_BIT[environment]))

    def _permute(self, numbers: Numbers) -> Numbers:
        left, right = numbers >> np.uint64(_HALF_BITS), numbers & np.uint64(_HALF)
        for key in self._round_keys:
            left, right = right, left ^ _mix(right, key)
        return (left << np.uint64(_HALF_BITS)) | right

    def _permute_back(self, numbers: Numbers) -> Numbers:
        left, right = numbers >> np.uint64(_HALF_BITS), numbers & np.uint64(_HALF)
        for key in reversed(self._round_keys):
            left, right = right ^ _mix(left, key), left
        return (left << np.uint64(_HALF_BITS)) | right


def _mix(half: Numbers, key: int) -> Numbers:
    """A keyed 31-bit function with good avalanche: the finaliser of the SplitMix64 generator."""
    mixed = half + np.uint64(key)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) & np.uint64(_HALF)
