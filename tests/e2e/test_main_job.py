"""The main job: connection, data model, pipeline, trigger, profiles; then the shop changes, and only what changed is read."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow.parquet as pq
import pytest

from emulators.snowflake import shop
from tests.e2e.stage import CUSTOMERS, START, Stage, in_shop, staged
from tests.fixtures.service import WORKSPACE
from tests.fixtures.snowflake import running_snowflake

PIPELINE = "customers"
GRACE_ID = f"C-{CUSTOMERS + 1:06d}"


@dataclass(frozen=True, slots=True)
class Story:
    """Runs in order: everything, what changed, nothing. Profiles and the shop's own counts at the same moments."""

    stage: Stage
    first: dict[str, Any]
    second: dict[str, Any]
    third: dict[str, Any]
    ada: list[dict[str, Any]]
    email_only: list[list[dict[str, Any]]]
    people_before: int


def _email_only(stage: Stage) -> list[dict[str, Any]]:
    keys = f"CUSTOMER_KEY > {CUSTOMERS} AND CUSTOMER_KEY <= {CUSTOMERS + shop.EMAIL_ONLY}"
    emails = in_shop(stage.shop, f"SELECT EMAIL FROM {shop.CUSTOMERS} WHERE {keys} ORDER BY CUSTOMER_KEY")
    return [stage.service.resolve("email", email) for (email,) in emails]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("main-job")
    with running_snowflake(sample=CUSTOMERS) as server, staged(folder, server, chunk_rows="300") as stage:
        service = stage.service
        stage.pipeline(PIPELINE, shop.DATA_MODEL_SQL)
        first = service.run(PIPELINE)
        ada, email_only = [service.resolve("customer_id", shop.ADA_ID)], [_email_only(stage)]
        people = in_shop(
            stage.shop,
            f"SELECT COUNT(*) FROM {shop.CUSTOMERS} WHERE CUSTOMER_ID IS NOT NULL OR EMAIL IS NOT NULL",
        )
        in_shop(stage.shop, *shop.second_act(datetime.now(UTC), CUSTOMERS))
        time.sleep(1.1)  # a run ends at the whole second of its request
        second = service.run(PIPELINE)
        ada.append(service.resolve("customer_id", shop.ADA_ID))
        email_only.append(_email_only(stage))
        third = service.run(PIPELINE)
        yield Story(stage, first, second, third, ada, email_only, int(people[0][0]))


def test_the_first_run_counts_what_the_shop_counts(story: Story) -> None:
    run = story.first
    assert run["pipeline_run_state"] == "success"
    assert run["data_interval_start"] == START
    assert run["records_extracted"] == shop.first_act_rows(CUSTOMERS)
    assert run["records_mapped"] == story.people_before == run["profiles_created"] == run["event_batches_generated"]
    assert run["records_rejected"] == shop.WITHOUT_IDENTITY
    assert (run["records_unchanged"], run["records_superseded"], run["profiles_matched"]) == (0, 0, 0)
    assert (run["profiles_orphaned"], run["values_dropped"]) == (0, 0)
    assert run["identity_conflicts"] == 1  # the second Berger, whose address leads to the first


def test_rows_without_identity_are_shown_with_their_reason(story: Story) -> None:
    (rejects,) = story.first["rejects"]
    assert (rejects["reason"], rejects["count"]) == ("no_identity", shop.WITHOUT_IDENTITY)
    assert 0 < len(rejects["samples"]) <= shop.WITHOUT_IDENTITY
    for sample in rejects["samples"]:
        assert (sample["row"]["CUSTOMER_ID"], sample["row"]["EMAIL"]) == (None, None)
        assert sample["row"]["UPDATED_AT"]
    assert story.second["rejects"] == []


