"""The outcomes after any order of loads equal those computed by hand from the events."""

import random
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import envelope, outcomes_of, write
from support.tables import outcomes

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.engine import connect
from bwp_client.warehouse.maintenance import bring_up_to_date, maintain
from bwp_client.warehouse.outcomes import OUTCOMES_SQL, SINGLE_EVENT_SQL, refresh_outcomes, repeated_tasks
from bwp_client.warehouse.purge import purge

START = datetime(2026, 1, 20, tzinfo=UTC)


def story(seed: int) -> list[dict]:
    """Return events of tasks that end once, twice, in both ways, at the same time, or months apart."""
    dice = random.Random(seed)
    events = []
    for number in range(120):
        kind = dice.choice(["DELETION", "RETRIEVAL"])
        # Whole days, so that ties happen.
        times = [START + timedelta(days=dice.randrange(0, 100)) for _ in range(dice.choice([1, 1, 2, 3]))]
        if len(times) > 1 and dice.random() < 0.3:
            times[1] = times[0]
        for time in times:
            outcome = dice.choice(["COMPLETED", "FAILED"])
            events.append(envelope(f"t-{number:04d}", outcome=outcome, kind=kind, time=time))
    return events


def found(warehouse: Warehouse) -> dict:
    rows = outcomes(warehouse)
    answer = {(row[0], row[1]): (*row[4:7], row[7]) for row in rows}
    assert len(answer) == len(rows), "a task has two rows"
    return answer


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_loads_gives_the_same_outcomes(tmp_path: Path, seed: int) -> None:
    events = story(seed)
    wanted = outcomes_of(events)
    assert {value[2] for value in wanted.values()} == {True, False}
    dice = random.Random(seed + 100)
    dice.shuffle(events)
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    seen: list[dict] = []
    while len(seen) < len(events):
        batch = events[len(seen) : len(seen) + dice.randrange(20, 80)]
        seen += batch
        path = write(tmp_path / "in" / f"{len(seen):05d}.json", batch + dice.sample(seen, 5))
        load(warehouse, open_source(str(path)))
        assert found(warehouse) == outcomes_of(seen)
    incremental = outcomes(warehouse)
    refresh_outcomes(warehouse, rebuild=True)
    assert outcomes(warehouse) == incremental
    assert found(warehouse) == wanted


def test_the_latest_wins_and_a_tie_is_a_failure(tmp_path: Path) -> None:
    late, early = START + timedelta(days=50), START
    events = [
        envelope("late-completed", outcome="FAILED", time=early),
        envelope("late-completed", outcome="COMPLETED", time=late),
        envelope("late-failed", outcome="FAILED", time=late),
        envelope("late-failed", outcome="COMPLETED", time=early),
        envelope("tie", outcome="COMPLETED", time=early),
        envelope("tie", outcome="FAILED", time=early),
        envelope("once", outcome="FAILED", time=early),
    ]
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for number, event in enumerate(reversed(events)):
        load(warehouse, open_source(str(write(tmp_path / f"{number}.json", [event]))))
    assert found(warehouse) == {
        ("late-completed", "DELETION"): ("COMPLETED", late, True, 2),
        ("late-failed", "DELETION"): ("FAILED", late, True, 2),
        ("tie", "DELETION"): ("FAILED", early, True, 2),
        ("once", "DELETION"): ("FAILED", early, False, 1),
    }


def test_one_task_id_in_both_kinds_is_two_tasks(tmp_path: Path) -> None:
    events = [envelope("t", kind="DELETION"), envelope("t", kind="RETRIEVAL", outcome="FAILED")]
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for number, event in enumerate(events):
        load(warehouse, open_source(str(write(tmp_path / f"{number}.json", [event]))))
    assert found(warehouse) == outcomes_of(events)


