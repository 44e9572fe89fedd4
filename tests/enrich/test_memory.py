"""The memory of `enrich` does not depend on what the servers answer."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import enrich_peak
from support.asking import event
from support.scripted_api import Say, endless, http, scripted_api, token

from bwp_client.api.body import MAX_ANSWER_BYTES
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

TASKS = 40
BOMB_BYTES = 64 << 20
MOST = 1.2
"""The allowed peak, as a multiple of an ordinary run's peak."""

ORDINARY = '{"data": {"personalDataDeletionTask": {"status": "FAILED", "errors": [%s]}}}'


def filled(unit: str) -> bytes:
    """Make the largest answer allowed: one with as many errors as fit."""
    count = (MAX_ANSWER_BYTES - len(ORDINARY)) // (len(unit) + 1)
    return (ORDINARY % ",".join([unit] * count)).encode()


def bomb() -> Say:
    return http(200, gzip.compress(b" " * BOMB_BYTES), content_encoding="gzip")


GOOD = http(200, ORDINARY % '{"code": "ORDERS_NOT_CLOSED", "message": "open orders"}')
CASES = {
    "the most errors": (http(200, filled("{}")), token(), f"{TASKS} found"),
    "the most errors, packed": (http(200, gzip.compress(filled("{}")), content_encoding="gzip"), token(),
                                f"{TASKS} found"),
    "the longest message": (http(200, filled(json.dumps("x" * (MAX_ANSWER_BYTES // 2)))), token(), f"{TASKS} found"),
    "a bomb": (bomb(), token(), "far larger than a task can be"),
    "an endless answer": (endless(), token(), "far larger than a task can be"),
    "a bomb in place of a token": (GOOD, bomb(), "which is no token"),
    "the most errors in place of a token": (GOOD, http(200, filled("{}")), "answered without a token"),
}  # fmt: skip

QUICK = ("the most errors", "a bomb", "a bomb in place of a token")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "events.json"
    path.write_text("\n".join(json.dumps(event(number, "FAILED")) for number in range(1, TASKS + 1)))
    return path


def peak_of(source: Path, folder: Path, answer: Say, token_answer: Say) -> tuple[float, str]:
    """Return the peak memory of a run in MiB, and how it ended."""
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(source)))
    with scripted_api() as api:
        api.answers, api.tokens = [answer], [token_answer]
        done = subprocess.run(
            [sys.executable, enrich_peak.__file__, warehouse.uri, api.url], capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, timeout=200,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    return result["mebibytes"], result["end"]


@pytest.fixture(scope="module")
def ordinary_peak(source: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    peak, end = peak_of(source, tmp_path_factory.mktemp("ordinary"), GOOD, token())
    assert end == f"{TASKS} found"
    return peak


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.soak) for case in CASES]
)
def test_no_answer_takes_much_more_memory_than_an_ordinary_run(
    source: Path, ordinary_peak: float, tmp_path: Path, case: str
) -> None:
    answer, token_answer, expected_end = CASES[case]
    peak, end = peak_of(source, tmp_path, answer, token_answer)
    print(f"{case}: {peak:.0f} MiB, ordinary {ordinary_peak:.0f} MiB")
    assert expected_end in end
    assert peak <= MOST * ordinary_peak
