"""The worklist: which failures are open, by when they must be done, which requests wait, and what a disclosure says."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import example, given
from hypothesis import strategies as st
from support.events import PRODUCT, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.deadlines import DeadlineCalendar, DeadlineRule, hold_ends_at, judge_hold
from bwp_client.events import TaskKind
from bwp_client.load import load
from bwp_client.metrics import Bucket, Filters, run_metric, worklist
from bwp_client.metrics.context import MetricContext
from bwp_client.metrics.guidance import built_in_guidance
from bwp_client.sources import open_source
from bwp_client.tasks.request_file import read_requests
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot, open_snapshot

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
FILTERS = Filters(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
Ask = Callable[..., pd.DataFrame]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


def event(task: str, day: str, outcome: str = "FAILED", **changes: Any) -> dict[str, Any]:
    return envelope(task, outcome=outcome, time=at(day), **changes)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def run(
        name: str, events: list[Any], requests: str = "", lookups: list[Any] | None = None, **options: Any
    ) -> pd.DataFrame:
        warehouse = Warehouse(str(tmp_path / "w"))
        write(tmp_path / "events.json", events)
        load(warehouse, open_source(str(tmp_path / "events.json")))
        if lookups:
            store_lookups(warehouse, lookups)
        if requests:
            (tmp_path / "r.csv").write_text(requests)
            found = read_requests(tmp_path / "r.csv", zone=DeadlineCalendar().zone, now=NOW)
            import_requests(warehouse, found.rows, found.columns, source="r.csv")
        options = {"calendar": DeadlineCalendar(), "now": NOW} | options
        return run_metric(Snapshot.newest(warehouse), name, options.pop("filters", FILTERS), **options)

    return run


def context_of(calendar: DeadlineCalendar, now: datetime) -> MetricContext:
    return MetricContext(FILTERS, Bucket.DAY, 20, calendar, built_in_guidance(), as_of=now, now=now)


def states(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["task_id"], frame["state"], strict=True))


def test_open_recovered_and_closed_are_told_apart(ask: Ask) -> None:
    events = [
        event("open", "2026-05-01"), event("closed", "2026-05-01"), event("recovered", "2026-05-01"),
        event("again", "2026-05-10", "COMPLETED"), event("twice", "2026-05-01"), event("second", "2026-05-05"),
        event("third", "2026-05-12", "COMPLETED"), event("stuck", "2026-05-01"), event("stuck-again", "2026-05-07"),
    ]  # fmt: skip
    requests = (
        "task_id,replaced_by,closed_at\nclosed,,2026-05-03\nrecovered,again,\ntwice,second,\nsecond,third,\n"
        "stuck,stuck-again,\n"
    )
    assert states(ask("open_failures", events, requests)) == {
        "open": "open", "closed": "closed", "recovered": "recovered", "twice": "recovered", "second": "recovered",
        "stuck": "open", "stuck-again": "open",
    }  # fmt: skip


def test_a_task_in_anothers_place_inherits_the_first_receipt(ask: Ask) -> None:
    frame = ask(
        "open_failures",
        [event("first", "2026-05-01"), event("second", "2026-05-12")],
        "task_id,received_at,replaced_by\nfirst,2026-04-20,second\nsecond,2026-05-10,\n",
    )
    assert frame["deadline"].tolist() == [date(2026, 5, 20)] * 2
    assert frame["days_left"].tolist() == [0, 0]
    assert frame["exact"].tolist() == [True, True]


def test_a_task_in_anothers_place_inherits_the_first_submission(ask: Ask) -> None:
    """Where no receipt is known, the request came before the first of its tasks was submitted."""
    lookups = [
        looked_up("first", submitted_at=at("2026-04-25")),
        looked_up("second", submitted_at=at("2026-05-11")),
        looked_up("third", state="pending", submitted_at=at("2026-05-14"), status="ON_HOLD", holding_period_days=15),
    ]
    requests = "task_id,replaced_by\nfirst,second\nsecond,third\n"
    events = [event("first", "2026-05-01"), event("second", "2026-05-12")]
    failed = ask("open_failures", events, requests, lookups).set_index("task_id")
    assert failed["deadline"].tolist() == [date(2026, 5, 25)] * 2
    assert failed["basis"].tolist() == ["submitted"] * 2
    assert not failed["exact"].any()
    (third,) = ask("waiting", [], requests, lookups).to_dict("records")
    assert third["deadline"] == date(2026, 5, 25)
    assert third["submitted_at"] == at("2026-05-14")
    assert third["hold_ends_at"] == at("2026-05-29")
    assert third["hold"] == "ends after the deadline"


def test_the_nearest_deadline_comes_first_and_each_says_what_it_is_counted_from(ask: Ask) -> None:
    frame = ask(
        "open_failures",
        [event("loose", "2026-05-02"), event("bound", "2026-05-10"), event("exact", "2026-05-15")],
        "task_id,received_at\nexact,2026-04-25\n",
        [looked_up("bound", submitted_at=at("2026-04-15"), holding_period_days=10, errors=["ORDERS_NOT_CLOSED"])],
    )
    assert frame["days_left"].tolist() == [5, 13, -5]  # what can still be done in time, then what is late
    frame = frame.sort_values("days_left")
    rows = frame[["task_id", "deadline", "days_left", "basis", "exact", "age_days"]].values.tolist()
    assert rows == [
        ["bound", date(2026, 5, 15), -5, "submitted", False, 10],
        ["exact", date(2026, 5, 25), 5, "received", True, 5],
        ["loose", date(2026, 6, 2), 13, "failed", False, 18],
    ]
    assert frame["code"].tolist() == ["ORDERS_NOT_CLOSED", "(not looked up)", "(not looked up)"]


def test_tasks_of_one_deadline_are_in_the_order_of_product_and_failure(ask: Ask) -> None:
    """Their IDs, which are random in real data, run the other way."""
    day = datetime(2026, 5, 18, tzinfo=UTC)
    failed = [("z", PRODUCT, 3), ("y", PRODUCT, 9), ("b", "bp-z", 1), ("a", "bp-z", 5)]
    events = [
        envelope(task, outcome="FAILED", time=day + timedelta(hours=hour), product=product)
        for task, product, hour in reversed(failed)
    ]
    requests = "task_id,received_at,business_product_id\n" + "".join(
        f"w{task},2026-05-01T{hour:02}:00Z,{product}\n" for task, product, hour in failed
    )
    found = ask("open_failures", [*events, event("0", "2026-05-19")], requests)
    assert found["task_id"].tolist() == ["z", "y", "b", "a", "0"]
    assert ask("waiting", events, requests)["task_id"].tolist() == ["wz", "wy", "wb", "wa"]


def test_two_codes_are_one_row_and_a_code_filter_keeps_both(ask: Ask) -> None:
    events = [event("both", "2026-05-02"), event("one", "2026-05-02")]
    lookups = [
        looked_up("both", submitted_at=at("2026-05-01"), errors=["DATA_SUBJECT_NOT_FOUND", "ORDERS_NOT_CLOSED"]),
        looked_up("one", submitted_at=at("2026-05-01"), errors=["DATA_SUBJECT_NOT_FOUND"]),
    ]
    (row,) = ask(
        "open_failures", events, "", lookups, filters=FILTERS.with_(codes=("ORDERS_NOT_CLOSED",))
    ).to_dict("records")  # fmt: skip
    assert row["code"] == "DATA_SUBJECT_NOT_FOUND + ORDERS_NOT_CLOSED"
    assert row["class"] == "Shopper unknown + Shopper has open orders"


def test_a_hold_longer_than_the_deadline_is_flagged(ask: Ask) -> None:
    lookups = [
        looked_up("long", submitted_at=at("2026-04-25"), holding_period_days=60),
        looked_up("again", submitted_at=at("2026-04-22"), holding_period_days=10),
        looked_up("fine", submitted_at=at("2026-05-15"), holding_period_days=10),
    ]
    frame = ask("open_failures", [event(task, "2026-05-18") for task in ("long", "again", "fine")], "", lookups)
    assert dict(zip(frame["task_id"], frame["hold"], strict=True)) == {
        "long": "ends after the deadline", "again": "too long to submit again", "fine": "",
    }  # fmt: skip


def test_the_rule_and_the_zone_are_the_products_and_the_shops(ask: Ask) -> None:
    frame = ask(
        "open_failures", [event("t", "2026-05-01"), event("u", "2026-05-01", product="bp-other")],
        calendar=DeadlineCalendar(rules={PRODUCT: DeadlineRule.CCPA}),
    )  # fmt: skip
    assert dict(zip(frame["task_id"], zip(frame["rule"], frame["deadline"], strict=True), strict=True)) == {
        "t": ("CCPA", date(2026, 6, 15)), "u": ("GDPR", date(2026, 6, 1)),
    }  # fmt: skip


# A few days about the last Sunday of March, when Berlin's clocks change, to the minute about midnight.
MOMENTS = st.builds(
    lambda day, minute: datetime(2026, 3, 27, 22, 30, tzinfo=UTC) + timedelta(days=day, minutes=minute),
    st.integers(0, 4),
    st.integers(0, 90),
)
TASKS = st.tuples(
    st.sampled_from(["bp-gdpr", "bp-ccpa"]),
    st.none() | MOMENTS,
    st.none() | MOMENTS,
    MOMENTS,
    st.none() | st.sampled_from([0, 1, 27, 28, 29, 30, 31, 32, 180]),
)


# Submitted on one day, and the clocks change before the holding periods end: on two days.
@example(
    [
        ("bp-gdpr", None, datetime(2026, 3, 28, 22, 40, tzinfo=UTC) - early, datetime(2026, 3, 30, tzinfo=UTC), 31)
        for early in (timedelta(hours=12), timedelta())
    ],
    "Europe/Berlin",
    datetime(2026, 3, 31, tzinfo=UTC),
)
@given(st.lists(TASKS, min_size=1, max_size=40), st.sampled_from(["UTC", "Europe/Berlin"]), MOMENTS)
def test_each_of_many_tasks_is_dated_as_if_it_were_alone(
    tasks: list[tuple[str, Any, Any, datetime, int | None]], zone: str, now: datetime
) -> None:
    calendar = DeadlineCalendar.of({"*": "GDPR", "bp-ccpa": "CCPA"}, zone)
    names = ["business_product_id", "received_at", "submitted_at", "failed_at", "holding_period_days"]
    frame = pd.DataFrame(tasks, columns=names)
    frame = frame.assign(
        first_submitted_at=frame["submitted_at"],
        task_id=[f"task-{number}" for number in range(len(tasks))], code="(uncoded)", state="open", region="us-east-1",
        lookup_state="found", replaced_by=None, closed_at=pd.NaT,
    )  # fmt: skip
    for name in (*names[1:4], "first_submitted_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    frame["holding_period_days"] = frame["holding_period_days"].astype("Int32")
    found = worklist.open_failures(frame, context_of(calendar, now)).set_index("task_id")
    for number, (product, received, submitted, failed, held) in enumerate(tasks):
        row = found.loc[f"task-{number}"]
        deadline = calendar.deadline(product, received_at=received, submitted_at=submitted, failed_at=failed)
        assert deadline is not None
        hold = judge_hold(deadline, submitted_at=submitted, holding_period_days=held, now=now)
        assert (row["deadline"], row["extended_deadline"]) == (deadline.last_day, deadline.extended_last_day)
        assert (row["rule"], row["basis"], row["exact"]) == (deadline.rule, deadline.basis, deadline.is_exact)
        assert (row["days_left"], row["hold"]) == (calendar.days_left(deadline, now), hold)
        assert row["age_days"] == (calendar.day_of(now) - calendar.day_of(failed)).days
        ends_at = hold_ends_at(submitted, held)
        assert row["hold_ends_at"] == ends_at or (ends_at is None and pd.isna(row["hold_ends_at"]))


def test_filters_choose_the_tasks(ask: Ask) -> None:
    events = [
        event("in", "2026-05-01"), event("before", "2026-03-01"), event("kind", "2026-05-01", kind="RETRIEVAL"),
        event("product", "2026-05-01", product="bp-other"), event("region", "2026-05-01", region="eu-west-1"),
    ]  # fmt: skip
    filters = FILTERS.with_(business_products=(PRODUCT,), regions=("us-east-1",))
    assert ask("open_failures", events, filters=filters)["task_id"].tolist() == ["in"]


def test_nothing_failed_is_an_empty_list_with_its_columns(ask: Ask) -> None:
    frame = ask("open_failures", [event("t", "2026-05-01", "COMPLETED")])
    assert frame.empty
    assert {"task_id", "state", "deadline", "days_left", "code", "action"} <= set(frame.columns)
    assert ask("waiting", [event("t", "2026-05-01", "COMPLETED")]).empty


def test_a_listed_request_without_an_event_is_waiting(ask: Ask) -> None:
    requests = (
        "task_id,received_at,replaced_by,closed_at\nsilent,2026-05-01,,\nreported,2026-05-01,,\nsettled,2026-05-01,,2026-05-02\n"
        "old,2025-01-01,,\nunknown,,,\nmoved,2026-05-03,done,\nfailed,2026-04-20,next,\n"
    )
    events = [event("reported", "2026-05-10"), event("done", "2026-05-11", "COMPLETED"), event("failed", "2026-05-10")]
    frame = ask(
        "waiting", events, requests, [looked_up("silent", state="pending", submitted_at=at("2026-05-02"), status="ON_HOLD")]
    )  # fmt: skip
    assert frame["task_id"].tolist() == ["next", "silent", "old", "unknown"]
    by_task = frame.set_index("task_id")
    assert by_task.loc["silent", "deadline"] == date(2026, 6, 1)
    assert by_task.loc["silent", "status"] == "ON_HOLD"
    assert by_task.loc["next", "deadline"] == date(2026, 5, 20)  # received with the task it replaces
    assert by_task.loc["unknown", "deadline"] is None
    assert by_task.loc["old", "age_days"] == (NOW.date() - date(2025, 1, 1)).days


def test_a_request_that_came_after_the_newest_event_is_waiting(ask: Ask) -> None:
    frame = ask("waiting", [event("t", "2026-05-01")], "task_id,received_at\nnew,2026-05-19\n",
                filters=FILTERS.with_(to_time=datetime(2026, 5, 2, tzinfo=UTC)))  # fmt: skip
    assert frame["task_id"].tolist() == ["new"]


def test_a_request_is_of_the_kind_that_its_task_is(ask: Ask) -> None:
    """A list that names no kind is of deletions, unless an event or a lookup knows better."""
    events = [event("r", "2026-05-10", "COMPLETED", kind="RETRIEVAL"), event("d", "2026-05-10", "COMPLETED")]
    requests = "task_id,received_at\nr,2026-05-01\nd,2026-05-01\nunknown,2026-05-01\n"
    for kind, listed, timed in ((TaskKind.DELETION, 2, 1), (TaskKind.RETRIEVAL, 1, 1)):
        (row,) = ask("disclosure", events, requests, filters=FILTERS.with_(task_kind=kind)).to_dict("records")
        assert (row["received"], row["listed"], row["timed"]) == (listed, listed, timed)


def test_a_request_submitted_again_counts_once_and_from_its_first_submission(ask: Ask) -> None:
    lookups = [
        looked_up("first", submitted_at=at("2026-04-25")),
        looked_up("second", submitted_at=at("2026-05-11"), status="COMPLETED"),
    ]
    events = [event("first", "2026-05-01"), event("second", "2026-05-15", "COMPLETED")]
    (row,) = ask("disclosure", events, "task_id,replaced_by\nfirst,second\n", lookups).to_dict("records")
    assert (row["received"], row["listed"], row["timed"], row["median_days"]) == (1, 0, 1, 20.0)


def test_a_circle_of_replacements_does_no_harm(ask: Ask, tmp_path: Path) -> None:
    """Earlier releases imported one that lay in two files."""
    ask("waiting", [event("a", "2026-05-01")], "task_id,replaced_by\na,b\n")
    path = str(tmp_path / "w" / "requests")
    rows = DeltaTable(path).to_pyarrow_table()
    for column, value in (("task_id", "b"), ("replaced_by", "a")):
        rows = rows.set_column(rows.schema.get_field_index(column), column, [pa.array([value])])
    write_deltalake(path, rows, mode="append")
    another_import = "task_id\nc\n"  # publishes the row that was written past the importer
    frame = ask("open_failures", [event("a", "2026-05-01"), event("b", "2026-05-02")], another_import)
    assert states(frame) == {"a": "open", "b": "open"}
    circle = open_snapshot(tmp_path / "w").rows("select task_id, later_id from replacements order by 1")
    assert circle == [("a", "b"), ("b", "a")]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_disclosure_counts_and_its_days_equal_pandas(ask: Ask, count: int) -> None:
    took = [3.0, 11.5, 4.25, 40.0, 0.5, 9.0, 28.0][:count]
    start = at("2026-04-10")
    events = [event(f"c{n}", "2026-04-10", "COMPLETED") | {"time": (start + timedelta(days=days)).strftime(
        "%Y-%m-%dT%H:%M:%SZ")} for n, days in enumerate(took)]  # fmt: skip
    events += [event("f1", "2026-05-02"), event("f2", "2026-05-03"), event("x", "2026-05-03", "COMPLETED")]
    lookups = [looked_up(f"c{n}", submitted_at=start, status="COMPLETED") for n in range(count)]
    lookups.append(looked_up("f1", submitted_at=at("2026-04-30")))
    (row,) = ask("disclosure", events, "task_id,received_at,replaced_by\nf2,2026-04-29,f1\n", lookups).to_dict(
        "records"
    )
    assert (row["received"], row["listed"]) == (count + 1, 1)
    assert (row["completed"], row["failed"], row["timed"]) == (count + 1, 2, count)
    assert row["median_days"] == pytest.approx(pd.Series(took).median())
    assert row["mean_days"] == pytest.approx(pd.Series(took).mean())


def test_a_disclosure_counts_days_from_the_receipt_where_it_is_known(ask: Ask) -> None:
    (row,) = ask(
        "disclosure", [event("t", "2026-05-11", "COMPLETED")], "task_id,received_at\nt,2026-05-01\n",
        [looked_up("t", submitted_at=at("2026-05-06"), status="COMPLETED")],
    ).to_dict("records")  # fmt: skip
    assert (row["median_days"], row["timed"], row["listed"]) == (10.5, 1, 1)


def test_a_disclosure_of_nothing_has_no_days(ask: Ask) -> None:
    (row,) = ask("disclosure", [event("t", "2025-05-11", "COMPLETED")]).to_dict("records")
    assert (row["received"], row["completed"], row["failed"], row["timed"]) == (0, 0, 0, 0)
    assert pd.isna(row["median_days"])
    assert pd.isna(row["mean_days"])
