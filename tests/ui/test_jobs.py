"""Work started from a page is a child process of the command line."""

import time
from pathlib import Path

import pytest

from bwp_client.errors import UsageError
from bwp_client.ui.jobs import Jobs, JobState, JobStatus

DEADLINE_SECONDS = 60


def wait_for_end(jobs: Jobs, kind: str) -> JobState:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        state = jobs.state(kind)
        assert state is not None
        if state.status is not JobStatus.RUNNING:
            return state
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_a_load_runs_to_its_result_and_only_once_at_a_time(sample_folder: Path, tmp_path: Path) -> None:
    jobs = Jobs()
    environment = {"BWP_WAREHOUSE": str(tmp_path / "w")}
    jobs.start("load", str(sample_folder), environment=environment)
    with pytest.raises(UsageError, match="running already"):
        jobs.start("load", str(sample_folder), environment=environment)
    state = wait_for_end(jobs, "load")
    assert state.status is JobStatus.DONE
    assert state.result["read"] == 5000
    assert jobs.running() == []


def test_a_job_that_fails_tells_its_reason(tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start("load", str(tmp_path / "nowhere"), environment={"BWP_WAREHOUSE": str(tmp_path / "w")})
    state = wait_for_end(jobs, "load")
    assert state.status is JobStatus.FAILED
    assert "does not exist" in state.text


@pytest.mark.parametrize("typed", ["--warehouse=elsewhere", "--reread", "-h", "--", "--help"])
def test_what_is_typed_stays_a_path_whatever_it_looks_like(typed: str, tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start("load", typed, environment={"BWP_WAREHOUSE": str(tmp_path / "w"), "BWP_SOURCE": str(tmp_path)})
    state = wait_for_end(jobs, "load")
    assert state.status is JobStatus.FAILED
    assert f"{typed} does not exist" in state.text
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_typed_stays_the_value_of_its_option(tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start(
        "report", options={"period": "--force", "out": str(tmp_path), "warehouse": str(tmp_path / "w"), "force": False}
    )
    state = wait_for_end(jobs, "report")
    assert state.status is JobStatus.FAILED
    assert "--force" in state.text
    assert [*map(str, jobs._jobs["report"].process.args)].count("--force") == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("typed", ["a\0b", "x" * 200_000])
def test_what_cannot_be_an_argument_is_refused(typed: str) -> None:
    jobs = Jobs()
    with pytest.raises(UsageError, match="can't be handed over"):
        jobs.start("load", typed)
    assert jobs.state("load") is None


def test_a_kind_never_started_has_no_state() -> None:
    assert Jobs().state("enrich") is None
