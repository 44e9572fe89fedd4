"""A write that fails, at any step of a load, is harmless: an error, and the next load gives the same tables."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from support.events import envelope, many, write
from support.faults import proxy
from support.s3 import Bucket
from support.tables import clean_env, command, command_json, fingerprints, outcomes, reasons, rows

from bwp_client.aws import s3_client
from bwp_client.errors import BwpError
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

STEP = 13
"""In the short run every thirteenth write fails; in the long one each."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    events = many(600, step=timedelta(hours=3))
    write(folder / "a.json", [*events[:400], "broken", envelope("x", **{"detail-type": "ORDER_CREATED"})])
    write(folder / "b.json", [*events[350:], "broken too"])
    return folder


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    warehouse = Warehouse(str(tmp_path_factory.mktemp("undisturbed") / "warehouse"))
    load(warehouse, open_source(str(source)))
    return state(warehouse)


def state(warehouse: Warehouse) -> tuple:
    return fingerprints(warehouse), outcomes(warehouse), reasons(warehouse)


def check(
    source: Path, bucket: Bucket, undisturbed: tuple, monkeypatch: pytest.MonkeyPatch, folder: Path, kind: str, at: int
) -> bool:
    """Load with the fault, then without; tell whether the load came as far as the fault."""
    target, told = f"{bucket.uri}/{kind}-{at}", ""
    with proxy(bucket.env["AWS_ENDPOINT_URL"], folder, kind, at) as faulty:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.address)
        s3_client.cache_clear()
        try:
            load(Warehouse(target), open_source(str(source)))
        except BwpError as error:
            told = str(error)
        happened = faulty.writes >= at
    # A refusal is told with the state that the data is in; a lost answer the client gets over by itself.
    assert bool(told) == (happened and kind == "refuse"), told
    assert not told or "committed" in told
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.env["AWS_ENDPOINT_URL"])
    s3_client.cache_clear()
    load(Warehouse(target), open_source(str(source)))
    assert state(Warehouse(target)) == undisturbed, (kind, at)
    stored = sum(json.loads(row[0])["stored"] for row in rows(Warehouse(target), TableName.RUNS, "counts"))
    assert stored <= len(undisturbed[0])
    return happened


@pytest.mark.s3
@pytest.mark.parametrize("kind", ["refuse", "lose"])
def test_s3_fails_every_few_writes(
    source: Path, bucket: Bucket, undisturbed: tuple, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    at = 1
    while check(source, bucket, undisturbed, monkeypatch, tmp_path, kind, at):
        at += STEP
    assert at > STEP


@pytest.mark.s3
@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["refuse", "lose"])
def test_s3_fails_each_write(
    source: Path, bucket: Bucket, undisturbed: tuple, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    at = 1
    while check(source, bucket, undisturbed, monkeypatch, tmp_path, kind, at):
        at += 1
    print(f"{kind}: {at - 1} writes, each failed once")


LIMITED = """
import resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.argv = ["bwp", "load", sys.argv[2], "--json"]
from bwp_client.cli.app import app
app()
"""


LIMITS = [(0, 4), (2_000, 4), (5_000, 4), (14_000, 4), (40_000, 4), (10_000_000, 1)]
"""File sizes in bytes and exit codes: the last limit lets every file through, and two records are in quarantine."""


@pytest.mark.parametrize(("limit", "code"), LIMITS)
def test_a_file_that_can_not_be_written_ends_with_code_4_and_harms_nothing(
    source: Path, undisturbed: tuple, tmp_path: Path, limit: int, code: int
) -> None:
    """A limit on file sizes stands for a full disk: writes fail half way."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), str(source)],
        cwd=tmp_path,
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert ("File too large" in done.stderr) == (code == 4)
    again = command_json("load", source, "--json", cwd=tmp_path, allowed=(0, 1))
    assert again["read"] == again["stored"] + again["duplicate"] + again["ignored"] + again["quarantined"]
    assert state(Warehouse(str(tmp_path / "warehouse"))) == undisturbed
    assert command("status", "--json", cwd=tmp_path).returncode in (0, 1)
