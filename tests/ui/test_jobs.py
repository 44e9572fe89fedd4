"""A job is a child process of the command line."""

from pathlib import Path

import pytest
import streamlit

from bwp_client.errors import UsageError
from bwp_client.ui.jobs import Jobs, JobStatus

from .conftest import wait_for_job


def test_a_load_ends_with_its_result_and_runs_once_at_a_time(sample_folder: Path, tmp_path: Path) -> None:
    jobs = Jobs()
    environment = {"BWP_WAREHOUSE": str(tmp_path / "w")}
    jobs.start("load", str(sample_folder), environment=environment)
    with pytest.raises(UsageError, match="running already"):
        jobs.start("load", str(sample_folder), environment=environment)
    state = wait_for_job("load", jobs)
    assert state.status is JobStatus.DONE
    assert state.result["read"] == 5000
    assert jobs.running() == []


def test_a_job_that_fails_has_an_error_message(tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start("load", str(tmp_path / "nowhere"), environment={"BWP_WAREHOUSE": str(tmp_path / "w")})
    state = wait_for_job("load", jobs)
    assert state.status is JobStatus.FAILED
    assert "does not exist" in state.text


def test_a_job_reads_no_secrets_file_that_the_server_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is named as `streamlit run --secrets.files FILE` names it: it is in no variable and in no config.toml."""
    secrets, other = tmp_path / "my keys" / "login.toml", tmp_path / "other.toml"
    secrets.parent.mkdir()
    secrets.write_text('client_secret = "Zq-of-ours"\n')
    option = streamlit.get_option
    named = [str(other), str(secrets)]
    monkeypatch.setattr("streamlit.get_option", lambda key: named if key == "secrets.files" else option(key))
    jobs = Jobs()
    jobs.start("load", str(secrets), environment={"BWP_WAREHOUSE": str(tmp_path / "w")})
    state = wait_for_job("load", jobs)
    assert state.status is JobStatus.FAILED
    assert "is a settings file" in state.text


@pytest.mark.parametrize("typed", ["--warehouse=elsewhere", "--reread", "-h", "--", "--help"])
def test_a_typed_source_never_becomes_an_option(typed: str, tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start("load", typed, environment={"BWP_WAREHOUSE": str(tmp_path / "w"), "BWP_SOURCE": str(tmp_path)})
    state = wait_for_job("load", jobs)
    assert state.status is JobStatus.FAILED
    assert f"{typed} does not exist" in state.text
    assert not (tmp_path / "elsewhere").exists()


def test_a_typed_value_never_becomes_another_option(tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start(
        "report", options={"period": "--force", "out": str(tmp_path), "warehouse": str(tmp_path / "w"), "force": False}
    )
    state = wait_for_job("report", jobs)
    assert state.status is JobStatus.FAILED
    assert "--force" in state.text
    assert [*map(str, jobs._jobs["report"].process.args)].count("--force") == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("typed", ["a\0b", "x" * 200_000])
def test_a_text_that_no_process_takes_is_refused(typed: str) -> None:
    jobs = Jobs()
    with pytest.raises(UsageError, match="can't be handed over"):
        jobs.start("load", typed)
    assert jobs.state("load") is None


def test_an_error_about_an_entry_names_no_folder_of_the_server(tmp_path: Path) -> None:
    jobs = Jobs()
    jobs.start("import", options={"warehouse": str(tmp_path / "w")}, file="task_id\na\0b\n")
    state = wait_for_job("import", jobs)
    assert state.status is JobStatus.FAILED
    assert state.text.startswith("entered-on-a-page-1.csv is text in UTF-16")
    jobs.remove_files()


def test_a_kind_never_started_has_no_state() -> None:
    assert Jobs().state("enrich") is None


def test_a_folder_is_made_with_the_first_job_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app whose server is killed leaves its folder behind; most servers never start a job."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    jobs = Jobs()
    assert jobs.state("load") is None
    jobs.remove_files()
    assert list(tmp_path.iterdir()) == []
    jobs.start("load", str(tmp_path / "nowhere"), environment={"BWP_WAREHOUSE": str(tmp_path / "w")})
    assert [folder.name.startswith("bwp-jobs-") for folder in tmp_path.iterdir()] == [True]
    wait_for_job("load", jobs)
    jobs.remove_files()
    assert list(tmp_path.iterdir()) == []
