"""Settings come from the secrets file however their names are written, and are read anew when it changes."""

import os
from pathlib import Path

import pytest
from support.variables import set_variable

from bwp_client.errors import SettingsError
from bwp_client.settings import Settings


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".streamlit" / "secrets.toml"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize(
    "text",
    [
        "[bwp.API]\nVersion = '2026-01-01'\n[bwp.product_names]\nBP-1 = 'Blue'\n",
        "[bwp]\nAPI__VERSION = '2026-01-01'\nPRODUCT_NAMES = {BP-1 = 'Blue'}\n",
        "[bwp]\napi__Version = '2026-01-01'\n[bwp.Product_Names]\nBP-1 = 'Blue'\n",
    ],
)
def test_names_are_read_in_any_case_and_nesting(secrets: Path, text: str) -> None:
    secrets.write_text(text)
    settings = Settings.load()
    assert settings.api.version == "2026-01-01"
    assert settings.product_names == {"BP-1": "Blue"}  # a key of data keeps its case


def test_environment_and_dotenv_win_over_the_secrets_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.write_text("[bwp]\nmin_n = 5\nsource = 'a'\ntimezone = 'Europe/Berlin'\n")
    Path(".env").write_text("BWP_MIN_N=6\nBWP_SOURCE=b\n")
    monkeypatch.setenv("BWP_MIN_N", "7")
    settings = Settings.load()
    assert (settings.min_n, settings.source, settings.timezone) == (7, "b", "Europe/Berlin")


def test_a_changed_file_is_read_anew_and_an_unchanged_file_is_not(secrets: Path) -> None:
    secrets.write_text("[bwp]\nmin_n = 5\n")
    first = Settings.load()
    assert Settings.load() is first
    secrets.write_text("[bwp]\nmin_n = 6\n")
    os.utime(secrets, ns=(1, 1))
    assert Settings.load().min_n == 6


@pytest.mark.parametrize(
    "value",
    [
        "bwp-queue",
        "arn:aws:sqs:us-east-1:1:q",
        "sqs.us-east-1.amazonaws.com/1/q",
        "https://",
        "ftp://h/q",
        "http://h:x/q",
    ],
)
def test_the_queue_is_named_by_an_absolute_address(secrets: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BWP_ARCHIVE__QUEUE_URL", value)
    with pytest.raises(SettingsError, match=r"BWP_ARCHIVE__QUEUE_URL: .*http:// or https://"):
        Settings.load()
    monkeypatch.setenv("BWP_ARCHIVE__QUEUE_URL", "")
    assert Settings.load().archive.queue_url is None


@pytest.mark.parametrize("text", ["[bwp\n", "[bwp]\nmin_n = 'many s3cr3t'\n"])
def test_a_wrong_file_is_reported_without_its_values(secrets: Path, text: str) -> None:
    secrets.write_text(text)
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("BWP_PRODUCT_NAMES", '{"business product ID": "name"}'),
        ("BWP_SOURCES", '["s3://bucket/prefix"]'),
        ("BWP_API__CREDENTIALS", '{"*": {"client_id": "…", "client_secret": "…"}}'),
        ("BWP_AUTH__ALLOW_EMAILS", '["name@example.com"]'),
        ("BWP_AUTH__ALLOW_DOMAINS", '["example.com"]'),
        ("BWP_DEADLINE_RULE", '{"*": "GDPR"}'),
        ("BWP_API", "{…}"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_value_that_is_not_json_is_named_with_its_form_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, form: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    set_variable(monkeypatch, place, name, "{s3cr3t")
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    text = str(raised.value)
    assert f"{name}: " in text
    assert f"not JSON; write {form}" in text
    assert "Nothing was read or written. Mend it in the environment" in text
    assert "s3cr3t" not in text
    assert raised.value.__cause__ is None


def test_credentials_of_the_secrets_file_that_are_not_json_are_named_with_their_form(secrets: Path) -> None:
    secrets.write_text("[bwp]\nAPI__CREDENTIALS = 's3cr3t'\n")
    with pytest.raises(SettingsError, match=r"BWP_API__CREDENTIALS: .*not JSON; write .*client_secret") as raised:
        Settings.load()
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/Berlin2", "UTC+2", " ", "", "../../etc/passwd"])
def test_a_time_zone_that_is_none_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("BWP_TIMEZONE", zone)
    with pytest.raises(SettingsError, match=r"BWP_TIMEZONE.*not a time zone.*Europe/Berlin"):
        Settings.load()


OUT_OF_RANGE = {
    "API__REQUESTS_PER_SECOND": ["0", "-1", "1e-300", "nan", "inf", "1e300", "2 per second"],
    "API__CONCURRENCY": ["0", "65", "2.5", "nan"],
    "API__VERSION": ["", "2024-11-01\r\nx-evil: 1", "2024-11-01\n", "2024 11 01", "ä", "2" * 41],
    "MIN_N": ["0", "-5", "1e300", "99999999999999999999"],
    "AUTH__LIFETIME_HOURS": ["0", "1e-300", "nan", "inf", "721"],
    "REPORT__MAX_STALE_HOURS": ["-1", "nan", "inf", "1e300"],
    "REPORT__MIN_LOOKUP_COVERAGE": ["-0.1", "1.1", "90", "nan", "inf"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in OUT_OF_RANGE.items() for value in values]
)
def test_a_value_out_of_range_is_refused_by_the_name_of_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"BWP_{name}", value)
    with pytest.raises(SettingsError, match=f"BWP_{name}: .*Nothing was read or written"):
        Settings.load()


@pytest.mark.parametrize(
    "text",
    [
        "bwp = 3\n", "[[bwp]]\nmin_n = 5\n", "[bwp]\napi = 3\napi__version = '2024-11-01'\n",
        "[bwp]\napi__version = '2024-11-01'\n[bwp.api.version]\nx = 1\n", "[bwp]\nAPI = 3\n[bwp.api]\nversion = '1'\n",
        "[bwp]\nmin_n = 5\nmin_n = 6\n", "\ufeff[bwp]\nmin_n = 5\n",
    ],
)  # fmt: skip
def test_a_secrets_file_of_another_form_is_a_wrong_setting(secrets: Path, text: str) -> None:
    secrets.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="Nothing was read or written"):
        Settings.load()


@pytest.mark.parametrize("name", [".env", ".streamlit/secrets.toml"])
def test_a_settings_file_that_is_no_utf_8_is_a_wrong_setting(secrets: Path, name: str) -> None:
    del secrets
    Path(name).write_bytes(b"\xff\xfeB\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        Settings.load()
