"""Every way of logging in to Snowflake, against a server that checks signatures, claims and tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from emulators.snowflake.logins import fingerprint
from tests.fixtures.snowflake import SnowflakeEmulator, running_snowflake
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy
from warehouse_sync.warehouses.snowflake import SnowflakeWarehouse, version_arguments
from warehouse_sync.warehouses.snowflake_login import proofs

FIELDS = {"source_account_id": "gd1234", "region": "us-central1.gcp", "warehouse": "w", "database": "shop", "role": "r"}


def pem(key: Any, passphrase: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    sealed = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, form, sealed).decode())


@dataclass(frozen=True)
class Stage:
    """A server whose user ``demo`` has two public keys; the third key is nobody's."""

    server: SnowflakeEmulator
    keys: tuple[rsa.RSAPrivateKey, ...]

    def open(self, fields: dict[str, str] | None = None, **secrets: str) -> SnowflakeWarehouse:
        address = WarehouseAddress(
            "snowflake",
            {**FIELDS, "user": "demo", **(fields or {})},
            {name: Secret(value) for name, value in secrets.items()},
        )
        policy = WarehousePolicy(
            snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", self.server.port, "http"), login_timeout_seconds=10
        )
        opened = open_warehouse(address, policy, query_tag="logins")
        assert isinstance(opened, SnowflakeWarehouse)
        return opened

    def refusal(self, fields: dict[str, str] | None = None, **secrets: str) -> WarehouseError:
        with pytest.raises(WarehouseError) as caught, closing(self.open(fields, **secrets)) as opened:
            opened.check()
        assert not [value for value in secrets.values() if value in str(caught.value.__dict__)]
        return caught.value


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("keys")
    keys = tuple(rsa.generate_private_key(65537, 2048) for _ in range(3))
    given = [f"demo={_public(key, folder / f'{number}.pub')}" for number, key in enumerate(keys[:2])]
    tokens = {"oauth_token": "demo=oauth-token-of-demo", "access_token": "demo=access-token-of-demo"}
    with running_snowflake(public_key=given, more_users={"other": "other-password"}, **tokens) as server:
        yield Stage(server, keys)


def _public(key: rsa.RSAPrivateKey, file: Path) -> Path:
    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return file


class TestAccepted:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("password", "demo-password"),
            ("password", "access-token-of-demo"),
            ("oauth_token", "oauth-token-of-demo"),
            ("programmatic_access_token", " access-token-of-demo\n"),
        ],
    )
    def test_passwords_and_tokens(self, stage: Stage, name: str, value: str) -> None:
        with closing(stage.open(**{name: value})) as opened:
            opened.check()
            assert opened.logged_in_with == name

    def test_a_key_pair_in_every_form_that_people_have(self, stage: Stage) -> None:
        first = stage.keys[0]
        for secrets in (
            {"private_key": pem(first)},
            {"private_key": pem(first, form=PrivateFormat.TraditionalOpenSSL)},
            {"private_key": pem(first).replace("\n", "\\n")},
            {"private_key": pem(first, "pass phrase"), "private_key_passphrase": "pass phrase"},
            {"private_key": pem(first), "private_key_passphrase": "not needed"},
        ):
            with closing(stage.open(**secrets)) as opened:
                opened.check()
                assert opened.logged_in_with == "private_key"

    def test_the_second_key_is_tried_when_the_first_is_refused(self, stage: Stage) -> None:
        secrets = {
            "private_key": pem(stage.keys[2]),
            "private_key_2": pem(stage.keys[1], "second"),
            "private_key_2_passphrase": "second",
        }
        with closing(stage.open(**secrets)) as opened:
            assert opened.logged_in_with is None
            assert opened.check() == "private_key_2"

    def test_organisation_and_account_need_no_region(self, stage: Stage) -> None:
        fields = {"source_account_id": "myorg-my_account", "region": ""}
        with closing(stage.open(fields, private_key=pem(stage.keys[0]))) as opened:
            opened.check()


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("password", "wrong-password"), ("oauth_token", "wrong-token"), ("programmatic_access_token", "wrong-token")],
    )
    def test_a_wrong_secret_is_named(self, stage: Stage, name: str, value: str) -> None:
        error = stage.refusal(**{name: value})
        assert (error.fault, error.step) == (WarehouseFault.CREDENTIALS, WarehouseStep.LOGIN)
        assert name in error.message

    def test_the_token_of_another_user(self, stage: Stage) -> None:
        assert stage.refusal({"user": "other"}, oauth_token="oauth-token-of-demo").fault is WarehouseFault.CREDENTIALS

    def test_a_key_that_is_not_the_users(self, stage: Stage) -> None:
        error = stage.refusal(private_key=pem(stage.keys[2]))
        assert (error.fault, error.step) == (WarehouseFault.CREDENTIALS, WarehouseStep.LOGIN)
        assert "RSA_PUBLIC_KEY_FP" in error.message
        assert stage.refusal({"user": "other"}, private_key=pem(stage.keys[0])).fault is WarehouseFault.CREDENTIALS

    def test_two_keys_that_are_not_the_users(self, stage: Stage) -> None:
        error = stage.refusal(private_key=pem(stage.keys[2]), private_key_2=pem(stage.keys[2]))
        assert error.fault is WarehouseFault.CREDENTIALS
        assert "private_key_2" in error.message

    def test_keys_that_cannot_be_read_are_named_before_anything_is_sent(self, stage: Stage) -> None:
        sealed = pem(stage.keys[0], "right")
        small = rsa.generate_private_key(65537, 1024)
        for secrets, field in (
            ({"private_key": "no key"}, "private_key"),
            ({"private_key": pem(stage.keys[0])[:-60]}, "private_key"),
            ({"private_key": pem(small)}, "private_key"),
            ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "private_key"),
            ({"private_key": sealed}, "private_key_passphrase"),
            ({"private_key": sealed, "private_key_passphrase": "wrong"}, "private_key_passphrase"),
            ({"private_key": pem(stage.keys[0]), "private_key_2": "no key"}, "private_key_2"),
        ):
            error = stage.refusal(**secrets)
            assert (error.fault, error.step, error.field) == (
                WarehouseFault.MISCONFIGURED,
                WarehouseStep.CONFIGURE,
                field,
            )

    def test_nothing_to_log_in_with(self, stage: Stage) -> None:
        assert stage.refusal().field == "password"