def test_the_second_run_reads_exactly_what_changed(story: Story) -> None:
    run = story.second
    changed = in_shop(
        story.stage.shop,
        f"""SELECT COUNT(*) FROM {shop.CUSTOMERS} WHERE UPDATED_AT >= '{_naive(run["data_interval_start"])}'
            AND UPDATED_AT < '{_naive(run["data_interval_end"])}'""",
    )
    assert run["pipeline_run_state"] == "success"
    assert run["records_extracted"] == changed[0][0] == shop.second_act_rows(CUSTOMERS)
    assert run["profiles_created"] == shop.NEW_CUSTOMERS
    assert run["profiles_matched"] == shop.second_act_rows(CUSTOMERS) - shop.NEW_CUSTOMERS
    assert run["records_mapped"] == run["event_batches_generated"] == run["records_extracted"]


def test_a_run_with_nothing_new_reads_nothing(story: Story) -> None:
    run = story.third
    assert run["pipeline_run_state"] == "success"
    assert (run["records_extracted"], run["records_mapped"], run["event_batches_generated"]) == (0, 0, 0)


def test_each_interval_begins_where_the_one_before_it_ended(story: Story) -> None:
    runs = [story.first, story.second, story.third]
    for earlier, later in pairwise(runs):
        assert later["data_interval_start"] == earlier["data_interval_end"]
        assert later["data_interval_start"] <= later["data_interval_end"]
    listed = story.stage.service.workspace.get(f"pipelines/{PIPELINE}/status/runs")["items"]
    assert [run["pipeline_run_id"] for run in listed] == [run["pipeline_run_id"] for run in reversed(runs)]


def test_a_run_shows_the_queries_it_sent(story: Story) -> None:
    sent = story.second["generated_sql"]
    assert "LIMIT 0" in sent["probe"]
    assert "COUNT(*)" in sent["count"]
    for name in ("count", "extract"):
        assert _naive(story.second["data_interval_start"]) in sent[name]
        assert _naive(story.second["data_interval_end"]) in sent[name]


def test_ada_before_and_after(story: Story) -> None:
    before, after = story.ada
    assert before["mpid"] == after["mpid"]
    assert set(story.first["new_attributes"]) >= set(before["user_attributes"])
    assert story.second["new_attributes"] == story.third["new_attributes"] == []
    assert before["user_attributes"] == {
        "$FirstName": "Ada",
        "$LastName": "Winter",
        "$Country": "Sweden",
        "propensity_to_buy": "0.412",
        "orders": "3",
        "lifetime_value": "274.50",
        "is_subscriber": "false",
        "birth_date": "1990-12-10",
        "favorite_categories": ["Books", "Music", "Garden"],
    }
    assert after["user_attributes"] == {
        **before["user_attributes"],
        "propensity_to_buy": "0.873",
        "orders": "5",
        "lifetime_value": "512.30",
        "is_subscriber": "true",
        "favorite_categories": ["Travel", "Books", "Music", "Garden"],
    }
    assert _identities(after) == {"customer_id": shop.ADA_ID, "email": "ada.winter@example.com"}


def test_two_people_with_one_address_stay_two(story: Story) -> None:
    jonas, lena = (story.stage.service.resolve("customer_id", name) for name in shop.SHARED_EMAIL_IDS)
    assert jonas["mpid"] != lena["mpid"]
    assert [person["user_attributes"]["$FirstName"] for person in (jonas, lena)] == ["Jonas", "Lena"]
    assert {_identities(person)["email"] for person in (jonas, lena)} == {shop.SHARED_EMAIL}


def test_people_known_by_address_stay_the_same_when_they_get_an_id(story: Story) -> None:
    before, after = story.email_only
    assert len(before) == shop.EMAIL_ONLY == len({person["mpid"] for person in before})
    assert [person["mpid"] for person in after] == [person["mpid"] for person in before]
    assert all("customer_id" not in _identities(person) for person in before)
    numbers = range(CUSTOMERS + 1, CUSTOMERS + shop.EMAIL_ONLY + 1)
    assert [_identities(person)["customer_id"] for person in after] == [f"C-{number:06d}" for number in numbers]
    assert story.stage.service.resolve("customer_id", GRACE_ID)["mpid"] == before[0]["mpid"]


