"""stderr shows no report of a panic, and under `--json` every line on it is a JSON object, whoever writes it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.events import many, write
from support.tables import clean_env, command

from bwp_client.cli.clean_stderr import is_json_asked_for

pytestmark = pytest.mark.timeout(120)

PANIC = """
thread 'tokio-rt-worker' (8518) panicked at /home/runner/object_store-0.13.2/src/buffered.rs:369:41:
Already shut down
stack backtrace:
   0: rust_begin_unwind
             at /rustc/library/std/src/panicking.rs:695:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

thread 'main' panicked at src/lib.rs:1:1:
boom
"""


def lines_of(stderr: str) -> list[dict[str, Any]]:
    """Parse the lines; fail where one is no JSON object."""
    lines = [json.loads(line) for line in stderr.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def python_that(does: str) -> tuple[str, ...]:
    """Start Python so that the command line does something on the side, while it reads its settings."""
    script = f"""
import logging, os, subprocess, sys, threading, warnings
from bwp_client.__main__ import run
from bwp_client.settings import Settings
load = Settings.load
def load_oddly():
    {does}
    return load()
Settings.load = load_oddly
run()
"""
    return ("-c", script)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a warehouse."""
    folder = tmp_path_factory.mktemp("loaded")
    write(folder / "a.json", many(30))
    assert command("load", "a.json", cwd=folder).returncode == 0
    return folder


ODD_WRITES = {
    "a warning": ("warnings.simplefilter('always'); warnings.warn('odd')", "UserWarning: odd"),
    "a log record": ("logging.getLogger('library').warning('odd log')", "odd log"),
    "a thread's error": ("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", "ZeroDivisionError"),
    "native code, with colours": (r"os.write(2, b'\x1b[31mred\x1b[0m \xff\n\n')", "red \ufffd"),
    "JSON, but no object": (r"os.write(2, b'[1, 2]\n')", "[1, 2]"),
    "a child process": ("subprocess.run([sys.executable, '-c', 'import os; os.write(2, bytes(4 * [97]))'])", "aaaa"),
    "no end of the line": ("sys.stderr.write('unended')", "unended"),
}


def test_whatever_else_is_written_becomes_a_log_line(loaded: Path) -> None:
    does = "\n    ".join(does for does, _ in ODD_WRITES.values())
    done = command("status", "--json", cwd=loaded, python=python_that(does))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == 30
    messages = [line["message"] for line in lines_of(done.stderr) if line["event"] == "log"]
    for name, (_, written) in ODD_WRITES.items():
        assert any(written in message for message in messages), name


def test_the_report_of_a_panic_is_left_out(loaded: Path) -> None:
    python = python_that(f"os.write(2, {PANIC.encode()!r} + b'after\\n')")
    done = command("status", "--json", cwd=loaded, python=python)
    assert done.returncode == 0, done.stderr
    assert [line["message"] for line in lines_of(done.stderr)] == ["after"]
    assert command("status", cwd=loaded, python=python).stderr == "after\n"


def test_without_json_lines_pass_unchanged(loaded: Path) -> None:
    does = "os.write(2, '  näitive\\n'.encode()); print('pythön', file=sys.stderr); logging.warning('log')"
    done = command("status", cwd=loaded, python=python_that(does))
    assert done.returncode == 0
    assert sorted(done.stderr.splitlines()) == ["  näitive", "WARNING:root:log", "pythön"]


def test_two_writers_that_meet_write_no_line(loaded: Path) -> None:
    does = """
    from bwp_client.warehouse import TableName, Warehouse
    from deltalake.exceptions import CommitFailedError
    attempts = []
    def attempt(_handle):
        attempts.append(1)
        if len(attempts) < 3:
            raise CommitFailedError("another writer")
    Warehouse("warehouse").retry_conflicts(TableName.RUNS, attempt)
    """
    for options in (("--json",), ()):
        done = command("status", *options, cwd=loaded, python=python_that(does.strip()))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_child_process_that_lives_on_does_not_keep_the_command(loaded: Path) -> None:
    does = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'], stdout=subprocess.DEVNULL)"
    done = command("status", "--json", cwd=loaded, python=python_that(f"{does}; sys.stderr.write(str(child.pid))"))
    assert done.returncode == 0
    [line] = lines_of(done.stderr)
    subprocess.run(["kill", line["message"]], check=True)


def test_a_reader_of_stderr_that_left_does_not_stop_the_command(loaded: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bwp_client", "load", "a.json", "--reread", "--json"], cwd=loaded, env=clean_env(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        assert process.stdout
        process.stderr.close()
        assert json.loads(process.stdout.read())["duplicate"] == 30
    assert process.returncode == 0


WRONG = [
    (("enrich", "--bogus"), "No such option: --bogus"),
    (("nonsense",), "No such command 'nonsense'"),
    (("purge",), "'--before'"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_usage_is_an_error_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = command(*arguments, "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = lines_of(done.stderr)
    assert line["event"] == "error"
    assert words in line["message"]


def test_what_needs_attention_is_a_note(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [*many(3), "no envelope"])
    (tmp_path / "empty").mkdir()
    for source in ("a.json", "empty"):
        done = command("load", source, "--json", cwd=tmp_path)
        assert done.returncode == 1
        [note] = [line["message"] for line in lines_of(done.stderr) if line["event"] == "note"]
        assert note.startswith("Needs attention")


@pytest.mark.parametrize(
    ("arguments", "is_asked"),
    [
        (["status", "--json"], True), (["--json", "status"], True), (["load", "--json", "--", "x"], True),
        (["load", "--", "--json"], False), (["load", "x"], False), ([], False),
    ],
)  # fmt: skip
def test_json_lines_are_written_where_the_option_is_given(arguments: list[str], is_asked: bool) -> None:
    assert is_json_asked_for(arguments) is is_asked
