"""The interval columns equal those of statsmodels."""

import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from support.events import envelope, write

from bwp_client.load import load
from bwp_client.metrics import Bucket, run_metric
from bwp_client.metrics.filters import Filters
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = [(0, 40), (1, 20), (40, 0), (20, 20), (3, 90), (0, 19), (19, 0), (7, 13), (1, 300), (55, 60)]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return as many (failed, completed) tasks per day as `DAYS` says."""
    folder = tmp_path_factory.mktemp("intervals")
    events = [
        envelope(f"t-{day}-{outcome}-{at}", outcome=outcome, time=START + timedelta(days=day, minutes=at))
        for day, counts in enumerate(DAYS)
        for outcome, count in zip(("FAILED", "COMPLETED"), counts, strict=True)
        for at in range(count)
    ]
    random.Random(5).shuffle(events)
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "in.json.gz", events))))
    return Snapshot.newest(warehouse)


@pytest.mark.filterwarnings("ignore")  # statsmodels' own
def test_wilson(snapshot: Snapshot) -> None:
    from statsmodels.stats.proportion import proportion_confint

    frame = run_metric(snapshot, "failure_rate", Filters(START, START + timedelta(days=10)), bucket=Bucket.DAY, min_n=1)
    assert list(zip(frame["failed"], frame["completed"], strict=True)) == DAYS
    for row in frame.itertuples():
        low, high = proportion_confint(row.failed, row.n, alpha=0.05, method="wilson")
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-9)
        assert row.rate == pytest.approx(row.failed / row.n, abs=1e-15)


@pytest.mark.filterwarnings("ignore")
def test_newcombe(snapshot: Snapshot) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    for day in range(1, len(DAYS)):
        time = START + timedelta(days=day)
        (row,) = run_metric(
            snapshot, "period_comparison", Filters(time, time + timedelta(days=1)), min_n=1
        ).itertuples()
        (failed, completed), (before_failed, before_completed) = DAYS[day], DAYS[day - 1]
        n, before_n = failed + completed, before_failed + before_completed
        assert (row.failed, row.n, row.previous_failed, row.previous_n) == (failed, n, before_failed, before_n)
        low, high = confint_proportions_2indep(failed, n, before_failed, before_n, method="newcomb", compare="diff")
        assert (row.difference_low, row.difference_high) == pytest.approx((low, high), abs=1e-9)
        assert row.difference == pytest.approx(failed / n - before_failed / before_n, abs=1e-15)


def test_under_the_minimum_there_are_counts_only(snapshot: Snapshot) -> None:
    frame = run_metric(snapshot, "failure_rate", Filters(START, START + timedelta(days=10)), bucket=Bucket.DAY)
    small = frame[frame["n"] < 20]
    assert len(small) == 2
    assert small[["rate", "low", "high"]].isna().all(axis=None)
    assert frame.loc[frame["n"] >= 20, ["rate", "low", "high"]].notna().all(axis=None)
    time = START + timedelta(days=5)
    (row,) = run_metric(snapshot, "period_comparison", Filters(time, time + timedelta(days=1))).itertuples()
    assert pd.isna(row.rate)
    assert pd.isna(row.difference)
    assert pd.isna(row.difference_low)
    assert row.previous_rate == pytest.approx(3 / 93)
