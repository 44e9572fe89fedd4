"""Single failed tasks as dots at their days, and bars as long as their periods."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from bwp_client.charts import Theme, codes_over_time, failure_dots, outcomes_over_time
from bwp_client.charts.failure_timeline import describe_timeline

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(days=300)


def tasks(days: list[int], row: str = "A") -> pd.DataFrame:
    times = [START + timedelta(days=day, hours=7 + number) for number, day in enumerate(days)]
    return pd.DataFrame(
        {
            "task_id": [f"{row}-{number}" for number in range(len(days))],
            "failed_at": pd.to_datetime(times, utc=True), "business_product_id": row, "code_set": "X + Y", "row": row,
        }
    )  # fmt: skip


@pytest.mark.parametrize("theme", Theme)
def test_each_task_is_a_dot_at_its_day_and_tasks_of_one_day_do_not_hide_each_other(theme: Theme) -> None:
    frame = pd.concat([tasks([3, 3, 3, 200]), tasks([3], "B")])
    chart = failure_dots(frame, {"A": "Alpha", "B": "<b>"}, str.lower, theme, period=(START, END))
    first, second = chart.data
    assert list(first.x) == [START + timedelta(days=3)] * 3 + [START + timedelta(days=200)]
    assert len({round(y, 3) for y in first.y[:3]}) == 3
    assert all(0.5 < y < 1.5 for y in first.y)
    assert all(-0.5 < y < 0.5 for y in second.y)
    assert list(first.customdata[0]) == ["a", "X + Y", "8 Jan 2026 07:00 UTC"]
    assert [note.text for note in chart.layout.annotations] == ["Alpha", "&lt;b&gt;"]
    assert chart.layout.xaxis.range[0] < START


def test_many_tasks_of_one_day_stay_in_their_row() -> None:
    frame = tasks([3] * 16)
    (dots,) = failure_dots(frame, {"A": "Alpha"}, str, Theme.LIGHT, period=(START, END)).data
    assert len(set(dots.y)) == 16
    assert max(dots.y) < 0.42  # the height of the row's name


def test_the_chosen_period_is_shaded_and_rows_have_their_colours() -> None:
    chart = failure_dots(
        tasks([3]), {"A": "Alpha"}, str, Theme.LIGHT, period=(START, END), shaded=(START, END), colors={"A": "#0072B2"}
    )
    (shape,) = chart.layout.shapes
    assert shape.x1 == END
    assert chart.data[0].marker.color == "#0072B2"


def test_the_text_alternative_counts_the_tasks_of_each_row() -> None:
    text = describe_timeline(pd.concat([tasks([1, 2]), tasks([3], "B")]), {"A": "Alpha", "B": "Beta"}, "3 failed.")
    assert text == "3 failed. Failed tasks by row: Alpha 2, Beta 1."


def test_the_bars_of_a_few_weeks_of_a_year_are_a_week_long() -> None:
    starts = pd.to_datetime([START + timedelta(weeks=week) for week in (0, 5, 10, 40)], utc=True)
    codes = pd.DataFrame({"period_start": starts, "code": "X", "tasks": 1, "partial": False})
    outcomes = pd.DataFrame({"period_start": starts, "failed": 1, "completed": 1, "n": 2, "partial": False})
    for chart in (
        codes_over_time(codes, Theme.LIGHT, {}, "week"),
        outcomes_over_time(outcomes, Theme.LIGHT, "week"),
    ):
        assert chart.data[0].width == pytest.approx(0.8 * timedelta(weeks=1) / timedelta(milliseconds=1))


def test_a_single_bar_does_not_fill_the_chart() -> None:
    codes = pd.DataFrame({"period_start": [START], "code": "X", "tasks": 1, "partial": False})
    outcomes = pd.DataFrame({"period_start": [START], "failed": 1, "completed": 1, "n": 2, "partial": False})
    for chart in (
        codes_over_time(codes, Theme.LIGHT, {}, "week"),
        outcomes_over_time(outcomes, Theme.LIGHT, "week"),
    ):
        first, last = chart.layout.xaxis.range
        assert last - first >= 5 * timedelta(weeks=1)
        assert chart.data[0].width <= timedelta(weeks=1) / timedelta(milliseconds=1)
