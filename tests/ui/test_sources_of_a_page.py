"""Behind a login, a page loads only the sources of the settings; without a login, visitors have this machine's rights."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bwp_client.settings import Settings
from bwp_client.ui.jobs import jobs
from bwp_client.ui.sections import job_buttons

from .test_pages import words

OpenPage = Callable[..., AppTest]
OTHERS = (
    ".streamlit/secrets.toml",
    "/proc/self/environ",
    "s3://another-bucket/x",
    "archive://another",
    "",
    "sample://",
)


@pytest.fixture
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a login and three sources."""
    monkeypatch.setattr(job_buttons, "is_configured", lambda: True)
    monkeypatch.setenv("BWP_SOURCE", "s3://ours/events")
    monkeypatch.setenv("BWP_SOURCES", json.dumps(["s3://ours/events", "s3://ours/older", "archive://ours"]))


@pytest.mark.usefixtures("_login")
def test_the_form_offers_the_sources_of_the_settings(loaded: Path, open_page: OpenPage) -> None:
    app = open_page("data_health", loaded, more="archive")
    assert not app.exception
    assert app.selectbox(key="load_source").options == ["s3://ours/events", "s3://ours/older", "archive://ours"]
    assert not [field for field in app.text_input if field.key == "load_source"]


@pytest.mark.usefixtures("_login")
def test_the_archive_form_offers_the_archives_of_the_settings(
    loaded: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BWP_ARCHIVE__RULE_NAME", "rule")
    monkeypatch.setenv("BWP_ARCHIVE__QUEUE_URL", "https://queue.invalid/q")
    assert open_page("data_health", loaded, more="archive").selectbox(key="archive_name").options == ["ours"]
    monkeypatch.setenv("BWP_SOURCES", "[]")
    app = open_page("data_health", loaded, more="archive")
    assert "neither names an archive" in words(app)
    assert not [button for button in app.button if button.label == "Replay and load"]


@pytest.mark.usefixtures("_login")
def test_without_a_source_in_the_settings_nothing_can_be_loaded(
    loaded: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BWP_SOURCE")
    monkeypatch.delenv("BWP_SOURCES")
    app = open_page("data_health", loaded, more="archive")
    assert "neither is set" in words(app)
    assert app.button(key="load").disabled


@pytest.mark.usefixtures("_login")
@pytest.mark.parametrize("source", OTHERS)
def test_a_source_that_was_not_offered_is_refused_when_the_browser_sends_it(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(job_buttons.st, "warning", warnings.append)
    job_buttons.start_job("load", source, settings=Settings.load())
    assert jobs().state("load") is None
    assert "pages load only the sources that the settings name" in warnings[0].replace("\\", "")


def test_without_a_login_any_path_may_be_typed(loaded: Path, open_page: OpenPage) -> None:
    app = open_page("data_health", loaded, more="archive")
    assert app.text_input(key="load_source").value == ""
