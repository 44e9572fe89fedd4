"""The rows of the worklist count their days from the shop's day, in zones that are no whole hours from UTC too."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write

from bwp_client.events import EARLIEST_EVENT
from bwp_client.load import load
from bwp_client.metrics import MetricName
from bwp_client.sources import open_source
from bwp_client.ui.sections import worklist_rows
from bwp_client.warehouse import Warehouse

OpenPage = Callable[..., AppTest]


@pytest.mark.parametrize(
    ("zone", "clock", "days_left"),
    [
        ("Asia/Kolkata", "2026-05-10T18:29", 27),
        ("Asia/Kolkata", "2026-05-10T18:31", 26),
        ("Asia/Kathmandu", "2026-05-10T18:14", 27),
        ("Asia/Kathmandu", "2026-05-10T18:16", 26),
        ("America/St_Johns", "2026-05-10T02:29", 28),
        ("America/St_Johns", "2026-05-10T02:31", 27),
    ],
)
def test_days_left_change_at_the_shops_midnight(
    zone: str, clock: str, days_left: int, tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.fromisoformat(clock).replace(tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return now

    monkeypatch.setattr(worklist_rows, "datetime", Clock)
    monkeypatch.setenv("BWP_TIMEZONE", zone)
    monkeypatch.setenv("BWP_DEADLINE_RULE", "GDPR")
    warehouse = tmp_path / "w"
    failed = [envelope("failed", outcome="FAILED", time=datetime(2026, 5, 6, 12, tzinfo=UTC))]
    completed = [envelope("done", time=datetime(2026, 5, 6, 12, tzinfo=UTC) + timedelta(hours=1))]
    load(Warehouse(str(warehouse)), open_source(str(write(tmp_path / "in.json", failed + completed))))
    app = open_page("tasks", warehouse)
    assert not app.exception
    assert app.dataframe[0].value["days_left"].tolist() == [days_left]


def test_failures_overdue_under_any_law_are_counted_and_change_no_row(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_rows, "MAX_ROWS", 3)
    now, warehouse = datetime.now(UTC), tmp_path / "w"
    failed = [
        envelope(f"failed-{days}", outcome="FAILED", time=now - timedelta(days=days, hours=1))
        for days in (1, 2, 3, 4, 20, 29, 32, 40, 60, 100, 200)
    ]
    load(Warehouse(str(warehouse)), open_source(str(write(tmp_path / "in.json", failed))))
    page = open_page("tasks", warehouse).session_state["page"]
    every = page.filters.with_(from_time=EARLIEST_EVENT)
    tasks = worklist_rows.dated_tasks(page, MetricName.OPEN_FAILURES, every)
    failures = worklist_rows.read_failures(page, every)
    assert failures.older == {"open": 4}
    for state in ("open", "overdue", "next 7 days", "later", "recovered", "closed"):
        expected = worklist_rows.in_state(tasks, state)
        assert failures.count(state) == len(expected)
        first = failures.first_rows(state)
        assert (first is None) == (state == "overdue")
        if first is not None:
            assert first["task_id"].tolist()[:3] == expected["task_id"].tolist()[:3]
    for first, last in ((250, 150), (250, 45)):  # wholly before, and partly
        days = every.with_(from_time=now - timedelta(days=first), to_time=now - timedelta(days=last))
        failures_of_days = worklist_rows.read_failures(page, days)
        assert failures_of_days.count("overdue") == len(worklist_rows.dated_tasks(page, MetricName.OPEN_FAILURES, days))
    assert open_page("tasks", warehouse, on="2016-01-01").exception == []
    monkeypatch.setattr(worklist_rows, "MAX_ROWS", 9)
    assert failures.first_rows("open") is None
