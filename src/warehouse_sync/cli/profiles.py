"""``warehouse-sync profile`` and ``warehouse-sync tombstone``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.resources import YesOption
from warehouse_sync.cli.server import Server, ServerOption, WorkspaceOption, connected
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.errors import InvalidRequest, SettingsError

app = typer.Typer(help="Profiles: what is known of each person, and why.", no_args_is_help=True)
tombstones = typer.Typer(help="What stays of deleted people, and keeps them from coming back.", no_args_is_help=True)

ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="Its MPID, or an identity that only it holds, like customer_id=17.")
]
EnvironmentOption = Annotated[
    Environment, typer.Option("--environment", help="Where an identity is looked up; an MPID tells it by itself.")
]
_CHANGES: Final = (
    "changed_on",
    "attribute",
    "previous_value",
    "value",
    "changed_by_run_id",
    "data_model_id",
    "is_current",
)
_SUMMARY: Final = ("mpid", "environment", "identities", "created_on", "last_stored_on")
_ATTRIBUTES: Final = ("attribute", "value", "data_model_id", "pipeline_run_id", "load_timestamp")
_FIELDS: Final = "user_identities,device_identities,user_attributes"
_TOMBSTONE: Final = ("id", "environment", "deleted_on", "deleted_by", "identities")


@app.command("get")
def get(
    profile: ProfileName,
    *,
    environment: EnvironmentOption = Environment.PRODUCTION,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show a profile: its identities, and each attribute with the data model, the run and the row's load timestamp it came from."""
    with connected(server, workspace) as opened:
        found = _read(opened, mpid_of(opened, profile, environment))
    if output is not Output.TABLE:
        show_one(found, output)
        return
    show_one(_summary(found), output)
    show_many(_attributes(found), _ATTRIBUTES, output)


@app.command("search")
def search(
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="Like customer_id=17 or email=ann@example.com.")],
    *,
    environment: EnvironmentOption = Environment.PRODUCTION,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List all profiles that hold an identity, each with what else identifies it."""
    with connected(server, workspace) as opened:
        found = [_summary(_read(opened, mpid)) for mpid in holders(opened, identity, environment)]
    show_many(found, _SUMMARY, output)


@app.command("history")
def history(
    profile: ProfileName,
    *,
    environment: EnvironmentOption = Environment.PRODUCTION,
    attribute: Annotated[str | None, typer.Option("--attribute", help="Only this attribute.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many changes at most.")] = 50,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the changes of a profile's attributes, the latest first."""
    query: dict[str, Any] = {"pageSize": limit} | ({} if attribute is None else {"attribute": attribute})
    with connected(server, workspace) as opened:
        mpid = mpid_of(opened, profile, environment)
        found = opened.extension("GET", f"profiles/{mpid}/history", query=query)
    show_many(found["items"], _CHANGES, output)


