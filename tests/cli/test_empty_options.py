"""An empty path or address, as an unset variable of a script gives it, is wrong usage and never the default place."""

import json
from pathlib import Path

import pytest
from support.events import envelope, write
from support.reports import run
from support.tables import command

COMMANDS = [
    ("load", "in", "--warehouse", ""), ("enrich", "--warehouse", ""), ("metric", "coverage", "--warehouse", ""),
    ("check", "--warehouse", ""), ("status", "--warehouse", ""), ("doctor", "in", "--warehouse", ""),
    ("quarantine", "list", "--warehouse", ""), ("maintain", "--warehouse", ""), ("report", "--warehouse", ""),
    ("purge", "--before", "2026-01-01", "--warehouse", ""), ("import", "in/a.json", "--warehouse", ""),
    ("report", "rebuild", "in", "--warehouse", ""), ("load", "in", "--warehouse", " "),
    ("report", "--out", ""), ("report", "log", "--out", ""), ("report", "rebuild", "in", "--out", ""),
    ("report", "rebuild", "in", "--public-key", ""), ("report", "--notify", ""), ("check", "--notify", ""),
    ("load", ""), ("doctor", ""),
]  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_empty_path_or_address_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write(tmp_path / "in" / "a.json", [envelope("a")])
    done = run(tmp_path, *arguments, allowed=(2,), BWP_SOURCE="in")
    assert (arguments[-2] if arguments[-2].startswith("--") else "source") in done.stderr
    assert "It is empty. Nothing was read or written. Write a value, or leave it out for the default." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["BWP_WAREHOUSE", "BWP_SOURCE", "BWP_REPORT__OUT"])
def test_an_empty_address_among_the_settings_is_wrong(tmp_path: Path, name: str) -> None:
    write(tmp_path / "in" / "a.json", [envelope("a")])
    done = run(tmp_path, "load", "in", allowed=(2,), **{name: ""})
    assert f"{name}: " in done.stderr
    assert "it is empty; write an address, or remove the setting" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_empty_path_is_named_as_json(tmp_path: Path) -> None:
    done = command("status", "--json", "--warehouse", "", cwd=tmp_path)
    assert done.returncode == 2
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert "Nothing was read or written" in " ".join(line["message"] for line in lines)
