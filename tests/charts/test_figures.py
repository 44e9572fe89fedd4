"""Figures are made from frames alone, start at zero, mark partial periods, and say what they show."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from bwp_client.charts import Theme, code_bars, code_colors, codes_over_time, failures_over_time, rate_over_time
from bwp_client.charts.codes import describe_codes
from bwp_client.charts.rates import describe_rates

START = datetime(2026, 3, 1, tzinfo=UTC)


def rates(count: int = 5) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "period_start": [START + timedelta(days=day) for day in range(count)],
            "failed": [4 + day for day in range(count)],
            "completed": [100] * count,
            "n": [104 + day for day in range(count)],
            "rate": [0.04 + day / 1000 for day in range(count)],
            "low": [0.02] * count,
            "high": [0.08] * count,
            "partial": [False] * (count - 1) + [True],
        }
    )
    frame.loc[1, ["rate", "low", "high"]] = None
    return frame


@pytest.mark.parametrize("theme", Theme)
def test_a_rate_chart_leaves_out_what_is_not_rated_and_hollows_what_is_partial(theme: Theme) -> None:
    chart = rate_over_time(rates(), theme, baseline=0.03)
    line = chart.data[2]
    assert len(line.y) == 4
    assert line.marker.color[-1] == "rgba(0,0,0,0)"
    assert chart.layout.yaxis.rangemode == "tozero"
    assert chart.data[3].y[0] == 0.03


def test_no_trace_has_more_than_two_thousand_points() -> None:
    chart = rate_over_time(rates(5000), Theme.LIGHT)
    assert max(len(trace.x) for trace in chart.data) <= 2000


def test_partial_bars_are_lighter() -> None:
    chart = failures_over_time(rates(), Theme.DARK)
    assert list(chart.data[0].marker.opacity) == [1.0, 1.0, 1.0, 1.0, 0.45]


def test_a_code_keeps_its_colour_whatever_else_is_shown() -> None:
    colors = code_colors(["A", "B", "C"])
    codes = pd.DataFrame({"code": ["B", "A"], "tasks": [3, 2], "share": [0.6, 0.4]})
    alone = pd.DataFrame({"code": ["A"], "tasks": [2], "share": [1.0]})
    assert code_bars(codes, Theme.LIGHT, colors).data[0].marker.color[0] == colors["A"]
    assert code_bars(alone, Theme.LIGHT, colors).data[0].marker.color[0] == colors["A"]


def test_rare_codes_are_stacked_together() -> None:
    frame = pd.DataFrame({"period_start": [START] * 12, "code": [f"C{n}" for n in range(12)], "tasks": range(1, 13)})
    chart = codes_over_time(frame, Theme.LIGHT, code_colors(frame["code"]))
    assert sum(sum(trace.y) for trace in chart.data) == sum(range(1, 13))
    assert "(other codes)" in [trace.name for trace in chart.data]


def test_charts_are_told_in_words() -> None:
    assert "from 4.0% to 4.4%" in describe_rates(rates(), "day")
    assert describe_rates(rates().head(0), "day") == "No day has enough outcomes to rate."
    codes = pd.DataFrame({"code": ["A"], "tasks": [2], "share": [1.0]})
    assert describe_codes(codes) == "Failed tasks by error code: A 2 (100%)."