@app.command("explain")
def explain(
    profile: ProfileName,
    *,
    environment: EnvironmentOption = Environment.PRODUCTION,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell which rows attached a profile's identities, what it lost, what guards kept apart, and who contributes."""
    with connected(server, workspace) as opened:
        mpid = mpid_of(opened, profile, environment)
        found = opened.extension("GET", f"profiles/{mpid}/explain")
    show_one(found, output)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; it appears when it is whole.")],
    *,
    environment: Annotated[Environment, typer.Option("--environment", help="Which of the two pools.")] = (
        Environment.PRODUCTION
    ),
    form: Annotated[
        ExportForm | None,
        typer.Option("--format", help="What to write.", show_default="by the file's name, else parquet"),
    ] = None,
    since_run: Annotated[
        int | None,
        typer.Option("--since-run", min=1, help="Only profiles changed by this run or anything applied since."),
    ] = None,
    origins: Annotated[bool, typer.Option("--origins/--no-origins", help="With where each value comes from.")] = True,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write all profiles of an environment to a file, as Parquet or JSON lines, all from one moment."""
    by_name = ExportForm.JSON_LINES if file.suffix in {".jsonl", ".ndjson"} else ExportForm.PARQUET
    query: dict[str, Any] = {"environment": environment.value, "format": (form or by_name).value, "origins": origins}
    if since_run is not None:
        query["since_run"] = since_run
    part = file.with_name(file.name + ".part")
    try:
        with connected(server, workspace) as opened, part.open("wb") as target:
            written = opened.download("profiles/export", target, query=query)
        part.replace(file)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    show_one({"file": str(file), "bytes": written}, output)


@app.command("delete")
def delete(
    profile: ProfileName,
    *,
    environment: EnvironmentOption = Environment.PRODUCTION,
    every: Annotated[bool, typer.Option("--every", help="Delete every profile that holds the identity.")] = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete a person: all that is known of them, for good. A tombstone keeps later rows from bringing them back."""
    with connected(server, workspace) as opened:
        mpids = holders(opened, profile, environment) if every else [mpid_of(opened, profile, environment)]
        if not yes:
            typer.confirm(f"Delete {', '.join(mpids)} for good?", abort=True, err=True)
        done = [opened.extension("DELETE", f"profiles/{mpid}") for mpid in mpids]
    shown = [{**deleted["tombstone"], "shared_identities": deleted["shared_identities"]} for deleted in done]
    show_many(shown, (*_TOMBSTONE, "shared_identities"), output)


@tombstones.command("list")
def list_tombstones(
    *,
    identity: Annotated[
        str | None, typer.Option("--identity", help="Only those that keep this identity, like customer_id=17, away.")
    ] = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 50,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the tombstones of deleted people, the latest first."""
    with connected(server, workspace) as opened:
        if identity is None:
            found = opened.extension("GET", "tombstones", query={"pageSize": limit})
        else:
            found = opened.extension("POST", "tombstones/find", body=identity_body(identity, environment))
    show_many(found["items"], _TOMBSTONE, output)


@tombstones.command("lift")
def lift(
    tombstone: Annotated[str, typer.Argument(metavar="TOMBSTONE", help="Its id, like production-3.")],
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lift a tombstone: later rows may make a profile of this person again."""
    with connected(server, workspace) as opened:
        opened.extension("DELETE", f"tombstones/{tombstone}")
    show_one({"lifted": tombstone}, output)


def _read(opened: Server, mpid: str) -> dict[str, Any]:
    """A profile as the Profile API tells it, typed and with the origin of each attribute."""
    place = opened.client.describe(opened.workspace_id)
    path = f"/userprofile/v1/{place['org_id']}/{place['account_id']}/{opened.workspace_id}/{mpid}"
    query = {"fields": _FIELDS, "typed": "true", "origins": "true"}
    found: dict[str, Any] = opened.client.call("GET", path, query=query)
    return found


def _summary(profile: dict[str, Any]) -> dict[str, Any]:
    identities = (*profile["user_identities"], *profile["device_identities"])
    return {
        "mpid": str(profile["mpid"]),
        "environment": profile["environment_type"],
        "identities": [f"{identity['type']}={identity['value']}" for identity in identities],
        "created_on": _instant(profile["created_timestamp_ms"]),
        "last_stored_on": _instant(profile["last_stored_timestamp_ms"]),
    }


def _attributes(profile: dict[str, Any]) -> list[dict[str, Any]]:
    origins = profile["attribute_origins"]
    return [
        {"attribute": name, "value": value, **origins.get(name, {})}
        for name, value in sorted(profile["user_attributes"].items())
    ]


def _instant(milliseconds: int) -> str:
    return format_audit(datetime.fromtimestamp(milliseconds / 1000, UTC))


def mpid_of(opened: Server, profile: str, environment: Environment) -> str:
    """The MPID that ``profile`` is, or that of the only profile with this identity.

    Raises:
        InvalidRequest: it is neither, or none or several profiles hold the identity.
    """
    if profile.isdecimal():
        return profile
    found = holders(opened, profile, environment)
    if not found:
        raise InvalidRequest(f"No profile in {environment} holds this identity.", field="PROFILE")
    if len(found) > 1:
        raise InvalidRequest(
            f"{len(found)} profiles in {environment} hold this identity. Name one by its MPID: {', '.join(found[:20])}.",
            field="PROFILE",
        )
    return found[0]


def holders(opened: Server, identity: str, environment: Environment) -> list[str]:
    """The MPIDs of the profiles that hold an identity, given as ``TYPE=VALUE``.

    Raises:
        InvalidRequest: it is not written so.
    """
    body = identity_body(identity, environment)
    found: list[str] = opened.extension("POST", "profiles/find", body=body)["mpids"]
    return found


def identity_body(identity: str, environment: Environment) -> dict[str, Any]:
    """``TYPE=VALUE`` as the API wants it.

    Raises:
        InvalidRequest: it is not written so.
    """
    kind, equals, value = identity.partition("=")
    if not (kind and equals and value):
        raise InvalidRequest("Write an MPID, or an identity like customer_id=17.", field="PROFILE")
    return {"environment_type": environment.value, "identity": {"type": kind, "value": value}}
