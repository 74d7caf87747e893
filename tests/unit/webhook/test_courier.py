"""The courier with a real outbox and a real receiver; only the clock is ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.certificates import certified
from tests.fixtures.receiver import KEY, SECRET, TestReceiver, running_receiver
from warehouse_sync.catalog import notices
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.catalog.notices import StoredNotice
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.notice import LONGEST_LIFE, Notice, NoticeOutcome, NoticeType, pause_after
from warehouse_sync.domain.webhook_secret import signed_headers
from warehouse_sync.errors import SettingsError
from warehouse_sync.metrics import Metrics, Snapshot
from warehouse_sync.settings import Settings
from warehouse_sync.webhook import receiver as receiver_module
from warehouse_sync.webhook.courier import Courier
from warehouse_sync.webhook.receiver import Receiver, Unreachable, deliver, judged_addresses, receiver_of

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
NOTICE = Notice(NoticeType.RUN_FAILED, NOW, 1, "p", {"pipeline_run_id": 7, "failure": {"code": "x", "message": "y"}})


def receiver_at(url: str, *allowed: str, **more: Any) -> Receiver:
    settings: Any = {"webhook_url": url, "webhook_secret": SECRET, "allowed_hosts": ",".join(allowed), **more}
    made = receiver_of(Settings(**settings))
    assert made is not None
    return made


class Post:
    """An outbox with one notice, and couriers of it."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.database: Database = open_database(f"sqlite:///{folder / 'control.db'}")
        self.clock = ManualClock(NOW)
        self.metrics = Metrics()
        self.receiver = receiver
        with self.database.write() as tx:
            notices.record(tx, NOTICE)

    def courier(self) -> Courier:
        return Courier(
            self.database,
            self.clock,
            self.receiver,
            address="https://sync.example.com",
            metrics=self.metrics,
            jitter=lambda: 0.5,
        )

    def stored(self) -> StoredNotice:
        with self.database.read() as tx:
            [one] = notices.latest(tx, size=9)
        return one

    def counted(self) -> dict[str, float]:
        lines = self.metrics.text(Snapshot({}, (), notices=7)).decode().splitlines()
        assert "warehouse_sync_webhook_backlog 7.0" in lines
        named = [line for line in lines if line.startswith("warehouse_sync_webhook_deliveries_total{")]
        return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in named}


@pytest.fixture
def receiver() -> Iterator[TestReceiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def post(tmp_path: Path, receiver: TestReceiver) -> Iterator[Post]:
    made = Post(tmp_path, receiver_at(receiver.url, f"127.0.0.1:{receiver.port}"))
    yield made
    made.database.close()


def test_a_notice_is_delivered_signed_and_whole(post: Post, receiver: TestReceiver) -> None:
    assert post.courier().deliver_next()
    assert not post.courier().deliver_next()
    [came] = receiver.received
    stored = post.stored()
    assert came.path == "/hooks?team=data"
    assert came.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert came.headers["content-type"] == "application/json"
    expected = signed_headers([KEY], stored.id, came.body, now=NOW)
    assert expected.items() <= came.headers.items()
    pipeline = "https://sync.example.com/platform/experimental/workspaces/1/inputs/warehouse/pipelines/p"
    assert came.told == {
        "type": "pipeline.run_failed",
        "timestamp": "2024-03-01T12:00:00.000Z",
        "data": {
            "workspace_id": 1,
            "pipeline_id": "p",
            "pipeline_run_id": 7,
            "failure": {"code": "x", "message": "y"},
            "links": {
                "pipeline": pipeline,
                "status": f"{pipeline}/status",
                "run": f"{pipeline}/status/runs/7",
            },
        },
    }
    assert (stored.outcome, stored.attempts, stored.finished_on) == (NoticeOutcome.DELIVERED, 1, NOW)
    assert post.counted() == {"delivered": 1}


def test_a_receiver_that_fails_gets_the_same_notice_later_until_it_takes_it(post: Post, receiver: TestReceiver) -> None:
    receiver.statuses = [503, 302, 404]
    for attempt in (1, 2, 3):
        assert post.courier().deliver_next()
        assert not post.courier().deliver_next()
        post.clock.advance(pause_after(attempt, 0.5) - timedelta(milliseconds=1))
        assert not post.courier().deliver_next()
        post.clock.advance(timedelta(milliseconds=1))
    assert post.courier().deliver_next()
    assert len({came.body for came in receiver.received}) == 1
    assert len({came.headers["webhook-id"] for came in receiver.received}) == 1
    assert len({came.headers["webhook-timestamp"] for came in receiver.received}) == 4
    assert {came.path for came in receiver.received} == {"/hooks?team=data"}  # no redirect was followed
    assert post.stored().outcome is NoticeOutcome.DELIVERED
    assert post.counted() == {"failed": 3, "delivered": 1}


def test_a_notice_that_is_a_day_old_is_given_up(post: Post, receiver: TestReceiver) -> None:
    receiver.statuses = [500, 500]
    post.courier().deliver_next()
    post.clock.advance(LONGEST_LIFE)
    assert post.courier().deliver_next()
    stored = post.stored()
    assert (stored.outcome, stored.last_answer) == (NoticeOutcome.GIVEN_UP, "It answered 500.")
    post.clock.advance(LONGEST_LIFE)
    assert not post.courier().deliver_next()
    assert post.counted() == {"failed": 1, "given_up": 1}


def test_a_receiver_that_is_gone_is_not_asked_again(post: Post, receiver: TestReceiver) -> None:
    receiver.statuses = [410]
    post.courier().deliver_next()
    assert post.stored().outcome is NoticeOutcome.GIVEN_UP


def test_several_couriers_deliver_a_notice_once(post: Post, receiver: TestReceiver) -> None:
    barrier = threading.Barrier(4)

    def work() -> None:
        courier = post.courier()
        barrier.wait()
        courier.deliver_next()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.received) == 1


