"""PostgreSQL on both sides: the control database is one, and so is the warehouse, set up as the documentation's page says, literally."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stage import pipeline
from tests.fixtures.postgres import RunningPostgres, running_postgres
from tests.fixtures.postgres_proxy import startup_proxy
from tests.fixtures.service import WORKSPACE, Access, RunningService, prepare_home, running_service

PAGES = Path(__file__).resolve().parents[2] / "docs" / "warehouses"
TABLES = (
    "CREATE TABLE customers (customer_id text, score numeric(5, 2), tags text[], updated_at timestamptz)",
    "INSERT INTO customers VALUES ('c-1', 0.50, '{a,b}', now() - interval '1 hour'), ('c-2', NULL, NULL, now() - interval '1 hour')",
    "CREATE TABLE secrets AS SELECT 1 AS a",
)
SPELLINGS = (
    ("postgres", "0x7f.1"),
    ("redshift", "169.254.169.254"),
    ("postgres", "/var/run/postgresql"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A service whose control database and warehouse are PostgreSQL databases; its Redshift is a stand-in."""

    service: RunningService
    access: Access
    server: RunningPostgres
    redshift_port: int


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("postgres") / "home"
    with running_postgres(md5_user="analyst") as server, startup_proxy(server.port) as redshift_port:
        server.execute("CREATE DATABASE shop", "CREATE DATABASE control")
        server.execute(*TABLES, database="shop")
        database = {"WAREHOUSE_SYNC_DATABASE_URL": server.url("control")}
        access = prepare_home(home, more=database)
        allowed = f"127.0.0.1:{server.port},127.0.0.1:{redshift_port}"
        with running_service(home, access, more=database, allowed_hosts=allowed) as service:
            yield Place(service, access, server, redshift_port)


def create(place: Place, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    url = f"{place.service.url}/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/connections"
    headers = {"Authorization": f"Bearer {place.service.client._valid_token()}"}
    answer = httpx.post(url, json=body, headers=headers, timeout=60)
    return answer.status_code, answer.json()


def documented(page: str, **changes: Any) -> dict[str, Any]:
    """The body that the page shows, at the place where the server is."""
    return json.loads(blocks(page, "json")[0]) | changes


def follow(place: Place, page: str) -> None:
    """Carries out every statement of the page's SQL, as the owner of the tables."""
    for block in blocks(page, "sql"):
        place.server.execute(*filter(None, (part.strip() for part in block.split(";"))), database="shop")


def sync(place: Place, name: str) -> dict[str, Any]:
    workspace = place.service.workspace
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_tz"}
    model = {"id": name, "name": name, "workspace_id": WORKSPACE, "type": "sql", **stamp}
    workspace.create("data-models", {**model, "sql_query": "SELECT * FROM public.customers"})
    workspace.create("pipelines", pipeline(name, place.access, connection_id=name))
    return place.service.run(name)


def test_the_page_of_postgresql_can_be_followed(place: Place) -> None:
    follow(place, "postgres.md")
    body = documented("postgres.md", id="pg", host="127.0.0.1", port=place.server.port, sslmode="disable")
    status, answer = create(place, body)
    assert (status, answer.get("port"), answer.get("password")) == (200, place.server.port, "************"), answer
    run = sync(place, "pg")
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 2), run
    found = place.service.resolve("customer_id", "c-1")["user_attributes"]
    assert found == {"score": "0.50", "tags": ["a", "b"]}
    (sessions,) = place.server.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'warehouse_sync'")
    assert sessions == (0,)


def test_a_table_without_a_grant_is_refused_when_it_is_probed(place: Place) -> None:
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_tz"}
    model = {"id": "hidden", "name": "hidden", "workspace_id": WORKSPACE, "type": "sql", **stamp}
    sql = "SELECT a AS customer_id, now() AS updated_at FROM public.secrets"
    place.service.workspace.create("data-models", {**model, "sql_query": sql})
    with pytest.raises(Exception, match="permission denied for table secrets"):
        place.service.workspace.create("pipelines", pipeline("hidden", place.access, connection_id="pg"))


def test_the_page_of_redshift_can_be_followed_on_the_stand_in(place: Place) -> None:
    place.server.execute("SET password_encryption = 'md5'", "ALTER SYSTEM SET password_encryption = 'md5'")
    place.server.execute("SELECT pg_reload_conf()")
    statements = blocks("redshift.md", "sql")[0].replace("warehouse_sync", "analyst")  # the other page made that role
    place.server.execute(*filter(None, (part.strip() for part in statements.split(";"))), database="shop")
    changes = {"host": "127.0.0.1", "port": place.redshift_port, "sslmode": "disable", "database": "shop"}
    body = documented("redshift.md", id="rs", user="analyst", password="S3cret-word", **changes)
    status, answer = create(place, body)
    assert status == 200, answer
    run = sync(place, "rs")
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 2), run


def test_what_the_operator_did_not_list_is_refused_over_http(place: Place) -> None:
    for kind, host in SPELLINGS:
        body = documented(f"{kind}.md", id="no", host=host, port=5432, sslmode="disable")
        status, answer = create(place, body)
        (error,) = answer["errors"]
        assert (status, error["code"], error["step"]) in {
            (505, "warehouse_egress_denied", "resolve"),
            (400, "warehouse_misconfigured", "configure"),  # it is no host at all
        }, answer


def test_each_way_of_logging_in_to_redshift_wants_its_own_fields(place: Place) -> None:
    body = documented("redshift.md", id="no")
    for change, name in (({"access_key_id": "a"}, "access_key_id"), ({"password": None, "user": None}, "user")):
        status, answer = create(place, body | change)
        assert (status, answer["errors"][0]["field"]) == (400, name), answer
