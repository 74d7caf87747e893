"""Snowflake's page followed literally, by a newcomer with a fresh account: the local Snowflake, which knows users, keys and grants.

What the emulator cannot show of that page: hosts made of account and region, TLS, and the steps that fail before a log-in (resolve, reach,
tls); network policies, OAuth servers, private links.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from snowflake import connector

from tests.e2e.documented import Place, blocks_of, create, section, statements, sync
from tests.fixtures.service import prepare_home, running_service
from tests.fixtures.snowflake import SnowflakeEmulator, running_snowflake
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES, open_warehouse
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy

PAGE = "snowflake.md"
PASSPHRASE = "correct horse"
TOOLS = ("bash", "openssl", "jq")
TABLES = (
    "CREATE TABLE mp.public.customers AS SELECT 'c-1' AS customer_id, 0.5::NUMBER(5, 2) AS score, "
    "DATEADD('hour', -1, CURRENT_TIMESTAMP()) AS updated_at",
    "CREATE TABLE mp.public.secrets AS SELECT * FROM mp.public.customers",
)

pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"the page uses {', '.join(TOOLS)}")


@dataclass(frozen=True, slots=True)
class Account(Place):
    """A service, a Snowflake account whose administrator we are, and the folder in which the newcomer works."""

    server: SnowflakeEmulator
    folder: Path

    def as_administrator(self, *sql: str) -> list[tuple[Any, ...]]:
        """Executes statements; gives the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        arguments = self.server.connect_arguments(database="MP", warehouse="COMPUTE_WH")
        with closing(connector.connect(**arguments)) as session:
            for statement in sql:
                rows = session.cursor().execute(statement).fetchall()
        return rows

    def at_a_terminal(self, commands: str) -> None:
        """Runs a block of the shell where somebody answers each question for a passphrase."""
        folder = self.folder
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(folder)
            os.execvp("bash", ["bash", "--norc", "-euo", "pipefail", "-c", commands])
        said = b""
        while True:
            try:
                came = os.read(terminal, 1024)
            except OSError:  # how a terminal says that nobody is there any more
                break
            said += came
            if came.rstrip().endswith(b":"):
                os.write(terminal, f"{PASSPHRASE}\n".encode())
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        assert status == 0, said.decode()

    def public_key(self) -> str:
        """``rsa_key.pub`` without its first and last line."""
        return "".join((self.folder / "rsa_key.pub").read_text().splitlines()[1:-1])

    def checked(self, body: dict[str, Any]) -> str | None:
        """What a test of a connection tells, without the service: the field that was accepted at the log-in.

        Raises:
            WarehouseError: as the service's 505 says it.
        """
        specs = [spec for spec in WAREHOUSE_TYPES["snowflake"].fields if spec.name in body]
        fields = {spec.name: body[spec.name] for spec in specs if not spec.secret}
        secrets = {spec.name: Secret(body[spec.name]) for spec in specs if spec.secret}
        policy = WarehousePolicy(snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", self.server.port, "http"))
        with closing(
            open_warehouse(WarehouseAddress("snowflake", fields, secrets), policy, query_tag="page")
        ) as opened:
            return opened.check()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("newcomer")
    with running_snowflake(warehouse=["COMPUTE_WH"], database=["MP"]) as server:
        access = prepare_home(folder / "home")
        with running_service(folder / "home", access, snowflake_endpoint=server.url, warm=True) as service:
            place = Account(service, access, server, folder)
            place.as_administrator(*TABLES, *statements(blocks_of(section(PAGE, "Grants"), "sql")))
            yield place


@pytest.fixture(scope="module")
def body(account: Account) -> dict[str, Any]:
    """The connection that the page makes: with a key pair of a user of its own."""
    (make_key, show), (user_sql,) = _sh("A key pair"), blocks_of(section(PAGE, "A key pair"), "sql")
    account.at_a_terminal(make_key)
    account.as_administrator(*statements([re.sub(r"'MII[^']*'", f"'{account.public_key()}'", user_sql)]))
    shown = subprocess.run(["bash", "-c", show], cwd=account.folder, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout) | {"private_key_passphrase": PASSPHRASE}


def _sh(title: str) -> list[str]:
    return blocks_of(section(PAGE, title), "sh")


def _told(title: str) -> list[str]:
    """Statements that stand in the running text of a section."""
    return re.findall(r"`(ALTER USER [^`]+)`", section(PAGE, title))


def test_grants_and_a_key_pair_lead_to_a_run(account: Account, body: dict[str, Any]) -> None:
    status, answer = create(account, body)
    assert status == 200, answer
    assert (answer["private_key"], answer["private_key_passphrase"]) == ("************", "************")
    run = sync(account, "crm", "SELECT * FROM mp.public.customers")
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 1), run
    assert account.service.resolve("customer_id", "c-1")["user_attributes"] == {"SCORE": "0.50"}


def test_a_step_that_fails_says_what_the_page_says(account: Account, body: dict[str, Any]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section(PAGE, "What a failed log-in says"), re.MULTILINE))
    for step, field in (("login", "user"), ("role", "role"), ("warehouse", "warehouse"), ("database", "database")):
        with pytest.raises(WarehouseError) as caught:
            account.checked(body | {field: "another"})
        assert caught.value.step == step
        assert caught.value.message.startswith(tuple(rows[step].split(" · ")))


def test_a_table_without_a_grant_is_refused_when_it_is_probed(account: Account) -> None:
    with pytest.raises(
        Exception, match=r"grant the role SELECT on it.*'MP\.PUBLIC\.SECRETS' does not exist or not authorized"
    ):
        sync(account, "crm", "SELECT * FROM mp.public.secrets", "hidden")


def test_the_role_can_do_nothing_but_read(account: Account) -> None:
    account.as_administrator("CREATE USER reader PASSWORD = 'only-reads'", "GRANT ROLE mp_role TO USER reader")
    arguments = account.server.connect_arguments(user="reader", password="only-reads", role="MP_ROLE", database="MP")
    with closing(connector.connect(**arguments | {"warehouse": "COMPUTE_WH"})) as session:
        for sql in (
            "DELETE FROM mp.public.customers",
            "CREATE TABLE mp.public.mine AS SELECT 1 AS a",
            "DROP TABLE mp.public.customers",
            "GRANT SELECT ON TABLE mp.public.secrets TO ROLE mp_role",
        ):
            with pytest.raises(connector.errors.ProgrammingError, match="Insufficient privileges"):
                session.cursor().execute(sql)


def test_keys_are_changed_without_a_gap(account: Account, body: dict[str, Any]) -> None:
    account.at_a_terminal(_sh("A key pair")[0])
    new = (account.folder / "rsa_key.p8").read_text()
    both = body | {"private_key_2": new, "private_key_2_passphrase": PASSPHRASE}
    assert account.checked(both) == "private_key"
    account.as_administrator(*(told.replace("…", account.public_key()) for told in _told("A key pair")))
    assert account.checked(both) == "private_key_2"
    assert account.checked(body | {"private_key": new}) == "private_key"


def test_an_access_token_is_another_way(account: Account, body: dict[str, Any]) -> None:
    ((_, token),) = account.as_administrator(
        *statements(blocks_of(section(PAGE, "A programmatic access token"), "sql"))
    )
    others = {name: value for name, value in body.items() if not name.startswith("private_key")}
    assert account.checked(others | {"programmatic_access_token": token}) == "programmatic_access_token"
