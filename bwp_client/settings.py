"""Every setting, from the environment (prefix `BWP_`, nested `__`), `.env`, or `.streamlit/secrets.toml`."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.errors import SettingsError
from bwp_client.ids import normal_id

SECRETS_FILE = Path(".streamlit/secrets.toml")
SAMPLE_SOURCE = "sample://"
SAMPLE_WAREHOUSE = "./warehouse-sample"
DEFAULT_WAREHOUSE = "./warehouse"
DEFAULT_REPORTS = "./reports"
SAMPLE_REPORTS = "./reports-sample"
ANY_PRODUCT = "*"
GROUPS = {"api", "archive", "auth", "report"}
_CREDENTIALS_FORM = '{"*": {"client_id": "…", "client_secret": "…"}}'
_DEADLINE_RULE_FORM = '{"*": "GDPR"}'
_JSON_FORMS = {
    **{f"BWP_{group.upper()}": "{…}" for group in sorted(GROUPS)},
    "BWP_API__CREDENTIALS": _CREDENTIALS_FORM,
    "BWP_AUTH__ALLOW_DOMAINS": '["example.com"]',
    "BWP_AUTH__ALLOW_EMAILS": '["name@example.com"]',
    "BWP_PRODUCT_NAMES": '{"business product ID": "name"}',
    "BWP_SOURCES": '["s3://bucket/prefix"]',
}
"""The form of each setting that is read as JSON."""


def absolute_address(value: str) -> str:
    """Return an address if it is an absolute HTTP address; the clients would fail with any other, each in its own way.

    Raises:
        ValueError: It is none.
    """
    try:
        parts = urlsplit(value)
        is_absolute = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_absolute = False
    if not is_absolute or " " in value or not value.isprintable():
        raise ValueError("not an absolute address that begins with http:// or https:// and names a host")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty; write an address, or remove the setting for its default")
    return value


Address = Annotated[str, AfterValidator(_not_empty)]
WebAddress = Annotated[str, AfterValidator(absolute_address)]


def _parsed(text: str, form: str) -> Any:
    """Return the value of a JSON text. Its error names the form and, unlike that of `json`, keeps no copy of the text.

    Raises:
        ValueError: The text is not JSON.
    """
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"not JSON; write {form}") from None


class ApiCredential(BaseModel):
    """One Buy with Prime API credential."""

    client_id: str
    client_secret: SecretStr


class ApiSettings(BaseModel):
    """How to reach the Buy with Prime API (`BWP_API__…`)."""

    endpoint: str = "https://api.buywithprime.amazon.com/graphql"
    token_endpoint: str = "https://api.buywithprime.amazon.com/token"  # noqa: S105 - an address, no secret
    version: str = Field(default="2024-11-01", pattern=r"^[A-Za-z0-9._-]{1,40}$")
    credentials: dict[str, ApiCredential] = Field(default_factory=dict)
    credentials_secret_id: str | None = None
    requests_per_second: float = Field(default=2.0, ge=0.01, le=10_000, allow_inf_nan=False)
    concurrency: int = Field(default=4, ge=1, le=64)

    @field_validator("credentials", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        return _parsed(value, _CREDENTIALS_FORM) if isinstance(value, str) else value

    @field_validator("credentials")
    @classmethod
    def _by_normal_id(cls, value: dict[str, ApiCredential]) -> dict[str, ApiCredential]:
        return {normal_id(product): credential for product, credential in value.items()}

    @property
    def is_on_loopback(self) -> bool:
        """True if the API runs on this machine, as the sandbox does."""
        try:
            host = urlsplit(self.endpoint).hostname or ""
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    def credential_for(self, business_product_id: str) -> ApiCredential | None:
        """Return the credential of a business product, else the credential for all products, else None."""
        return self.credentials.get(normal_id(business_product_id)) or self.credentials.get(ANY_PRODUCT)


class ArchiveSettings(BaseModel):
    """The rule and the queue that replays of an archive are sent to (`BWP_ARCHIVE__…`)."""

    rule_name: str | None = None
    queue_url: WebAddress | None = None

    @field_validator("queue_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None


class AuthSettings(BaseModel):
    """Who may log in once `[auth]` is configured, and for how long (`BWP_AUTH__…`)."""

    allow_emails: list[str] = Field(default_factory=list)
    allow_domains: list[str] = Field(default_factory=list)
    allow_claim: str | None = None
    lifetime_hours: float = Field(default=12.0, ge=1 / 60, le=30 * 24, allow_inf_nan=False)


class ReportSettings(BaseModel):
    """The data quality that a report needs, the address of reports, browser and keys (`BWP_REPORT__…`).

    A key is the text of a PEM file, or the path of the file.
    """

    max_stale_hours: float = Field(default=48.0, ge=0, le=1e9, allow_inf_nan=False)
    min_lookup_coverage: float = Field(default=0.9, ge=0, le=1, allow_inf_nan=False)
    out: Address | None = None
    browser: str | None = None
    signing_key: SecretStr | None = None
    public_key: str | None = None


class Settings(BaseSettings):
    """Every setting of the product. Its environment variable is `BWP_` and the field's name in upper case."""

    model_config = SettingsConfigDict(
        env_prefix="BWP_", env_nested_delimiter="__", env_file=".env", env_file_encoding="utf-8", extra="ignore"
    )

    source: Address | None = None
    sources: list[str] = Field(default_factory=list)
    warehouse: Address | None = None
    s3_request_payer: Literal["requester"] | None = None
    api: ApiSettings = Field(default_factory=ApiSettings)
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)
    min_n: int = Field(default=20, ge=1, le=1_000_000_000)
    deadline_rule: Annotated[Literal["GDPR", "CCPA"] | dict[str, Literal["GDPR", "CCPA"]], NoDecode] = "GDPR"
    timezone: str = "UTC"
    product_names: dict[str, str] = Field(default_factory=dict)
    error_codes_file: Path | None = None
    auth: AuthSettings = Field(default_factory=AuthSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)
    notify_url: SecretStr | None = None

    @field_validator("deadline_rule", mode="before")
    @classmethod
    def _rule_or_map(cls, value: Any) -> Any:
        return (
            _parsed(value, _DEADLINE_RULE_FORM) if isinstance(value, str) and value.lstrip().startswith("{") else value
        )

    @field_validator("deadline_rule", "product_names")
    @classmethod
    def _by_normal_id(cls, value: Any) -> Any:
        return {normal_id(product): item for product, item in value.items()} if isinstance(value, dict) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("not a time zone; write a name such as Europe/Berlin") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the `[bwp]` table of the secrets file after the environment and `.env`."""
        return init_settings, env_settings, dotenv_settings, _SecretsTomlSource(settings_cls)

    @property
    def is_sample(self) -> bool:
        """True if the source is the sample data, or if neither a source nor a warehouse is configured or present."""
        if self.source is not None:
            return self.source.startswith(SAMPLE_SOURCE)
        return (
            self.warehouse is None
            and not self.sources
            and not (Path(DEFAULT_WAREHOUSE) / "runs" / "_delta_log").is_dir()
        )

    @property
    def deadlines(self) -> DeadlineCalendar:
        """The calendar that counts deadlines by the configured laws and time zone."""
        return DeadlineCalendar.of(self.deadline_rule, self.timezone)

    @property
    def warehouse_uri(self) -> str:
        """The address of the warehouse: of the sample warehouse for sample data, else as configured, else `./warehouse`."""
        if self.source is not None and self.source.startswith(SAMPLE_SOURCE):
            return SAMPLE_WAREHOUSE
        return self.warehouse or DEFAULT_WAREHOUSE

    @property
    def reports_uri(self) -> str:
        """The folder or prefix of published reports: as configured, else a default folder (another for sample data)."""
        return self.report.out or (SAMPLE_REPORTS if self.is_sample else DEFAULT_REPORTS)

    @classmethod
    @lru_cache(maxsize=4)
    def _cached(cls, _key: object) -> Self:
        return cls()

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Return the settings. They are cached until the environment or a file changes, so callers must not modify them.

        Raises:
            SettingsError: A value is wrong. The message names the variable and its accepted values, never the value itself.
        """
        try:
            return cls(**overrides) if overrides else cls._cached(_state_of_sources())
        except ValidationError as error:
            problems = "; ".join(
                f"BWP_{'__'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in error.errors()
            )
            raise SettingsError(
                f"A setting is wrong: {problems}. Nothing was read or written. Mend it in the environment, "
                "in .env or in .streamlit/secrets.toml and start again."
            ) from None
        except (ValueError, OSError) as error:
            if wrong := _not_json():
                raise SettingsError(
                    f"A setting is wrong: {'; '.join(wrong)}. Nothing was read or written. Mend it in the environment or in "
                    ".env and start again."
                ) from None
            # Only the type of the cause is named, because its text may quote a value, which may be a secret.
            raise SettingsError(
                f"The settings could not be read ({type(error).__name__}): one of the BWP_ variables, .env or "
                ".streamlit/secrets.toml can't be opened, is not UTF-8 without a byte order mark, is not valid JSON or TOML, "
                "or has a value in the place of a table. Nothing was read or written."
            ) from None


