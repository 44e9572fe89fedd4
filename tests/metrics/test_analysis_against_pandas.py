"""Every metric of the analysis equals an independent computation in pandas over the tasks it was made of."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint
from support.shop import Task, frame_of, random_tasks, shop_of

from bwp_client.events import TaskKind
from bwp_client.metrics import Bucket, run_metric
from bwp_client.metrics.filters import Filters
from bwp_client.warehouse.snapshot import Snapshot

START = datetime(2026, 3, 2, tzinfo=UTC)
MIDDLE, END = START + timedelta(days=35), START + timedelta(days=70)
MIN_N = 20


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    everything = random_tasks(3, 6000, start=START, days=70)
    closed = {START.date() + timedelta(days=day) for day in (40, 41, 60)}
    return [task for task in everything if task.at.date() not in closed]


@pytest.fixture(scope="module")
def rows(tasks: list[Task]) -> pd.DataFrame:
    return frame_of(tasks)


@pytest.fixture(scope="module")
def snapshot(tasks: list[Task], tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return shop_of(tmp_path_factory.mktemp("shop"), tasks)


def periods(rows: pd.DataFrame, filters: Filters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that the filters select: those of the period, and those of the period before."""
    chosen = rows[rows["kind"] == filters.task_kind.value]
    if filters.business_products:
        chosen = chosen[chosen["product"].isin(filters.business_products)]
    if filters.regions:
        chosen = chosen[chosen["region"].isin(filters.regions)]
    now = chosen[(chosen["at"] >= filters.from_time) & (chosen["at"] < filters.to_time)]
    before = chosen[(chosen["at"] >= filters.before_time) & (chosen["at"] < filters.from_time)]
    return now, before


