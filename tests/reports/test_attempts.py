"""The log of attempts, and the temporary files of an attempt: what is damaged or in the way is named."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.reports import QUIET, WEEK, make_warehouse, report_json, run, run_json, steady
from support.tables import clean_env

from bwp_client.reports import store_local


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attempts")
    make_warehouse(folder, *steady())
    return folder


@pytest.mark.parametrize("text", ["no JSON", "[1]", "{}", '{"key": 1}', "\udcff", "null"])
def test_a_file_that_is_no_entry_is_named_and_the_other_entries_are_listed(tmp_path: Path, text: str) -> None:
    log = tmp_path / "reports" / "log"
    log.mkdir(parents=True)
    entry = {
        "key": "K",
        "state": "published",
        "started_at": "2026-03-09T06:00:00.000Z",
        "finished_at": "",
        "reasons": [],
    }
    (log / "20260309T060000.000Z-a.json").write_text(json.dumps(entry), encoding="utf-8")
    (log / "20260309T070000.000Z-b.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (log / "20260309T080000.000Z-c.json").mkdir()
    done = run(tmp_path, "report", "log", "--out", "reports")
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["K"]
    for name in ("20260309T070000.000Z-b.json", "20260309T080000.000Z-c.json"):
        assert f"Needs attention: {log / name} is no entry of the log. Move it away." in done.stderr
    as_json = run(tmp_path, "report", "log", "--out", "reports", "--json")
    assert [attempt["key"] for attempt in json.loads(as_json.stdout)["attempts"]] == ["K"]
    assert all(json.loads(line)["message"] for line in as_json.stderr.splitlines())


# Writes no file of more than 20,000 bytes, as on a full disk.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from bwp_client.__main__ import main
main()
"""


def test_no_room_for_temporary_files_is_said(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "report", "--period", WEEK, "--out", "limited"],
        cwd=folder, env=clean_env(**QUIET), capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "Temporary files of the report can't be written (File too large). Nothing was published" in done.stderr
    assert "fault of ours" not in done.stderr
    (attempt,) = run_json(folder, "report", "log", "--out", "limited", "--json")["attempts"]
    assert attempt["state"] == "failed"
    assert attempt["reasons"][0].startswith("Temporary files of the report can't be written")


def test_a_report_that_another_machine_is_publishing_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other machine shares the folder, and no process of this machine has its process ID."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    def with_its_process_id(prefix: str, **options: Any) -> str:
        return tempfile.mkdtemp(prefix=prefix.replace(f"-{os.getpid()}-", f"-{ended.pid}-"), **options)

    def stopped(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(platform, "node", lambda: "elsewhere")
        elsewhere.setattr(store_local, "mkdtemp", with_its_process_id)
        elsewhere.setattr(store_local, "_copy_durably", stopped)
        run(folder, "report", "--period", WEEK, "--out", "shared", allowed=(130,))
    (unfinished,) = (folder / "shared").glob(".partial-*")
    assert report_json(folder, "--out", "shared")["state"] == "published"
    assert unfinished.exists()


def test_temporary_folders_of_killed_processes_are_removed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, foreign = tmp_path / f"bwp-report-{ended.pid}-x", tmp_path / "other"
    for path in (left, foreign):
        (path / "inputs").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert report_json(folder, "--out", "again")["state"] == "published"
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
