"""Settings, hidden files, devices and what the system shows as files are never read as events, by whatever name."""

import json
import os
import socket
from pathlib import Path

import pytest
from support.events import envelope, many, write
from support.tables import command, rows

from bwp_client.errors import SourceNotFoundError, UsageError
from bwp_client.load import load
from bwp_client.load.quarantine_retry import retry
from bwp_client.sources import FileSource, open_source
from bwp_client.sources.off_limits import why_refused
from bwp_client.warehouse import TableName, Warehouse


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder as the app is run in, with settings and keys, and a folder of events."""
    monkeypatch.chdir(tmp_path)
    for name in (".env", ".env.local", "production.env", ".streamlit/secrets.toml", ".streamlit/events.json",
                 "deploy/secrets.toml", "production.env.bak", "deploy/secrets.toml~", "deploy/Secrets.TOML.2026-11-30.gz",
                 "deploy/secrets.toml.1.old", ".ssh/id_rsa", "in/.hidden.json", ".git/objects/x"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text('client_secret = "Zq-of-ours"\n')
    write(tmp_path / "in" / "a.json", many(20))
    (tmp_path / "link.json").symlink_to(".env")
    (tmp_path / "link").symlink_to(".streamlit")
    os.link(tmp_path / ".env", tmp_path / "hard.json")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    return tmp_path


REFUSED = (
    ".env", ".env.local", "production.env", ".streamlit", ".streamlit/secrets.toml", ".streamlit/events.json", "in/../.env",
    "deploy/secrets.toml", ".ssh", ".ssh/id_rsa", "in/.hidden.json", ".git/objects/x", "link.json", "link",
    "link/events.json", "hard.json", "pipe", "socket", "/dev/null", "/dev/zero", "/dev", "/proc/self/environ",
    "/proc/self/cwd/.env", "/proc", "/sys", "/dev/stdin", "production.env.bak", "deploy/secrets.toml~",
    "deploy/Secrets.TOML.2026-11-30.gz", "deploy/secrets.toml.1.old",
)  # fmt: skip


@pytest.mark.parametrize("named", REFUSED)
@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_it_is_refused_by_every_name(named: str, form: str, home: Path) -> None:
    path = form.format(home / named if "://" in form else named)
    if not (home / named).exists():
        pytest.skip("this system has none")
    with pytest.raises(UsageError, match="never read as events") as refused:
        open_source(path)
    assert "warehouse is unchanged" in str(refused.value)


@pytest.mark.parametrize("named", [".env", "/proc/self/environ", "pipe", ".streamlit"])
def test_the_command_line_refuses_it_too(named: str, home: Path) -> None:
    for name in ("load", "doctor"):
        done = command(name, named, cwd=home)
        assert done.returncode == 2, done.stderr
        assert "never read as events" in done.stderr
        assert "Zq" not in done.stdout + done.stderr
    assert not (home / "warehouse").exists()


@pytest.mark.parametrize("to", [".env", ".ssh/id_rsa", "/proc/self/environ", "deploy/secrets.toml"])
def test_a_link_in_a_folder_is_refused_and_the_rest_is_loaded(to: str, home: Path) -> None:
    (home / "in" / "b.json").symlink_to(home / to)
    with pytest.raises(UsageError, match=r"b\.json was not read.*never read as events"):
        load(Warehouse("w"), open_source("in"))
    assert len(rows(Warehouse("w"), TableName.EVENTS, "task_id")) == 20
    assert rows(Warehouse("w"), TableName.QUARANTINE, "excerpt") == []


@pytest.mark.parametrize("how", ["variable", "config", "config of the home folder"])
def test_the_secrets_that_streamlit_is_configured_with_are_refused(
    how: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("keys/login.toml", "mounted/auth/client_secret", "elsewhere/x.toml"):
        path = home / name
        path.parent.mkdir(parents=True)
        path.write_text('client_secret = "Zq-of-ours"\n')
    os.link(home / "keys" / "login.toml", home / "hard-link.json")
    files = ["keys/login.toml", str(home / "mounted")]
    if how == "variable":
        monkeypatch.setenv("STREAMLIT_SECRETS_FILES", " ".join(files))
    else:
        folder = home if how == "config" else home / "user"
        (folder / ".streamlit").mkdir(parents=True, exist_ok=True)
        (folder / ".streamlit" / "config.toml").write_text(f"[secrets]\nfiles = {json.dumps(files)}\n")
        monkeypatch.setenv("HOME", str(folder))
    for named in ("keys/login.toml", "mounted", "mounted/auth", "mounted/auth/client_secret", "hard-link.json"):
        with pytest.raises(UsageError, match="is a settings file"):
            open_source(named)
    open_source("elsewhere/x.toml")


def test_a_folder_leaves_out_what_is_hidden(home: Path) -> None:
    (home / "in" / ".deeper").mkdir()
    write(home / "in" / ".deeper" / "b.json", many(1))
    assert [Path(item.uri).name for item in FileSource("in").objects()] == ["a.json"]


def test_a_retry_does_not_read_what_became_a_settings_file(home: Path) -> None:
    bad = home / "in" / "a.json"
    bad.write_text("broken\n" + json.dumps(envelope("t-1")))
    load(Warehouse("w"), open_source("in"))
    time = bad.stat().st_mtime_ns
    target = home / ".ssh" / "moved"
    bad.rename(target)
    os.utime(target, ns=(time, time))
    bad.symlink_to(target)
    assert retry(Warehouse("w")).out_of_reach == 1


def test_a_link_to_events_elsewhere_is_followed(home: Path) -> None:
    (home / "events").symlink_to("in")
    assert len(list(FileSource("events").objects())) == 1
    assert why_refused(home / "in" / "a.json") is None


def test_a_working_folder_below_a_hidden_one_is_no_hidden_source(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = home / ".cache" / "job-1"
    write(here / "in" / "a.json", many(3))
    with pytest.raises(UsageError, match="hidden"):
        open_source(str(here / "in"))
    monkeypatch.chdir(here)
    assert len(list(open_source("in").objects())) == 1
    (here / ".env").write_text("x")
    with pytest.raises(UsageError):
        open_source(".env")
    monkeypatch.chdir(home / ".streamlit")
    with pytest.raises(UsageError, match="settings file"):
        open_source("events.json")


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "~nobody-of-this-name/x"])
def test_a_path_that_cannot_be_one_is_wrong_usage(path: str) -> None:
    with pytest.raises((UsageError, SourceNotFoundError)):
        open_source(path)
