"""The dispatcher: workers get tasks as they are claimed, and no task is lost between two commits."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator

from bwp_client.api import TaskRef
from bwp_client.enrich.dispatcher import Dispatcher
from bwp_client.enrich.options import Seams
from bwp_client.enrich.work_queue import WorkItem
from bwp_client.events import TaskKind
from bwp_client.warehouse.claims import Held, TaskKey

ITEMS = [
    WorkItem(TaskRef(TaskKind.DELETION, f"task-{position}", "bp-1"), 0, None, None, None, position)
    for position in range(1, 4)
]


class Queue:
    """A queue that no other run works on."""

    total = len(ITEMS)

    def read_new_answers(self) -> None:
        pass

    def at(self, positions: Iterable[int]) -> Iterator[WorkItem]:
        return (item for item in ITEMS if item.position in set(positions))

    def after(self, position: int) -> Iterator[WorkItem]:
        return (item for item in ITEMS if item.position > position)


class IdleClient:
    """A client that makes no calls."""

    calls_per_second = 0.0


class SlowClaims:
    """Claims whose second commit waits for a signal."""

    held_until = float("inf")
    lease_seconds = 60.0

    def __init__(self) -> None:
        self.under_way, self.go = threading.Event(), threading.Event()
        self.commits = 0

    def take(self, _mine: Iterable[TaskKey], choose: Callable[[Held], list[WorkItem]]) -> list[WorkItem]:
        self.commits += 1
        chosen = choose({})
        if self.commits == 2:
            self.under_way.set()
            assert self.go.wait(10)
        return chosen


async def _dispatch(claims: SlowClaims) -> list[str]:
    dispatcher = Dispatcher(Queue(), claims, IdleClient(), workers=1, seams=Seams(monotonic=lambda: 0.0))
    first = await dispatcher.next()
    second = await dispatcher.next()
    assert first is not None
    assert second is not None
    assert await asyncio.to_thread(claims.under_way.wait, 10)
    dispatcher.release(first)
    claims.go.set()
    rest = []
    while (item := await dispatcher.next()) is not None:
        rest.append(item)
    return [item.task.task_id for item in (first, second, *rest)]


def test_a_task_released_during_a_commit_is_dispatched_again() -> None:
    assert asyncio.run(_dispatch(SlowClaims())) == ["task-1", "task-2", "task-3", "task-1"]
