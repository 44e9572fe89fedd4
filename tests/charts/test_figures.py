"""Figures are made from frames alone, start at zero, mark partial periods, and say what they show."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from bwp_client.charts import (
    Theme,
    code_bars,
    code_colors,
    codes_over_time,
    contributions,
    outcomes_over_time,
    rate_over_time,
    rates_by_product,
)
from bwp_client.charts.codes import describe_codes
from bwp_client.charts.rate_descriptions import describe_outcomes, describe_products, describe_rates

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


def trace(chart: go.Figure, name: str) -> Any:
    (found,) = [item for item in chart.data if item.name == name]
    return found


@pytest.mark.parametrize("theme", Theme)
def test_a_rate_chart_breaks_at_periods_not_rated_and_hollows_partial_periods(theme: Theme) -> None:
    chart = rate_over_time(rates(), theme, baseline=0.03)
    line = trace(chart, "Failure rate")
    assert [y and round(y, 3) for y in line.y] == [0.04, None, 0.042, 0.043, 0.044]
    assert line.marker.color[-1] == "rgba(0,0,0,0)"
    assert chart.layout.yaxis.range[0] == 0
    assert trace(chart, "Period before").y[0] == 0.03


def test_a_period_with_too_few_outcomes_is_written_as_counts() -> None:
    counts = trace(rate_over_time(rates(), Theme.LIGHT), "Too few to rate")
    assert list(counts.text) == ["5/105"]
    assert list(counts.x) == [START + timedelta(days=1)]


def test_a_rate_chart_breaks_where_periods_are_missing() -> None:
    frame = rates(8).drop(index=[1, 4, 5]).reset_index(drop=True)
    frame.loc[0, ["rate", "low", "high"]] = [0.04, 0.02, 0.08]
    chart = rate_over_time(frame, Theme.LIGHT)
    assert [y is None for y in trace(chart, "Failure rate").y] == [False, True, False, False, True, False, False]


def test_the_interval_has_one_closed_outline_for_each_unbroken_stretch() -> None:
    ribbon = trace(rate_over_time(rates(), Theme.LIGHT), "95 % interval")
    assert list(ribbon.y) == [0.08, 0.02, None, 0.08, 0.08, 0.08, 0.02, 0.02, 0.02]
    assert ribbon.fill == "toself"


def test_nothing_rated_still_gives_a_chart_with_its_counts() -> None:
    frame = rates(3)
    frame[["rate", "low", "high"]] = None
    chart = rate_over_time(frame, Theme.LIGHT, baseline=None)
    assert len(trace(chart, "Too few to rate").x) == 3
    assert len(trace(chart, "Failure rate").x or ()) == 0


def test_no_trace_has_more_than_two_thousand_points() -> None:
    chart = rate_over_time(rates(5000), Theme.LIGHT)
    assert max(len(trace.x or ()) for trace in chart.data) <= 2000
    assert max(len(trace.x) for trace in outcomes_over_time(rates(5000), Theme.LIGHT).data) <= 2000


@pytest.mark.parametrize("days", [2, 10, 28, 71, 400])
def test_counts_beside_each_other_do_not_touch_on_a_phone(days: int) -> None:
    frame = rates(days).assign(failed=0, n=17, rate=float("nan"), low=float("nan"), high=float("nan"))
    chart = rate_over_time(frame, Theme.LIGHT)
    counts = next(trace for trace in chart.data if trace.name == "Too few to rate")
    written = [(start, text) for start, text in zip(counts.x, counts.text, strict=True) if text]
    pixels = 260 / (days - 1)
    ends = [((start - written[0][0]).days * pixels, len(text) * 6.2) for start, text in written]
    assert len(written) > 1
    assert all(second[0] - first[0] >= (first[1] + second[1]) / 2 for first, second in pairwise(ends))
    assert chart.layout.yaxis.showticklabels is False


def test_products_are_lines_with_their_names_and_intervals() -> None:
    chart = rates_by_product(
        {"a": rates(), "b": rates(3)}, {"a": "Shop <b>A</b>", "b": "Shop B"}.__getitem__, Theme.DARK
    )
    assert [line.name for line in chart.data] == ["Shop &lt;b&gt;A&lt;/b&gt;", "Shop B"]
    assert "customdata[2]" in chart.data[0].hovertemplate
    assert "Shop B: at most 4.2 %, in the week of 3 Mar 2026" in describe_products({"Shop B": rates(3)}, str, "week")


LONG = "Northstar Home and Garden of the north " + "x" * 20
ALIKE = {
    "equal names": ["Northstar", "Northstar", "Luma"],
    "alike in their beginnings": [f"{LONG} Berlin", f"{LONG} Hamburg", "Luma"],
    "alike in beginning and end": [f"{LONG} {middle} {'y' * 30}" for middle in "abc"],
}


@pytest.mark.parametrize("names", ALIKE.values(), ids=ALIKE)
def test_products_whose_names_look_alike_stay_apart(names: list[str]) -> None:
    name_of = dict(zip("abc", names, strict=True)).__getitem__
    lines = rates_by_product({"a": rates(), "b": rates(3), "c": rates(4)}, name_of, Theme.LIGHT).data
    assert len({line.name for line in lines}) == 3
    frame = pd.DataFrame({
        "part": "product", "business_product_id": list("abc"), "rate_effect": 0.1, "mix_effect": 0.1, "contribution": 0.2,
    })  # fmt: skip
    assert len(set(contributions(frame, name_of, Theme.LIGHT).data[0].y)) == 3
    codes = pd.DataFrame(
        {"code": [f"{index}{name}"[::-1] for index, name in enumerate(names)], "tasks": 2, "share": 0.3}
    )
    assert len(set(code_bars(codes, Theme.LIGHT, {}).data[0].y)) == 3


def test_markup_in_an_error_code_is_text_and_a_long_one_is_cut() -> None:
    codes = pd.DataFrame({"code": ["<a href='x'>&", "L" * 90], "tasks": [3, 2], "share": [0.6, 0.4]})
    shown = code_bars(codes, Theme.LIGHT, code_colors(codes["code"])).data[0].y
    assert shown[1] == "&lt;a href='x'&gt;&amp;"
    assert len(shown[0]) == 40


def test_outcomes_add_up_and_are_described() -> None:
    chart = outcomes_over_time(rates(), Theme.LIGHT)
    assert sum(trace(chart, "Failed").y) == 30
    assert sum(trace(chart, "Completed").y) == 500
    assert describe_outcomes(rates(), "day").startswith(
        "30 failed and 500 completed tasks; most failed in the day of 5 Mar"
    )


def test_templates_are_registered_and_do_not_change_the_default() -> None:
    assert {"bwp_light", "bwp_dark"} <= set(pio.templates)
    assert not str(pio.templates.default).startswith("bwp")


def test_partial_bars_are_lighter() -> None:
    chart = outcomes_over_time(rates(), Theme.DARK)
    assert list(chart.data[0].marker.opacity) == [1.0, 1.0, 1.0, 1.0, 0.45]


def test_a_code_has_the_same_colour_whatever_else_is_shown() -> None:
    colors = code_colors(["A", "B", "C"])
    codes = pd.DataFrame({"code": ["B", "A"], "tasks": [3, 2], "share": [0.6, 0.4]})
    alone = pd.DataFrame({"code": ["A"], "tasks": [2], "share": [1.0]})
    assert code_bars(codes, Theme.LIGHT, colors).data[0].marker.color[0] == colors["A"]
    assert code_bars(alone, Theme.LIGHT, colors).data[0].marker.color[0] == colors["A"]


def test_rare_codes_are_stacked_as_others() -> None:
    frame = pd.DataFrame({"period_start": [START] * 12, "code": [f"C{n}" for n in range(12)], "tasks": range(1, 13)})
    chart = codes_over_time(frame, Theme.LIGHT, code_colors(frame["code"]))
    assert sum(sum(trace.y) for trace in chart.data) == sum(range(1, 13))
    assert "(other codes)" in [trace.name for trace in chart.data]


def test_partial_periods_are_lighter_in_the_code_chart() -> None:
    frame = pd.DataFrame(
        {"period_start": [START, START + timedelta(days=1)], "code": "A", "tasks": [1, 2], "partial": [False, True]}
    )
    chart = codes_over_time(frame, Theme.LIGHT, code_colors(["A"]))
    assert list(chart.data[0].marker.opacity) == [1.0, 0.45]


def test_charts_are_described_in_words() -> None:
    assert "from 4.0 % to 4.4 %" in describe_rates(rates(), "day")
    assert describe_rates(rates().head(0), "day") == "No day has enough finished tasks to rate."
    codes = pd.DataFrame({"code": ["A"], "tasks": [2], "share": [1.0]})
    assert describe_codes(codes) == "Failed tasks by error code: A 2 (100 %)."


def test_each_hover_has_its_day_and_a_stacked_bar_its_total() -> None:
    by_hour = rates().assign(period_start=[START + timedelta(hours=hour) for hour in range(5)])
    for frame, expected in ((rates(), "%{x|%-d %b %Y}: "), (by_hour, "%{x|%-d %b %Y %H:%M}: ")):
        for chart in (rate_over_time(frame, Theme.LIGHT), outcomes_over_time(frame, Theme.LIGHT)):
            assert chart.layout.hovermode == "closest"
            shown = [item for item in chart.data if item.hoverinfo != "skip"]
            assert [item.hovertemplate.startswith(expected) for item in shown] == [True] * len(shown)
    failed = trace(outcomes_over_time(rates(), Theme.LIGHT), "Failed")
    assert failed.hovertemplate.endswith(": %{y:,} of %{customdata:,}")
    assert list(failed.customdata) == [104, 105, 106, 107, 108]
    codes = pd.DataFrame({"period_start": [START] * 2, "code": ["A", "B"], "tasks": [3, 1], "partial": [False] * 2})
    bars = trace(codes_over_time(codes, Theme.LIGHT, {}), "B")
    assert bars.hovertemplate.endswith(": %{y:,} of %{hovertext}")
    assert list(bars.hovertext) == ["4"]


def test_the_hover_of_the_period_before_has_its_own_date() -> None:
    before = rates().assign(period_start=rates()["period_start"] - timedelta(days=28))
    pale = trace(rate_over_time(rates(), Theme.LIGHT, before=before), "Period before")
    assert pale.hovertemplate.startswith("%{customdata[5]}, period before: %{y:.1%}")
    assert list(pale.x) == [START, None, *(START + timedelta(days=day) for day in (2, 3, 4))]
    dates = [values[5] for values in pale.customdata]
    assert dates == ["1 Feb 2026", "", "3 Feb 2026", "4 Feb 2026", "5 Feb 2026"]
    by_hour = rates().assign(period_start=[START + timedelta(hours=9 + hour) for hour in range(5)])
    before = by_hour.assign(period_start=by_hour["period_start"] - timedelta(hours=24))
    pale = trace(rate_over_time(by_hour, Theme.LIGHT, before=before), "Period before")
    assert pale.customdata[0][5] == "28 Feb 2026 09:00"


def test_the_day_stands_before_the_month_on_an_axis_of_days() -> None:
    stops = outcomes_over_time(rates(), Theme.LIGHT).layout.xaxis.tickformatstops
    assert [stop.value.replace("\n", " ") for stop in stops] == ["%H:%M %-d %b %Y", "%-d %b %Y", "%b %Y", "%Y"]
