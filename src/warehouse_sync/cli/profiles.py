"""``warehouse-sync profile``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.server import Server, ServerOption, WorkspaceOption, connected
from warehouse_sync.domain.environment import Environment
from warehouse_sync.errors import InvalidRequest

app = typer.Typer(help="Profiles: what is known of each person, and why.", no_args_is_help=True)

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


@app.command("find")
def find(
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="Like customer_id=17 or email=ann@example.com.")],
    *,
    environment: EnvironmentOption = Environment.PRODUCTION,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the MPIDs of all profiles that hold an identity."""
    with connected(server, workspace) as opened:
        found = holders(opened, identity, environment)
    show_many([{"mpid": mpid} for mpid in found], ("mpid",), output)


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
