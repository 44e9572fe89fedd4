"""Rates that are compared: by the number of the bucket in the period, and in words."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from support.shop import Task, shop_of

from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.metrics.compared_rates import (
    ComparedRate,
    comparison_rows,
    comparison_sentence,
    other_period,
    overlap,
    rate_by_position,
)
from bwp_client.metrics.extent import NO_DATA, SelectedData

START = datetime(2026, 3, 4, tzinfo=UTC)  # a Wednesday
FILTERS = Filters(START, START + timedelta(days=17))


def item(name: str, failed: int, n: int, reason: str | None = None) -> ComparedRate:
    low, high = proportion_confint(failed, n, method="wilson") if n >= 20 else (None, None)
    whole = {"failed": failed, "n": n, "rate": failed / n if n >= 20 else None, "low": low, "high": high}
    return ComparedRate(name, f"at {name}", FILTERS, whole, pd.DataFrame(), reason)


@pytest.fixture(scope="module")
def by_week(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return the rates of 17 days by week of the period: 30 tasks a day, of which 3 failed in the second week."""
    tasks = [
        Task(
            f"t-{day}-{n}",
            "FAILED" if 7 <= day < 14 and n < 3 else "COMPLETED",
            START + timedelta(days=day, hours=n % 24),
        )
        for day in range(17)
        for n in range(30)
    ]
    snapshot = shop_of(tmp_path_factory.mktemp("shop"), tasks)
    data = SelectedData.of(snapshot, FILTERS)
    return rate_by_position(
        lambda bucket: run_metric(snapshot, MetricName.FAILURE_RATE, FILTERS, bucket=bucket),
        FILTERS, Bucket.WEEK, data, 20,
    )  # fmt: skip


def test_weeks_are_those_of_the_period_on_whatever_day_it_begins(by_week: pd.DataFrame) -> None:
    assert by_week["position"].tolist() == [1, 2, 3]
    assert by_week["period_start"].tolist() == [START, START + timedelta(days=7), START + timedelta(days=14)]
    assert by_week["failed"].tolist() == [0, 21, 0]
    assert by_week["n"].tolist() == [210, 210, 90]
    low, high = proportion_confint(21, 210, method="wilson")
    assert by_week.loc[1, ["rate", "low", "high"]].tolist() == pytest.approx([0.1, low, high])


def test_a_week_that_the_period_cuts_is_partial(by_week: pd.DataFrame) -> None:
    assert by_week["partial"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("bucket", "starts", "positions"),
    [
        (Bucket.DAY, ["2026-03-04", "2026-03-06"], [1, 3]),
        (Bucket.HOUR, ["2026-03-04T00:00", "2026-03-05T01:00"], [1, 26]),
        (Bucket.MONTH, ["2026-03-01", "2027-02-01"], [1, 12]),
    ],
)
def test_a_bucket_has_its_number_in_the_period(bucket: Bucket, starts: list[str], positions: list[int]) -> None:
    frame = pd.DataFrame({"period_start": pd.to_datetime(starts, utc=True)})
    found = rate_by_position(lambda _: frame, FILTERS, bucket, NO_DATA, 20)
    assert found["position"].tolist() == positions


def test_two_rates_are_compared_in_a_sentence() -> None:
    assert comparison_sentence([item("Luma", 60, 1000), item("Fir", 37, 1000)]) == (
        "6.0 % of tasks failed at Luma, against 3.7 % at Fir: higher."
    )
    assert comparison_sentence([item("Luma", 60, 1000), item("Fir", 3, 12)]) == (
        "6.0 % of tasks failed at Luma, against 3 of 12 at Fir: too few to compare."
    )
    assert comparison_sentence([item("Luma", 3, 12), item("Fir", 0, 0)]) == (
        "3 of 12 tasks failed at Luma, against none at Fir: too few to compare."
    )
    assert comparison_sentence([item("Luma", 0, 0), item("Fir", 60, 1000)]).startswith(
        "No task ended at Luma, against 6.0 %"
    )
    assert comparison_sentence([item("Luma", 60, 1000), item("Fir", 0, 0, "the data begin on 3 Mar 2026")]) == (
        "6.0 % of tasks failed at Luma, none at Fir: not compared, because the data begin on 3 Mar 2026."
    )


def test_several_rates_are_compared_with_the_first() -> None:
    others = [item("A", 10, 1000), item("B", 150, 1000), item("C", 61, 1000), item("D", 1, 4), item("E", 2, 900)]
    assert comparison_sentence([item("Luma", 60, 1000), *others]) == (
        "6.0 % of tasks failed at Luma: higher than A and E, lower than B, no clear change from C, "
        "too few to compare with D."
    )


def test_the_rows_have_newcombes_interval_of_the_first_against_each() -> None:
    rows = comparison_rows([item("Luma", 60, 1000), item("Fir", 37, 1000), item("D", 1, 4)])
    low, high = confint_proportions_2indep(60, 1000, 37, 1000, method="newcomb", compare="diff")
    assert rows["difference"].tolist() == ["", f"+2.3 points ({low * 100:+.1f} to {high * 100:+.1f})", ""]
    assert rows["first_is"].tolist() == ["", "higher", "too few to compare"]
    assert rows["days"].tolist() == ["4 to 20 Mar 2026"] * 3
    assert rows["rate"].tolist()[2] == "too few to rate"


def test_periods_that_share_days_say_which() -> None:
    before = other_period(FILTERS, START - timedelta(days=17))
    assert before.to_time == START
    assert overlap(FILTERS, before) is None
    assert overlap(FILTERS, other_period(FILTERS, START - timedelta(days=10))) == (
        "the periods have the days from 4 Mar 2026 to 10 Mar 2026 in common"
    )
    assert overlap(FILTERS, other_period(FILTERS, START - timedelta(days=16))) == (
        "the periods have the day 4 Mar 2026 in common"
    )