@pytest.mark.parametrize("webhook_first", [True, False])
def test_a_known_region_stays_when_a_webhook_names_the_same_task(tmp_path: Path, webhook_first: bool) -> None:
    event = envelope("t", outcome="FAILED", time=START, region="eu-west-1")
    webhook = {
        "eventDescriptor": event["detail-type"],
        "eventId": "w-1",
        "eventTime": event["time"],
        "resources": event["resources"],
    }
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    records = [webhook, event] if webhook_first else [event, webhook]
    for number, record in enumerate(records):
        load(warehouse, open_source(str(write(tmp_path / f"{number}.json", [record]))))
    ((task, _, _, region, outcome, at, conflicting, seen),) = outcomes(warehouse)
    assert (task, region, outcome, at, conflicting, seen) == ("t", "eu-west-1", "FAILED", START, False, 2)


def test_a_task_with_events_of_two_products_belongs_to_the_latest(tmp_path: Path) -> None:
    late = START + timedelta(days=50)
    events = [
        envelope("t", outcome="COMPLETED", time=START, product="bp-z", region="us-east-1"),
        envelope("t", outcome="FAILED", time=late, product="bp-a", region="eu-west-1"),
    ]
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(write(tmp_path / "a.json", events))))
    ((_, _, product, region, outcome, at, conflicting, _),) = outcomes(warehouse)
    assert (product, region, outcome, at, conflicting) == ("bp-a", "eu-west-1", "FAILED", late, True)


def test_nothing_new_makes_no_new_version(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(write(tmp_path / "a.json", story(1)))))
    before = refresh_outcomes(warehouse)
    assert refresh_outcomes(warehouse) == before
    assert bring_up_to_date(warehouse)["outcomes"] == before
    assert refresh_outcomes(warehouse, rebuild=True) == before + 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from(["DELETION", "RETRIEVAL"]),
            st.sampled_from(["bp-1", "bp-2"]),
            st.sampled_from([None, "eu-west-1", "us-east-1"]),
            st.sampled_from(["COMPLETED", "FAILED"]),
            st.integers(0, 70).map(lambda days: START + timedelta(days=days)),
        ),
        max_size=12,
    )
)
def test_the_definition_without_grouping_equals_the_definition(events: list[tuple]) -> None:
    columns = {"task_id": "varchar", "task_kind": "varchar", "business_product_id": "varchar", "region": "varchar",
               "outcome": "varchar", "occurred_at": "timestamptz"}  # fmt: skip
    with closing(connect()) as connection:
        connection.execute(f"create table events ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        for task, *others in events:
            connection.execute("insert into events values (?, ?, ?, ?, ?, ?)", [f"t-{task}", *others])
        connection.register("repeated", repeated_tasks(connection, "events"))
        names = ", ".join([*columns, "occurred_month", "conflicting", "events_seen"])
        by_definition = connection.sql(f"select {names} from ({OUTCOMES_SQL.format(events='events')})").fetchall()
        single = SINGLE_EVENT_SQL.format(events="events", repeated="repeated")
        found = connection.sql(f"select {names} from ({single})").fetchall()
    repeated = {task for task, count in Counter(f"t-{task}" for task, *_ in events).items() if count > 1}
    assert sorted(map(repr, found)) == sorted(repr(row) for row in by_definition if row[0] not in repeated)


@pytest.mark.parametrize("name", ["a#b", "what?", "50 %", "a b"])
def test_a_folder_may_have_a_name_that_delta_lake_escapes(tmp_path: Path, name: str) -> None:
    warehouse = Warehouse(str(tmp_path / name / "w"))
    events = story(1)
    for number, some in enumerate((events[:100], events[100:150], events[150:])):
        load(warehouse, open_source(str(write(tmp_path / f"{number}.json", some))))
    maintain(warehouse, retain_hours=168)
    load(warehouse, open_source(str(write(tmp_path / "late.json", [envelope("late", time=START)]))))
    bring_up_to_date(warehouse)
    expected = outcomes_of([*events, envelope("late", time=START)])
    assert {(row[0], row[1]): row[4:7] for row in outcomes(warehouse)} == {
        key: value[:3] for key, value in expected.items()
    }
    assert purge(warehouse, before=START + timedelta(days=200)).events > len(events) / 2
    assert outcomes(warehouse) == []
