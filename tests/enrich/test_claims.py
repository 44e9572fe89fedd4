"""Claims: which run may ask about a task, and until when."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from support.asking import START, Shop, asked_about, event, impatient
from support.events import write
from support.overtaken import Overtaken
from support.sandbox import running_sandbox

from bwp_client.api import TaskRef
from bwp_client.enrich.claims import Claims
from bwp_client.enrich.options import Seams
from bwp_client.enrich.work_queue import WorkItem
from bwp_client.events import TaskKind
from bwp_client.load import load
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.claims import Held

LEASE = timedelta(seconds=60)


@dataclass
class Clock:
    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 4, 2, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    warehouse.create()
    return warehouse


def claims_of(run_id: str, warehouse: Warehouse, clock: Clock) -> Claims:
    return Claims(warehouse, run_id, lease=LEASE, seams=Seams(clock=clock.now, monotonic=clock.monotonic))


def wanting(*names: str) -> Callable[[Held], list[WorkItem]]:
    """Choose these tasks, except those that other runs hold."""
    items = [
        WorkItem(TaskRef(TaskKind.DELETION, name, "bp-1"), 0, None, None, None, position)
        for position, name in enumerate(names)
    ]
    return lambda held: [item for item in items if item.key not in held]


def names(items: list[WorkItem]) -> list[str]:
    return [item.task.task_id for item in items]


def test_a_task_held_by_a_run_is_not_given_to_another(warehouse, clock):
    a, b = claims_of("a", warehouse, clock), claims_of("b", warehouse, clock)
    assert names(a.take((), wanting("1", "2"))) == ["1", "2"]
    assert names(b.take((), wanting("1", "2", "3"))) == ["3"]


def test_a_claim_that_is_not_renewed_expires_after_its_holder_has_stopped(warehouse, clock):
    a, b = claims_of("a", warehouse, clock), claims_of("b", warehouse, clock)
    a.take((), wanting("1"))
    clock.seconds = 59.9
    assert a.held_until < clock.monotonic()
    assert names(b.take((), wanting("1"))) == []
    clock.seconds = 60
    assert names(b.take((), wanting("1"))) == ["1"]


def test_a_claim_is_renewed_with_the_next_and_released_when_no_longer_needed(warehouse, clock):
    a, b = claims_of("a", warehouse, clock), claims_of("b", warehouse, clock)
    chosen = a.take((), wanting("1", "2"))
    clock.seconds = 50
    a.take([chosen[0].key], wanting("3"))
    clock.seconds = 70
    assert a.held_until == 50 + 48
    [second] = b.take((), wanting("1", "2", "3"))
    assert names([second]) == ["2"]
    a.release()
    assert names(b.take([second.key], wanting("1", "3"))) == ["1", "3"]


def test_a_claim_that_came_in_between_is_seen(warehouse, clock):
    other = claims_of("a", Warehouse(warehouse.uri), clock)
    overtaken = Overtaken(warehouse.uri, TableName.CLAIMS, lambda: other.take((), wanting("1")))
    assert names(claims_of("b", overtaken, clock).take((), wanting("1", "2"))) == ["2"]
    assert len(overtaken.versions_opened) == 2


def test_the_table_holds_only_the_present_claims(warehouse, clock):
    a = claims_of("a", warehouse, clock)
    for number in range(5):
        a.take((), wanting(f"{number}"))
    assert warehouse.handle(TableName.CLAIMS).to_pyarrow_table().column("task_id").to_pylist() == ["4"]


def test_a_run_waits_for_the_claims_of_a_dead_run_and_leaves_those_of_a_living_run(shop_of):
    shop = shop_of(event(1, "FAILED"), event(2, "FAILED"), event(3, "FAILED"))
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in (1, 2, 3)]
    seams = Seams(clock=lambda: shop.now, monotonic=lambda: 0.0)
    dead = Claims(shop.warehouse, "dead", lease=LEASE, seams=seams)
    alive = Claims(shop.warehouse, "alive", lease=LEASE, seams=seams)
    dead.take((), wanting(ids[0]))
    [held] = alive.take((), wanting(ids[1]))
    looks = 0

    async def sleep(seconds: float) -> None:
        nonlocal looks
        if seconds == 2.0:  # between two looks; the other pause is that of who keeps the claims
            looks += 1
            shop.now += timedelta(seconds=15)
            alive.take([held.key], lambda _: [])
        else:
            await asyncio_forever()

    with running_sandbox() as sandbox:
        result = shop.enrich(sandbox.url, sleep=sleep)
    assert looks >= 3
    assert sorted(shop.query("select task_id from lookups")) == [(ids[0],), (ids[2],)]
    assert (result.asked, result.not_asked) == (2, 1)


async def asyncio_forever() -> None:
    await asyncio.Event().wait()


def test_the_claims_of_a_long_run_are_renewed(shop_of):
    shop = shop_of(event(1, "FAILED"))
    seconds, renewals = 0.0, 0

    async def sleep(_: float) -> None:
        nonlocal seconds, renewals
        # While the answer is awaited, most of the lease goes by, again and again.
        seconds += 20
        renewals += 1
        await asyncio.sleep(0 if renewals < 6 else 0.01)

    seams = Seams(clock=lambda: shop.now, monotonic=lambda: 0.0)
    other = Claims(shop.warehouse, "other", lease=LEASE, seams=seams)
    held: list[Held] = []
    with running_sandbox(Behaviour(latency_ms=300)) as sandbox:
        result = shop.enrich(
            sandbox.url,
            sleep=sleep,
            monotonic=lambda: seconds,
            on_progress=lambda _: other.take((), lambda theirs: held.append(theirs) or []),
        )
        assert asked_about(sandbox) == result.asked == 1
    assert renewals > 1
    assert len(held[0]) == 1
    assert shop.warehouse.handle(TableName.CLAIMS).version() > 3


def test_a_run_whose_claims_expired_claims_the_remaining_tasks_again(shop_of):
    shop = shop_of(*(event(number, "FAILED") for number in range(1, 5)))
    seconds = 0.0

    def jump(progress: object) -> None:
        nonlocal seconds
        seconds += 49  # more than a claim may be used for

    with running_sandbox() as sandbox:
        result = shop.enrich(sandbox.url, concurrency=1, monotonic=lambda: seconds, on_progress=jump)
        assert asked_about(sandbox) == result.asked == 4
    assert shop.warehouse.handle(TableName.CLAIMS).version() >= 4


def test_a_warehouse_without_a_claims_table_gets_it(shop_of):
    shop = shop_of(event(1, "FAILED"))
    shutil.rmtree(f"{shop.warehouse.uri}/claims")
    with running_sandbox() as sandbox:
        assert shop.enrich(sandbox.url).asked == 1


def test_claims_are_released_when_a_run_stops(sample_shop):
    with running_sandbox(Behaviour(throttle_per_second=0.001)) as sandbox, pytest.raises(Exception, match="slow down"):
        sample_shop.enrich(sandbox.url, client_factory=impatient)
    assert sample_shop.warehouse.handle(TableName.CLAIMS).to_pyarrow_table().num_rows == 0


def test_tasks_purged_during_a_run_do_not_come_back(tmp_path):
    from bwp_client.warehouse.purge import purge

    old, new = "00000001-0000-4000-8000-000000000000", "00000002-0000-4000-8000-000000000000"
    events = [event(1, "FAILED", day=1), event(2, "FAILED", day=20)]
    write(tmp_path / "in" / "a.json", events)
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(tmp_path / "in")))
    purged = []

    class MeanwhilePurged(Warehouse):
        def commit(self, table, rows_for, **options):
            if table is TableName.LOOKUPS and not purged:
                purged.append(purge(Warehouse(self.uri), datetime(2026, 3, 10, tzinfo=UTC), clock=lambda: START))
            return super().commit(table, rows_for, **options)

    shop = Shop(MeanwhilePurged(warehouse.uri))
    with running_sandbox() as sandbox:
        assert shop.enrich(sandbox.url).asked == 2
        assert len(purged) == 1
        assert shop.query("select task_id from lookups") == [(new,)]
        assert shop.enrich(sandbox.url).asked == 0
    for path in (tmp_path / "warehouse").rglob("*.parquet"):
        assert old.encode() not in path.read_bytes(), path
