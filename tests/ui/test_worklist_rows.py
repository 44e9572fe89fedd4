"""The rows of the worklist count their days from the shop's day, in zones that are no whole hours from UTC too."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write

from bwp_client.load import load
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
