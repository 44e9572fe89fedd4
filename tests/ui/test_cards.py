"""Cards in place of a table: what they say of a row, how many there are, and what they open."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bwp_client.ui import cards, components


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (1234, st.column_config.NumberColumn("n", format="localized"), "1,234"),
        (1234, None, "1,234"),
        (1234.0, st.column_config.NumberColumn("n", format="localized"), "1,234"),
        (1234.0, "n", "1,234"),
        (0.125, None, "0.12"),
        (38.4, st.column_config.NumberColumn("Share", format="%.0f %%"), "38 %"),
        (-1.25, st.column_config.NumberColumn("Points", format="%+.1f"), "-1.2"),
        (date(2026, 11, 3), st.column_config.DateColumn("Day"), "3 Nov 2026"),
        (pd.Timestamp("2026-11-03 14:05", tz="UTC"), components.time_column("At"), "3 Nov 2026 14:05 UTC"),
        (
            pd.Timestamp("2026-11-03 14:05", tz="UTC"),
            components.time_column("At", zone=ZoneInfo("UTC")),
            "3 Nov 2026 14:05",
        ),
        (datetime(2026, 11, 3, 14, 5, tzinfo=UTC), components.time_column(time_format="D MMM YYYY"), "3 Nov 2026"),
        (
            datetime(2026, 11, 3, 20, 5, tzinfo=UTC),
            st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm", timezone="Asia/Kathmandu"),
            "4 Nov 2026 01:50",
        ),
        ([3, 0, 12], st.column_config.LineChartColumn("Weeks"), "3, 0, 12"),
        (None, None, ""),
        (float("nan"), None, ""),
        (pd.NaT, components.time_column("At"), ""),
        (pd.NA, None, ""),
        ("OPEN_ORDERS", st.column_config.TextColumn("Error code"), "OPEN_ORDERS"),
        (True, None, "True"),
    ],
)
def test_a_cell_reads_as_in_the_table(value: Any, column: Any, text: str) -> None:
    assert cards.cell_text(value, column) == text


@pytest.fixture(autouse=True)
def on_a_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "is_narrow", lambda: True)


def table() -> None:
    import pandas as pd
    import streamlit as st

    from bwp_client.ui.components import draw_table
    from bwp_client.ui.drill_down import Opening

    rows = pd.DataFrame(
        {
            "days_left": range(50),
            "code": [f"CODE_{row} *x*" for row in range(50)],
            "hidden": ["secret"] * 50,
            "note": [None, "<b>bold</b> [a](b)"] * 25,
        }
    )

    def open_item(item: str) -> None:
        st.session_state["opened"] = item

    draw_table(
        rows,
        key="t",
        opening=Opening([f"item-{row}" for row in range(50)], open_item),
        column_config={"days_left": "Days left", "code": st.column_config.TextColumn("Error code"), "hidden": None},
    )


def texts(app: AppTest) -> list[str]:
    return [element.value.replace(cards.NO_BREAK, " ") for element in app.markdown]


def test_a_card_has_the_name_of_its_row_and_the_other_values_with_their_labels() -> None:
    app = AppTest.from_function(table).run()
    assert not app.exception
    assert app.button[0].label == r"**CODE\_0 \*x\***"
    assert texts(app)[:2] == [r"Days left\: 0", "Days left\\: 1 · note\\: \\<b\\>bold\\<\\/b\\> \\[a\\]\\(b\\)"]
    assert "secret" not in " ".join(texts(app))


def test_a_line_of_a_card_breaks_between_values_only() -> None:
    app = AppTest.from_function(table).run()
    assert "Days\u00a0left" in app.markdown[1].value
    assert "\u00a0· " in app.markdown[1].value


def test_further_cards_come_on_demand() -> None:
    app = AppTest.from_function(table).run()
    assert len(texts(app)) == 20
    (more,) = (button for button in app.button if button.label == "Show 20 more of 30")
    more.click().run()
    assert len(texts(app)) == 40
    (more,) = (button for button in app.button if button.label == "Show 10 more of 10")
    more.click().run()
    assert len(texts(app)) == 50
    assert not [button for button in app.button if button.label.startswith("Show ")]


def test_a_card_opens_its_row() -> None:
    app = AppTest.from_function(table).run()
    app.button[3].click().run()
    assert app.session_state["opened"] == "item-3"


def changes() -> None:
    from datetime import date

    import pandas as pd

    from bwp_client.ui.components import draw_table

    rows = pd.DataFrame({"Changed on": [date(2026, 11, 4)], "Direction": ["higher"]})
    draw_table(rows, key="t", name_column="Changed on")


def test_a_day_can_be_the_name_of_a_card() -> None:
    app = AppTest.from_function(changes).run()
    assert not app.exception
    assert texts(app) == ["**4 Nov 2026**", "Direction\\: higher"]


def never() -> None:
    import pandas as pd

    from bwp_client.ui.components import draw_table

    rows = pd.DataFrame({"Product": ["A"], "Last completed": [None]})
    draw_table(rows, key="t", placeholder="never")


def test_an_empty_value_is_shown_where_the_table_has_a_word_for_it() -> None:
    app = AppTest.from_function(never).run()
    assert texts(app) == ["**A**", "Last completed\\: never"]