class TestTheServerItself:
    """What passes above would prove nothing if the server took any token."""

    def forged(self, stage: Stage, key: rsa.RSAPrivateKey, **changes: Any) -> str | None:
        now = int(time.time())
        subject = "GD1234.DEMO"
        claims = {"iss": f"{subject}.{fingerprint(stage.keys[0].public_key())}", "sub": subject, "iat": now}
        token = jwt.encode({**claims, "exp": now + 60, **changes}, key, "RS256")
        data = {"ACCOUNT_NAME": "gd1234", "LOGIN_NAME": "demo", "AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": token}
        url = f"{stage.server.url}/session/v1/login-request"
        answer = httpx.post(url, json={"data": data}, trust_env=False).json()
        return None if answer["success"] else answer["code"]

    def test_signature_and_claims_are_checked(self, stage: Stage) -> None:
        right, wrong = stage.keys[0], stage.keys[2]
        assert self.forged(stage, right) is None
        past = int(time.time()) - 7200
        for key, changes in (
            (wrong, {}),
            (right, {"iss": "GD1234.DEMO." + fingerprint(wrong.public_key())}),
            (right, {"sub": "GD1234.OTHER"}),
            (right, {"sub": "XY9876.DEMO"}),
            (right, {"iat": past, "exp": past + 60}),
            (right, {"exp": int(time.time()) + 7200}),
        ):
            assert self.forged(stage, key, **changes) == "390144", changes


def test_secrets_do_not_show() -> None:
    address = WarehouseAddress("snowflake", {}, {"password": Secret("a-secret-password")})
    assert "a-secret" not in repr(proofs(address))


@pytest.mark.parametrize("version", ["4.8.1", "5.2.0"])
def test_the_connectors_patience_ends(version: str) -> None:
    policy = WarehousePolicy(statement_timeout_seconds=100, login_timeout_seconds=7, network_timeout_seconds=9)
    arguments = version_arguments(version, policy)
    assert 100 < arguments["network_timeout" if version.startswith("4") else "query_timeout"] <= 105


def test_the_session_is_what_we_asked_for(stage: Stage) -> None:
    with closing(stage.open(password="demo-password")) as opened:
        rows = opened._open().cursor().execute("SHOW PARAMETERS IN SESSION").fetchall()
    assert set(rows) >= {
        ("QUERY_TAG", "logins"),
        ("TIMEZONE", "UTC"),
        ("STATEMENT_TIMEOUT_IN_SECONDS", "3600"),
        ("MULTI_STATEMENT_COUNT", "1"),
        ("ABORT_DETACHED_QUERY", "true"),
    }
