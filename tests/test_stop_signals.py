"""SIGTERM and SIGHUP end a command as Ctrl-C does: everything that has begun is ended in order."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bwp_client.stop_signals import stop_signals_as_interrupt

# Every wait is a loop of short ones: Python does not end a sleep for a signal that came in the instant before it began.
WAITING = """
import asyncio, duckdb, signal, sys, time
from bwp_client.cli.console import errors_as_exit_codes

async def wait():
    try:
        print("ready", flush=True)
        for _ in range(600):
            await asyncio.sleep(0.1)
    finally:
        print("given back", flush=True)

def block():
    try:
        print("ready", flush=True)
        for _ in range(600):
            time.sleep(0.1)
    finally:
        print("given back", flush=True)

def twice():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        signal.raise_signal(signal.SIGTERM)
        print("given back", flush=True)

def query():
    try:
        print("ready", flush=True)
        while True:
            duckdb.sql("select sum(i * j) from range(3000) a(i), range(3000) b(j)").fetchall()
    finally:
        print("given back", flush=True)

def swallowed():
    try:
        print("ready", flush=True)
        for _ in range(600):
            time.sleep(0.1)
    except KeyboardInterrupt:
        raise RuntimeError("from native code") from None
    finally:
        print("given back", flush=True)

signal.signal(signal.SIGINT, {interrupt})
with errors_as_exit_codes(as_json=False):
    {work}
"""
WORK = {"a plain command": "block()", "an asynchronous command": "asyncio.run(wait())"}


@pytest.mark.parametrize(
    "interrupt", ["signal.default_int_handler", "signal.SIG_IGN"], ids=["foreground", "background"]
)
@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stop_signal_ends_a_command_as_ctrl_c_does(number: signal.Signals, work: str, interrupt: str) -> None:
    script = WAITING.format(interrupt=interrupt, work=WORK[work])
    running = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    output, said = running.communicate(timeout=60)
    assert output == "given back\n"
    assert running.returncode == 128 + number
    assert said == "Stopped. Committed data are unchanged; start the command again.\n"


def test_a_copy_of_the_signal_does_not_interrupt_what_the_first_has_ended() -> None:
    """`timeout` sends SIGTERM to the command, and then to its process group."""
    script = WAITING.format(interrupt="signal.default_int_handler", work="twice()")
    running = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGTERM)
    output, said = running.communicate(timeout=60)
    assert (output, running.returncode) == ("given back\n", 128 + signal.SIGTERM)
    assert said == "Stopped. Committed data are unchanged; start the command again.\n"


def test_an_ignored_signal_stays_ignored_and_a_handler_stays(tmp_path: Path) -> None:
    script = """
import os, signal
from bwp_client.stop_signals import stop_signals_as_interrupt
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
with stop_signals_as_interrupt():
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "handled\ndone\n"


def test_the_block_leaves_the_signals_as_they_were_and_runs_in_any_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def run() -> None:
        with stop_signals_as_interrupt():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    with stop_signals_as_interrupt():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


SWALLOWED = """
import os, signal, time
from bwp_client.cli.console import errors_as_exit_codes

class Closing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)

with errors_as_exit_codes(as_json=False):
    Closing()
    for _ in range(600):
        time.sleep(0.1)
print("went on")
"""


def test_a_stop_signal_that_comes_while_an_object_is_destroyed_is_not_lost() -> None:
    """Python ignores what is raised there, and prints a traceback."""
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
    assert done.stderr == "Stopped. Committed data are unchanged; start the command again.\n"
    assert done.returncode == 128 + signal.SIGTERM


IMPORTING = """
import sys
from importlib.abc import MetaPathFinder

class Waiting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            print("ready", flush=True)
            import time
            for _ in range(600):
                time.sleep(0.1)

sys.meta_path.insert(0, Waiting())
sys.argv = ["bwp", "status", {option}]
from bwp_client.__main__ import run
run()
"""


@pytest.mark.parametrize("option", ["", '"--json"'], ids=["text", "json"])
@pytest.mark.parametrize("module", ["bwp_client.cli.streams", "bwp_client.cli.app", "bwp_client.settings"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_stop_signal_while_the_program_is_imported_ends_it_without_a_traceback(
    number: signal.Signals, module: str, option: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IMPORTING.format(module=module, option=option)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, restore_signals=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    lines = errors.splitlines()
    assert len(lines) == 1
    assert "Stopped" in lines[0]
    assert lines[0].startswith("{") == bool(option)
