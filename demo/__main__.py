"""``make demo``: the main job, end to end, on a sample shop of 100,000 customers. Exits 1 and names the step if one fails."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import snowflake.connector
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from snowflake import connector

from demo import pictures
from demo.processes import CREDENTIALS, HOME, PASSWORD, RUN, SHOP, USER, ServerError, administer, service, snowflake
from emulators.snowflake import shop
from warehouse_sync.client import ApiError, WarehouseSyncClient, WorkspaceClient, is_finished
from warehouse_sync.domain.secret import Secret

CUSTOMERS = shop.DEFAULT_CUSTOMERS
WORKSPACE, ORGANIZATION, ACCOUNT = 5328, 1, 1
PIPELINE = "shop-pipeline"
console = Console()


class StepFailed(Exception):
    """A step of the demonstration failed; the message says which and why."""


def main() -> int:
    began = time.monotonic()
    try:
        _demonstrate()
    except StepFailed as failure:
        console.print(f"\n[bold red]The demonstration stopped.[/] {failure}")
        return 1
    console.print(f"\nDone in {time.monotonic() - began:.0f} seconds.", style="bold green")
    console.print(pictures.farewell(CREDENTIALS))
    return 0


def _demonstrate() -> None:
    for folder in (HOME, SHOP):
        shutil.rmtree(folder, ignore_errors=True)
    RUN.mkdir(exist_ok=True)
    with ExitStack() as servers:
        with step("Start a local Snowflake and fill its shop"):
            endpoint = servers.enter_context(snowflake(CUSTOMERS))
        credential, feed = _administer()
        with step("Start the service"):
            url = servers.enter_context(service(HOME, endpoint, 0))
        _do_the_main_job(url, endpoint, credential, feed)


def _administer() -> tuple[dict[str, Any], dict[str, Any]]:
    with step("Create a workspace, a credential and a feed"):
        administer("workspace", "create", "--id", str(WORKSPACE), "--name", "Shop")
        credential = administer("credential", "create", "--name", "demo", "--permission", "admin")
        feed = administer("feed", "create", "--workspace", str(WORKSPACE), "--name", "crm")
        pictures.save_credentials(CREDENTIALS, WORKSPACE, credential, feed)
    return credential, feed


def _do_the_main_job(url: str, endpoint: str, credential: dict[str, Any], feed: dict[str, Any]) -> None:
    with WarehouseSyncClient(url, credential["client_id"], Secret(credential["client_secret"])) as client:
        workspace = client.workspace(WORKSPACE)
        with step("Create the connection (the service logs in to test it)"):
            workspace.create("connections", _connection())
        with step("Create the data model"):
            model = workspace.create("data-models", _data_model())
        with step("Create the pipeline (the service probes the query's columns)"):
            workspace.create("pipelines", _pipeline(feed))
        console.print(pictures.query(model["sql_query"]))
        first, first_seconds = _run(workspace, "First run: everything")
        ada_before = _person(client, "customer_id", shop.ADA_ID)
        grace_before = _person(client, "email", shop.GRACE_EMAIL)
        with step("Meanwhile in the shop: 5 % of the customers change, some are new, twelve get a customer id"):
            _second_act(endpoint)
        second, second_seconds = _run(workspace, "Second run: only what changed")
        ada_after = _person(client, "customer_id", shop.ADA_ID)
        console.print(pictures.runs([(first, first_seconds), (second, second_seconds)]))
        console.print(pictures.rejects(client.workspace(WORKSPACE).run(PIPELINE, first["pipeline_run_id"])))
        console.print(pictures.before_and_after(ada_before, ada_after))
        _show_identities(client, grace_before)


def _show_identities(client: WarehouseSyncClient, grace_before: dict[str, Any]) -> None:
    """Two people who share an e-mail address stay two; one known by e-mail got a customer id and stayed the same."""
    bergers = [_person(client, "customer_id", customer_id) for customer_id in shop.SHARED_EMAIL_IDS]
    grace = _person(client, "customer_id", f"C-{CUSTOMERS + 1:06d}")
    console.print(pictures.people([*bergers, grace]))
    if len({person["mpid"] for person in bergers}) != len(bergers):
        raise StepFailed("Two customers who share an e-mail address were merged.")
    if grace["mpid"] != grace_before["mpid"]:
        raise StepFailed("A person known by e-mail only became another one when a customer id came.")


def _connection() -> dict[str, Any]:
    return {
        "id": "shop-connection",
        "name": "The shop's Snowflake",
        "workspace_id": WORKSPACE,
        "type": "snowflake",
        "source_account_id": "demo",
        "region": "local",
        "warehouse": "DEMO_WH",
        "database": shop.DATABASE,
        "role": "DEMO_ROLE",
        "user": USER,
        "password": PASSWORD,
    }


def _data_model() -> dict[str, Any]:
    return {
        "id": "shop-customers",
        "name": "Customers with their favourite categories",
        "workspace_id": WORKSPACE,
        "type": "sql",
        "sql_query": shop.DATA_MODEL_SQL,
        "load_timestamp_field_name": "UPDATED_AT",
        "load_timestamp_field_type": "timestamp_ntz",
    }


def _pipeline(feed: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": PIPELINE,
        "name": "Shop to profiles",
        "workspace_id": WORKSPACE,
        "connection_id": "shop-connection",
        "data_model_id": "shop-customers",
        "partner_feed_key": feed["partner_feed_key"],
        "schedule_interval": "on_demand",
        "schedule_start_time": shop.UPDATED_FROM.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "environment": "development",
    }


def _run(workspace: WorkspaceClient, title: str) -> tuple[dict[str, Any], float]:
    """Triggers the pipeline and watches the run; returns it and how long it took, in seconds."""
    with _explained(title):
        # An on-demand run ends at the whole second of its request: rows stamped in this very second come with the next one.
        time.sleep(1.0)
        began = time.monotonic()
        run_id = workspace.trigger(PIPELINE)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            task = bar.add_task(title, total=None, state="")
            while not is_finished(run := workspace.run(PIPELINE, run_id)):
                bar.update(task, state=pictures.progress(run))
                time.sleep(0.1)
        seconds = time.monotonic() - began
    if run["pipeline_run_state"] != "success":
        raise StepFailed(f"{title}: {run['failure']['message']}")
    rows = run["records_extracted"]
    console.print(f"[green]✓[/] {title}: {rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} rows/s")
    return run, seconds


def _person(client: WarehouseSyncClient, kind: str, value: str) -> dict[str, Any]:
    with _explained(f"Look up {value}"):
        body = {"environment_type": "development", "identity": {"type": kind, "value": value}}
        path = f"/userprofile/v1/resolve/{ORGANIZATION}/{ACCOUNT}/{WORKSPACE}"
        found: dict[str, Any] = client.call(
            "POST", path, body=body, query={"fields": "user_identities,user_attributes"}
        )
    return found


def _second_act(endpoint: str) -> None:
    port = int(endpoint.rpartition(":")[2])
    connection = connector.connect(
        account="demo",
        user=USER,
        password=PASSWORD,
        host="127.0.0.1",
        port=port,
        protocol="http",
        database=shop.DATABASE,
        schema=shop.SCHEMA,
        warehouse="DEMO_WH",
        enable_server_session_keep_alive_auto_detection=False,
    )
    try:
        for statement in shop.second_act(datetime.now(UTC), CUSTOMERS):
            connection.cursor().execute(statement)
    finally:
        connection.close()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Shows that a step runs, then that it is done."""
    with _explained(title), console.status(title):
        began = time.monotonic()
        yield
    console.print(f"[green]✓[/] {title} [dim]({time.monotonic() - began:.1f} s)[/]")


@contextmanager
def _explained(title: str) -> Iterator[None]:
    try:
        yield
    except (ApiError, ServerError, connector.Error, OSError) as error:
        raise StepFailed(f"{title}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