def rated(rows: pd.DataFrame, of: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of products that completed at least one task."""
    return of[of["product"].isin(rows.loc[~rows["failed"], "product"].unique())]


def with_code(rows: pd.DataFrame, codes: tuple[str, ...] | None) -> "pd.Series[bool]":
    if codes is None:
        return rows["failed"]
    return rows["failed"] & pd.Series(
        [bool(set(text.split(" + ")) & set(codes)) for text in rows["code_set"]], rows.index
    )


FILTERS = {
    "all": Filters(MIDDLE, END),
    "one product": Filters(MIDDLE, END, business_products=("bp-b",)),
    "region, and from the middle of an hour": Filters(
        MIDDLE + timedelta(hours=5, minutes=13), END - timedelta(minutes=7), regions=("eu-west-1",)
    ),
    "from a fraction of a second": Filters(MIDDLE + timedelta(milliseconds=500), END),
    "in another zone": Filters(
        *(time.replace(hour=2, tzinfo=timezone(timedelta(hours=2, minutes=30))) for time in (MIDDLE, END))
    ),
    "a code": Filters(MIDDLE, END, codes=("ORDERS_NOT_CLOSED", "(uncoded)")),
    "retrievals": Filters(MIDDLE, END, task_kind=TaskKind.RETRIEVAL),
    "nothing": Filters(START - timedelta(days=90), START - timedelta(days=80)),
}
over_filters = pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS.keys())


@over_filters
def test_code_sets(snapshot: Snapshot, rows: pd.DataFrame, filters: Filters) -> None:
    found = run_metric(snapshot, "code_sets", filters)
    now, before = periods(rows, filters)
    wanted = now[with_code(now, filters.codes)]["code_set"].value_counts()
    assert dict(zip(found["code_set"], found["tasks"], strict=True)) == wanted.to_dict()
    earlier = before[before["failed"]]["code_set"].value_counts()
    for row in found.itertuples():
        assert row.tasks_before == earlier.get(row.code_set, 0)
        assert row.codes == len(row.code_set.split(" + "))
        assert row.share == pytest.approx(row.tasks / now["failed"].sum())
    if len(found) and filters.codes is None:
        assert found["share"].sum() == pytest.approx(1)


@over_filters
def test_lookup_states(snapshot: Snapshot, rows: pd.DataFrame, filters: Filters) -> None:
    found = run_metric(snapshot, "lookup_states", filters)
    now, _ = periods(rows, filters)
    failed = now[now["failed"]]
    wanted = failed["codes"].isna().map({True: "not_asked", False: "found"}).value_counts()
    assert found.groupby("lookup_state")["tasks"].sum().to_dict() == wanted.to_dict()
    assert found["share"].sum() == pytest.approx(1 if len(failed) else 0)


@over_filters
@pytest.mark.parametrize("by", ["day", "week", "month"])
def test_time_to_outcome(snapshot: Snapshot, rows: pd.DataFrame, filters: Filters, by: str) -> None:
    found = run_metric(snapshot, "time_to_outcome", filters, bucket=Bucket(by), min_n=MIN_N)
    now, _ = periods(rows, filters)
    timed = now[now["seconds"].notna() & (~now["failed"] | with_code(now, filters.codes))]
    floor: dict[str, Callable[[pd.Timestamp], pd.Timestamp]] = {
        "day": lambda at: at.floor("D"),
        "week": lambda at: at.floor("D") - pd.Timedelta(days=at.weekday()),
        "month": lambda at: at.floor("D").replace(day=1),
    }
    wanted: dict[tuple[object, str], list[float]] = {}
    for at, failed, seconds in zip(timed["at"], timed["failed"], timed["seconds"], strict=True):
        for start in (floor[by](at), None):
            wanted.setdefault((start, "FAILED" if failed else "COMPLETED"), []).append(seconds)
    assert len(found) == len(wanted)
    for row in found.to_dict("records"):
        start = None if pd.isna(row["period_start"]) else row["period_start"]
        times = wanted[(start, row["outcome"])]
        assert row["tasks"] == len(times)
        for column, share, least in (("median", 0.5, MIN_N), ("p90", 0.9, MIN_N), ("p99", 0.99, 100)):
            if len(times) < least:
                assert pd.isna(row[f"{column}_seconds"])
            else:
                expected = np.quantile(times, share, method="inverted_cdf")
                assert row[f"{column}_seconds"] == pytest.approx(expected, abs=1e-5)


def timed_tasks(rows: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Return the selected tasks of rated products, whenever they ended, with a column of their submission."""
    chosen = rated(rows, rows)
    chosen = chosen[chosen["kind"] == filters.task_kind.value]
    for column, wanted in (("product", filters.business_products), ("region", filters.regions)):
        chosen = chosen[chosen[column].isin(wanted)] if wanted else chosen
    chosen = chosen[chosen["at"] >= filters.from_time]
    return chosen.assign(submitted=chosen["at"] - pd.to_timedelta(chosen["seconds"], unit="s"))


@over_filters
@pytest.mark.parametrize("unasked", [0, 0.04, 0.2], ids=["all known", "most known", "too few known"])
def test_submission_rate(tmp_path: Path, filters: Filters, unasked: float) -> None:
    """Both answers to what was looked up: nearly all completed tasks, and too few of them."""
    dice = np.random.default_rng(11)
    tasks = [
        replace(
            task,
            codes=task.codes or ((None,) if task.outcome == "FAILED" else None),
            submitted_at=None if asked < unasked else task.at - timedelta(seconds=float(seconds)),
        )
        for task, asked, seconds in zip(
            random_tasks(5, 3000, start=START, days=70), dice.random(3000), dice.exponential(200_000, 3000), strict=True
        )
    ]
    tasks = [replace(task, codes=None) if task.submitted_at is None else task for task in tasks]
    rows, snapshot = frame_of(tasks), shop_of(tmp_path, tasks)
    found = run_metric(snapshot, "submission_rate", filters, bucket=Bucket.WEEK, min_n=MIN_N)
    ended = timed_tasks(rows, filters)
    week = ended["submitted"].dt.floor("D") - pd.to_timedelta(ended["submitted"].dt.day_of_week, unit="D")
    is_in = (ended["submitted"] >= filters.from_time) & (ended["submitted"] < filters.to_time)
    wanted = dict(list(ended[is_in].groupby(week[is_in])))
    assert list(found["period_start"]) == sorted(wanted)
    done = np.sort(ended.loc[~ended["failed"] & ended["seconds"].notna(), "seconds"])
    settles = done[math.ceil(0.99 * len(done)) - 1] if len(done) else 0.0
    # 3,000 tasks in 70 days: five usually come in 3 hours, so the data reach a little further than the newest.
    end_of_data = min(
        snapshot.run.finished_at, rows["at"].max() + 5 * (rows["at"].max() - rows["at"].min()) / len(rows)
    )
    for row in found.to_dict("records"):
        start, those = row["period_start"], wanted[row["period_start"]]
        since = ended[ended["at"].dt.floor("D") >= start]
        failed, n = int(with_code(those, filters.codes).sum()), len(those)
        shares = [since.loc[since["failed"] == side, "seconds"].notna().mean() for side in (True, False)]
        shares = [1.0 if math.isnan(share) else share for share in shares]
        assert (row["failed"], row["completed"], row["n"]) == (failed, int((~those["failed"]).sum()), n)
        assert [row["failed_known"], row["completed_known"]] == pytest.approx(shares)
        assert row["settles_seconds"] == pytest.approx(settles, abs=1e-4)
        is_early = start < filters.from_time or start + timedelta(days=7) > filters.to_time
        assert row["partial"] == (is_early or start + timedelta(days=7, seconds=settles) > end_of_data)
        if n < MIN_N or min(shares) < 0.95:
            assert pd.isna(row["rate"])
            continue
        low, high = proportion_confint(failed, n, method="wilson")
        assert (row["rate"], row["low"], row["high"]) == pytest.approx((failed / n, low, high))
    if filters == FILTERS["all"]:
        assert found["rate"].notna().any() == (unasked < 0.05)


def test_a_surge_leaves_the_rate_by_submission_alone(tmp_path: Path) -> None:
    """Of every request 1 in 10 fails at once, the others complete after 30 days; requests grow threefold half-way."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday(), weeks=14)
    tasks = []
    for day in range(98):
        asked = monday + timedelta(days=day, hours=9)
        for number in range(60 if day >= 50 else 20):
            outcome, days = ("FAILED", 0) if number % 10 == 0 else ("COMPLETED", 30)
            at = asked + timedelta(days=days, hours=1)
            codes = ("C1",) if outcome == "FAILED" else None
            tasks.append(Task(f"t-{day}-{number}", outcome, at, codes=codes, submitted_at=asked))
    snapshot = shop_of(tmp_path, [task for task in tasks if task.at < today])
    filters = Filters(monday, monday + timedelta(weeks=14))
    by_outcome = run_metric(snapshot, "failure_rate", filters, bucket=Bucket.WEEK)
    by_submission = run_metric(snapshot, "submission_rate", filters, bucket=Bucket.WEEK)
    assert by_outcome["rate"].iloc[8] > 0.2
    # The newest weeks hold no completed task yet; how far those of the tenth are depends on what day it is today.
    assert by_submission["rate"].iloc[:9].tolist() == pytest.approx([0.1] * 9)
    assert by_submission["rate"].iloc[-3] == 1
    partial = by_submission["partial"].tolist()
    assert (partial[:9], partial[10:]) == ([False] * 9, [True] * 4)


@over_filters
def test_weekday_hour(snapshot: Snapshot, rows: pd.DataFrame, filters: Filters) -> None:
    found = run_metric(snapshot, "weekday_hour", filters, min_n=5)
    now, _ = periods(rows, filters)
    ended = rated(rows[rows["kind"] == filters.task_kind.value], now)
    cells = ended.assign(numerator=with_code(ended, filters.codes)).groupby(
        [ended["at"].dt.day_of_week + 1, ended["at"].dt.hour]
    )
    assert {(row.weekday, row.hour): (row.failed, row.n) for row in found.itertuples()} == {
        cell: (int(part["numerator"].sum()), len(part)) for cell, part in cells
    }
    for row in found.itertuples():
        if row.n < 5:
            assert pd.isna(row.rate)
        else:
            assert row.rate == row.failed / row.n
            assert row.low - 1e-9 <= row.rate <= row.high + 1e-9


@over_filters
def test_the_failure_rate_by_the_hour(snapshot: Snapshot, rows: pd.DataFrame, filters: Filters) -> None:
    found = run_metric(snapshot, "failure_rate", filters, bucket=Bucket.HOUR)
    now, _ = periods(rows, filters)
    ended = rated(rows[rows["kind"] == filters.task_kind.value], now)
    hours = ended.assign(numerator=with_code(ended, filters.codes)).groupby(ended["at"].dt.floor("h"))["numerator"]
    assert found["period_start"].tolist() == [hour for hour, _ in hours]
    assert found["n"].tolist() == hours.count().tolist()
    assert found["failed"].tolist() == hours.sum().astype(int).tolist()


@over_filters
def test_contributors(snapshot: Snapshot, rows: pd.DataFrame, filters: Filters) -> None:
    found = run_metric(snapshot, "contributors", filters, min_n=MIN_N)
    of_kind = rows[rows["kind"] == filters.task_kind.value]
    now, before = (rated(of_kind, part) for part in periods(rows, filters))
    numbers = [
        (part.assign(failed=with_code(part, filters.codes)).groupby("product")["failed"].agg(["sum", "count"]))
        for part in (now, before)
    ]
    products = found[found["part"] == "product"].set_index("business_product_id")
    assert set(products.index) == set(numbers[0].index) | set(numbers[1].index)
    totals = [part["count"].sum() for part in numbers]
    for product, row in products.iterrows():
        (failed, n), (was_failed, was_n) = (
            (part.loc[product, "sum"], part.loc[product, "count"]) if product in part.index else (0, 0)
            for part in numbers
        )
        assert (row["failed"], row["n"], row["previous_failed"], row["previous_n"]) == (failed, n, was_failed, was_n)
        if min(totals) >= MIN_N and n and was_n:
            overall = [part["sum"].sum() / part["count"].sum() for part in numbers]
            share, was_share = n / totals[0], was_n / totals[1]
            rate, was_rate = failed / n, was_failed / was_n
            assert row["rate_effect"] == pytest.approx((rate - was_rate) * (share + was_share) / 2, abs=1e-12)
            centre = (rate + was_rate) / 2 - sum(overall) / 2
            assert row["mix_effect"] == pytest.approx((share - was_share) * centre, abs=1e-12)
    sets = found[found["part"] == "code_set"].set_index("code_set")
    wanted = [part[with_code(part, filters.codes)]["code_set"].value_counts() for part in (now, before)]
    assert set(sets.index) == set(wanted[0].index) | set(wanted[1].index)
    for name, row in sets.iterrows():
        assert (row["failed"], row["previous_failed"]) == (wanted[0].get(name, 0), wanted[1].get(name, 0))
    if min(totals) >= MIN_N:
        change = numbers[0]["sum"].sum() / totals[0] - numbers[1]["sum"].sum() / totals[1]
        assert products["contribution"].sum() == pytest.approx(change, abs=1e-12)
        assert sets["contribution"].sum() == pytest.approx(change, abs=1e-12)
    else:
        assert found["contribution"].isna().all()


@pytest.mark.parametrize("products", [None, ("bp-a",), ("bp-c",)])
def test_gaps(snapshot: Snapshot, rows: pd.DataFrame, products: tuple[str, ...] | None) -> None:
    found = run_metric(snapshot, "gaps", Filters(START, END, business_products=products))
    chosen = rows if products is None else rows[rows["product"].isin(products)]
    counts = chosen["at"].dt.floor("D").value_counts()
    days = pd.date_range(counts.index.min(), rows["at"].max().floor("D"), freq="D")
    usual = {day: median(counts.get(other, 0) for other in days if other.weekday() == day) for day in range(7)}
    missing = [day for day in days if counts.get(day, 0) == 0 and usual[day.weekday()] >= 5]
    listed = [
        first + pd.Timedelta(days=step)
        for first, last in zip(pd.to_datetime(found["first_day"]), pd.to_datetime(found["last_day"]), strict=True)
        for step in range((last - first).days + 1)
    ]
    assert [day.date() for day in listed] == [day.date() for day in missing]
    assert found["days"].sum() == len(missing)
    assert found["expected"].sum() == pytest.approx(sum(usual[day.weekday()] for day in missing))
    assert len(found) == 2


def test_the_states_of_error_codes(tmp_path: Path) -> None:
    """Seventy days of steady traffic, in which each code behaves as its name says."""
    tasks = [Task(f"c-{n}", "COMPLETED", START + timedelta(hours=n)) for n in range(70 * 24)]
    days = {
        "ONGOING": [*range(-35, 70)],
        "NEW": [60, 65],
        "RETURNED": [-30, 50],
        "QUIET": [-20, 30],
        "RISING": [*range(5, 35, 3), *range(35, 65), *range(35, 65)],
        "TOO_FEW_TO_RISE": [20, 21, 22, *range(40, 48)],
        "LUCK": [*range(10, 30), *range(36, 62)],
    }
    tasks += [
        Task(f"{code}-{number}", "FAILED", at, codes=(code,), submitted_at=at)
        for code, places in days.items()
        for number, day in enumerate(places)
        for at in [START + timedelta(days=day, hours=3)]
    ]
    states = states_of(shop_of(tmp_path, tasks))
    assert states == {
        "ONGOING": "ongoing", "NEW": "new", "RETURNED": "returned", "QUIET": "quiet", "RISING": "rising",
        "TOO_FEW_TO_RISE": "ongoing", "LUCK": "ongoing",
    }  # fmt: skip


STEADY = [
    Task(f"{outcome}-{day}-{number}", outcome, at, codes=("A",), submitted_at=at)
    for day in range(70)
    for outcome, count in (("FAILED", 3), ("COMPLETED", 20))
    for number in range(count)
    for at in [START + timedelta(days=day, hours=number)]
]


@pytest.mark.parametrize(
    ("is_asked", "wanted"),
    [
        (lambda _: True, "ongoing"),
        (lambda day: day >= 35, "ongoing"),  # else it would be new
        (lambda day: day >= 35 or day % 6 == 0, "ongoing"),  # else it would be rising
        (lambda day: day < 35, None),  # else it would be quiet
        (lambda day: day != 20, "ongoing"),
    ],
)
def test_no_state_is_told_of_what_was_not_looked_up(
    tmp_path: Path, is_asked: Callable[[int], bool], wanted: str | None
) -> None:
    tasks = [
        task if is_asked((task.at - START).days) else replace(task, codes=None, submitted_at=None) for task in STEADY
    ]
    assert states_of(shop_of(tmp_path, tasks)).get("A") == wanted


def test_a_product_that_is_never_looked_up_hides_no_state_of_the_others(tmp_path: Path) -> None:
    others = [
        replace(task, task_id=f"b-{task.task_id}", product="bp-b", codes=None, submitted_at=None) for task in STEADY
    ]
    new = [
        Task(f"new-{number}", "FAILED", at, codes=("NEW",), submitted_at=at)
        for number in range(5)
        for at in [START + timedelta(days=60, hours=number)]
    ]
    assert states_of(shop_of(tmp_path, STEADY + others + new))["NEW"] == "new"
    elsewhere = [replace(task, task_id=f"b-{task.task_id}", product="bp-b") for task in new]
    assert states_of(shop_of(tmp_path / "elsewhere", STEADY + others + elsewhere))["NEW"] == "ongoing"


def test_the_first_code_of_all_is_new_where_tasks_were_completed_before(tmp_path: Path) -> None:
    completed = [task for task in STEADY if task.outcome == "COMPLETED"]
    failed = [replace(task, codes=("NEW",)) for task in STEADY if task.outcome == "FAILED" and task.at >= MIDDLE]
    assert states_of(shop_of(tmp_path, completed + failed)) == {"NEW": "new"}
    with_products = [replace(task, product="bp-young") for task in STEADY if task.at >= MIDDLE]
    older = [replace(task, task_id=f"b-{task.task_id}", codes=("B",)) for task in STEADY]
    snapshot = shop_of(tmp_path / "young", older + with_products)
    of_young = Filters(MIDDLE, END, business_products=("bp-young",))
    assert run_metric(snapshot, "error_codes", of_young)["state"].tolist() == ["ongoing"]


def test_a_code_does_not_rise_by_more_requests_alone(tmp_path: Path) -> None:
    tasks = []
    for day in range(70):
        at = START + timedelta(days=day)
        for number in range(100 if day < 35 else 400):
            is_failed = number % 50 == 0
            tasks.append(
                Task(f"t-{day}-{number}", "FAILED" if is_failed else "COMPLETED", at, codes=("A",) if is_failed else None,
                     submitted_at=at if is_failed else None)
            )  # fmt: skip
    assert states_of(shop_of(tmp_path, tasks)) == {"A": "ongoing"}


def states_of(snapshot: Snapshot) -> dict[str, str]:
    # Earlier than the first outcome nothing can be new or returned, so the day before the data says nothing.
    frame = run_metric(snapshot, "error_codes", Filters(MIDDLE, END))
    assert all(math.isfinite(share) for share in frame["share"])
    return dict(zip(frame["code"], frame["state"], strict=True))
