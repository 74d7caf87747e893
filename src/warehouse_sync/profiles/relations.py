"""The relations of an open transaction: what the steps of an apply read and leave behind, and how they run SQL over them.

Stored (of one scope):

    lookup      h, profile                    who holds an identity; ``h`` is the identity's fingerprint
    identities  profile, type, value, h, seq  the same, as kept on the profile
    recency     profile, seq                  when profiles that share an identity with another were last seen
    row_digests pipeline, run, h              the rows of runs whose pipeline looks for late rows

Made by ``identity/fingerprints.py`` from the rows of a chunk:

    keyed       ord, load_ts, g, mask, direct, reject, h_T and v_T for every identity type code T present

Made by ``sync/late_rows.py``, where late rows are looked for, from the rows of a chunk before any is left aside:

    arrived     place, digest, is_own, is_earlier
                                              of each row its place in the chunk, and whether it is the run's or the previous run's

Left behind by ``identity/resolution.py``, for the store to write:

    latest      profile, ord, rows            every profile that rows belong to, new ones numbered: its last row, and how many it has
    created     ord, profile                  the new ones, by the row that made them
    attached    profile, type, h, value, seq, ord, load_ts, found_by, is_new
    rewritten   profile, h, seq               identities written again on profiles that hold several of a type
    detached    h, profile, taker, ord        identities of a unique type that a row moved to another profile
    refused     ord, profile, other, shared, guards
                                              rows that wrote to a profile because guards kept them from a better match
    seen        profile, seq                  new entries and values for ``recency``

Made by ``sync/records.py``, for the store to merge:

    record      ord, load_ts, c_0, c_1 …      the attributes of every row, typed, over-long values removed
    record      dropped                       how many values of the row were left out for their length, or as no moment
    record      d_PLACE                       whether that of an attribute was, where it can be

In ``attached``, ``ord`` and ``load_ts`` are the first row's that attached the identity, ``seq`` the last row's that wrote it, and
``found_by`` is the mask of the types by which the first had found the profile.

``ord`` is a row's place in the order of application: load timestamp first, then place in the spool. ``seq`` grows with every row that a
scope ever applied, so it orders events across runs.
"""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa


class Relations(Protocol):
    """An open transaction of the profile store, as something that runs SQL over named relations."""

    def execute(self, sql: str) -> None:
        """Runs one statement for its effect."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs a query that gives few rows."""
        ...

    def register(self, name: str, table: pa.Table) -> None:
        """Makes an Arrow table readable as relation ``name`` for the rest of the transaction."""
        ...
