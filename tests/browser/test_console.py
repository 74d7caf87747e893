"""The console, as a newcomer uses it: in the order of this file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browser.conftest import Stage, choose, fill, picture, sign_in
from tests.fixtures.service import WORKSPACE

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUERY = "SELECT id AS customer_id, email, score, spent, tags, updated_at FROM people"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>{{constructor.constructor('alert(3)')()}}"


def test_nothing_is_shown_before_signing_in(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.service.url}/console/audit")
    assert page.url.endswith("/console/sign-in")
    picture(page, "sign-in")
    page.fill("[name=client_id]", stage.access.client_id)
    page.fill("[name=client_secret]", "wrong")
    page.click("button[type=submit]")
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text()
    assert page.context.cookies() == []


def test_the_session_is_a_closed_cookie_and_ends_with_signing_out(stage: Stage, signed_in: Page) -> None:
    [cookie] = signed_in.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")
    assert stage.access.client_secret not in signed_in.content()
    signed_in.get_by_text("Sign out").click()
    signed_in.wait_for_url("**/sign-in")
    again = httpx.get(
        f"{stage.service.url}/console/", cookies={cookie["name"]: cookie["value"]}, follow_redirects=False
    )
    assert (again.status_code, again.headers["location"]) == (303, "/console/sign-in")


def test_an_empty_workspace_says_what_to_do_next(signed_in: Page) -> None:
    signed_in.get_by_text("There is no pipeline in this workspace yet.").wait_for()
    signed_in.get_by_text("Set up the first one").click()
    signed_in.wait_for_url("**/console/start")


def test_the_wizard_goes_from_nothing_to_a_first_successful_run(stage: Stage, signed_in: Page) -> None:
    page = signed_in
    page.goto(f"{stage.service.url}/console/start")
    page.get_by_text("A first pipeline").wait_for()
    choose(page, "Warehouse", "duckdb")
    fill(page, "Id", "shop")
    fill(page, "database *", "shop.duckdb")
    page.get_by_role("button", name="Test and create").click()
    page.get_by_label("Load timestamp column").wait_for()
    page.get_by_label("Id", exact=True).last.fill("scores")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.type(QUERY)
    fill(page, "Load timestamp column", "updated_at")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Finds profiles").wait_for()
    assert (
        page.get_by_role("cell", name="person0@example.com")
        .or_(page.get_by_role("cell", name=re.compile("@example.com")))
        .count()
    )
    picture(page, "wizard")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_label("Read rows from").wait_for()
    page.get_by_label("Id", exact=True).last.fill("nightly")
    page.get_by_role("button", name="Create", exact=True).last.click()
    page.get_by_text("Success: 5,000 rows read, 5,000 mapped, 5,000 profiles made.").wait_for(timeout=60_000)
    page.get_by_text("Open the pipeline").click()
    page.wait_for_url("**/console/pipelines/nightly")


def test_the_pipeline_shows_its_runs_in_the_viewer_s_zone(stage: Stage, signed_in: Page) -> None:
    page = signed_in
    page.goto(f"{stage.service.url}/console/pipelines/nightly")
    row = page.get_by_role("row", name=re.compile("success"))
    row.wait_for()
    page.get_by_text("2020-01-01 01:00:00").first.wait_for()  # midnight UTC
    page.locator("canvas, .echarts-for-react, [_echarts_instance_]").first.wait_for()
    page.get_by_role("button", name="Trigger").click()
    page.get_by_label(re.compile(r"Run 2, success")).wait_for(timeout=60_000)
    picture(page, "pipeline")
    page.get_by_label(re.compile(r"Run 1, success")).click()
    page.get_by_text("The SQL it sent").click()
    page.get_by_text(re.compile("COUNT")).first.wait_for()
    picture(page, "run")
    assert page.get_by_text("values left out").count() == 0
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()


def test_the_overview_puts_what_needs_attention_first(stage: Stage, signed_in: Page) -> None:
    workspace = stage.service.workspace
    workspace.create(
        "data-models", _model("broken", "SELECT id AS customer_id, updated_at, CAST(email AS INTEGER) AS x FROM people")
    )
    workspace.create("pipelines", _pipeline("a-broken-one", "broken", stage))
    stage.service.run("a-broken-one")
    workspace.create("pipelines", _pipeline("zz-well", "scores", stage))
    signed_in.reload()
    signed_in.get_by_text("zz-well").wait_for()
    names = signed_in.locator("a[href*='/pipelines/']").all_inner_texts()
    assert names[0] == "a-broken-one"
    signed_in.get_by_text("faulted").first.wait_for()
    picture(signed_in, "overview")


def test_a_run_tells_what_it_took_of_the_warehouse_and_which_values_it_left_out(stage: Stage, signed_in: Page) -> None:
    workspace, page = stage.service.workspace, signed_in
    long = "CASE WHEN id < 3 THEN repeat('x', 5000) END AS biography, 'infinity'::TIMESTAMP AS until"
    workspace.create(
        "data-models", _model("long", f"SELECT id AS customer_id, {long}, updated_at FROM people WHERE id < 7")
    )
    workspace.create("pipelines", _pipeline("zz-long", "long", stage))
    stage.service.run("zz-long")
    page.goto(f"{stage.service.url}/console/pipelines/zz-long")
    page.get_by_label(re.compile(r"Run \d+, success")).click()
    page.get_by_text("warehouse seconds").wait_for()
    page.get_by_text("warehouse rows per second").wait_for()
    page.get_by_text("10 values left out of rows that were applied without them").click()
    for cells in (("until", "not_finite", "7"), ("biography", "value_too_long", "3")):
        page.get_by_role("row", name=re.compile("\\s+".join(cells))).wait_for()
    assert page.get_by_text("warehouse bytes scanned").count() == 0  # DuckDB does not say


def test_a_person_with_history_as_a_chart_and_an_explanation(stage: Stage, signed_in: Page) -> None:
    import duckdb

    for value in (10, 20):
        with duckdb.connect(str(stage.warehouses / "shop.duckdb")) as shop:
            shop.execute(
                f"UPDATE people SET score = {value}, updated_at = now()::TIMESTAMP - INTERVAL 2 SECOND WHERE id = 17"
            )
        stage.service.run("nightly")
    page = signed_in
    page.goto(f"{stage.service.url}/console/profiles")
    fill(page, "Value", "17")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("customer_id: 17").wait_for()
    page.get_by_text("Why these identities are one person").wait_for()
    page.locator("canvas, [_echarts_instance_]").first.wait_for()
    picture(page, "profile")
    fill(page, "Value", "nobody")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("There is no such profile.").wait_for()


def test_records_appear_as_they_are_applied(stage: Stage, signed_in: Page) -> None:
    import duckdb

    page = signed_in
    page.goto(f"{stage.service.url}/console/live")
    page.get_by_role("cell", name=re.compile("customer_id: ")).first.wait_for()
    with duckdb.connect(str(stage.warehouses / "shop.duckdb")) as shop:
        shop.execute("UPDATE people SET score = 4711, updated_at = now()::TIMESTAMP - INTERVAL 1 SECOND WHERE id = 23")
    stage.service.run("nightly")
    page.get_by_text("score: 4711").wait_for()
    picture(page, "live")
    choose(page, "Environment", "production")
    page.get_by_text("Nothing was applied yet.").wait_for()


def test_connections_are_tested_and_models_previewed(stage: Stage, signed_in: Page) -> None:
    page = signed_in
    page.goto(f"{stage.service.url}/console/connections")
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_text(re.compile("Passed: ")).wait_for(timeout=60_000)
    picture(page, "connections")
    page.goto(f"{stage.service.url}/console/data-models")
    page.get_by_role("button", name="Edit and preview").first.click()
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_text("Finds profiles").wait_for()
    picture(page, "data-models")


def test_credentials_and_audit(stage: Stage, signed_in: Page) -> None:
    page = signed_in
    page.goto(f"{stage.service.url}/console/credentials")
    page.get_by_role("button", name="New credential").click()
    fill(page, "Name", "viewer")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("Shown now and never again").wait_for()
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_text("viewer").wait_for()
    picture(page, "credentials")
    page.goto(f"{stage.service.url}/console/audit")
    page.get_by_role("cell", name="trigger").first.wait_for()
    picture(page, "audit")


def test_names_with_script_are_shown_as_they_are(stage: Stage, signed_in: Page) -> None:
    workspace = stage.service.workspace
    workspace.create("connections", {**_connection("hostile"), "name": HOSTILE})
    workspace.create("data-models", {**_model("hostile", QUERY), "name": HOSTILE})
    workspace.create("pipelines", {**_pipeline("hostile", "hostile", stage), "name": HOSTILE, "is_active": False})
    for place in ("", "connections", "data-models", "pipelines/hostile", "audit"):
        signed_in.goto(f"{stage.service.url}/console/{place}")
        if place != "audit":
            signed_in.get_by_text(HOSTILE).first.wait_for()
        signed_in.wait_for_timeout(300)  # the page fixture fails the test if a script opens a dialog


def test_it_is_dark_when_wished_and_usable_by_keyboard(stage: Stage, signed_in: Page) -> None:
    signed_in.get_by_role("button", name="Light or dark").click()
    signed_in.locator("body.body--dark").wait_for()
    picture(signed_in, "overview-dark")
    signed_in.goto(f"{stage.service.url}/console/profiles")
    signed_in.locator("body.body--dark").wait_for()
    signed_in.get_by_label("Value", exact=True).focus()
    signed_in.keyboard.type("18")
    signed_in.keyboard.press("Enter")
    signed_in.get_by_text("customer_id: 18").wait_for()


# --- what another site, or a stranger, may try ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "audit", "_nicegui/x", "_nicegui_ws/socket.io/", "pipelines/nightly", "sign-out"])
def test_strangers_get_nothing(stage: Stage, path: str) -> None:
    answer = httpx.get(f"{stage.service.url}/console/{path}", follow_redirects=False)
    assert answer.status_code in {303, 403}


def test_another_site_cannot_sign_in_or_out_for_somebody(stage: Stage) -> None:
    body = {"client_id": stage.access.client_id, "client_secret": stage.access.client_secret}
    for path in ("session", "sign-out"):
        answer = httpx.post(
            f"{stage.service.url}/console/{path}", data=body, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_every_page_says_what_it_may_load(stage: Stage, page: Page) -> None:
    sign_in(page, stage)
    for place in ("", "connections"):
        answer = page.goto(f"{stage.service.url}/console/{place}")
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
    plain = httpx.get(f"{stage.service.url}/console/sign-in").headers["content-security-policy"]
    assert "script-src" not in plain
    assert "default-src 'none'" in plain


def _connection(name: str) -> dict[str, object]:
    return {"id": name, "name": name, "workspace_id": WORKSPACE, "type": "duckdb", "database": "shop.duckdb"}


def _model(name: str, query: str) -> dict[str, object]:
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_ntz"}
    return {"id": name, "name": name, "workspace_id": WORKSPACE, "type": "sql", "sql_query": query, **stamp}


def _pipeline(name: str, model: str, stage: Stage) -> dict[str, object]:
    parts = {"connection_id": "shop", "data_model_id": model, "partner_feed_id": stage.access.feed_id}
    schedule = {
        "schedule_interval": "on_demand",
        "schedule_start_time": "2020-01-01T00:00:00Z",
        "environment": "development",
    }
    return {"id": name, "name": name, "workspace_id": WORKSPACE, **parts, **schedule}