def _state_of_sources() -> object:
    """Return the cache key of the settings: working directory, `BWP_*` variables, modification times of the two files.

    A page reads the settings several times a run, and reading them is slow.
    """
    names = sorted(name for name in os.environ if name.upper().startswith("BWP_"))
    changed = [path.stat().st_mtime_ns if path.is_file() else 0 for path in (Path(".env"), SECRETS_FILE)]
    return Path.cwd(), *((name, os.environ[name]) for name in names), *changed


def variables() -> list[tuple[str, str | None]]:
    """Return the names, in upper case, and the values of all variables of the environment and of `.env`."""
    sources = (EnvSettingsSource(Settings), DotEnvSettingsSource(Settings))
    return [(name.upper(), value) for source in sources for name, value in source.env_vars.items()]


def _not_json() -> list[str]:
    """Return, without its value, each variable that must be JSON and is not, and the form to write."""
    wrong = []
    with suppress(ValueError, OSError):  # .env can't be read
        for name, value in variables():
            if name in _JSON_FORMS:
                try:
                    json.loads(value or "")
                except ValueError:
                    wrong.append(f"{name}: not JSON; write {_JSON_FORMS[name]}")
    return list(dict.fromkeys(wrong))


class _TableError(ValueError):
    """A value is in the place of a table."""


class _SecretsTomlSource(TomlConfigSettingsSource):
    """The `[bwp]` table of `.streamlit/secrets.toml`, with names in any case, nested by tables or by `__`."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls, toml_file=SECRETS_FILE)

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return _nested(super()._read_file(file_path).get("bwp", {}))


def _nested(table: Any) -> dict[str, Any]:
    """Return a table with lower-case names; `API__VERSION` becomes `version` in the nested table `api`.

    Raises:
        _TableError: A value is in the place of a table.
    """
    if not isinstance(table, dict):
        raise _TableError
    nested: dict[str, Any] = {}
    for name, value in table.items():
        *parents, leaf = name.lower().split("__")
        target = nested
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise _TableError
        # Below `credentials` and `product_names` the keys are data, not names of settings.
        if isinstance(value, dict) and leaf in GROUPS:
            group = target.setdefault(leaf, {})
            if not isinstance(group, dict):
                raise _TableError
            group.update(_nested(value))
        else:
            target[leaf] = value
    return nested