def test_a_receiver_that_answers_too_slowly_has_not_taken_it(
    post: Post, receiver: TestReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "SECONDS", 0.2)
    receiver.gate.clear()
    assert post.courier().deliver_next()
    stored = post.stored()
    assert (stored.outcome, stored.last_answer) == (NoticeOutcome.WAITING, "It did not answer within 0.2 seconds.")


def test_its_thread_delivers_by_itself_and_ends(post: Post, receiver: TestReceiver) -> None:
    courier = post.courier()
    courier.start()
    receiver.wait_for(1)
    courier.stop()
    assert not courier._thread.is_alive()
    assert post.stored().outcome is NoticeOutcome.DELIVERED


def test_over_tls_a_certificate_is_wanted_that_somebody_trusted_vouches_for(tmp_path: Path) -> None:
    authority, stranger = certified("authority"), certified("stranger")
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.write_bytes(authority.pem)
    theirs.write_bytes(stranger.pem)
    refused = "It could not be connected to, or has no valid certificate of its name."
    for name, trusted, said in (
        ("127.0.0.1", ours, "It answered 204."),
        ("127.0.0.1", theirs, refused),
        ("127.0.0.1", None, refused),  # this machine does not know the authority
        ("sync.example.com", ours, refused),  # the certificate is of another host
    ):
        certificate = certified("receiver", name, by=authority).written(tmp_path)
        with running_receiver(certificate) as receiver:
            more = {} if trusted is None else {"webhook_ca": str(trusted)}
            made = receiver_at(receiver.url, f"127.0.0.1:{receiver.port}", **more)
            answer = deliver(made, {"webhook-id": "msg_1"}, b"{}")
            assert (answer.said, len(receiver.received)) == (said, said != refused)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_read_are_refused_at_once(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="WAREHOUSE_SYNC_WEBHOOK_CA"):
        receiver_at("https://alerts.example.com/", webhook_ca=str(path))


def test_what_was_given_up_is_sent_again_under_its_id(post: Post, receiver: TestReceiver) -> None:
    receiver.statuses = [410]
    post.courier().deliver_next()
    before = post.stored()
    post.clock.advance(2 * LONGEST_LIFE)
    with post.database.write() as tx:
        assert notices.send_again(tx, post.clock.now(), workspace_id=2) == []
        assert notices.send_again(tx, post.clock.now(), workspace_id=1) == [before.id]
        assert notices.send_again(tx, post.clock.now()) == []
    assert post.courier().deliver_next()
    after = post.stored()
    assert (after.outcome, after.attempts, after.notice) == (NoticeOutcome.DELIVERED, 1, before.notice)
    first, second = receiver.received
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_a_private_receiver_that_is_not_listed_gets_no_packet(tmp_path: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        post = Post(tmp_path, receiver_at(f"https://{host}:{trap.getsockname()[1]}/hooks"))
        assert post.courier().deliver_next()
        trap.settimeout(0.05)
        with pytest.raises(TimeoutError):
            trap.accept()
    stored = post.stored()
    assert stored.outcome is NoticeOutcome.WAITING
    assert "WAREHOUSE_SYNC_ALLOWED_HOSTS" in str(stored.last_answer)
    post.database.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"])
def test_some_addresses_are_refused_even_if_they_are_listed(host: str) -> None:
    with pytest.raises(Unreachable, match="nothing is sent to"):
        judged_addresses(receiver_at(f"https://{host}/hooks", f"{host}:443"))


def test_a_receiver_that_does_not_listen_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    post = Post(tmp_path, receiver_at(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"))
    post.courier().deliver_next()
    assert "could not be connected to" in str(post.stored().last_answer)
    post.database.close()


def test_plain_http_needs_a_listed_host() -> None:
    with pytest.raises(SettingsError, match="in the clear") as refused:
        receiver_at("http://hooks.example.com/x")
    assert refused.value.field == "WAREHOUSE_SYNC_WEBHOOK_URL"
    assert receiver_at("http://hooks.example.com/x", "hooks.example.com:80").port == 80
