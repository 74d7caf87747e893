"""No secret is readable outside the vault (promise I11): a broad session at debug level, and a search of everything it left behind."""

from __future__ import annotations

import base64
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stage import connection, data_model, pipeline
from tests.fixtures.canaries import Search, spellings, watched_children
from tests.fixtures.service import WORKSPACE, Access, RunningService, clean_environment, prepare_home, running_service
from tests.fixtures.snowflake import running_snowflake

RIGHT = 'Kanarien-Vogel/1 +"ä\\Ω-right'
WRONG = 'Kanarien-Vogel/2 +"ä\\Ω-wrong'
MISPLACED = 'Kanarien-Vogel/3 +"ä\\Ω-misplaced'
CONTROL = "Kanarien-Vogel-5-no-secret"
DATABASE = "Kanarien-Vogel-4-database"
BASE = f"/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse"
QUERY = "SELECT CUSTOMER_ID, EMAIL, UPDATED_AT FROM SHOP.PUBLIC.CUSTOMERS"


@pytest.mark.parametrize("form", spellings(RIGHT))
@pytest.mark.parametrize("place", ["file", "database", "text"])
def test_the_search_finds_what_was_planted(tmp_path: Path, form: str, place: str) -> None:
    needle = spellings(RIGHT)[form]
    search = Search({"password": RIGHT})
    if place == "file":
        (tmp_path / "planted").write_bytes(b"before " + needle + b" after")
    elif place == "database":
        with sqlite3.connect(tmp_path / "planted.db") as database:
            database.execute("CREATE TABLE t (x BLOB)")
            database.execute("INSERT INTO t VALUES (?)", (needle,))
        database.close()
    else:
        search.content("text: x", b"before " + needle)
    search.folder(tmp_path)
    assert search.hits


@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "x" * 17])
def test_the_search_finds_a_secret_within_a_longer_text_in_base64(before: str) -> None:
    search = Search({"password": RIGHT})
    search.content("text", base64.b64encode(f"{before}{RIGHT} and more".encode()))
    assert search.hits
    search = Search({"password": RIGHT})
    search.content("text", base64.b64encode(f"{before}{WRONG} and more".encode()))
    assert not search.hits


def test_the_search_sees_the_environment_of_children() -> None:
    child = "import time; time.sleep(1)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], env={{'A': sys.argv[1]}})"
    with subprocess.Popen([sys.executable, "-c", program, RIGHT]) as process:
        search = Search({"password": RIGHT})
        with watched_children(search, process.pid):
            process.wait()
    assert {place.partition(":")[0] for _, _, place in search.hits} >= {"environ of a child"}


@pytest.mark.timeout(240)
def test_no_secret_is_readable_anywhere(tmp_path: Path) -> None:
    home, master_key = tmp_path / "home", base64.b64encode(os.urandom(32)).decode()
    environment = clean_environment({"WAREHOUSE_SYNC_MASTER_KEY": master_key})
    access = prepare_home(home)
    secrets = {
        "client secret": access.client_secret,
        "feed key": access.feed_key,
        "right password": RIGHT,
        "wrong password": WRONG,
        "misplaced password": MISPLACED,
        "database password": DATABASE,
    }
    search = Search(secrets)
    search.add("no secret", CONTROL)
    search.add("master key", master_key, spellings(master_key) | {"bytes": base64.b64decode(master_key)})
    with (
        running_snowflake(password=RIGHT, sample=2_000, chunk_rows=500) as shop,
        running_service(
            home,
            access,
            log_level="debug",
            master_key=master_key,
            snowflake_endpoint=shop.url,
            chunk_rows="25",
            login_timeout_seconds="5",
        ) as service,
        watched_children(search, service.process.pid),
    ):
        _session(service, access, search, shop.pid, home)
        log = "".join(service.log)
        assert len(service.log) < 2000  # else its beginning would be lost
        search.folder(home, but=[home / "keys"])
    search.text("log: of the service", log)
    search.text("log: of the service's end", "".join(service.log))
    search.folder(home, but=[home / "keys"])
    _commands(home, environment, search)
    assert not {hit for hit in search.hits if hit[0] != "no secret"}
    assert {"file", "answer"} <= {place.partition(":")[0] for _, _, place in search.hits}  # a name, which may be there
    assert all(
        search.looked_at.get(kind, 0) > 100 for kind in ("file", "log", "answer", "output", "environ of a child")
    )
    assert '"level": "debug"' in log or '"level": "info"' in log


