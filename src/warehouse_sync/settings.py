"""What an operator may set, all of it by environment variables ``WAREHOUSE_SYNC_…``. No file is read for settings.

:class:`Settings` never looks at the process's environment by itself; :func:`load_settings` is given one. A misspelt variable is refused:
a setting that silently does nothing is found on the worst day.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from warehouse_sync.domain.limits import PUBLISHED_RECORDS, Limits
from warehouse_sync.domain.secret import Secret
from warehouse_sync.domain.webhook_secret import signing_keys
from warehouse_sync.errors import SettingsError

PREFIX: Final = "WAREHOUSE_SYNC_"
_SERVICE_LINK_NAME: Final = re.compile(r"_SERVICE_(HOST|PORT(_.+)?)$|_PORT_\d+_(TCP|UDP)(_.+)?$", re.ASCII)
_SERVICE_LINK_VALUES: Final = ("tcp://", "udp://")
_MIB_MAX: Final = 1_048_576  # 1 TiB, in MiB
_DAY: Final = 86_400


def _as_secret(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _is_http_url(text: str) -> str:
    if not _is_http(text) or "@" in text or "?" in text or "#" in text:
        raise ValueError("must be an http or https address without user, query and fragment")
    return text.rstrip("/")


def _is_webhook_url(text: str) -> str:
    if not _is_http(text) or "@" in urlsplit(text).netloc or "#" in text or not text.isascii():
        raise ValueError("must be an http or https address in ASCII, without user and fragment")
    return text


def _is_http(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_webhook_secret(secret: Secret) -> Secret:
    signing_keys(secret.reveal())
    return secret


SecretText = Annotated[Secret, BeforeValidator(_as_secret)]
TextList = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
HttpUrl = Annotated[str, AfterValidator(_is_http_url)]
WebhookUrl = Annotated[str, AfterValidator(_is_webhook_url)]
WebhookSecret = Annotated[Secret, BeforeValidator(_as_secret), AfterValidator(_is_webhook_secret)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Mib = Annotated[int, Field(ge=64, le=_MIB_MAX)]
Records = Annotated[int, Field(ge=1, le=10_000_000_000)]


class Settings(BaseSettings):
    """All settings, checked. Frozen: nothing changes under a running service."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=True,
    )

    home: Folder = Field(
        Path("~/.warehouse-sync"), description="Folder of the databases, the keys and the spool. One service per home."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    tls_cert: Folder | None = Field(None, description="Certificate chain in PEM; the service then speaks HTTPS.")
    tls_key: Folder | None = Field(None, description="Private key of the certificate in PEM.")
    behind_proxy: bool = Field(
        False, description="A proxy in front sets X-Forwarded-For and X-Forwarded-Proto; without one they are ignored."
    )
    cors_origins: TextList = Field(
        (), description="Web origins whose pages may call the API, e.g. https://app.example.com; none by default."
    )
    console: bool = Field(
        False, description="Serve the console for people with a browser at /console; needs the extra `console`."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, le=64 * 1_048_576, description="Largest request body, in bytes.")
    request_timeout_seconds: int = Field(
        300, ge=1, le=_DAY, description="Longest time until a request is answered, in seconds."
    )
    requests_at_once: int = Field(
        200, ge=1, le=10_000, description="Requests worked on at the same time; others are told to come again."
    )

    issuer: HttpUrl | None = Field(
        None, description="The iss of access tokens; by default the address that is listened on."
    )
    audience: str = Field(
        "https://api.mparticle.com", min_length=1, description="The audience that token requests and tokens must name."
    )
    token_lifetime_seconds: int = Field(28_800, ge=60, le=_DAY, description="Life of an access token, in seconds.")

    master_key: SecretText | None = Field(
        None, description="Master key of stored secrets: base64 of 32 random bytes. By default a file in the home."
    )
    master_key_file: Folder | None = Field(None, description="File that holds the master key instead.")
    database_url: SecretText | None = Field(
        None,
        description="Address of the control database, e.g. postgresql://USER:PASSWORD@HOST:5432/DATABASE; by default SQLite in the home.",
    )

    duckdb_root: Folder | None = Field(
        None, description="Folder beneath which DuckDB connections may read files; without it there are none."
    )
    snowflake_endpoint: HttpUrl | None = Field(
        None, description="Address to use for every Snowflake account instead of the vendor's, e.g. an emulator."
    )
    bigquery_endpoint: HttpUrl | None = Field(
        None, description="Address to use instead of Google's for the BigQuery API and its tokens, e.g. an emulator."
    )
    bigquery_storage_endpoint: str | None = Field(
        None, pattern=r"^[^\s/]+:\d+$", description="host:port of the BigQuery Storage API beside it; without TLS."
    )
    databricks_endpoint: HttpUrl | None = Field(
        None, description="Address to use for every Databricks workspace instead of its own, e.g. an emulator."
    )
    allowed_hosts: TextList = Field(
        (),
        description="Addresses of warehouses and of the webhook's receiver allowed besides public ones, as host:port, separated by commas.",
    )
    login_timeout_seconds: int = Field(30, ge=1, le=3600, description="Longest log-in to a warehouse, in seconds.")
    statement_timeout_seconds: int = Field(
        3600, ge=1, le=7 * _DAY, description="Longest statement in a warehouse, in seconds."
    )
    network_timeout_seconds: int = Field(
        120, ge=1, le=3600, description="Longest wait for one part of a warehouse's result, in seconds."
    )

    memory_limit_mb: Mib = Field(1024, description="Memory of the profile store, in MiB.")
    fetch_memory_limit_mb: Mib = Field(2048, description="Memory of the process that reads a warehouse, in MiB.")
    chunk_rows: int = Field(
        368_640,
        ge=1,
        le=10_000_000,
        description="Rows applied in one transaction; best a multiple of 122,880, which the store keeps together.",
    )
    spool_limit_mb: Mib = Field(51_200, description="Disk that one run's fetched rows may take, in MiB.")
    spool_free_mb: int = Field(
        1024, ge=0, le=_MIB_MAX, description="Disk that must stay free while rows are fetched, in MiB."
    )
    cell_limit_bytes: int = Field(
        16 * 1_048_576, ge=4096, le=1024 * 1_048_576, description="Largest single value of a row, in bytes."
    )

    runs_at_once: int = Field(1, ge=1, le=2, description="Runs executed at the same time.")
    lease_seconds: int = Field(60, ge=5, le=3600, description="Silence after which a run's holder is taken for dead.")
    settle_delay_seconds: int = Field(
        0, ge=0, le=7 * _DAY, description="Wait after the end of a scheduled interval before it is read, in seconds."
    )
    stale_grace_seconds: int = Field(
        3600, ge=0, le=30 * _DAY, description="How late a pipeline may be before it is called stale, in seconds."
    )
    between_inclusive: bool = Field(
        False, description="Read intervals with BETWEEN, both ends included, as mParticle does: edges are read twice."
    )
    history_days: int = Field(90, ge=0, le=36_500, description="How long replaced row versions are kept, in days.")
    reject_samples_days: int = Field(
        90, ge=0, le=36_500, description="How long samples of refused rows are kept, in days; 0 for ever."
    )
    audit_days: int = Field(
        365, ge=0, le=36_500, description="How long entries of the audit log are kept, in days; 0 for ever."
    )

    webhook_url: WebhookUrl | None = Field(
        None, description="Where notices of failed, faulted and stale pipelines are sent; by default nowhere."
    )
    webhook_secret: WebhookSecret | None = Field(
        None, description='What notices are signed with: "whsec_" and the base64 of 24 to 64 random bytes.'
    )
    webhook_ca: Folder | None = Field(
        None,
        description="Certificates in PEM that a receiver may show or be vouched for by, besides those this machine trusts.",
    )
    webhook_days: int = Field(
        30, ge=2, le=36_500, description="How long notices are kept after what they tell of, in days."
    )

    limit_active_pipelines: int = Field(5, ge=0, le=100_000, description="Active pipelines of one workspace.")
    limit_columns: int = Field(100, ge=1, le=10_000, description="Output columns of a data model.")
    limit_records_hourly: Records = Field(1_000_000, description="Rows of one run of an hourly pipeline.")
    limit_records_daily: Records = Field(24_000_000, description="Rows of one run of a daily pipeline.")
    limit_records_weekly: Records = Field(40_000_000, description="Rows of one run of a weekly pipeline.")
    limit_records_monthly: Records = Field(40_000_000, description="Rows of one run of a monthly pipeline.")
    limit_records_once: Records = Field(40_000_000, description="Rows of the run of a pipeline that runs once.")
    limit_records_on_demand: Records = Field(24_000_000, description="Rows of one run of an on-demand pipeline.")
    limit_control_requests: int = Field(
        500, ge=1, le=100_000, description="Requests per second of one credential, but for the Profile API."
    )
    limit_profile_requests: int = Field(
        15, ge=1, le=100_000, description="Requests per second of one credential to the Profile API."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field(
        "json", description="One JSON object per line, or lines for people when standard error is a terminal."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in counts: two services in one test process must not share an environment."""
        return (init_settings,)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError(f"Set {PREFIX}TLS_CERT and {PREFIX}TLS_KEY, or neither.", field=f"{PREFIX}TLS_CERT")
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise SettingsError(
                f"Set {PREFIX}WEBHOOK_URL and {PREFIX}WEBHOOK_SECRET, or neither.", field=f"{PREFIX}WEBHOOK_URL"
            )
        if self.master_key is not None and self.master_key_file is not None:
            raise SettingsError(
                f"Set {PREFIX}MASTER_KEY or {PREFIX}MASTER_KEY_FILE, not both.", field=f"{PREFIX}MASTER_KEY"
            )
        return self

    @property
    def address(self) -> str:
        """What is listened on, as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls_cert is None else 'https'}://{host}:{self.port}"

    @property
    def issuer_url(self) -> str:
        """The issuer of access tokens: the one set, or the address that is listened on."""
        return self.issuer or self.address

    @property
    def limits(self) -> Limits:
        """The limits as the domain knows them."""
        records = {interval: getattr(self, f"limit_records_{interval}") for interval in PUBLISHED_RECORDS}
        return Limits(self.limit_active_pipelines, self.limit_columns, records)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and sentences about variables that were ignored on purpose; log them."""

    settings: Settings
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """One line of the documentation: the variable, the kind of value, the default as text, what it does."""

    name: str
    type: str
    default: str
    description: str


def load_settings(environ: Mapping[str, str], *, also_known: Collection[str] = ()) -> LoadedSettings:
    """The settings that an environment describes. Variables without our prefix are not looked at.

    Variables that container platforms make for a service called ``warehouse-sync`` (``WAREHOUSE_SYNC_PORT=tcp://…``) are ignored with a
    warning.

    Args:
        also_known: variables with our prefix that are not the service's, e.g. what the command line reads; passed over.

    Raises:
        SettingsError: a variable is unknown, empty, or has a value that cannot be used; names it and never its value.
    """
    known = {_variable(field): field for field in Settings.model_fields}
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(PREFIX) or name in also_known:
            continue
        if _is_service_link(name, text, known):
            warnings.append(f"{name} looks like a container service link and was ignored.")
        elif name not in known:
            raise _unknown(name, known)
        elif not text.strip():
            raise SettingsError(f"{name} is empty. Give it a value, or remove it to use the default.", field=name)
        else:
            values[known[name]] = text.strip()
    return LoadedSettings(_validated(values), tuple(warnings))


def describe_settings() -> tuple[SettingDescription, ...]:
    """Every setting, in the order of the documentation."""
    return tuple(
        SettingDescription(
            _variable(name), _type_text(field.annotation), _default_text(field.default), field.description or ""
        )
        for name, field in Settings.model_fields.items()
    )


def _validated(values: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        variable = _variable(str(first["loc"][0])) if first["loc"] else PREFIX
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable} cannot be used: {reason[0].lower()}{reason[1:]}.", field=variable) from None


def _is_service_link(name: str, text: str, known: Mapping[str, str]) -> bool:
    if name in known:  # only PORT can be meant by both
        return known[name] == "port" and text.startswith(_SERVICE_LINK_VALUES)
    return text.startswith(_SERVICE_LINK_VALUES) or _SERVICE_LINK_NAME.search(name) is not None


def _unknown(name: str, known: Mapping[str, str]) -> SettingsError:
    nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
    hint = f"Did you mean {nearest[0]}?" if nearest else "The documentation lists all settings."
    return SettingsError(f"{name} is not a setting. {hint}", field=name)


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _type_text(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list, separated by commas"
    inner = [_type_text(part) for part in get_args(annotation) if part is not type(None) and isinstance(part, type)]
    names: dict[object, str] = {int: "integer", bool: "true or false", str: "text", Path: "path", Secret: "secret"}
    if annotation in names:
        return names[annotation]
    return inner[0] if inner else _type_text(get_args(annotation)[0])


def _default_text(default: object) -> str:
    if default is None or default == ():
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
