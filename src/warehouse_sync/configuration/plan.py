"""What files would change on a server: a pure comparison of what is declared with what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from warehouse_sync.configuration.declared import Declaration, DeclaredObject, Section
from warehouse_sync.domain.secret import MASK
from warehouse_sync.domain.timestamps import parse_instant
from warehouse_sync.errors import InvalidRequest


class Action(StrEnum):
    """What happens to an object."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after, as the API writes it; secrets as the mask."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One object to create, change or delete.

    Attributes:
        fields: what changes; of a new object what it will have, without what is absent; of a deleted one nothing.
        wanted: the object as it shall be; None when it is deleted.
    """

    section: Section
    id: str
    action: Action
    fields: tuple[FieldChange, ...]
    wanted: DeclaredObject | None


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server holds: the API's answers by section and id; a feed's id is its name.

    Attributes:
        feed_ids: the numbers of the feeds of each name.
    """

    objects: Mapping[Section, Mapping[str, Mapping[str, Any]]]
    feed_ids: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order in which they can be made, and what the server holds that no file declares."""

    changes: tuple[Change, ...]
    undeclared: tuple[tuple[Section, str], ...]


_DELETABLE: Final = (Section.PIPELINES, Section.DATA_MODELS, Section.CONNECTIONS)
_KEPT_WHEN_ABSENT: Final = frozenset(
    {
        *("schedule_start_time", "partner_feed_id", "partner_feed_key"),
        *("on_failed_interval", "lookback_seconds", "repair_late_rows", "count_unread_rows"),
        *("statement_timeout_seconds", "max_bytes_billed"),
    }
)
_MOMENTS: Final = frozenset({"schedule_start_time", "schedule_end_time"})
_UNSEEN: Final = frozenset({"settings"})  # accepted by the API, and never answered


def make_plan(declaration: Declaration, server: ServerState, *, prune: bool, renew_secrets: bool = False) -> Plan:
    """What would have to be done.

    Args:
        declaration: what files declare.
        server: what is there.
        prune: whether what no file declares is deleted; feeds never are, since the API cannot.
        renew_secrets: whether secrets are sent again although nobody can see whether they changed.

    Raises:
        InvalidRequest: a pipeline names a feed that neither files nor the server have, or one of several of a name.
    """
    changes: list[Change] = []
    for section in Section:
        for wanted in declaration.objects[section].values():
            found = server.objects[section].get(wanted.id)
            feed_id = _feed_id(wanted, declaration, server)
            changes += _compare(wanted, found, feed_id, renew_secrets=renew_secrets)
    undeclared = tuple(_undeclared(declaration, server))
    if prune:
        changes += [Change(section, name, Action.DELETE, (), None) for section, name in undeclared]
    return Plan(tuple(changes), () if prune else undeclared)


def _feed_id(wanted: DeclaredObject, declaration: Declaration, server: ServerState) -> int | None:
    """The number of the feed that a pipeline names; None if it names none, or one that is still to be made."""
    if wanted.feed is None:
        return None
    numbers = server.feed_ids.get(wanted.feed, ())
    if len(numbers) > 1:
        raise InvalidRequest(
            f"{wanted.place}.feed: {len(numbers)} feeds are called {wanted.feed}. Name one by partner_feed_id: "
            f"{', '.join(map(str, numbers))}.",
            field=f"{wanted.place}.feed",
            code="invalid_configuration",
        )
    if not numbers and wanted.feed not in declaration.objects[Section.FEEDS]:
        raise InvalidRequest(
            f"{wanted.place}.feed: there is no feed {wanted.feed}. Declare it under feeds.",
            field=f"{wanted.place}.feed",
            code="invalid_configuration",
        )
    return numbers[0] if numbers else None


def _compare(
    wanted: DeclaredObject, found: Mapping[str, Any] | None, feed_id: int | None, *, renew_secrets: bool
) -> Iterator[Change]:
    fields = tuple(_field_changes(wanted, found or {}, feed_id, renew_secrets=renew_secrets and found is not None))
    if found is None:
        shown = tuple(change for change in fields if change.after is not None)
        yield Change(wanted.section, wanted.id, Action.CREATE, shown, wanted)
    elif fields:
        yield Change(wanted.section, wanted.id, Action.CHANGE, fields, wanted)


def _field_changes(
    wanted: DeclaredObject, found: Mapping[str, Any], feed_id: int | None, *, renew_secrets: bool
) -> Iterator[FieldChange]:
    for name, after in wanted.body.items():
        before = found.get(name)
        if name in wanted.secrets:
            if after is not None and (before is None or renew_secrets):
                yield FieldChange(name, before, MASK)
        elif not (name in _UNSEEN or (after is None and name in _KEPT_WHEN_ABSENT) or _same(name, before, after)):
            yield FieldChange(name, before, after)
    if wanted.feed is not None and (feed_id is None or found.get("partner_feed_id") != feed_id):
        yield FieldChange("feed", found.get("partner_feed_id"), wanted.feed)


def _same(name: str, before: object, after: object) -> bool:
    if name in _MOMENTS and isinstance(before, str) and isinstance(after, str):
        return parse_instant(before, field=name) == parse_instant(after, field=name)
    return before == after or (not before and not after and before is not False and after is not False)


def _undeclared(declaration: Declaration, server: ServerState) -> Iterator[tuple[Section, str]]:
    for section in _DELETABLE:
        for name in server.objects[section]:
            if name not in declaration.objects[section]:
                yield section, name
