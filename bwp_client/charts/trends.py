"""What changed, since when, at which hours, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.rates import rate_over_time
from bwp_client.charts.theme import FAILED, MAX_POINTS, PALETTE, Theme, figure, ink, label, muted

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_SECONDS, _HOUR_SECONDS = 86_400, 3_600
_LOW_TO_HIGH = {
    Theme.LIGHT: [[0, "#fdeee3"], [0.5, "#eb9a5f"], [1, "#8a3a00"]],
    Theme.DARK: [[0, "#33251c"], [0.5, "#b5561b"], [1, "#ffc9a3"]],
}


def rate_with_changes(frame: pd.DataFrame, changes: pd.DataFrame, theme: Theme) -> go.Figure:
    """Draw the failure rate with a level line for each stretch between changes, and the days of the changes.

    Args:
        frame: A `failure_rate` frame.
        changes: A `change_points` frame.
        theme: Light or dark.
    """
    chart = rate_over_time(frame, theme)
    x: list[pd.Timestamp | None] = []
    y: list[float | None] = []
    for place, row in enumerate(changes.to_dict("records")):
        # Names of days near each other stand above each other.
        near = (changes["changed_at"].iloc[:place] > row["changed_at"] - _room(frame)).sum()
        if place == 0:
            x += [row["before_from"], row["changed_at"], None]
            y += [row["before_rate"], row["before_rate"], None]
        x += [row["changed_at"], row["after_to"], None]
        y += [row["after_rate"], row["after_rate"], None]
        chart.add_vline(x=row["changed_at"], line={"color": muted(theme), "width": 1, "dash": "dash"})
        chart.add_annotation(
            x=row["changed_at"], y=1, yref="paper", yanchor="bottom", showarrow=False, xanchor="left", yshift=14 * int(near),
            text=f"{row['changed_at'].day} {row['changed_at']:%b} {'↑' if row['direction'] == 'up' else '↓'}",
            font={"size": 12, "color": ink(theme)},
        )  # fmt: skip
    chart.add_scatter(
        x=x, y=y, mode="lines", line={"color": ink(theme), "width": 2}, hovertemplate="level %{y:.1%}<extra></extra>",
        name="Level between changes",
    )  # fmt: skip
    chart.update_layout(margin={"t": 30 + 14 * min(len(changes), 4)})
    return chart


def _room(frame: pd.DataFrame) -> pd.Timedelta:
    """Give how much time a day's name takes up."""
    room: pd.Timedelta = (frame["period_start"].max() - frame["period_start"].min()) / 8
    return room


def contributions(frame: pd.DataFrame, name_of: Callable[[str], str], theme: Theme) -> go.Figure:
    """Draw how much each product moved the failure rate, by its own rate and by its share of all outcomes.

    Args:
        frame: A `contributors` frame.
        name_of: Gives a product's name.
        theme: Light or dark.
    """
    shown = frame[(frame["part"] == "product") & frame["contribution"].notna()]
    shown = shown.reindex(shown["contribution"].abs().sort_values().index).tail(12)
    chart = figure(theme, y_title="", height=110 + 34 * max(len(shown), 1), legend=True)
    names = [label(name_of(product)) for product in shown["business_product_id"]]
    for column, name, color in (("rate_effect", "Rate", FAILED), ("mix_effect", "Mix", PALETTE[3])):
        chart.add_bar(
            x=[value * 100 for value in shown[column]],
            y=names,
            orientation="h",
            name=name,
            marker={"color": color, "pattern": {"shape": "/" if column == "mix_effect" else ""}},
            customdata=list(shown["business_product_id"]),
            hovertemplate="%{x:+.2f} points",
        )
    chart.update_layout(barmode="relative", hovermode="y unified")
    chart.update_xaxes(title={"text": "Percentage points"}, showgrid=True, zeroline=True)
    chart.update_yaxes(showgrid=False, rangemode="normal", type="category")
    return chart


def weekday_hour(frame: pd.DataFrame, theme: Theme) -> go.Figure:
    """Draw the failure rate by weekday and hour; cells with too few outcomes stay empty.

    Args:
        frame: A `weekday_hour` frame.
        theme: Light or dark.
    """
    cells = {(row["weekday"], row["hour"]): row for row in frame.to_dict("records")}
    rows = [[cells.get((weekday, hour)) for hour in range(24)] for weekday in range(1, 8)]
    chart = figure(theme, y_title="", height=300)
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
    """Draw median, 90th and 99th percentile of the time to one outcome, in hours or days.

    Args:
        frame: A `time_to_outcome` frame.
        theme: Light or dark.
        outcome: `FAILED` or `COMPLETED`.
    """
    shown = frame[(frame["outcome"] == outcome) & frame["period_start"].notna()].tail(MAX_POINTS)
    top = shown[["median_seconds", "p90_seconds", "p99_seconds"]].max().max()
    unit, seconds = ("days", _DAY_SECONDS) if pd.notna(top) and top >= 2 * _DAY_SECONDS else ("hours", _HOUR_SECONDS)
    chart = figure(theme, y_title=unit.capitalize(), legend=True)
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
    """Say in words what each product adds to the change."""
    shown = frame[(frame["part"] == "product") & frame["contribution"].notna()].head(6)
    if shown.empty:
        return "Too few outcomes to compare."
    return "; ".join(
        f"{name_of(row['business_product_id'])} {row['contribution'] * 100:+.2f} points "
        f"(rate {row['rate_effect'] * 100:+.2f}, mix {row['mix_effect'] * 100:+.2f})"
        for row in shown.to_dict("records")
    ) + "."  # fmt: skip


def describe_changes(changes: pd.DataFrame) -> str:
    """Say in words when the rate changed."""
    if changes.empty:
        return "No change found."
    return "; ".join(
        f"{row['changed_at']:%d %b %Y}: from {row['before_rate']:.1%} to {row['after_rate']:.1%}"
        for row in changes.to_dict("records")
    ) + "."  # fmt: skip


def describe_hours(frame: pd.DataFrame) -> str:
    """Say in words which hours fail most."""
    rated = frame[frame["rate"].notna()]
    if rated.empty:
        return "No weekday and hour has enough outcomes to rate."
    top = rated.sort_values("rate", ascending=False).iloc[0]
    return (
        f"Failure rate by weekday and hour: highest on {WEEKDAYS[int(top['weekday']) - 1]} {int(top['hour'])}:00 UTC with "
        f"{top['rate']:.1%}, lowest {rated['rate'].min():.1%}; {len(rated)} of 168 cells rated."
    )
