"""A variable that is probably a misspelt setting is named with the setting that was meant."""

import json
from pathlib import Path

import pytest
from support.reports import run
from support.variables import set_variable

from bwp_client.cli.misspelt_settings import misspelt_settings


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BWP_REPORT_OUT", "BWP_REPORT__OUT"), ("BWP_NOTIFYURL", "BWP_NOTIFY_URL"), ("bwp_ware_house", "BWP_WAREHOUSE"),
        ("BWP_API_CREDENTIALS", "BWP_API__CREDENTIALS"), ("BWP_PRODUCT_NAME", "BWP_PRODUCT_NAMES"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_misspelt_setting_is_named_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    set_variable(monkeypatch, place, name, "s3cr3t")
    assert misspelt_settings() == [f"{name.upper()} is not a setting; did you mean {meant}?"]


@pytest.mark.parametrize(
    "name",
    [
        "BWP_CHROME", "BWP_COLOUR", "BWP_REPORT", "BWP_REPORT__OUT", "bwp_warehouse", "BWP_PRODUCT_NAMES__BP1",
        "BWP_API__CREDENTIALS__BP1__CLIENT_ID", "XBWP_WAREHOUS", "BWP_", "BWP_NOTIFYURL\n",
    ],
)  # fmt: skip
def test_settings_and_the_variables_of_other_programs_are_not_called_misspelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "x")
    assert misspelt_settings() == []


def test_misspelt_settings_are_not_looked_for_in_a_broken_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(b"\xff\xfeB\x00")
    assert misspelt_settings() == []


@pytest.mark.parametrize("arguments", [("status",), ("load", "none"), ("report", "log")], ids=" ".join)
def test_every_command_notes_a_misspelt_setting_on_stderr(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    expected = "BWP_REPORT_OUT is not a setting; did you mean BWP_REPORT__OUT?"
    done = run(tmp_path, *arguments, allowed=(0, 2), BWP_REPORT_OUT="s3cr3t")
    assert done.stderr.splitlines().count(expected) == 1
    assert "s3cr3t" not in done.output
    done = run(tmp_path, *arguments, "--json", allowed=(0, 2), BWP_REPORT_OUT="s3cr3t")
    assert {"event": "note", "message": expected} in [json.loads(line) for line in done.stderr.splitlines()]
    assert expected not in done.stdout