def _session(service: RunningService, access: Access, search: Search, shop_pid: int, home: Path) -> None:
    with httpx.Client(base_url=service.url, timeout=60) as client:

        def ask(method: str, path: str, *, issues: bool = False, **more: Any) -> httpx.Response:
            answer = client.request(method, path, **more)
            if not issues:
                search.text(f"answer: {method} {path}", str(answer.headers) + answer.text)
            return answer

        grant = {
            "client_id": access.client_id,
            "client_secret": access.client_secret,
            "audience": "https://api.mparticle.com",
            "grant_type": "client_credentials",
        }
        _wrong_grants(ask, grant)
        token = ask("POST", "/oauth/token", json=grant, issues=True).json()["access_token"]
        search.add("token", token)
        search.add("token's signature", token.rpartition(".")[2])
        ask("GET", f"{BASE}/pipelines", params={"access_token": token})
        for header in (f"Bearer {token}x", f"Basic {token}", f"Bearer {token} {token}"):
            ask("GET", f"{BASE}/pipelines", headers={"Authorization": header})
        client.headers["Authorization"] = f"Bearer {token}"
        feed = ask(
            "POST", f"/v1/workspace/{WORKSPACE}/partnerfeeds?accountId=1", json={"name": "second"}, issues=True
        ).json()
        assert feed["data"], feed
        search.add("feed secret", feed["data"][0]["partner_feed_secret"])
        search.add("second feed key", feed["data"][0]["partner_feed_key"])
        _connections(ask)
        _runs(ask, access, service, search, home)
        os.kill(shop_pid, signal.SIGKILL)
        ask("POST", f"{BASE}/pipelines/good")
        _wait(ask, "good")
        ask("PUT", f"{BASE}/connections/shop", json=connection("shop", password=WRONG))
        for path in (
            "/openapi.json",
            "/docs",
            "/health",
            "/.well-known/jwks.json",
            "/v1/workspace",
            "/v1/partnerfeeds/1",
        ):
            ask("GET", path)
        for path in ("connections", "connections/shop", "data-models", "pipelines", "pipelines/good/status/runs"):
            ask("GET", f"{BASE}/{path}")
        ask("GET", f"/platform/extensions/workspaces/{WORKSPACE}/audit")
        ask("GET", "/platform/extensions/credentials")


def _wrong_grants(ask: Any, grant: dict[str, str]) -> None:
    ask("POST", "/oauth/token", json=grant | {"client_secret": MISPLACED})
    ask("POST", "/oauth/token", json=grant | {"audience": "elsewhere"})
    ask("POST", "/oauth/token", json=grant | {"client_secret": [grant["client_secret"]]})
    ask("POST", "/oauth/token", data=grant | {"grant_type": "password"})
    ask("POST", "/oauth/token", data=grant, auth=(grant["client_id"], grant["client_secret"]))
    ask("POST", "/oauth/token", content=f'{{"client_secret": "{grant["client_secret"]}"')
    ask("GET", "/oauth/token", params=grant)


