"""Warehouses set up as their pages in the documentation say, literally. The control database is a PostgreSQL, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.e2e.documented import Place, blocks, create, documented, statements, sync
from tests.fixtures.databricks import CLIENT_SECRET, databricks_address, running_databricks
from tests.fixtures.postgres import RunningPostgres, running_postgres
from tests.fixtures.postgres_proxy import startup_proxy
from tests.fixtures.service import prepare_home, running_service
from warehouse_sync.warehouses.databricks import DatabricksWarehouse
from warehouse_sync.warehouses.policy import WarehousePolicy

TABLES = (
    "CREATE TABLE customers (customer_id text, score numeric(5, 2), tags text[], updated_at timestamptz)",
    "INSERT INTO customers VALUES ('c-1', 0.50, '{a,b}', now() - interval '1 hour'), ('c-2', NULL, NULL, now() - interval '1 hour')",
    "CREATE TABLE secrets AS SELECT 1 AS a",
)
CUSTOMERS = "SELECT * FROM public.customers"
LAKE = documented("databricks.md")
PRINCIPAL = LAKE["client_id"]
LAKE_TABLES = (
    "CREATE SCHEMA shop",
    "CREATE TABLE main.shop.users AS SELECT * FROM VALUES ('c-3', 0.50, array('a', 'b'), current_timestamp() - INTERVAL 1 HOUR), "
    "('c-4', NULL, NULL, current_timestamp() - INTERVAL 1 HOUR) AS v(customer_id, score, tags, updated_at)",
    "CREATE TABLE main.shop.secrets AS SELECT 1 AS a",
)
SPELLINGS = (
    ("postgres", "0x7f.1"),
    ("redshift", "169.254.169.254"),
    ("postgres", "/var/run/postgresql"),
)


@dataclass(frozen=True, slots=True)
class Warehouses(Place):
    """A service whose control database is on the PostgreSQL that it reads; its Redshift and its Databricks are stand-ins."""

    server: RunningPostgres
    redshift_port: int
    databricks: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouses]:
    home = tmp_path_factory.mktemp("postgres") / "home"
    with (
        running_postgres(md5_user="analyst") as server,
        startup_proxy(server.port) as redshift_port,
        running_databricks(
            client=f"{PRINCIPAL}={CLIENT_SECRET}", warehouse=LAKE["http_path"].rpartition("/")[2]
        ) as lake,
    ):
        server.execute("CREATE DATABASE shop", "CREATE DATABASE control")
        server.execute(*TABLES, database="shop")
        database = {"WAREHOUSE_SYNC_DATABASE_URL": server.url("control")}
        access = prepare_home(home, more=database)
        allowed = f"127.0.0.1:{server.port},127.0.0.1:{redshift_port}"
        with running_service(home, access, more=database, allowed_hosts=allowed, databricks_endpoint=lake) as service:
            yield Warehouses(service, access, server, redshift_port, lake)


def follow(place: Place, page: str) -> None:
    """Carries out every statement of the page's SQL, as the owner of the tables."""
    place.server.execute(*statements(blocks(page, "sql")), database="shop")


def test_the_page_of_postgresql_can_be_followed(place: Warehouses) -> None:
    follow(place, "postgres.md")
    body = documented("postgres.md", id="pg", host="127.0.0.1", port=place.server.port, sslmode="disable")
    status, answer = create(place, body)
    assert (status, answer.get("port"), answer.get("password")) == (200, place.server.port, "************"), answer
    run = sync(place, "pg", CUSTOMERS)
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 2), run
    found = place.service.resolve("customer_id", "c-1")["user_attributes"]
    assert found == {"score": "0.50", "tags": ["a", "b"]}
    (sessions,) = place.server.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'warehouse_sync'")
    assert sessions == (0,)


def test_a_table_without_a_grant_is_refused_when_it_is_probed(place: Warehouses) -> None:
    with pytest.raises(Exception, match="permission denied for table secrets"):
        sync(place, "pg", "SELECT a AS customer_id, now() AS updated_at FROM public.secrets", "hidden")


def test_the_page_of_redshift_can_be_followed_on_the_stand_in(place: Warehouses) -> None:
    place.server.execute("SET password_encryption = 'md5'", "ALTER SYSTEM SET password_encryption = 'md5'")
    place.server.execute("SELECT pg_reload_conf()")
    sql = blocks("redshift.md", "sql")[0].replace("warehouse_sync", "analyst")  # the other page made that role
    place.server.execute(*statements([sql]), database="shop")
    changes = {"host": "127.0.0.1", "port": place.redshift_port, "sslmode": "disable", "database": "shop"}
    body = documented("redshift.md", id="rs", user="analyst", password="S3cret-word", **changes)
    status, answer = create(place, body)
    assert status == 200, answer
    run = sync(place, "rs", CUSTOMERS)
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 2), run


def _as_owner(place: Warehouses, sql: tuple[str, ...]) -> None:
    """Statements of the lake's owner, who logs in with a token."""
    policy = WarehousePolicy(databricks_endpoint=place.databricks)
    with closing(DatabricksWarehouse(databricks_address(http_path=LAKE["http_path"]), policy, "owner")) as warehouse:
        for statement in sql:
            list(warehouse.fetch(statement))


def test_the_page_of_databricks_can_be_followed_on_the_stand_in(place: Warehouses) -> None:
    status, answer = create(place, LAKE | {"client_secret": CLIENT_SECRET})
    assert (status, answer.get("client_secret")) == (200, "************"), answer
    _as_owner(place, LAKE_TABLES)
    with pytest.raises(Exception, match="does not have USE CATALOG on main"):
        sync(place, "lake", "SELECT * FROM main.shop.users", "early")
    _as_owner(place, statements(blocks("databricks.md", "sql")))
    run = sync(place, "lake", "SELECT * FROM shop.users")
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 2), run
    assert place.service.resolve("customer_id", "c-3")["user_attributes"] == {"score": "0.50", "tags": ["a", "b"]}
    with pytest.raises(Exception, match=r"does not have SELECT on main\.shop\.secrets"):
        sync(place, "lake", "SELECT a AS customer_id, now() AS updated_at FROM main.shop.secrets", "secret")


def test_what_the_operator_did_not_list_is_refused_over_http(place: Warehouses) -> None:
    for kind, host in SPELLINGS:
        body = documented(f"{kind}.md", id="no", host=host, port=5432, sslmode="disable")
        status, answer = create(place, body)
        (error,) = answer["errors"]
        assert (status, error["code"], error["step"]) in {
            (505, "warehouse_egress_denied", "resolve"),
            (400, "warehouse_misconfigured", "configure"),  # it is no host at all
        }, answer


def test_each_way_of_logging_in_to_redshift_wants_its_own_fields(place: Warehouses) -> None:
    body = documented("redshift.md", id="no")
    for change, name in (({"access_key_id": "a"}, "access_key_id"), ({"password": None, "user": None}, "user")):
        status, answer = create(place, body | change)
        assert (status, answer["errors"][0]["field"]) == (400, name), answer
