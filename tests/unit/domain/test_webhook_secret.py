"""Signatures are those of "Standard Webhooks", and the receiver's example on our page verifies them."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse_sync.domain.webhook_secret import signed_headers, signing_keys

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhook.md"
NOW = datetime(2024, 11, 15, 20, 12, 1, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEYS = signing_keys(SECRET)


def example() -> dict[str, object]:
    """What the page's Python example defines."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_the_vector_of_the_specifications_own_libraries() -> None:
    now = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(KEYS, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', now=now)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_pages_example_takes_what_is_ours_and_nothing_else() -> None:
    verify = example()["verify"]
    assert callable(verify)
    new = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    body = b'{"type":"webhook.test"}'
    headers = signed_headers(signing_keys(f"{new}, {SECRET}"), "msg_1", body, now=NOW)
    now = NOW.timestamp()
    for secret in (new, SECRET):
        assert verify(secret, headers, body, now=now)
    assert not verify("whsec_" + base64.b64encode(b"another key of 24 bytes!").decode(), headers, body, now=now)
    assert not verify(new, headers, body + b" ", now=now)
    assert not verify(new, headers | {"webhook-id": "msg_2"}, body, now=now)
    assert not verify(new, headers | {"webhook-timestamp": str(int(now) + 1)}, body, now=now)
    assert not verify(new, headers, body, now=now + 600)


@pytest.mark.parametrize("length", [24, 64])
def test_keys_of_any_allowed_length_with_or_without_prefix_and_padding(length: int) -> None:
    encoded = base64.b64encode(bytes(length)).decode()
    assert signing_keys(encoded) == signing_keys(f"whsec_{encoded.rstrip('=')}") == (bytes(length),)


@pytest.mark.parametrize(
    "text", ["", "whsec_", "hunter2", "whsec_****", base64.b64encode(bytes(23)).decode(), "whsec_é"]
)
def test_what_is_no_secret_is_refused_without_telling_it(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as refused:
        signing_keys(text)
    assert len(text) < 7 or text not in str(refused.value)
