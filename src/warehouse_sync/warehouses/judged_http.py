"""HTTP requests to hosts that the egress policy has agreed to, at the very address it has agreed to, and with an end to every wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from warehouse_sync.errors import WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault
from warehouse_sync.warehouses.network import Host, connected, resolved

_PORTS = {"http": 80, "https": 443}


class JudgedHttp:
    """A client for one conversation. Each host is resolved and judged once; redirects are not followed, proxies not used.

    Args:
        allowed: the operator's ``host:port`` entries.
        remedy: what to check when a host is not there.
        connect_seconds: for reaching a host.
    """

    def __init__(self, allowed: Iterable[str], remedy: str, connect_seconds: float) -> None:
        self._allowed = tuple(allowed)
        self._remedy = remedy
        self._connect_seconds = connect_seconds
        self._addresses: dict[tuple[str, int], str] = {}
        self._opened: httpx.Client | None = None

    def address(self, url: str) -> str:
        """The judged address that answers for an address of the web.

        Raises:
            WarehouseError: ``egress_denied`` or ``unreachable``.
        """
        host, port = _host_and_port(url)
        if (host, port) not in self._addresses:
            place = Host(host, port, self._remedy)
            with connected(place, resolved(place, self._allowed), seconds=self._connect_seconds) as connection:
                self._addresses[host, port] = str(connection.getpeername()[0])
        return self._addresses[host, port]

    def request(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        json: Any = None,  # noqa: ANN401 - whatever JSON holds
        data: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """An answer, read to its end.

        Args:
            seconds: for all of it: an answer that trickles ends too.

        Raises:
            TimeoutError: it took longer.
            httpx.HTTPError: it did not come.
        """
        end = time.monotonic() + seconds
        host, port = _host_and_port(url)
        address = self.address(url)
        literal = f"[{address}]" if ":" in address else address
        place = httpx.URL(url).copy_with(host=literal)
        named = {**(headers or {}), "Host": host if port == _PORTS[place.scheme] else f"{host}:{port}"}
        limits = httpx.Timeout(seconds, connect=self._connect_seconds)
        client = self._client()
        prepared = client.build_request(
            method, place, headers=named, json=json, data=data, timeout=limits, extensions={"sni_hostname": host}
        )
        prepared.extensions["timeout"] = limits.as_dict()
        answer = client.send(prepared, stream=True)
        try:
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if time.monotonic() > end:
                    raise TimeoutError(f"{method} took longer than {seconds} s")
        finally:
            answer.close()
        plain = {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}
        return httpx.Response(answer.status_code, headers=plain, content=bytes(body))

    def close(self) -> None:
        """Ends the conversation; the next request begins another."""
        if self._opened is not None:
            self._opened.close()
        self._opened = None

    def _client(self) -> httpx.Client:
        """Made when there is a judged address: it reads the machine's certificates."""
        if self._opened is None:
            self._opened = httpx.Client(trust_env=False, follow_redirects=False)
        return self._opened


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise fault(
            WarehouseFault.PROTOCOL, WarehouseStep.FETCH, "The warehouse named an address that is none of the web."
        )
    return parts.hostname, parts.port or _PORTS[parts.scheme]
