"""Charts of changes: change points, contributions, weekday and hour, time to outcome."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.change_labels import add_change_labels
from bwp_client.charts.rates import rate_over_time
from bwp_client.charts.theme import (
    FAILED,
    MAX_POINTS,
    PALETTE,
    Theme,
    empty_figure,
    hover_day,
    ink,
    labels,
    name_bars,
)
from bwp_client.metrics.wording import day, percent, short_day

MAX_PRODUCTS = 12
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_SECONDS, _HOUR_SECONDS = 86_400, 3_600
_LOW_TO_HIGH = {
    Theme.LIGHT: [[0, "#fdeee3"], [0.5, "#eb9a5f"], [1, "#8a3a00"]],
    Theme.DARK: [[0, "#33251c"], [0.5, "#b5561b"], [1, "#ffc9a3"]],
}


def rate_with_changes(frame: pd.DataFrame, changes: pd.DataFrame, theme: Theme) -> go.Figure:
    """Draw the failure rate, its level between two change points as a line, and a label at each change point.

    Args:
        frame: A `failure_rate` frame; see `rate_over_time`.
        changes: A `change_points` frame: `changed_at`, `before_from`, `after_to` (datetime64[us, UTC]), `before_rate`,
            `after_rate` (float64), `direction` (`up` or `down`).
        theme: Light or dark.
    """
    chart = rate_over_time(frame, theme)
    x: list[pd.Timestamp | None] = []
    y: list[float | None] = []
    for index, row in enumerate(changes.to_dict("records")):
        if index == 0:
            x += [row["before_from"], row["changed_at"], None]
            y += [row["before_rate"], row["before_rate"], None]
        x += [row["changed_at"], row["after_to"], None]
        y += [row["after_rate"], row["after_rate"], None]
    texts = {
        row["changed_at"]: f"{short_day(row['changed_at'])} {'↑' if row['direction'] == 'up' else '↓'}"
        for row in changes.to_dict("records")
    }
    add_change_labels(chart, texts, list(frame["period_start"]), theme)
    chart.add_scatter(
        x=x, y=y, mode="lines", line={"color": ink(theme), "width": 2}, name="Level between changes",
        hovertemplate=f"{hover_day(changes['changed_at'])}: level %{{y:.1%}}<extra></extra>",
    )  # fmt: skip
    return chart


def contributions(frame: pd.DataFrame, name_of: Callable[[str], str], theme: Theme) -> go.Figure:
    """Draw how many percentage points each product moved the failure rate, by its own rate and by its share of outcomes.

    The products that moved it least are summed up.

    Args:
        frame: A `contributors` frame: `part`, `business_product_id` (str), `rate_effect`, `mix_effect`, `contribution`
            (float64).
        name_of: Returns a product's name.
        theme: Light or dark.
    """
    every = frame[(frame["part"] == "product") & frame["contribution"].notna()]
    every = every.reindex(every["contribution"].abs().sort_values(ascending=False).index)
    named = every if len(every) <= MAX_PRODUCTS else every.head(MAX_PRODUCTS - 1)
    rest, products = every.iloc[len(named) :], list(named["business_product_id"])
    names = labels([name_of(product) for product in products])
    if len(rest):
        names, products = [*names, f"({len(rest)} other products)"], [*products, ""]
    chart = empty_figure(theme, y_title="", legend=True)
    for column, name, color in (("rate_effect", "Rate", FAILED), ("mix_effect", "Mix", PALETTE[3])):
        values = [*named[column], *([rest[column].sum()] if len(rest) else [])]
        chart.add_bar(
            x=[value * 100 for value in reversed(values)],
            y=names[::-1],
            orientation="h",
            name=name,
            marker={"color": color, "pattern": {"shape": "/" if column == "mix_effect" else ""}},
            customdata=products[::-1],
            hovertemplate="%{x:+.2f} points",
        )
    chart.update_layout(barmode="relative", hovermode="y unified")
    chart.update_xaxes(title={"text": "Percentage points"}, showgrid=True, zeroline=True)
    name_bars(chart, names[::-1], theme)
    return chart


def weekday_hour(frame: pd.DataFrame, theme: Theme) -> go.Figure:
    """Draw the failure rate by weekday and hour as a heat map; cells with too few outcomes stay empty.

    Args:
        frame: A `weekday_hour` frame: `weekday` (1 is Monday), `hour`, `failed`, `n` (int64), `rate` (float64).
        theme: Light or dark.
    """
    cells = {(row["weekday"], row["hour"]): row for row in frame.to_dict("records")}
    rows = [[cells.get((weekday, hour)) for hour in range(24)] for weekday in range(1, 8)]
    chart = empty_figure(theme, y_title="", height=300)
    chart.add_heatmap(
        x=list(range(24)),
        y=list(WEEKDAYS),
        z=[[cell["rate"] if cell and pd.notna(cell["rate"]) else None for cell in row] for row in rows],
        text=[
            [f"{cell['failed']:,} of {cell['n']:,} failed" if cell else "no outcome" for cell in row] for row in rows
        ],
        colorscale=_LOW_TO_HIGH[theme],
        zmin=0,
        xgap=1,
        ygap=1,
        hoverongaps=False,
        colorbar={"tickformat": ".0%", "thickness": 12, "title": {"text": ""}},
        hovertemplate="%{y} %{x}:00 UTC: %{z:.1%}, %{text}<extra></extra>",
    )
    chart.update_layout(hovermode="closest")
    chart.update_xaxes(title={"text": "Hour (UTC)"}, dtick=3)
    chart.update_yaxes(autorange="reversed", rangemode="normal", showgrid=False)
    return chart


def time_to_outcome(frame: pd.DataFrame, theme: Theme, *, outcome: str) -> go.Figure:
    """Draw the median, the 90th and the 99th percentile of the time to an outcome, in hours or days.

    Args:
        frame: A `time_to_outcome` frame: `period_start` (datetime64[us, UTC]), `outcome` (str), `tasks` (int64),
            `median_seconds`, `p90_seconds`, `p99_seconds` (float64).
        theme: Light or dark.
        outcome: `FAILED` or `COMPLETED`.
    """
    shown = frame[(frame["outcome"] == outcome) & frame["period_start"].notna()].tail(MAX_POINTS)
    top = shown[["median_seconds", "p90_seconds", "p99_seconds"]].max().max()
    unit, seconds = ("days", _DAY_SECONDS) if pd.notna(top) and top >= 2 * _DAY_SECONDS else ("hours", _HOUR_SECONDS)
    chart = empty_figure(theme, y_title=unit.capitalize(), legend=True)
    for column, name, color, dash in (
        ("median_seconds", "Median", PALETTE[0], "solid"),
        ("p90_seconds", "90th percentile", PALETTE[1], "dash"),
        ("p99_seconds", "99th percentile", PALETTE[3], "dot"),
    ):
        if shown[column].isna().all():
            continue
        chart.add_scatter(
            x=list(shown["period_start"]),
            y=[None if pd.isna(value) else value / seconds for value in shown[column]],
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": dash},
            name=name,
            customdata=list(shown["tasks"]),
            hovertemplate=f"%{{y:.1f}} {unit}, n %{{customdata:,}}",
        )
    return chart


def describe_contributions(frame: pd.DataFrame, name_of: Callable[[str], str]) -> str:
    """Return the text alternative of `contributions`: the six products that contribute most.

    Args:
        frame: A `contributors` frame.
        name_of: Returns a product's name.
    """
    shown = frame[(frame["part"] == "product") & frame["contribution"].notna()].head(6)
    if shown.empty:
        return "Too few finished tasks to compare."
    return "; ".join(
        f"{name_of(row['business_product_id'])} {row['contribution'] * 100:+.2f} points "
        f"(rate {row['rate_effect'] * 100:+.2f}, mix {row['mix_effect'] * 100:+.2f})"
        for row in shown.to_dict("records")
    ) + "."  # fmt: skip


def describe_changes(changes: pd.DataFrame) -> str:
    """Return the text alternative of a chart with changes: the day of each, and the rates before and after.

    Args:
        changes: A `change_points` frame.
    """
    if changes.empty:
        return "No change found."
    return "; ".join(
        f"{day(row['changed_at'])}: from {percent(row['before_rate'])} to {percent(row['after_rate'])}"
        for row in changes.to_dict("records")
    ) + "."  # fmt: skip


def describe_hours(frame: pd.DataFrame) -> str:
    """Return the text alternative of `weekday_hour`: the cells with the highest and the lowest rate.

    Args:
        frame: A `weekday_hour` frame.
    """
    rated = frame[frame["rate"].notna()]
    if rated.empty:
        return "No weekday and hour has enough finished tasks to rate."
    top = rated.sort_values("rate", ascending=False).iloc[0]
    return (
        f"Failure rate by weekday and hour: highest on {WEEKDAYS[int(top['weekday']) - 1]} {int(top['hour'])}:00 UTC with "
        f"{percent(top['rate'])}, lowest {percent(rated['rate'].min())}; {len(rated)} of 168 cells rated."
    )
