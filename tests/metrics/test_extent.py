"""How far the data cover a period: cut by purge, begun before the data, still running, a product that began later."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.metrics import Bucket, Filters, run_metric
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.purge import purge
from bwp_client.warehouse.snapshot import Snapshot

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
PURGED_BEFORE = START + timedelta(days=28)


def on(day: float) -> datetime:
    return START + timedelta(days=day)


def over(first: float, end: float, **filters: Any) -> Filters:
    return Filters(on(first), on(end), **filters)


def steady(
    days: range, *, per_day: int = 24, failed: int = 3, prefix: str = "t", product: str = "bp-a", **others: Any
) -> list[Any]:
    """Return as many events a day, evenly spread, the first of each day failed."""
    return [
        envelope(
            f"{prefix}-{day}-{number}",
            outcome="FAILED" if number < failed else "COMPLETED",
            time=on(day + (number + 0.5) / per_day),
            product=product,
            **others,
        )
        for day in days
        for number in range(per_day)
    ]


def loaded(folder: Path, events: list[Any]) -> Warehouse:
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "events.json", events))))
    return warehouse


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return ten weeks of data of a product, six of a second, and two single events of a third."""
    events = steady(range(70)) + steady(range(28, 70), prefix="b", product="bp-b")
    events += [envelope(f"c-{day}", time=on(day), product="bp-c") for day in (30, 60)]
    return Snapshot.newest(loaded(tmp_path_factory.mktemp("whole"), events))


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return ten weeks of data, of which the first four were purged; the first day that stayed has a code of its own."""
    warehouse = loaded(tmp_path_factory.mktemp("purged"), steady(range(70)))
    rows = [
        looked_up(f"t-{day}-{number}", errors=[code], business_product_id="bp-a", submitted_at=on(day))
        for day in range(70)
        for number in range(3)
        for code in ["OTHER" if day == 28 else "OLD"]
    ]
    store_lookups(warehouse, rows, finished_at=datetime.now(UTC))
    purge(warehouse, PURGED_BEFORE)
    return Snapshot.newest(warehouse)


def compared(snapshot: Snapshot, filters: Filters) -> bool:
    (row,) = run_metric(snapshot, "period_comparison", filters).to_dict("records")
    parts = run_metric(snapshot, "contributors", filters)
    is_compared = pd.notna(row["difference"])
    assert pd.notna(row["previous_rate"]) == is_compared == parts["contribution"].notna().all()
    return is_compared


def test_a_period_before_that_was_cut_by_a_purge_is_not_compared(purged: Snapshot) -> None:
    assert compared(purged, over(49, 70))
    assert not compared(purged, over(42, 70))
    assert not compared(purged, over(20, 60))


def test_a_period_before_that_begins_before_the_data_is_not_compared(whole: Snapshot) -> None:
    assert compared(whole, over(28, 56))
    assert compared(whole, Filters(on(28) - timedelta(hours=3), on(56)))  # five hours of 31 days are missing
    assert not compared(whole, over(28, 59))
    assert not compared(whole, over(7, 70))


def test_a_product_that_began_later_is_not_compared_and_the_others_are(whole: Snapshot) -> None:
    rows = run_metric(whole, "comparison_by_product", over(42, 63)).set_index("business_product_id")
    assert rows["difference"].notna().to_dict() == {"bp-a": True, "bp-b": False, "bp-c": False}
    later = run_metric(whole, "comparison_by_product", over(56, 70)).set_index("business_product_id")
    assert later["difference"].notna().to_dict() == {"bp-a": True, "bp-b": True, "bp-c": False}
    assert not compared(whole, over(42, 63, business_products=("bp-b",)))
    assert compared(whole, over(56, 70, business_products=("bp-b",)))


def test_after_a_purge_no_old_code_is_new_or_rising(purged: Snapshot) -> None:
    """The only day before the period has another code, and the days before were purged."""
    rows = run_metric(purged, "error_codes", over(29, 50)).set_index("code")
    assert rows["state"].to_dict() == {"OLD": "ongoing", "OTHER": "quiet"}


@pytest.mark.parametrize(
    ("bucket", "partial"),
    [
        (Bucket.WEEK, {date(2026, 3, 30): False, date(2026, 5, 4): False}),
        (Bucket.MONTH, {date(2026, 3, 1): True, date(2026, 4, 1): False, date(2026, 5, 1): True}),
    ],
)
def test_buckets_that_the_data_cut_are_partial(purged: Snapshot, bucket: Bucket, partial: dict[date, bool]) -> None:
    rates = run_metric(purged, "failure_rate", over(-60, 100), bucket=bucket)
    found = {
        start.date(): is_partial for start, is_partial in zip(rates["period_start"], rates["partial"], strict=True)
    }
    assert found | partial == found


def test_the_bucket_in_which_the_data_end_is_partial_long_after_too(tmp_path: Path) -> None:
    snapshot = Snapshot.newest(loaded(tmp_path, steady(range(17))))
    rates = run_metric(snapshot, "failure_rate", over(-30, 60), bucket=Bucket.WEEK)
    assert rates["partial"].tolist() == [False, False, True]


def test_a_submission_before_the_data_is_not_rated(tmp_path: Path) -> None:
    """Every task takes ten days to fail or complete, so of the days before the data only slow tasks are known."""
    warehouse = loaded(tmp_path, steady(range(35)))
    rows = [looked_up(f"t-{day}-{number}", status="FAILED" if number < 3 else "COMPLETED", errors=["A"],
                      business_product_id="bp-a", submitted_at=on(day - 10))
            for day in range(35) for number in range(24)]  # fmt: skip
    store_lookups(warehouse, rows, finished_at=datetime.now(UTC))
    rates = run_metric(Snapshot.newest(warehouse), "submission_rate", over(-30, 35), bucket=Bucket.WEEK)
    weeks = [start.date() for start in rates["period_start"]]
    assert weeks[:3] == [date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2)]
    assert rates["rate"].isna().tolist()[:3] == [True, True, False]
    assert rates["partial"].tolist()[:2] == [True, True]


def missing_days(snapshot: Snapshot, filters: Filters) -> list[tuple[date, date]]:
    found = run_metric(snapshot, "gaps", filters)
    return [(first.date(), last.date()) for first, last in zip(found["first_day"], found["last_day"], strict=True)]


def test_gaps_are_found_at_both_ends_of_a_period(whole: Snapshot, purged: Snapshot) -> None:
    assert missing_days(whole, over(-10, 72)) == [
        (on(-10).date(), on(-1).date()),
        (on(70).date(), on(71).date()),
    ]
    assert missing_days(whole, over(0, 70)) == []
    assert missing_days(purged, over(0, 60)) == []  # purged is not missing
    later = missing_days(whole, over(-10, 75, business_products=("bp-b",)))
    assert later == [(on(-10).date(), on(-1).date()), (on(70).date(), on(74).date())]


def test_a_day_that_is_not_over_is_no_gap_and_a_day_before_an_event_from_the_future_is_none_either(
    tmp_path: Path,
) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (today - START).days
    events = [*steady(range(days - 30, days)), envelope("future", time=today + timedelta(days=2))]
    snapshot = Snapshot.newest(loaded(tmp_path, events))
    assert missing_days(snapshot, over(days - 30, days + 10)) == []