def test_everybody_is_exported_as_they_are_looked_up(story: Story) -> None:
    lines = [json.loads(line) for line in _exported(story.stage, format="jsonl").splitlines()]
    assert len(lines) == sum(run["profiles_created"] for run in (story.first, story.second, story.third))
    [ada] = [line for line in lines if line["identities"].get("customer_id") == shop.ADA_ID]
    assert ada["mpid"] == str(story.ada[1]["mpid"])
    assert ada["identities"] == _identities(story.ada[1])
    assert {name: str(value) for name, value in ada["attributes"].items() if isinstance(value, str)} == {
        name: value
        for name, value in story.ada[1]["user_attributes"].items()
        if name.startswith("$") or name == "birth_date"
    }
    assert ada["attributes"]["orders"] == 5
    assert ada["origins"]["orders"]["pipeline_run_id"] == story.second["pipeline_run_id"]
    table = pq.read_table(io.BytesIO(_exported(story.stage)))
    assert [str(mpid) for mpid in table.column("mpid").to_pylist()] == [line["mpid"] for line in lines]
    changed = _exported(story.stage, format="jsonl", since_run=story.second["pipeline_run_id"]).splitlines()
    assert {json.loads(line)["mpid"] for line in changed} < {line["mpid"] for line in lines}
    assert len(changed) == story.second["event_batches_generated"] - story.second["records_unchanged"]


def test_the_status_tells_how_far_it_is(story: Story) -> None:
    status = story.stage.service.workspace.get(f"pipelines/{PIPELINE}/status")
    assert status["synced_until"] == story.third["data_interval_end"]
    assert status["latest_pipeline_run"]["pipeline_run_id"] == story.third["pipeline_run_id"]
    assert (status["is_faulted"], status["is_connection_faulted"]) == (False, False)


def test_a_row_on_the_edge_belongs_to_the_later_interval(story: Story) -> None:
    stage = story.stage
    began = datetime.now(UTC).replace(microsecond=0)
    stamps = ", ".join(
        f"('edge-{number}', '{datetime.fromtimestamp(began.timestamp() + number, UTC):%Y-%m-%d %H:%M:%S}'::TIMESTAMP_NTZ)"
        for number in range(6)
    )
    in_shop(
        stage.shop,
        f"CREATE TABLE {shop.DATABASE}.PUBLIC.EDGES (CUSTOMER_ID VARCHAR, UPDATED_AT TIMESTAMP_NTZ)",
        f"INSERT INTO {shop.DATABASE}.PUBLIC.EDGES VALUES {stamps}",
    )
    stage.pipeline("edges", f"SELECT CUSTOMER_ID, UPDATED_AT FROM {shop.DATABASE}.PUBLIC.EDGES")
    time.sleep(max(0.0, began.timestamp() + 2.5 - time.time()))
    earlier = stage.service.run("edges")
    edge = datetime.fromisoformat(earlier["data_interval_end"])
    number = int((edge - began).total_seconds())
    assert 1 <= number <= 5, "the run was asked for within the seconds that have a row"
    assert earlier["records_extracted"] == number  # rows 0 to number - 1
    time.sleep(max(0.0, began.timestamp() + 6.1 - time.time()))
    later = stage.service.run("edges")
    assert later["data_interval_start"] == earlier["data_interval_end"]
    assert later["records_extracted"] == 6 - number == later["profiles_created"]


def _exported(stage: Stage, **query: Any) -> bytes:
    target = io.BytesIO()
    path = f"/platform/extensions/workspaces/{WORKSPACE}/profiles/export"
    stage.service.client.download(path, target, query={"environment": "development", **query})
    return target.getvalue()


def _identities(person: dict[str, Any]) -> dict[str, str]:
    return {identity["type"]: identity["value"] for identity in person["user_identities"]}


def _naive(moment: str) -> str:
    return moment.removesuffix("Z").replace("T", " ")
