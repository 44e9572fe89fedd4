"""The usual periods are whole weeks, months and quarters, and a period can be moved by its length."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bwp_client.ui import page_address, quick_periods
from bwp_client.ui.quick_periods import shifted, usual_periods

DATA = (date(2025, 3, 5), date(2026, 1, 1))  # a Thursday


def test_the_usual_periods_before_a_day() -> None:
    assert usual_periods(DATA) == {
        "Last 7 days": (date(2025, 12, 26), date(2026, 1, 1)),
        "Last week": (date(2025, 12, 22), date(2025, 12, 28)),
        "Last month": (date(2025, 12, 1), date(2025, 12, 31)),
        "Last quarter": (date(2025, 10, 1), date(2025, 12, 31)),
        "All data": DATA,
    }


@pytest.mark.parametrize(
    ("days", "steps", "moved"),
    [
        (("2026-02-01", "2026-02-28"), -1, ("2026-01-01", "2026-01-31")),
        (("2026-01-01", "2026-01-31"), 1, ("2026-02-01", "2026-02-28")),
        (("2025-10-01", "2025-12-31"), -1, ("2025-07-01", "2025-09-30")),
        (("2026-03-02", "2026-03-08"), 1, ("2026-03-09", "2026-03-15")),
        (("2026-03-02", "2026-03-02"), -1, ("2026-03-01", "2026-03-01")),
    ],
)
def test_a_period_moves_by_its_length(days: tuple[str, str], steps: int, moved: tuple[str, str]) -> None:
    first, last = map(date.fromisoformat, days)
    assert shifted((first, last), steps) == tuple(map(date.fromisoformat, moved))


def test_a_choice_becomes_the_period_of_the_address(
    loaded: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    callbacks: list[Callable[[], None]] = []
    monkeypatch.setattr(st, "menu_button", lambda *_, on_click, **__: callbacks.append(on_click))
    written: list[dict[str, Sequence[str]]] = []
    app = open_page("overview", loaded)
    assert not app.exception
    monkeypatch.setattr(page_address, "choose", lambda chosen: written.append(dict(chosen)))
    for label in ("Last month", quick_periods.USUAL, "of a forged message"):
        monkeypatch.setattr(st, "session_state", {"quick_period": label})
        callbacks[-1]()
    last_month, no_period, forged = [[*item["from"], *item["to"]] for item in written]
    assert date.fromisoformat(last_month[0]).day == 1
    assert no_period == forged == []


def test_the_page_follows_a_choice(
    loaded: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []

    def menu(_: str, labels: Sequence[str], *, key: str, on_click: Callable[[], None], **__: object) -> None:
        """Stand for the menu, which the test harness can't click: choose a label once, as the browser does."""
        if chosen and (label := chosen.pop()) in labels:
            st.session_state[key] = label
            on_click()
            st.rerun()

    monkeypatch.setattr(st, "menu_button", menu)
    app = open_page("failure_rates", loaded)
    usual = app.date_input(key="from").value
    chosen.append("Last month")
    app.run()
    first, last = (app.date_input(key=key).value for key in ("from", "to"))
    assert (first.day, (last + timedelta(days=1)).day) == (1, 1)
    assert app.query_params["from"] == first.isoformat()
    chosen.append(quick_periods.USUAL)
    app.run()
    assert app.date_input(key="from").value == usual
    assert "from" not in app.query_params
