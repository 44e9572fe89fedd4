"""A load that is killed at any moment and repeated produces the tables of an undisturbed load."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from support.events import many, write
from support.tables import clean_env, command, command_json, fingerprints, outcomes, reasons

from bwp_client.warehouse import TableName, Warehouse

FILES, EVENTS = 4, 2500  # enough bytes that child processes read them

# Kills its own process, as the kernel would, before or after a commit to a table.
KILLED_LOAD = """
import os, signal, sys
from bwp_client.warehouse.store import Warehouse
import bwp_client.load.pipeline as loading
table, when, source, target = sys.argv[1:]
commit = Warehouse.commit
def commit_and_die(self, name, *args, **kwargs):
    if name.value == table and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    version = commit(self, name, *args, **kwargs)
    if name.value == table:
        os.kill(os.getpid(), signal.SIGKILL)
    return version
Warehouse.commit = commit_and_die
from bwp_client.sources import open_source
loading.ROWS_PER_PASS = loading.MAX_BATCH_ROWS
loading.load(Warehouse(target), open_source(source))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    events = many(FILES * EVENTS, step=timedelta(minutes=5))
    for number in range(FILES):
        part = events[number * EVENTS : (number + 1) * EVENTS]
        write(folder / f"{number}.json", [*part, *part[:50], "broken"])
    return folder


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    home = tmp_path_factory.mktemp("undisturbed")
    command_json("load", source, "--json", cwd=home, allowed=(1,))
    return state(home / "warehouse")


def state(folder: Path) -> tuple:
    warehouse = Warehouse(str(folder))
    return fingerprints(warehouse), outcomes(warehouse), reasons(warehouse)


MOMENTS = [
    (TableName.EVENTS, "after"),
    (TableName.OUTCOMES, "before"),
    (TableName.RUNS, "before"),
]


@pytest.mark.parametrize(("table", "when"), MOMENTS)
def test_killed_between_commits(source: Path, undisturbed: tuple, tmp_path: Path, table: TableName, when: str) -> None:
    target = tmp_path / "warehouse"
    done = subprocess.run(
        [sys.executable, "-c", KILLED_LOAD, table.value, when, str(source), str(target)],
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = command("load", source, "--json", cwd=tmp_path)
    assert again.returncode in (0, 1), again.stderr
    assert state(target) == undisturbed


def _first_files(folder: Path) -> Iterator[bool]:
    yield folder.exists()
    yield any(folder.glob("events/**/*.parquet"))
    yield any(folder.glob("outcomes/**/*.parquet"))


@pytest.mark.parametrize("moment", range(3))
def test_killed_from_outside(source: Path, undisturbed: tuple, tmp_path: Path, moment: int) -> None:
    target = tmp_path / "warehouse"
    child = subprocess.Popen(
        [sys.executable, "-m", "bwp_client", "load", str(source)],
        cwd=tmp_path,
        env=clean_env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while child.poll() is None and not list(_first_files(target))[moment]:
        time.sleep(0.001)
    child.kill()
    assert child.wait() == -signal.SIGKILL, "the load was over before it could be killed"
    again = command("load", source, "--json", cwd=tmp_path)
    assert again.returncode in (0, 1), again.stderr
    assert state(target) == undisturbed


@pytest.fixture
def staging() -> Iterator[Path]:
    """Yield a temporary folder with a short name, as the machine's own has."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_temporary_folder_with_a_long_name_is_enough(source: Path, undisturbed: tuple, tmp_path: Path) -> None:
    """The path of a socket does not fit into it, so the load uses no worker processes."""
    far = tmp_path / ("far-" * 20)
    far.mkdir()
    done = command("load", source, "--json", cwd=tmp_path, TMPDIR=str(far))
    assert done.returncode == 1, done.stderr
    assert state(tmp_path / "warehouse") == undisturbed


def test_a_killed_load_leaves_no_process_and_the_next_one_clears_its_staging(
    source: Path, staging: Path, tmp_path: Path
) -> None:
    env = clean_env() | {"TMPDIR": str(staging)}
    child = subprocess.Popen(
        [sys.executable, "-m", "bwp_client", "load", str(source)],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(staging.glob("bwp-load-*/*.arrow")):
        assert child.poll() is None
        time.sleep(0.001)
    family = psutil.Process(child.pid).children(recursive=True)
    assert len(family) >= 2
    child.kill()
    child.wait()
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert list(staging.glob("bwp-load-*"))
    again = subprocess.run(
        [sys.executable, "-m", "bwp_client", "load", str(source)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        check=False,
    )
    assert again.returncode == 1, again.stderr
    assert not list(staging.glob("bwp-load-*"))


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_killed_fifty_times_at_random(source: Path, undisturbed: tuple, tmp_path: Path) -> None:
    dice, moments, hits = random.Random(50), [], 0
    started = time.perf_counter()
    command_json("load", source, "--json", cwd=tmp_path, allowed=(1,))
    whole = time.perf_counter() - started
    for number in range(50):
        home = tmp_path / str(number)
        home.mkdir()
        child = subprocess.Popen(
            [sys.executable, "-m", "bwp_client", "load", str(source)],
            cwd=home,
            env=clean_env(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        moment = dice.uniform(0.1, whole)
        time.sleep(moment)
        child.kill()
        hits += child.wait() == -signal.SIGKILL
        moments.append((round(moment, 2), sorted(path.name for path in (home / "warehouse").glob("*"))))
        again = command("load", source, "--json", cwd=home)
        assert again.returncode in (0, 1), again.stderr
        assert state(home / "warehouse") == undisturbed, moments[-1]
    assert hits >= 25, "most loads were over before they could be killed"
    print(f"an undisturbed load takes {whole:.1f} s; {hits} were killed, at {sorted(moment for moment, _ in moments)}")
