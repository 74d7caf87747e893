"""The receiver of notices: its address, whether the egress policy lets us there, and one attempt at delivering.

The host is resolved once in an attempt; every address is judged, and one that was judged is connected to. No proxy is used, no redirect
followed, and nothing but the status of the answer is read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from warehouse_sync.domain.webhook_secret import signing_keys
from warehouse_sync.errors import SettingsError
from warehouse_sync.settings import PREFIX, Settings
from warehouse_sync.warehouses.egress import Standing, authority, is_listed, standing
from warehouse_sync.warehouses.network import addresses_of

SECONDS: Final = 10.0
"""How long an attempt may take, from the first packet to the status of the answer."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where notices go.

    Attributes:
        url: the whole address. May hold a secret in its path or query: never told.
        keys: what bodies are signed with.
        allowed: the operator's ``host:port`` entries.
        trust: whose certificates are taken.
    """

    url: httpx.URL = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    allowed: tuple[str, ...]
    trust: ssl.SSLContext = field(repr=False, compare=False)

    @property
    def host(self) -> str:
        return self.url.host

    @property
    def port(self) -> int:
        return self.url.port or _DEFAULT_PORTS[self.url.scheme]


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended: the status of the answer, or in words why there is none."""

    status: int | None
    said: str

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether the receiver says that it will never want this: 410 Gone, as the specification has it."""
        return self.status == 410


class Unreachable(Exception):
    """No packet was sent: the host is unknown, or the egress policy forbids it. The text says which, and what to do."""


def receiver_of(settings: Settings) -> Receiver | None:
    """The receiver that the settings name; None if they name none.

    Raises:
        SettingsError: notices would go through a network in the clear, or the file of certificates cannot be used.
    """
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    receiver = Receiver(
        httpx.URL(settings.webhook_url),
        signing_keys(settings.webhook_secret.reveal()),
        tuple(settings.allowed_hosts),
        _trust(settings.webhook_ca),
    )
    if receiver.url.scheme == "http" and not is_listed(receiver.host, receiver.port, receiver.allowed):
        raise SettingsError(
            f"{PREFIX}WEBHOOK_URL would send notices in the clear. Use https; or, where the receiver is on your own network, list its "
            f"host:port in {PREFIX}ALLOWED_HOSTS.",
            field=f"{PREFIX}WEBHOOK_URL",
        )
    return receiver


def _trust(more: Path | None) -> ssl.SSLContext:
    """What this machine trusts (OpenSSL's own store, or what ``SSL_CERT_FILE`` names), and a file of the operator's besides."""
    context = ssl.create_default_context()
    if more is None:
        return context
    try:
        context.load_verify_locations(more)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{PREFIX}WEBHOOK_CA names {more}, which cannot be read as certificates in PEM: {error.strerror or error}.",
            field=f"{PREFIX}WEBHOOK_CA",
        ) from error
    return context


def judged_addresses(receiver: Receiver) -> tuple[str, ...]:
    """The addresses of a receiver, all of which the egress policy agrees to.

    Raises:
        Unreachable: there are none, or it does not agree.
    """
    host, port = receiver.host, receiver.port
    addresses = addresses_of(host, port)
    if not addresses:
        raise Unreachable(f"There is no host {host}. Check {PREFIX}WEBHOOK_URL.")
    stands = standing(host, port, addresses, receiver.allowed)
    if stands is Standing.FORBIDDEN:
        raise Unreachable(f"{host} leads to an address that nothing is sent to. Use another {PREFIX}WEBHOOK_URL.")
    if stands is Standing.UNLISTED:
        raise Unreachable(
            f"{host} leads to a private address. If the receiver is there, list {authority(host, port)} in {PREFIX}ALLOWED_HOSTS."
        )
    return addresses


def deliver(receiver: Receiver, headers: Mapping[str, str], body: bytes) -> Answer:
    """Sends a body once, to the first address that takes the connection. Never raises for what a network or a receiver may do."""
    try:
        addresses = judged_addresses(receiver)
    except Unreachable as error:
        return Answer(None, str(error))
    try:
        return asyncio.run(_post(receiver, addresses, headers, body))
    except TimeoutError:
        return Answer(None, f"It did not answer within {SECONDS:g} seconds.")


async def _post(receiver: Receiver, addresses: Sequence[str], headers: Mapping[str, str], body: bytes) -> Answer:
    sent = {**headers, "Host": receiver.url.netloc.decode("ascii"), "Content-Type": "application/json"}
    async with (
        asyncio.timeout(SECONDS),  # the client's own limits are for each read, and a receiver may answer byte by byte
        httpx.AsyncClient(verify=receiver.trust, trust_env=False, timeout=SECONDS) as client,
    ):
        for address in addresses:
            request = client.build_request(
                "POST",
                receiver.url.copy_with(host=address),
                headers=sent | {"User-Agent": "warehouse-sync"},
                content=body,
                extensions={"sni_hostname": receiver.host},
            )
            try:
                answer = await client.send(request, stream=True, follow_redirects=False)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except (httpx.HTTPError, OSError):
                return Answer(None, "The connection was lost before it answered.")
            await answer.aclose()
            return Answer(answer.status_code, f"It answered {answer.status_code}.")
    return Answer(None, "It could not be connected to, or has no valid certificate of its name.")
