"""A running job has a progress bar that says what it does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bwp_client.ui import job_progress
from bwp_client.ui.jobs import Jobs, JobState, JobStatus


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("load", "Loading events"),
        ("enrich", "Looking up errors"),
        ("import", "Storing requests"),
        ("report", "Making a report"),
    ],
)
def test_each_kind_of_job_is_named(
    kind: str, label: str, loaded: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = JobState(kind, JobStatus.RUNNING, 1, 4, "step")
    monkeypatch.setattr(Jobs, "running", lambda _: [running])
    app = open_page("overview", loaded)
    assert not app.exception
    (bar,) = app.get("progress")
    assert (bar.proto.text, bar.proto.value) == (f"{label}\\: step", 25)
    assert set(job_progress.LABELS) == {"load", "enrich", "import", "report"}
