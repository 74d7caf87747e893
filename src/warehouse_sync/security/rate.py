"""A limit on failed log-ins, in memory, per client and per address."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import threading
from collections import OrderedDict, deque
from typing import Final

_IPV6_SITE_BITS: Final = 64  # one customer's line has a whole /64: single addresses would be no limit


class FailureLimiter:
    """Counts failures in a sliding span of time and says how long to wait.

    Memory is bounded: at most ``limit`` moments for each of ``capacity`` clients and ``capacity`` addresses; the longest idle one is
    forgotten first. Safe to share between threads. Times are monotonic seconds.

    Args:
        limit: failures allowed within the span.
        span_seconds: the length of the span.
        capacity: how many clients, and how many addresses, are remembered.
    """

    def __init__(self, *, limit: int = 10, span_seconds: float = 60.0, capacity: int = 10_000) -> None:
        self._clients = _Failures(limit, span_seconds, capacity)
        self._addresses = _Failures(limit, span_seconds, capacity)
        self._lock = threading.Lock()

    def retry_after(self, client_id: str, address: str, now: float) -> int:
        """Whole seconds until the client may try again from this address; 0 for at once."""
        with self._lock:
            wait = max(
                self._clients.wait(_fixed_size(client_id), now), self._addresses.wait(_address_key(address), now)
            )
        return math.ceil(wait)

    def record_failure(self, client_id: str, address: str, now: float) -> None:
        """Counts one failed attempt. Attempts that were refused for their number are not counted again."""
        with self._lock:
            self._clients.add(_fixed_size(client_id), now)
            self._addresses.add(_address_key(address), now)


class _Failures:
    """The moments of the latest failures by key, the most recently failed key last."""

    def __init__(self, limit: int, span: float, capacity: int) -> None:
        self._limit = limit
        self._span = span
        self._capacity = capacity
        self._moments: OrderedDict[bytes, deque[float]] = OrderedDict()

    def wait(self, key: bytes, now: float) -> float:
        moments = self._moments.get(key)
        if moments is None or len(moments) < self._limit:
            return 0.0
        return max(0.0, moments[0] + self._span - now)

    def add(self, key: bytes, now: float) -> None:
        self._moments.setdefault(key, deque(maxlen=self._limit)).append(now)
        self._moments.move_to_end(key)
        if len(self._moments) > self._capacity:
            self._moments.popitem(last=False)


def _address_key(address: str) -> bytes:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return _fixed_size(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return _fixed_size(str(parsed.ipv4_mapped))
        return _fixed_size(f"site {int(parsed) >> (128 - _IPV6_SITE_BITS):x}")
    return _fixed_size(str(parsed))


def _fixed_size(name: str) -> bytes:
    """Callers choose the name; its length must not be what memory depends on."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
