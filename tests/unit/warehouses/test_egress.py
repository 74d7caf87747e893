from __future__ import annotations

import pytest

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.egress import authority, judge

ALWAYS_REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd00::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:0a00:0001::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    judge("w.example", 443, [address], [])


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_operator(address: str) -> None:
    with pytest.raises(WarehouseError, match=r"w\.example:443 in the setting") as caught:
        judge("w.example", 443, [address], ["w.example:444", "x.example:443"])
    assert (caught.value.fault, caught.value.step) == (WarehouseFault.EGRESS_DENIED, WarehouseStep.RESOLVE)
    assert address not in caught.value.message
    judge("W.example.", 443, [address], ["w.EXAMPLE:443"])


@pytest.mark.parametrize("address", ALWAYS_REFUSED)
def test_some_addresses_are_refused_even_when_listed(address: str) -> None:
    with pytest.raises(WarehouseError):
        judge("w.example", 443, [address], ["w.example:443"])


def test_every_address_of_a_name_is_judged() -> None:
    with pytest.raises(WarehouseError):
        judge("w.example", 443, ["8.8.8.8", "10.0.0.1"], [])
    with pytest.raises(WarehouseError):
        judge("w.example", 443, [], ["w.example:443"])


def test_an_authority_has_one_spelling() -> None:
    assert authority("W.Example.", 443) == "w.example:443"
    assert authority("::1", 443) == authority("[::1]", 443) == "[::1]:443"
