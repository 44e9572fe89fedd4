"""The command line where standard streams are closed, as some schedulers leave them, or where the disk is full."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.events import many, write
from support.tables import clean_env, command, rows

from bwp_client.warehouse import TableName, Warehouse

pytestmark = pytest.mark.timeout(200)
FULL = Path("/dev/full")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_works_without_standard_streams(tmp_path: Path, closed: str) -> None:
    write(tmp_path / "a.json", many(30))
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m bwp_client load a.json --json {closed}', sys.executable],
        cwd=tmp_path, env=clean_env(), capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(rows(Warehouse(str(tmp_path / "warehouse")), TableName.EVENTS, "task_id")) == 30
    if ">" not in closed.replace("2>", ""):
        assert json.loads(done.stdout)["stored"] == 30


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [("load", "a.json", "--json"), ("status",), ("load", "--help")])
def test_a_result_that_finds_no_room_is_named_as_that(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write(tmp_path / "a.json", many(30))
    if arguments == ("status",):
        assert command("load", "a.json", cwd=tmp_path).returncode == 0
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bwp_client", *arguments],
            cwd=tmp_path, env=clean_env(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=180, check=False,
        )  # fmt: skip
    assert done.returncode == 4
    assert "Standard output can't be written: No space left on device." in done.stderr
    assert "fault of ours" not in done.stderr
    assert "Traceback" not in done.stderr
    if "--help" not in arguments:
        assert len(rows(Warehouse(str(tmp_path / "warehouse")), TableName.EVENTS, "task_id")) == 30


@pytest.mark.parametrize("arguments", [("load", "a.json"), ("load", "a.json", "--json"), ("status",)])
def test_a_reader_that_goes_away_ends_the_command_quietly_with_all_work_done(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    write(tmp_path / "a.json", many(30))
    if arguments == ("status",):
        assert command("load", "a.json", cwd=tmp_path).returncode == 0
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "bwp_client", *arguments],
        cwd=tmp_path, env=clean_env(), stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=180, check=False,
    )  # fmt: skip
    os.close(write_end)
    assert done.returncode == (
        0 if arguments == ("load", "a.json") else 141
    )  # without --json, it writes to stderr only
    assert "fault of ours" not in done.stderr
    assert "Traceback" not in done.stderr
    assert len(rows(Warehouse(str(tmp_path / "warehouse")), TableName.EVENTS, "task_id")) == 30


@pytest.mark.parametrize(
    ("arguments", "code"), [(("load", "a.json"), 0), (("load", "missing.json"), 2), (("load", "--unknown"), 2)]
)
def test_the_exit_code_is_the_same_when_nobody_reads_stderr(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    write(tmp_path / "a.json", many(30))
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "bwp_client", *arguments],
        cwd=tmp_path, env=clean_env(), stderr=write_end, timeout=180, check=False,
    )  # fmt: skip
    os.close(write_end)
    assert done.returncode == code
