"""Settings: every one documented, none misspelt, no value in an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import SettingsError
from warehouse_sync.settings import PREFIX, Settings, describe_settings, load_settings


def load(**values: str) -> Settings:
    return load_settings({PREFIX + name: value for name, value in values.items()}).settings


def test_defaults_are_the_published_ones() -> None:
    settings = load()
    assert settings.audience == "https://api.mparticle.com"
    assert settings.token_lifetime_seconds == 28_800
    assert settings.limits == Limits()
    assert settings.cors_origins == ()
    assert (settings.between_inclusive, settings.settle_delay_seconds) == (False, 0)
    assert settings.home == Path("~/.warehouse-sync").expanduser()
    assert settings.max_body_bytes == 1024 * 1024


def test_values_are_read_as_their_type() -> None:
    settings = load(
        HOME="~/x", PORT=" 9000 ", BEHIND_PROXY="true", CORS_ORIGINS="https://a, https://b,", DATABASE_URL="sqlite:///x"
    )
    assert settings.home == Path.home() / "x"
    assert settings.port == 9000
    assert settings.behind_proxy is True
    assert settings.cors_origins == ("https://a", "https://b")
    assert settings.database_url == Secret("sqlite:///x")


def test_limits_reach_the_domain() -> None:
    limits = load(LIMIT_COLUMNS="7", LIMIT_ACTIVE_PIPELINES="9", LIMIT_RECORDS_ON_DEMAND="11").limits
    assert (limits.columns, limits.active_pipelines, limits.records[ScheduleInterval.ON_DEMAND]) == (7, 9, 11)
    assert limits.records[ScheduleInterval.HOURLY] == 1_000_000


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"HOST": "::1", "PORT": "1"}, "http://[::1]:1"),
        ({"TLS_CERT": "/c", "TLS_KEY": "/k"}, "https://127.0.0.1:8080"),
        ({"ISSUER": "https://id.example.com/"}, "https://id.example.com"),
    ],
)
def test_the_issuer_follows_the_address_unless_set(values: dict[str, str], expected: str) -> None:
    assert load(**values).issuer_url == expected


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("WAREHOUSE_SYNC_PROT", "WAREHOUSE_SYNC_PORT"),
        ("WAREHOUSE_SYNC_TOKEN_LIFETIME", "WAREHOUSE_SYNC_TOKEN_LIFETIME_SECONDS"),
        ("warehouse_sync_log_level", "WAREHOUSE_SYNC_LOG_LEVEL"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not a setting. Did you mean {nearest}?") as refused:
        load_settings({name: "1"})
    assert refused.value.field == name


def test_an_unknown_variable_far_from_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="WAREHOUSE_SYNC_ZZZ is not a setting"):
        load_settings({"WAREHOUSE_SYNC_ZZZ": "1"})


def test_other_peoples_variables_are_passed_over() -> None:
    environ = {"PATH": "/bin", "WAREHOUSE": "1", "WAREHOUSE_SYNC_URL": "x"}
    assert load_settings(environ, also_known={"WAREHOUSE_SYNC_URL"}).warnings == ()


def test_container_service_links_are_warnings() -> None:
    links = {
        "WAREHOUSE_SYNC_PORT": "tcp://10.0.0.1:8080",
        "WAREHOUSE_SYNC_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "WAREHOUSE_SYNC_PORT_8080_TCP_ADDR": "10.0.0.1",
        "WAREHOUSE_SYNC_PORT_8080_TCP_PROTO": "tcp",
        "WAREHOUSE_SYNC_PORT_53_UDP_PORT": "53",
        "WAREHOUSE_SYNC_SERVICE_HOST": "10.0.0.1",
        "WAREHOUSE_SYNC_SERVICE_PORT": "8080",
        "WAREHOUSE_SYNC_SERVICE_PORT_HTTP": "8080",
        "WAREHOUSE_SYNC_WEB_PORT": "udp://10.0.0.1:8080",
    }
    loaded = load_settings(links)
    assert loaded.settings.port == 8080
    assert len(loaded.warnings) == len(links)
    assert all(any(name in warning for warning in loaded.warnings) for name in links)


def test_a_link_value_in_another_setting_is_no_link() -> None:
    with pytest.raises(SettingsError, match="WAREHOUSE_SYNC_CHUNK_ROWS"):
        load(CHUNK_ROWS="tcp://10.0.0.1:1")


CANARY = "s3cr3t-canary"
BAD_VALUES = {
    "PORT": CANARY,
    "CHUNK_ROWS": f"-{CANARY}",
    "BEHIND_PROXY": CANARY,
    "ISSUER": f"ftp://{CANARY}",
    "SNOWFLAKE_ENDPOINT": f"https://user:{CANARY}@host",
    "LOG_LEVEL": CANARY,
    "LOG_FORMAT": CANARY,
    "RUNS_AT_ONCE": "3",
    "TOKEN_LIFETIME_SECONDS": "59",
    "MEMORY_LIMIT_MB": "0",
    "LIMIT_COLUMNS": "1e3",
    "MAX_BODY_BYTES": "9" * 5000,
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_bad_value_is_refused_by_name_and_never_shown(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(**{name: BAD_VALUES[name]})
    assert refused.value.field == PREFIX + name
    assert PREFIX + name in refused.value.message
    assert CANARY not in refused.value.message
    assert refused.value.__cause__ is None
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="WAREHOUSE_SYNC_MASTER_KEY is empty"):
        load(MASTER_KEY=value)


@pytest.mark.parametrize("names", [("TLS_CERT",), ("TLS_KEY",), ("MASTER_KEY", "MASTER_KEY_FILE")])
def test_settings_that_exclude_or_need_each_other(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=PREFIX + names[0][:3]):
        load(**dict.fromkeys(names, CANARY))


def test_secrets_do_not_print_and_cannot_be_changed() -> None:
    settings = load(MASTER_KEY=CANARY, DATABASE_URL=CANARY)
    assert CANARY not in f"{settings} {settings!r} {settings.model_dump()}"
    with pytest.raises(ValidationError) as refused:
        settings.port = 1
    assert CANARY not in str(refused.value)


def test_the_environment_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_SYNC_PORT", "1234")
    assert Settings().port == 8080
    assert load_settings({}).settings.port == 8080


def test_every_setting_is_described() -> None:
    described = {line.name: line for line in describe_settings()}
    assert set(described) == {PREFIX + name.upper() for name in Settings.model_fields}
    assert all(line.description.endswith(".") and line.type for line in described.values())
    port = described["WAREHOUSE_SYNC_PORT"]
    assert (port.type, port.default) == ("integer", "8080")
    assert described["WAREHOUSE_SYNC_MASTER_KEY"].type == "secret"
    assert described["WAREHOUSE_SYNC_TLS_CERT"].type == "path"
    assert described["WAREHOUSE_SYNC_CORS_ORIGINS"].type == "list, separated by commas"
    assert described["WAREHOUSE_SYNC_LOG_FORMAT"].type == "json or console"
    assert described["WAREHOUSE_SYNC_BEHIND_PROXY"].default == "false"


WEBHOOK_SECRET = "whsec_" + "A" * 32


def test_a_webhook_has_an_address_and_a_secret() -> None:
    settings = load(WEBHOOK_URL="https://hooks.example.com/x?team=data", WEBHOOK_SECRET=WEBHOOK_SECRET)
    assert settings.webhook_url == "https://hooks.example.com/x?team=data"
    assert settings.webhook_secret == Secret(WEBHOOK_SECRET)
    for alone in ({"WEBHOOK_URL": "https://hooks.example.com"}, {"WEBHOOK_SECRET": WEBHOOK_SECRET}):
        with pytest.raises(SettingsError, match="or neither"):
            load(**alone)


@pytest.mark.parametrize(
    "url", ["hooks.example.com", "ftp://h/x", "https://", "https://u:p@h/x", "https://h/#x", "https://é.example"]
)
def test_an_address_that_no_webhook_can_have(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(WEBHOOK_URL=url, WEBHOOK_SECRET=WEBHOOK_SECRET)
    assert refused.value.field == "WAREHOUSE_SYNC_WEBHOOK_URL"


def test_a_secret_that_signs_nothing_is_refused_and_not_told() -> None:
    with pytest.raises(SettingsError) as refused:
        load(WEBHOOK_URL="https://h", WEBHOOK_SECRET="hunter2hunter2")
    assert refused.value.field == "WAREHOUSE_SYNC_WEBHOOK_SECRET"
    assert "hunter2" not in str(refused.value)