def _connections(ask: Any) -> None:
    right = connection("shop", password=RIGHT) | {"name": CONTROL}
    assert ask("POST", f"{BASE}/connections", json=right).status_code == 200
    assert ask("POST", f"{BASE}/connections", json=connection("wrong", password=WRONG)).status_code == 505
    assert ask("PUT", f"{BASE}/connections/shop", json=connection("shop", password=WRONG)).status_code == 505
    assert ask("PUT", f"{BASE}/connections/shop", json=right | {"password": "*" * 12}).status_code == 200
    for changes in (
        {"password": [MISPLACED]},
        {"passwort": MISPLACED},
        {"password": {"value": MISPLACED}},
        {"password": MISPLACED * 500},
        {"type": "duckdb", "password": MISPLACED},
        {"type": "nothing", "password": MISPLACED},
        {"region": 1, "password": MISPLACED},
        {"region": "a b", "password": MISPLACED},
        {"workspace_id": 7, "password": MISPLACED},
        {"role": "NO_SUCH_ROLE", "password": MISPLACED},
    ):
        assert ask("POST", f"{BASE}/connections", json=connection("other", **changes)).status_code in {400, 505}
    ask("POST", f"{BASE}/connections", content=f'{{"password": "{MISPLACED}')
    ask("POST", f"{BASE}/connections", json=[MISPLACED])
    ask("PATCH", f"{BASE}/connections/shop", json={"password": MISPLACED})


def _runs(ask: Any, access: Access, service: RunningService, search: Search, home: Path) -> None:
    ask("POST", f"{BASE}/data-models", json=data_model("good", QUERY))
    ask("POST", f"{BASE}/data-models", json=data_model("bad", "SELECT * FROM SHOP.PUBLIC.NOTHING"))
    by_key = {"partner_feed_key": access.feed_key, "partner_feed_id": None}
    assert ask("POST", f"{BASE}/pipelines", json=pipeline("good", access, **by_key)).status_code == 200
    ask("POST", f"{BASE}/pipelines", json=pipeline("bad", access, **by_key))
    ask("POST", f"{BASE}/pipelines", json=pipeline("good", access, partner_feed_key=access.feed_key + "x"))
    ask("POST", f"{BASE}/pipelines", json=pipeline("third", access, partner_feed_key=[access.feed_key]))
    assert ask("POST", f"{BASE}/pipelines/good").status_code == 200
    _search_while_paused(service, search, home)
    assert _wait(ask, "good") == "success"
    ask("POST", f"/userprofile/v1/resolve/1/1/{WORKSPACE}?fields=user_attributes", json={"password": MISPLACED})


def _search_while_paused(service: RunningService, search: Search, home: Path) -> None:
    """Stops the service in the middle of a run and searches its home as it lies there."""
    end = time.monotonic() + 30
    while not any((home / "spool").rglob("*.arrow*")):
        assert time.monotonic() < end, "no spool was seen"
        time.sleep(0.01)
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        before = search.looked_at.get("file", 0)
        search.folder(home, but=[home / "keys"])
        assert search.looked_at["file"] > before
    finally:
        os.kill(service.process.pid, signal.SIGCONT)


def _wait(ask: Any, pipeline_id: str) -> str:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        run = ask("GET", f"{BASE}/pipelines/{pipeline_id}/status").json()["latest_pipeline_run"]
        if run["pipeline_run_state"] in {"success", "failed"}:
            ask("GET", f"{BASE}/pipelines/{pipeline_id}/status/runs/{run['pipeline_run_id']}")
            return str(run["pipeline_run_state"])
        time.sleep(0.1)
    raise AssertionError("the run does not end")


def _commands(home: Path, environment: dict[str, str], search: Search) -> None:
    url = f"postgresql+psycopg://user:{DATABASE}@127.0.0.1:9/control"
    away = {"WAREHOUSE_SYNC_DATABASE_URL": url}
    twice = {"WAREHOUSE_SYNC_MASTER_KEY_FILE": "x"}
    wrong = {"WAREHOUSE_SYNC_MASTER_KEY": MISPLACED}
    for arguments, more in (
        (["workspace", "list"], {}),
        (["credential", "list"], {}),
        (["feed", "list", "--workspace", str(WORKSPACE)], {}),
        (["workspace", "list"], away),
        (["serve", "--port", "0"], away),
        (["serve", "--port", "0"], twice),
        (["serve", "--port", "0"], wrong),
    ):
        line = [sys.executable, "-m", "warehouse_sync", *arguments, "--home", str(home)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment | more, timeout=60)
        assert (done.returncode == 0) == (not more), done.stderr
        search.text(f"output: {arguments[0]}", done.stdout + done.stderr)
