"""Rates laid over each other: by the day of the period or by date, each line in its own colour, names that never touch."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest

from bwp_client.charts import Theme, compared_rates
from bwp_client.charts.rate_descriptions import describe_compared

START = datetime(2026, 3, 2, tzinfo=UTC)


def rates(start: datetime = START, count: int = 4, rate: float = 0.05) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "period_start": pd.to_datetime([start + timedelta(days=day) for day in range(count)], utc=True),
            "failed": [5] * count, "completed": [95] * count, "n": [100] * count,
            "rate": [rate] * count, "low": [rate / 2] * count, "high": [rate * 2] * count,
            "partial": [day == count - 1 for day in range(count)],
        }
    )  # fmt: skip


def by_position(start: datetime, rate: float = 0.05) -> pd.DataFrame:
    return rates(start, rate=rate).assign(position=[1, 2, 3, 4])


def lines(chart: object) -> list:
    return [trace for trace in chart.data if trace.mode == "lines+markers"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("theme", Theme)
def test_periods_lie_over_each_other_and_the_hover_has_their_days(theme: Theme) -> None:
    frames = {"This period": by_position(START), "Period before": by_position(START - timedelta(days=4), rate=0.03)}
    chart = compared_rates(frames, theme, "day")
    this, before = lines(chart)
    assert list(this.x) == list(before.x) == [1, 2, 3, 4]
    assert list(before.y) == [0.03] * 4
    assert tuple(this.customdata[1]) == (5, 100, 0.025, 0.1, "", "Day 2: 3 Mar 2026", "This period")
    assert before.customdata[1][5] == "Day 2: 27 Feb 2026"
    assert this.line.color != before.line.color
    assert chart.layout.xaxis.title.text == "Day of the period"
    assert [trace.fill for trace in chart.data].count("toself") == 2


def test_products_share_the_dates_and_an_unrated_week_is_a_gap() -> None:
    rated = rates()
    rated.loc[1, ["rate", "low", "high"]] = None
    first, second, empty = lines(
        compared_rates({"A": rated, "B": rates(rate=0.1), "C": rates(count=0)}, Theme.LIGHT, "week")
    )
    assert list(first.x) == [START, None, START + timedelta(days=2), START + timedelta(days=3)]
    assert first.customdata[0][5] == "week from 2 Mar 2026"
    assert len(second.x) == 4
    assert not len(empty.x)


def test_every_line_has_its_own_colour_mark_and_label_and_the_labels_do_not_touch() -> None:
    frames = {f"Shop {n}": rates(rate=0.05 + n / 10_000) for n in range(6)}
    chart = compared_rates(frames, Theme.DARK, "day")
    assert len({trace.line.color for trace in lines(chart)}) == 6
    assert len({trace.marker.symbol for trace in lines(chart)}) == 6
    assert not chart.layout.showlegend
    height = chart.layout.height - chart.layout.margin.t - chart.layout.margin.b
    pixels = sorted(note.y * height for note in chart.layout.annotations)
    assert len(pixels) == 6
    assert all(after - before >= 16 for before, after in pairwise(pixels))
    assert pixels[0] >= 0
    assert pixels[-1] <= height


def test_long_names_are_in_a_legend_and_markup_in_them_is_text() -> None:
    frames = {"<b>Northlight Toys of a long name</b>": rates(), "Luma": rates()}
    chart = compared_rates(frames, Theme.LIGHT, "day")
    assert chart.layout.showlegend
    assert not chart.layout.annotations
    assert lines(chart)[0].name.startswith("&lt;b&gt;")
    assert lines(chart)[0].customdata[0][6].startswith("&lt;b&gt;")


def test_the_text_alternative_has_the_sentence_and_each_line() -> None:
    text = describe_compared({"A": rates(), "B": rates(count=0)}, "5 % against 3 %: higher.", "day")
    assert text == (
        "5 % against 3 %: higher. A: from 5.0 % to 5.0 % by day; B: no day has enough finished tasks to rate."
    )
