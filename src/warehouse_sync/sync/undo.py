"""Undoes a run, in one transaction of the profile store that is fenced and noted like a chunk."""

from __future__ import annotations

from datetime import datetime

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.identity import IdentityRules
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.errors import RunError
from warehouse_sync.profiles.protocol import ProfileStores
from warehouse_sync.profiles.schema import DATA_MODELS
from warehouse_sync.profiles.undo import SENTENCES, Obstacle, plan_undo, undo


def undo_run(stores: ProfileStores, run: RunKey, target: int, rules: IdentityRules, *, now: datetime) -> None:
    """Undoes run ``target`` as run ``run``, if an earlier attempt has not done it already.

    Args:
        stores: the profile stores.
        run: the run that undoes, and the epoch of its holder.
        target: the run to undo, of the same workspace and environment.
        rules: the workspace's rules as they are now.
        now: the moment noted as the time of application.

    Raises:
        RunError: the target cannot be undone; nothing was changed.
        LeaseLostError: a newer holder has the run; nothing was written.
        StoreError: the store failed; whether it is done, only the store's progress tells.
    """
    if stores.begin(run, start_over=False).chunks:
        return
    with stores.chunk(run, 0, now=now) as chunk:
        models = [model for (model,) in chunk.rows(DATA_MODELS)]
        planned = plan_undo(chunk, target, models, rules)
        if isinstance(planned, Obstacle):
            raise RunError(SENTENCES[planned].format(run=target), code="not_undoable")
        undo(chunk, target, models, by=run.run_id, seq=chunk.first_seq, counts=planned)
        chunk.checkpoint(RunCounts(), types=0, places=1)
        crashpoint("undo_before_commit")
    crashpoint("undo_after_commit")
