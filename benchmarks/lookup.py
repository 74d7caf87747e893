"""``make bench-lookup``: from an identity to the whole profile over HTTP, at 50 requests a second, idle and beside a run (figure R19).

The store is filled by the service itself. ``BENCH_MILLIONS`` changes its size from ten million profiles. One request in ten asks for a
pipeline's status, one in twenty writes. Every person that is asked for is another one.
"""

from __future__ import annotations

import itertools
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.measuring import percentiles
from benchmarks.serving import InBackground, Shop, wait_for_log, watch
from benchmarks.workload import MILLION, drawn, select, shuffled
from tests.fixtures.service import WORKSPACE, RunningService
from warehouse_sync.client import ApiError, WarehouseSyncClient
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.secret import Secret
from warehouse_sync.profiles.duckdb_store import DuckDbStores
from warehouse_sync.profiles.reader import DuckDbReader

MILLIONS = int(os.environ.get("BENCH_MILLIONS", "10"))
IDLE_SECONDS: Final = 20
LOOK_UPS: Final = 500
REQUESTS_PER_SECOND: Final = 50
_VISITORS: Final = 16
_MIX: Final = {"profile": 85, "status": 10, "write": 5}


def look_ups(stores: DuckDbStores, people: int, *, seed: int) -> list[float]:
    """Milliseconds from an identity to the whole profile within this process, each for another person."""
    reader, rules, times = DuckDbReader(stores), IdentityRules(), []
    for person in random.Random(seed).sample(range(people), LOOK_UPS):
        began = time.perf_counter()
        held = reader.holders(1, Environment.PRODUCTION, IdentityType.CUSTOMER_ID, f"customer-{person}", rules)
        assert held.profile is not None
        times.append((time.perf_counter() - began) * 1000)
    return times


@dataclass(slots=True)
class Answers:
    """Milliseconds from the moment a request was due to the end of its answer, by what was asked; and what went wrong."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


class Visitors:
    """Ask a service at a steady rate, whether or not it keeps up: a request that waits for its turn counts as waiting."""

    def __init__(self, service: RunningService, shop: Shop) -> None:
        self._clients = [
            WarehouseSyncClient(service.url, shop.access.client_id, Secret(shop.access.client_secret))
            for _ in range(_VISITORS)
        ]
        self._data_model = shop.data_model("n")
        self._draw = random.Random(11)

    def ask(self, goes_on: Callable[[float], bool]) -> Answers:
        """Asks until ``goes_on``, told how many seconds have passed, says no."""
        answers, began = Answers(), time.monotonic()
        with ThreadPoolExecutor(_VISITORS) as pool:
            for number in itertools.count():
                due = began + number / REQUESTS_PER_SECOND
                time.sleep(max(0.0, due - time.monotonic()))
                if not goes_on(due - began):
                    return answers
                kind = self._draw.choices(list(_MIX), list(_MIX.values()))[0]
                person = self._draw.randrange(MILLIONS * MILLION)
                pool.submit(self._one, answers, kind, person, self._clients[number % _VISITORS], due)
        raise AssertionError  # there is no last number

    def _one(self, answers: Answers, kind: str, person: int, client: WarehouseSyncClient, due: float) -> None:
        try:
            self._request(kind, person, client)
        except ApiError as error:
            answers.errors.append(f"{kind}: {error.message}")
        else:
            answers.times[kind].append((time.monotonic() - due) * 1000)

    def _request(self, kind: str, person: int, client: WarehouseSyncClient) -> object:
        workspace = client.workspace(WORKSPACE)
        if kind == "status":
            return workspace.get("pipelines/p/status")
        if kind == "write":
            return workspace.replace("data-models", self._data_model)
        identity = {"type": "customer_id", "value": f"customer-{person}"}
        body = {"environment_type": "production", "identity": identity}
        path, query = f"/userprofile/v1/resolve/1/1/{WORKSPACE}", {"fields": "user_identities,user_attributes"}
        return client.call("POST", path, body=body, query=query)


def main() -> None:
    console = Console(width=130)
    people = MILLIONS * MILLION
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        shop = Shop.open(Path(folder), select(shuffled(people), 0))
        with shop.serving() as service:
            service.workspace.create("data-models", shop.data_model("n"))
            assert watch(service).run["records_mapped"] == people
            wait_for_log(service, "profile store tidied")
        with shop.serving() as service:
            visitors = Visitors(service, shop)
            visitors.ask(lambda passed: passed < IDLE_SECONDS / 4)  # nothing is cached before the first
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            idle = visitors.ask(lambda passed: passed < IDLE_SECONDS)
            # Ten million times a microsecond after ``since`` has passed by now: all are within the next interval.
            shop.show(select(drawn(MILLION, people, 5), 0, since=since, step="MICROSECOND"))
            run = InBackground(service)
            beside = visitors.ask(lambda _: run.goes_on)
            assert run.result().run["records_mapped"] == MILLION, run.result().run
    for title, answers in (("nothing else", idle), (f"a run that changes {MILLION:,} of them", beside)):
        console.print(
            f"{REQUESTS_PER_SECOND} requests/s, {people:,} profiles, beside {title}: {len(answers.errors)} errors"
        )
        for kind, times in sorted(answers.times.items()):
            console.print(f"  {kind}: {percentiles(times)}")
        for error in answers.errors[:3]:
            console.print(f"  {error}")


if __name__ == "__main__":
    main()
