"""A login that was found once holds until the server ends, whatever becomes of its file."""

import logging
from pathlib import Path
from typing import Any

import pytest

from bwp_client.errors import SettingsError
from bwp_client.ui import login, login_redirect, loopback

AUTH = '[auth]\ncookie_secret = "x"\nclient_id = "y"\n'


@pytest.fixture
def read_at_first(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the secrets as Streamlit read them at first; it does not read them again."""
    secrets: dict[str, Any] = {}
    monkeypatch.setattr(login.st, "secrets", secrets)
    return secrets


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_at_first: dict[str, Any]) -> Path:
    """Return the path of a secrets file that does not exist, on a server that was just started."""
    assert not read_at_first
    path = tmp_path / "secrets.toml"
    monkeypatch.setattr(login.st, "get_option", lambda _: [str(tmp_path / "none.toml"), str(path)])
    monkeypatch.setattr(login, "_known_login", login._KnownLogin())
    return path


def test_a_file_that_goes_away_lets_nobody_in_and_is_logged_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(AUTH)
    assert login.is_configured()
    file.unlink()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(SettingsError, match="nobody is let in"):
                login.is_configured()
    assert len(caplog.records) == 1
    file.write_text(AUTH)
    assert login.is_configured()
    file.unlink()
    with caplog.at_level(logging.ERROR), pytest.raises(SettingsError):
        login.is_configured()
    assert len(caplog.records) == 2


@pytest.mark.parametrize("text", ["", "[bwp]\n", "[auth\nbroken"])
def test_the_login_holds_when_its_file_is_emptied_or_broken(file: Path, text: str) -> None:
    file.write_text(AUTH)
    assert login.is_configured()
    file.write_text(text)
    assert login.is_configured()


def test_a_broken_link_in_location_of_the_file_lets_nobody_in(file: Path) -> None:
    file.symlink_to(file.parent / "elsewhere")
    with pytest.raises(SettingsError):
        login.is_configured()
    file.unlink()
    file.write_text(AUTH)
    assert login.is_configured()
    file.unlink()
    file.symlink_to(file.parent / "elsewhere")
    with pytest.raises(SettingsError):
        login.is_configured()


def test_a_login_that_is_added_later_counts(file: Path) -> None:
    assert not login.is_configured()
    file.write_text("[bwp]\n")
    assert not login.is_configured()
    file.write_text(AUTH)
    assert login.is_configured()
    with pytest.raises(SettingsError, match="added while the app was running"):
        login._providers()


def test_an_unreadable_file_lets_nobody_in_before_there_was_a_login(file: Path) -> None:
    file.write_text("[auth\n")
    with pytest.raises(SettingsError):
        login.is_configured()


def test_neither_middleware_takes_a_missing_file_for_no_login(file: Path) -> None:
    file.write_text(AUTH)
    assert login.is_configured()
    file.unlink()
    assert login_redirect._has_login()
    scope = {"type": "http", "path": "/", "client": ("203.0.113.7", 1), "server": ("192.0.2.2", 1), "headers": []}
    assert "nobody is let in" in str(loopback._why_refused(scope))
