"""The command line as scripts see it: exit codes, one JSON object on stdout, no traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.events import many, write
from support.tables import clean_env, command

from bwp_client.cli.console import errors_as_exit_codes

pytestmark = pytest.mark.timeout(120)


def test_a_good_load_then_a_metric_then_status(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.json.gz", many(300))
    done = command("load", "in", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert list(output) == [
        "load_id", "source", "objects", "read", "stored", "duplicate", "ignored", "quarantined", "outside_window",
    ]  # fmt: skip
    assert (output["read"], output["stored"]) == (300, 300)
    assert all(json.loads(line)["event"] == "progress" for line in done.stderr.splitlines())
    done = command("metric", "failure_rate", "--format", "csv", "--by", "week", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("period_start,failed,completed,n,rate,low,high,partial\n")
    done = command("status", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"] == 300


def test_a_load_does_without_pandas(tmp_path: Path) -> None:
    """Importing it takes a quarter of a second, a third of a small load's time."""
    write(tmp_path / "in" / "a.json", [*many(300), "no envelope"])
    script = (
        "import atexit, sys\n"
        "from bwp_client.__main__ import main\n"
        "atexit.register(lambda: print('pandas' in sys.modules))\n"
        "sys.argv = ['bwp', 'load', 'in', '--json']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert '"stored": 300' in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_quarantine_needs_attention(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [*many(3), "no envelope"])
    done = command("load", "a.json", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["quarantined"] == 1
    assert "Needs attention" in done.stderr


def test_an_empty_folder_needs_attention(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    done = command("load", "in", cwd=tmp_path)
    assert done.returncode == 1
    assert "holds no objects" in done.stderr


WRONG = [
    (("load", "nowhere"), "does not exist"),
    (("load",), "no source is given"),
    (("load", "ftp://host/x"), "not a source"),
    (("load", ".", "--from", "soon"), "is not a date"),
    (("load", ".", "--from", "2026-05-02", "--to", "2026-05-01"), "Nothing was loaded"),
    (("metric", "failure_rate"), "holds nothing yet"),
    (("maintain",), "holds nothing yet"),
    (("sample", "--events", "10", "--out", "s", "--until", "x"), "x"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=lambda value: " ".join(value) if value else None)
def test_wrong_usage_is_exit_code_2_and_a_sentence(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = command(*arguments, "--json", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    message = json.loads(done.stderr.splitlines()[-1])["message"]
    assert words in message
    assert not (tmp_path / "warehouse").exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_of_ours_is_exit_code_4_and_quotes_no_data(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    address = "someone@shopper.invalid"
    with pytest.raises(SystemExit) as left, errors_as_exit_codes(as_json=as_json):
        raise KeyError(address)
    assert left.value.code == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "KeyError" in err
    assert "start the command again" in err
    assert address not in err
    assert (__file__ in err) is not as_json  # people see where it happened, to report it


def test_a_wrong_setting_is_exit_code_2(tmp_path: Path) -> None:
    done = command("status", cwd=tmp_path, BWP_MIN_N="many")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "min_n" in done.stderr.lower()
