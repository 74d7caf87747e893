"""The failure limit of the token endpoint."""

from __future__ import annotations

from warehouse_sync.security.rate import FailureLimiter


def fail(
    limiter: FailureLimiter, times: int, *, client: str = "c", address: str = "192.0.2.1", now: float = 0.0
) -> None:
    for _ in range(times):
        limiter.record_failure(client, address, now)


def test_ten_failures_in_a_minute_stop_the_client_until_the_first_is_a_minute_old() -> None:
    limiter = FailureLimiter()
    fail(limiter, 9)
    assert limiter.retry_after("c", "198.51.100.1", 1.0) == 0
    fail(limiter, 1, now=30.0)
    assert limiter.retry_after("c", "198.51.100.1", 30.5) == 30
    assert limiter.retry_after("c", "198.51.100.1", 59.9) == 1
    assert limiter.retry_after("c", "198.51.100.1", 60.0) == 0


def test_an_address_is_stopped_whatever_client_it_names() -> None:
    limiter = FailureLimiter()
    for number in range(10):
        limiter.record_failure(f"client {number}", "192.0.2.1", 0.0)
    assert limiter.retry_after("fresh", "192.0.2.1", 0.0) == 60
    assert limiter.retry_after("fresh", "192.0.2.2", 0.0) == 0


def test_spellings_and_neighbours_of_one_address_count_as_one() -> None:
    limiter = FailureLimiter(limit=2)
    limiter.record_failure("a", "::ffff:192.0.2.1", 0.0)
    limiter.record_failure("b", "192.0.2.1", 0.0)
    assert limiter.retry_after("fresh", "192.0.2.1", 0.0) > 0
    limiter.record_failure("d", "2001:db8:1:2::1", 0.0)
    limiter.record_failure("e", "2001:db8:1:2:ffff::9", 0.0)
    assert limiter.retry_after("fresh", "2001:db8:1:2::77", 0.0) > 0
    assert limiter.retry_after("fresh", "2001:db8:1:3::77", 0.0) == 0


def test_memory_is_bounded_and_the_longest_idle_is_forgotten() -> None:
    limiter = FailureLimiter(limit=1, capacity=3)
    for number in range(5):
        limiter.record_failure(f"client {number}", f"192.0.2.{number}", float(number))
    stopped = [number for number in range(5) if limiter.retry_after(f"client {number}", "203.0.113.1", 5.0)]
    assert stopped == [2, 3, 4]


def test_odd_names_are_names() -> None:
    limiter = FailureLimiter(limit=1)
    limiter.record_failure("\ud800" * 1_000_000, "unix socket", 0.0)
    assert limiter.retry_after("other", "unix socket", 0.0) == 60
