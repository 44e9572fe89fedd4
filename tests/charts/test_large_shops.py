"""Charts of 60 products and 40 codes: the largest are named, the others are summed up, and no colour stands for two."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from bwp_client.charts import Theme, code_bars, code_colors, codes_over_time, contributions, failure_dots
from bwp_client.charts.theme import PALETTE

START = datetime(2026, 3, 2, tzinfo=UTC)
CODES = [f"REASON_NUMBER_{n:02}_OF_A_LONG_NAME" for n in range(40)]
COLORS = code_colors(reversed(CODES))


def by_code() -> pd.DataFrame:
    tasks = pd.Series(range(200, 0, -5))
    return pd.DataFrame({"code": CODES, "tasks": tasks, "share": tasks / 4100})


def over_time() -> pd.DataFrame:
    rows = [
        {"period_start": START + timedelta(days=day), "code": code, "tasks": 40 - number, "partial": False}
        for day in range(5)
        for number, code in enumerate(CODES)
    ]
    return pd.DataFrame(rows)


def test_no_two_codes_of_a_chart_share_a_colour_and_both_charts_agree() -> None:
    (bars,) = code_bars(by_code(), Theme.LIGHT, COLORS).data
    of_bars = dict(zip(bars.customdata, bars.marker.color, strict=True))
    stacked = {
        trace.customdata[0]: trace.marker.color for trace in codes_over_time(over_time(), Theme.LIGHT, COLORS).data
    }
    named = [color for color in of_bars.values() if color in PALETTE]
    assert len(set(named)) == len(named) == 8
    assert {code: of_bars[code] for code in CODES[:8]} == {code: stacked[code] for code in CODES[:8]}


def test_the_bars_of_the_rarest_codes_are_summed_up() -> None:
    (bars,) = code_bars(by_code(), Theme.LIGHT, COLORS).data
    assert len(bars.x) == 20
    assert bars.y[0] == "(21 other codes)"
    assert sum(bars.x) == sum(range(200, 0, -5))


def test_the_sum_of_others_is_no_code_that_a_click_could_open() -> None:
    (bars,) = code_bars(by_code(), Theme.LIGHT, COLORS).data
    assert bars.customdata[0] == ""
    (others,) = [trace for trace in codes_over_time(over_time(), Theme.LIGHT, COLORS).data if "other" in trace.name]
    assert set(others.customdata) == {""}


def products(count: int) -> pd.DataFrame:
    effects = pd.Series([(-1) ** n * (n + 1) / 10_000 for n in range(count)])
    return pd.DataFrame(
        {
            "part": "product", "business_product_id": [f"p{n}" for n in range(count)], "rate_effect": effects,
            "mix_effect": effects / 2, "contribution": effects * 1.5,
        }
    )  # fmt: skip


def test_the_contributions_of_the_other_products_are_summed_up_and_all_add_up_to_the_change() -> None:
    frame = products(60)
    rate, mix = contributions(frame, str.upper, Theme.LIGHT).data
    assert rate.y[0] == "(49 other products)"
    assert rate.customdata[0] == ""
    assert len(rate.y) == 12
    assert sum(rate.x) + sum(mix.x) == pytest.approx(frame["contribution"].sum() * 100)
    assert "(1 other" not in str(contributions(products(12), str.upper, Theme.LIGHT).data[0].y)


def test_names_stand_above_their_bars_so_that_a_phone_shows_them_whole() -> None:
    for chart in (code_bars(by_code(), Theme.LIGHT, COLORS), contributions(products(60), str.upper, Theme.LIGHT)):
        assert chart.layout.yaxis.showticklabels is False
        names = [note.text for note in chart.layout.annotations]
        assert names == list(chart.data[0].y)
        assert all(note.xanchor == "left" and note.yshift > 0 for note in chart.layout.annotations)


def test_a_legend_of_many_names_gets_room_of_its_own() -> None:
    few = over_time()[lambda frame: frame["code"].isin(CODES[:2])]
    heights = [codes_over_time(frame, Theme.LIGHT, COLORS).layout.height for frame in (few, over_time())]
    assert heights[1] >= heights[0] + 80


def test_the_dots_of_a_code_have_the_colour_that_no_other_row_has() -> None:
    tasks = pd.DataFrame(
        {
            "failed_at": pd.to_datetime([START] * 8, utc=True), "business_product_id": "p", "code_set": CODES[:8],
            "row": [CODES[0], CODES[8], *CODES[1:7]],
        }
    )  # fmt: skip
    rows = {row: row for row in tasks["row"]}
    chart = failure_dots(tasks, rows, str, Theme.LIGHT, period=(START, START + timedelta(days=9)), colors=COLORS)
    assert len({trace.marker.color for trace in chart.data}) == 8


@pytest.mark.parametrize("weeks", [1, 2, 7, 8, 13, 14])
def test_the_days_of_weeks_are_few_enough_to_stand_level_on_a_phone(weeks: int) -> None:
    frame = over_time().head(40)
    frame = pd.concat([frame.assign(period_start=START + timedelta(weeks=week)) for week in range(weeks)])
    ticks = codes_over_time(frame, Theme.LIGHT, COLORS, "week").layout.xaxis.tickvals
    assert 1 <= len(ticks) <= 7
    assert ticks[0] == START
    assert len(ticks) == weeks if weeks <= 7 else len(ticks) >= 4
