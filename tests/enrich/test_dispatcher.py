"""The feed: tasks are handed out to workers as claims come, and none is lost between two commits."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator

from bwp_client.api import TaskRef
from bwp_client.enrich.dispatcher import Feed
from bwp_client.enrich.work_queue import Todo
from bwp_client.events import TaskKind
from bwp_client.warehouse.claims import Held, TaskKey

TODOS = [Todo(TaskRef(TaskKind.DELETION, f"task-{place}", "bp-1"), 0, None, None, None, place) for place in range(1, 4)]


class List:
    """A list of things to do that nobody else works on."""

    total = len(TODOS)

    def see_new_answers(self) -> None:
        pass

    def at(self, places: Iterable[int]) -> Iterator[Todo]:
        return (todo for todo in TODOS if todo.place in set(places))

    def after(self, place: int) -> Iterator[Todo]:
        return (todo for todo in TODOS if todo.place > place)


class SlowClaims:
    """Claims whose second commit waits until it is let go."""

    held_until = float("inf")
    lease_seconds = 60.0

    def __init__(self) -> None:
        self.under_way, self.go = threading.Event(), threading.Event()
        self.commits = 0

    def take(self, _mine: Iterable[TaskKey], choose: Callable[[Held], list[Todo]]) -> list[Todo]:
        self.commits += 1
        chosen = choose({})
        if self.commits == 2:
            self.under_way.set()
            assert self.go.wait(10)
        return chosen


async def _hand_out(claims: SlowClaims) -> list[str]:
    feed = Feed(
        List(),
        claims,
        workers=1,
        pace=lambda: 0.0,
        monotonic=lambda: 0.0,
        sleep=asyncio.sleep,  # type: ignore[arg-type]
    )
    first = await feed.next()
    second = await feed.next()
    assert first is not None
    assert second is not None
    assert await asyncio.to_thread(claims.under_way.wait, 10)
    feed.give_back(first)
    claims.go.set()
    rest = []
    while (todo := await feed.next()) is not None:
        rest.append(todo)
    return [todo.task.task_id for todo in (first, second, *rest)]


def test_a_task_given_back_during_a_commit_is_handed_out_again() -> None:
    assert asyncio.run(_hand_out(SlowClaims())) == ["task-1", "task-2", "task-3", "task-1"]
