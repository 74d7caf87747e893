"""The history of a profile's attributes, from the versions that its data models' rows left behind (decision D31)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import duckdb

from warehouse_sync.profiles.ledger import Ledger
from warehouse_sync.profiles.provenance import AttributeChange
from warehouse_sync.profiles.versions import Version, Versions, data_models_in, source_of


def read_history(connection: duckdb.DuckDBPyConnection, profile: int) -> tuple[AttributeChange, ...]:
    """Every change of a profile's attributes that is kept, the latest first."""
    ledger = Ledger(connection)
    versions = Versions(connection)
    stories = [
        (versions.replaced(model, profile), versions.current(model, profile)) for model in data_models_in(connection)
    ]
    steps = [step for past, current in stories for step in _steps(past, current, ledger)]
    steps.sort(key=attrgetter("seq", "at_run"), reverse=True)
    changes = [change for step in steps for change in _changes(step, ledger)]
    return tuple(_mark_current(changes, _shown_models([current for _, current in stories if current is not None])))


@dataclass(frozen=True, slots=True)
class _Step:
    """One version of a data model taking the place of another; None where there was, or is, nothing."""

    data_model: int
    before: Version | None
    after: Version | None
    seq: int
    at_run: int
    is_before_known: bool = True


def _steps(past: Sequence[Version], current: Version | None, ledger: Ledger) -> Iterator[_Step]:
    versions = [*past, *([] if current is None else [current])]
    if not versions:
        return
    first = versions[0]
    yield _Step(first.data_model, None, first, first.seq, first.run, is_before_known=first.follows is False)
    for before, after in zip(past, [*versions[1:], None], strict=False):
        seq = before.seq if before.replaced_seq is None else before.replaced_seq
        by = before.run if before.replaced_by is None else before.replaced_by
        if after is not None and after.seq > seq and ledger.is_undo(by):
            yield _Step(first.data_model, before, None, seq, by)
            yield _Step(first.data_model, None, after, after.seq, after.run)
        else:
            yield _Step(first.data_model, before, after, seq, by)


def _changes(step: _Step, ledger: Ledger) -> Iterator[AttributeChange]:
    old = {} if step.before is None else step.before.values
    new = {} if step.after is None else step.after.values
    for name in sorted({*old, *new}):
        if name in old and name in new and old[name] == new[name]:
            continue
        source = source_of(step.after, ledger) if step.after is not None and name in new else None
        yield AttributeChange(
            attribute=name,
            data_model_key=step.data_model,
            value=new.get(name),
            source=source,
            previous=old.get(name),
            previous_source=source_of(step.before, ledger) if step.before is not None and name in old else None,
            is_previous_known=step.is_before_known,
            changed_by=step.at_run,
            changed_on=ledger.applied_on(step.seq, step.at_run),
            is_undone=ledger.is_undone(step.seq),
            is_current=False,
        )


def _shown_models(current: Sequence[Version]) -> dict[str, int]:
    """The data model that each attribute shows its value from: the newest load timestamp, then the latest run."""
    shown: dict[str, int] = {}
    for version in sorted(current, key=lambda found: (found.newest_ts, found.run)):
        shown.update(dict.fromkeys(version.values, version.data_model))
    return shown


def _mark_current(changes: Sequence[AttributeChange], shown_models: Mapping[str, int]) -> Iterator[AttributeChange]:
    """The changes, the latest first, with those marked that made the values that the profile shows."""
    unexplained = dict(shown_models)
    for change in changes:
        if unexplained.get(change.attribute) == change.data_model_key:
            del unexplained[change.attribute]
            yield replace(change, is_current=True)
        else:
            yield change
