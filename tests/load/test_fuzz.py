"""A long run of coverage-guided fuzzing; `make soak` installs the fuzzer, which exists for Linux alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TARGET = Path(__file__).parents[1] / "fuzz" / "fuzz_records.py"


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="atheris exists for Linux alone")
def test_ten_minutes_of_fuzzing_find_nothing(tmp_path: Path) -> None:
    seconds = os.environ.get("FUZZ_SECONDS", "600")
    done = subprocess.run(
        [
            sys.executable,
            str(TARGET),
            f"-max_total_time={seconds}",
            "-max_len=3000",
            f"-artifact_prefix={tmp_path}/",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
