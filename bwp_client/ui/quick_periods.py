"""The menu of usual periods: the last week, month or quarter, and the same length of time earlier or later."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import streamlit as st
from dateutil.relativedelta import relativedelta

from bwp_client.ui import page_address

Days = tuple[date, date]
"""The first and the last day of a period."""
USUAL: Final = "Last 28 days"
EARLIER: Final = "Previous period"
LATER: Final = "Next period"
_KEY: Final = "quick_period"
_DAY: Final = timedelta(days=1)


def draw_quick_periods(shown: Days, data: Days) -> None:
    """Draw the menu; a choice becomes the period of the address.

    Args:
        shown: The period that is shown.
        data: The days of the data; the newest day is the one from which periods are counted.
    """
    periods = usual_periods(data) | {EARLIER: shifted(shown, -1), LATER: shifted(shown, 1)}

    def write() -> None:
        label = st.session_state[_KEY]
        days = [] if label == USUAL else [[day.isoformat()] for day in periods.get(label, ())]
        page_address.choose(dict(zip(("from", "to"), days or ((), ()), strict=True)))

    st.menu_button(
        "Usual periods", [USUAL, *periods], key=_KEY, on_click=write, icon=":material/date_range:", width="stretch"
    )


def usual_periods(data: Days) -> dict[str, Days]:
    """Return the whole weeks (from Monday), months and quarters before the newest day, and all data, by label."""
    newest = data[1]
    monday, month = newest - timedelta(days=newest.weekday()), newest.replace(day=1)
    quarter = month - relativedelta(months=(month.month - 1) % 3)
    return {
        "Last 7 days": (newest - 6 * _DAY, newest),
        "Last week": (monday - 7 * _DAY, monday - _DAY),
        "Last month": (month - relativedelta(months=1), month - _DAY),
        "Last quarter": (quarter - relativedelta(months=3), quarter - _DAY),
        "All data": data,
    }


def shifted(days: Days, steps: int) -> Days:
    """Return the period as long before (-1) or after (1) a period: whole months for whole months, else as many days."""
    first, last = days
    after = last + _DAY
    if first.day == after.day == 1:
        months = steps * ((after.year - first.year) * 12 + after.month - first.month)
        return first + relativedelta(months=months), after + relativedelta(months=months) - _DAY
    length = steps * (after - first)
    return first + length, last + length
