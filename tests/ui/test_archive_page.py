"""The data health page starts a load from an archive and shows what became of every replay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support.archives import FIRST, privacy, read
from support.emulator import Account

from bwp_client.ui.jobs import JobState, JobStatus, jobs
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import Replay, ReplayState, record_replay

from .conftest import wait_for_job

OpenPage = Callable[..., AppTest]


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.caption, *app.subheader, *app.text, *app.warning])


def replays(app: AppTest) -> Any:
    (frame,) = (table.value for table in app.dataframe if "replay" in table.value.columns)
    return frame


def test_without_the_settings_the_page_says_what_to_set(loaded: Path, open_page: OpenPage) -> None:
    app = open_page("data_health", loaded, more="archive")
    assert not app.exception
    assert "BWP_ARCHIVE__RULE_NAME" in words(app)
    assert not [button for button in app.button if button.label == "Replay and load"]


def test_replays_are_listed_with_state_and_counts(
    account: Account, tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in account.env.items():
        monkeypatch.setenv(name, value)
    account.put(privacy(40))
    warehouse = Warehouse(str(tmp_path / "w"))
    read(account, warehouse)
    later = FIRST + timedelta(days=2)
    record_replay(
        warehouse, Replay("bwp-2", account.archive, "rule", FIRST, later, ReplayState.STARTED, datetime.now(UTC))
    )
    app = open_page("data_health", warehouse.uri, more="archive")
    assert not app.exception
    assert "Read to 2 May 2026 00:00 UTC" in words(app)
    table = replays(app)
    assert list(table["state"]) == ["Running", "Complete"]
    assert list(table["stored"])[1] == list(table["received"])[1] == 40
    assert table["stored"].isna().tolist() == [True, False]


def test_the_form_starts_a_load_of_its_window(
    account: Account, tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in account.env.items():
        monkeypatch.setenv(name, value)
    account.put(privacy(40))
    warehouse = Warehouse(str(tmp_path / "w"))
    read(account, warehouse)
    app = open_page("data_health", warehouse.uri, more="archive")
    assert app.text_input(key="archive_name").value == account.archive
    account.events.disable_rule(Name=account.rule, EventBusName=account.bus)  # the load ends at once, and says why
    app.date_input(key="archive_from").set_value(FIRST.date())
    app.date_input(key="archive_to").set_value(FIRST.date())
    (button,) = (button for button in app.button if button.label == "Replay and load")
    button.click().run()
    state = wait_for_job("load")
    assert state.status.value == "failed"
    assert "is DISABLED" in state.text
    assert len(account.replays()) == 1
    started = jobs()._jobs["load"].process.args
    assert f"--from=2026-05-01 --to=2026-05-01 --json -- archive://{account.archive}" in " ".join(map(str, started))  # type: ignore[arg-type]


def test_what_needs_attention_after_a_load_is_shown(
    account: Account, tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in account.env.items():
        monkeypatch.setenv(name, value)
    warehouse = Warehouse(str(tmp_path / "w"))
    read(account, warehouse)
    counts = dict.fromkeys(("received", "stored", "duplicate", "quarantined", "foreign"), 0)
    done = JobState("load", JobStatus.DONE, result={**counts, "attention": ["nothing [came](x)."]})
    monkeypatch.setattr(jobs(), "state", lambda _kind: done)
    app = open_page("data_health", warehouse.uri, more="archive")
    assert not app.exception
    assert r"nothing \[came\]\(x\)\." in words(app)
