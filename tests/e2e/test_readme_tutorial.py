"""The README's tutorial works as it is written: its shell blocks are taken out of it and run by bash, word for word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from demo.pictures import save_credentials
from emulators.snowflake import shop
from tests.e2e.stage import CUSTOMERS
from tests.fixtures.service import WORKSPACE, RunningService, clean_environment, command, prepare_home, running_service
from tests.fixtures.snowflake import ROOT, SnowflakeEmulator

SECTION = re.compile(r"^## By hand, with curl\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVE = "make serve "
ADDRESS, CREDENTIAL = "http://127.0.0.1:8080", ".run/demo.json"


class Shell:
    """One bash for all blocks, as one terminal would be: what a block defines, the next one has."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc", "-u"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=clean_environment({"no_proxy": "127.0.0.1"}),
        )

    def run(self, block: str) -> str:
        """What a block prints, errors too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        mark = os.urandom(8).hex()
        self._process.stdin.write(f"{block}\necho; echo {mark}\n")
        self._process.stdin.flush()
        return _until(self._process.stdout, mark)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass(frozen=True, slots=True)
class Reading:
    """The tutorial's blocks, and a service with a shop for them to run on."""

    blocks: list[str]
    service: RunningService
    shell: Shell


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory, quiet_shop: SnowflakeEmulator) -> Iterator[Reading]:
    folder = tmp_path_factory.mktemp("readme")
    access = prepare_home(folder / "home")
    credential = {"client_id": access.client_id, "client_secret": access.client_secret}
    feed = {"partner_feed_id": access.feed_id, "partner_feed_key": access.feed_key}
    save_credentials(folder / "demo.json", WORKSPACE, credential, feed)
    shell = Shell()
    try:
        with running_service(folder / "home", access, snowflake_endpoint=quiet_shop.url) as service:
            yield Reading(_blocks(service.url, folder / "demo.json"), service, shell)
    finally:
        shell.close()


def test_the_tutorial_works_word_for_word(reading: Reading) -> None:
    token, connection, model, pipeline, trigger, profile = reading.blocks
    run = reading.shell.run
    assert run(token).strip() == ""

    (made,) = _answers(run(connection))
    assert (made["id"], made["source_account_id"], made["is_faulted"]) == ("my-connection", "demo", False)
    assert "demo-password" not in str(made)

    (made,) = _answers(run(model))
    assert (made["id"], made["load_timestamp_field_name"]) == ("my-model", "UPDATED_AT")
    assert 'AS "propensity_to_buy"' in made["sql_query"]

    (made,) = _answers(run(pipeline))
    assert (made["id"], made["connection_id"], made["schedule_interval"]) == (
        "my-pipeline",
        "my-connection",
        "on_demand",
    )

    triggered, status, runs = _answers(run(trigger))
    run_id = triggered["pipeline_run_id"]
    assert triggered["status"] == "trigger_requested"
    assert status["latest_pipeline_run"]["pipeline_run_id"] == run_id
    assert [item["pipeline_run_id"] for item in runs["items"]] == [run_id]
    finished = reading.service.wait_for_run("my-pipeline", run_id)
    assert (finished["pipeline_run_state"], finished["records_extracted"]) == (
        "success",
        shop.first_act_rows(CUSTOMERS),
    )

    (ada,) = _answers(run(profile))
    assert ada["user_attributes"] == {"propensity_to_buy": "0.412"}
    assert {"type": "customer_id", "encoding": "none", "value": shop.ADA_ID} in ada["user_identities"]


def test_the_commands_that_start_from_nothing_exist(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text().partition("## Start from nothing")[2]
    block = BLOCK.search(text)
    assert block is not None
    *lines, serve = block[1].strip().splitlines()
    assert serve.split("#")[0].split() == [".venv/bin/warehouse-sync", "serve", "--home", "./my-home", "--port", "8080"]
    for line in lines:
        words = line.split("#")[0].split()
        assert words[0] == ".venv/bin/warehouse-sync"
        arguments = [word for word in words[1:] if word not in {"--home", "./my-home", "--output", "json"}]
        assert command(tmp_path / "my-home", *arguments)


def _blocks(url: str, credential: Path) -> list[str]:
    """The tutorial's blocks without the one that starts the servers. Only the address and the place of the credential are changed."""
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section is not None
    serve, *blocks = BLOCK.findall(section[1])
    assert serve.startswith(SERVE)
    assert sum(block.count(ADDRESS) for block in blocks) == 1
    assert sum(block.count(CREDENTIAL) for block in blocks) == 1
    return [block.replace(ADDRESS, url).replace(CREDENTIAL, str(credential)) for block in blocks]


def _until(output: IO[str], mark: str) -> str:
    lines = []
    end = time.monotonic() + 60
    for line in output:
        if line.strip() == mark:
            return "".join(lines)
        assert time.monotonic() < end
        lines.append(line)
    raise AssertionError("bash ended:\n" + "".join(lines))


def _answers(text: str) -> list[dict[str, Any]]:
    """The JSON answers that curl printed one after the other, without anything between them."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        found.append(answer)
        rest = rest[end:].strip()
    return found
