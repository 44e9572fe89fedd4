"""Figures of what changed, since when, at which hours and how long."""

import pandas as pd
import pytest

from bwp_client.charts import Theme, contributions, rate_with_changes, time_to_outcome, weekday_hour
from bwp_client.charts.rates import rate_over_time
from bwp_client.charts.trends import describe_changes, describe_contributions, describe_hours

WEEKS = pd.date_range("2026-03-02", periods=10, freq="7D", tz="UTC")
RATES = pd.DataFrame(
    {
        "period_start": WEEKS, "failed": 5, "completed": 95, "n": 100, "rate": 0.05, "low": 0.02, "high": 0.11,
        "partial": False,
    }
)  # fmt: skip
CHANGES = pd.DataFrame(
    {
        "changed_at": [WEEKS[4], WEEKS[5]], "direction": ["up", "down"], "before_from": [WEEKS[0], WEEKS[4]],
        "before_rate": [0.05, 0.2], "after_rate": [0.2, 0.04], "after_to": [WEEKS[5], WEEKS[9]],
    }
)  # fmt: skip


@pytest.mark.parametrize("theme", Theme)
def test_levels_reach_from_change_to_change_and_each_day_is_named(theme: Theme) -> None:
    chart = rate_with_changes(RATES, CHANGES, theme)
    level = chart.data[-1]
    assert [value for value in level.y if value is not None] == [0.05, 0.05, 0.2, 0.2, 0.04, 0.04]
    assert level.hovertemplate.startswith("%{x|%-d %b %Y}: level ")
    assert [note.text for note in chart.layout.annotations] == ["30 Mar ↑", "6 Apr ↓"]
    assert chart.layout.annotations[1].yshift > chart.layout.annotations[0].yshift
    assert len(chart.layout.shapes) == 2
    assert "30 Mar 2026: from 5.0 % to 20.0 %" in describe_changes(CHANGES)


def test_without_changes_there_is_no_level() -> None:
    chart = rate_with_changes(RATES, CHANGES.head(0), Theme.LIGHT)
    assert not chart.data[-1].y
    assert describe_changes(CHANGES.head(0)) == "No change found."


def test_periods_outside_the_baseline_get_a_diamond() -> None:
    marks = pd.Series(["", "above"] + [""] * 8, index=RATES.index)
    chart = rate_over_time(RATES, Theme.LIGHT, baseline=0.01, outside=marks)
    (diamonds,) = [trace for trace in chart.data if trace.name == "Outside the baseline"]
    assert list(diamonds.x) == [WEEKS[1].to_pydatetime()]


def test_contributions_are_points_of_the_rate_largest_on_top() -> None:
    frame = pd.DataFrame(
        {
            "part": ["product", "product", "code_set"], "business_product_id": ["a", "<b>", None],
            "rate_effect": [0.01, -0.03, None], "mix_effect": [0.002, 0.0, None], "contribution": [0.012, -0.03, -0.018],
        }
    )  # fmt: skip
    chart = contributions(frame, str.upper, Theme.DARK)
    rate, mix = chart.data
    assert list(rate.y) == ["A", "&lt;B&gt;"]
    assert list(rate.x) == pytest.approx([1.0, -3.0])
    assert list(mix.customdata) == ["a", "<b>"]
    assert describe_contributions(frame, str) == (
        "a +1.20 points (rate +1.00, mix +0.20); <b> -3.00 points (rate -3.00, mix +0.00)."
    )


def test_weekday_and_hour_is_a_week_of_cells_empty_where_too_few() -> None:
    frame = pd.DataFrame(
        {
            "weekday": [1, 7],
            "hour": [0, 23],
            "failed": [5, 1],
            "n": [50, 4],
            "rate": [0.1, None],
            "low": 0.0,
            "high": 0.2,
        }
    )
    (cells,) = weekday_hour(frame, Theme.LIGHT).data
    assert (len(cells.z), len(cells.z[0])) == (7, 24)
    assert cells.z[0][0] == 0.1
    assert cells.z[6][23] is None
    assert cells.text[6][23] == "1 of 4 failed"
    assert "highest on Mon 0:00 UTC with 10.0 %" in describe_hours(frame)


@pytest.mark.parametrize(("seconds", "unit", "value"), [(3 * 86_400, "Days", 3.0), (7_200, "Hours", 2.0)])
def test_times_are_in_days_or_hours(seconds: float, unit: str, value: float) -> None:
    frame = pd.DataFrame(
        {
            "period_start": [None, *WEEKS[:2]], "outcome": "FAILED", "tasks": 40, "median_seconds": float(seconds),
            "p90_seconds": float(seconds), "p99_seconds": None,
        }
    )  # fmt: skip
    chart = time_to_outcome(frame, Theme.LIGHT, outcome="FAILED")
    assert [trace.name for trace in chart.data] == ["Median", "90th percentile"]
    assert list(chart.data[0].y) == [value, value]
    assert chart.layout.yaxis.title.text == unit


def boxes(chart: object, first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[float, float, float]]:
    """Return the left and right end of each label of a day on a phone, in pixels, and its height."""
    found = []
    for note in chart.layout.annotations:  # type: ignore[attr-defined]
        x, width = 260 * ((pd.Timestamp(note.x) - first) / (last - first)), 6.2 * len(note.text)
        left = x - width if note.xanchor == "right" else x
        found.append((left, left + width, note.yshift or 0))
    return found


@pytest.mark.parametrize("weeks", [(4, 5), (1, 2, 3), (0, 4, 8, 9), (9,), (5, 7, 8)])
def test_labels_of_changes_do_not_touch_and_are_not_cut_on_a_phone(weeks: tuple[int, ...]) -> None:
    days = [WEEKS[week] for week in weeks]
    changes = pd.DataFrame(
        {
            "changed_at": days, "direction": "up", "before_from": WEEKS[0], "before_rate": 0.05, "after_rate": 0.2,
            "after_to": WEEKS[9],
        }
    )  # fmt: skip
    of_page = {day.to_pydatetime(): f"{day.day} {day:%b}: down" for day in days}
    for chart in (
        rate_with_changes(RATES, changes, Theme.LIGHT),
        rate_over_time(RATES.assign(rate=float("nan")), Theme.LIGHT, changes=of_page),
    ):
        found = boxes(chart, WEEKS[0], WEEKS[9])
        assert len(found) == len(weeks)
        assert all(right <= 260 for _, right, _ in found)
        for index, (left, right, height) in enumerate(found):
            for other_left, other_right, other_height in found[:index]:
                assert height != other_height or left >= other_right or right <= other_left
        assert chart.layout.margin.t >= 16 + max(height for *_, height in found)


def test_counts_at_the_edges_of_the_chart_are_written_inwards() -> None:
    frame = RATES.assign(n=13, failed=1, rate=float("nan"), low=float("nan"), high=float("nan"))
    (counts,) = [trace for trace in rate_over_time(frame, Theme.LIGHT).data if trace.name == "Too few to rate"]
    assert counts.textposition[0] == "top right"
    assert set(counts.textposition[1:-1]) == {"top center"}
    assert counts.textposition[-1] == "top left"
