"""``warehouse-sync webhook``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from warehouse_sync.catalog import notices
from warehouse_sync.catalog.notices import StoredNotice
from warehouse_sync.cli.home import HomeOption, opened_home, settings_of
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.clock import SystemClock
from warehouse_sync.domain.notice import Notice, NoticeType
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.domain.webhook_secret import signed_headers
from warehouse_sync.errors import SettingsError
from warehouse_sync.settings import PREFIX

app = typer.Typer(
    help="The webhook: what was told of failed, faulted and stale pipelines, and whether it arrives.",
    no_args_is_help=True,
)

_COLUMNS = ("id", "at", "type", "workspace_id", "pipeline_id", "outcome", "attempts", "last_answer")


@app.command("test")
def send_test(*, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """Send a notice of the type webhook.test to the receiver that the settings name, once. Exit code 1 if it does not take it."""
    from warehouse_sync.webhook.body import body_of  # noqa: PLC0415 - the other commands shall not load the engine
    from warehouse_sync.webhook.receiver import deliver, receiver_of  # noqa: PLC0415 - as above

    settings = settings_of(home).settings
    receiver = receiver_of(settings)
    if receiver is None:
        raise SettingsError(
            f"There is no receiver. Set {PREFIX}WEBHOOK_URL and {PREFIX}WEBHOOK_SECRET, as for the service.",
            field=f"{PREFIX}WEBHOOK_URL",
        )
    now, notice_id = SystemClock().now(), notices.new_id()
    body = body_of(Notice(NoticeType.TEST, now, None, None, {}), settings.issuer_url)
    answer = deliver(receiver, signed_headers(receiver.keys, notice_id, body, now=now), body)
    show_one({"id": notice_id, "is_delivered": answer.is_delivered, "answer": answer.said}, output)
    if not answer.is_delivered:
        raise typer.Exit(1)


@app.command("list")
def list_all(
    *,
    home: HomeOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many notices at most.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the latest notices and what became of each, the newest first."""
    with opened_home(home) as opened, opened.database.read() as tx:
        found = notices.latest(tx, size=limit)
    show_many([_shown(stored) for stored in found], _COLUMNS, output)


@app.command("resend")
def resend(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Notices that were given up.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    home: HomeOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let notices that were given up be sent once more, by the service that is running or the next one.

    They keep their ids, so a receiver that has one already can tell. Exit code 1 if one of the IDs was not given up.
    """
    if bool(ids) is every:
        raise typer.BadParameter("Name the notices, or give --all.")
    now = SystemClock().now()
    with opened_home(home) as opened, opened.database.write() as tx:
        again = notices.send_again(tx, now, ids=None if every else ids)
    outcomes = dict.fromkeys(again, "waiting") | {one: "was not given up" for one in ids or () if one not in again}
    show_many([{"id": one, "outcome": outcome} for one, outcome in outcomes.items()], ("id", "outcome"), output)
    if len(outcomes) > len(again):
        raise typer.Exit(1)


def _shown(stored: StoredNotice) -> dict[str, Any]:
    return {
        "id": stored.id,
        "at": format_instant(stored.notice.at),
        "type": stored.notice.type.value,
        "workspace_id": stored.notice.workspace_id,
        "pipeline_id": stored.notice.pipeline_id,
        "outcome": stored.outcome.value,
        "attempts": stored.attempts,
        "last_answer": stored.last_answer,
        "finished_on": None if stored.finished_on is None else format_instant(stored.finished_on),
        "facts": dict(stored.notice.facts),
    }
