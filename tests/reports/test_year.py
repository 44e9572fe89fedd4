"""A year of the daily schedule: each week is published once, of data beyond its end, and each notice arrives once.

The expected table is written before anything runs, by a rule that shares no code with the product. Days are counted from a
Monday; the command runs daily at 06:00 UTC on one of two machines that share the folders, and on some days on both at once.
Each quarter of 13 weeks has the same incidents.
"""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from support.clock import at, command_at
from support.events import envelope, write
from support.lookups import looked_up, store_lookups
from support.notices import hook
from support.reports import QUIET, run
from support.tables import clean_env

from bwp_client.load.pipeline import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

START: Final = datetime(2027, 1, 4, tzinfo=UTC)
QUARTER: Final = 91
LOADED_ON: Final = (0, 3)
"""The weekdays on which events are loaded, at 05:00: Monday and Thursday."""
NOT_LOADED: Final = {21, 52}
LOADED_LATE: Final = {22, 54}
OFF: Final = {*range(35, 45), 49, 50, 51}
"""Days on which neither machine runs."""
AT_ONCE: Final = {21, 22, 63}
"""Days on which both machines run at the same moment."""
FAILING_WEEK: Final = 8
LOOKED_UP_ON: Final = 65
"""The day on which the failures of the failing week are looked up, at 05:30; without them its report is refused."""
PURGED_ON: Final = 70
PURGED_BEFORE: Final = 28
HOOK_DOWN: Final = 77
"""The day on which the destination of notices refuses them; they arrive on the next day."""
LATE_EVENT_ON: Final = 80
"""The day on which an event of a week that is published already is loaded."""
EARLY_LOOK_ON: Final = 83
"""The Sunday on which somebody asks for the report of the week that is still running."""
EVENTS_A_DAY: Final = 12
STALE_HOURS: Final = 48


@dataclass(slots=True)
class Day:
    """What a day of the schedule has to bring: weeks by number, and the titles of the notices that arrive."""

    published: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)


def name(week: int) -> str:
    year, number, _ = (START + timedelta(weeks=week)).isocalendar()
    return f"{year}-W{number:02d}"


def is_loaded(day: int) -> bool:
    within = day % QUARTER
    return within in LOADED_LATE or (day % 7 in LOADED_ON and within not in NOT_LOADED)


def known_at(week: int) -> int:
    """Return the day on which the reasons of a week's failures are known."""
    quarter, within = divmod(week, 13)
    return quarter * QUARTER + LOOKED_UP_ON if within == FAILING_WEEK else 0


def expected(days: int) -> dict[int, Day]:
    """Return the table of the schedule, from the first day on which a whole week is over."""
    table: dict[int, Day] = {}
    done: set[int] = set()
    waiting: list[str] = []
    newest_hour = -1.0
    for day in range(days):
        if is_loaded(day):
            newest_hour = max(hour for hour in range(0, 24 * day + 5, 24 // EVENTS_A_DAY))
        if day < 7 or day % QUARTER in OFF:
            continue
        row = table[day] = Day()
        for week in range(max(0, day // 7 - 5), day // 7):
            if week in done:
                continue
            has_data = newest_hour >= 24 * 7 * (week + 1) and 24 * day + 6 - newest_hour <= STALE_HOURS
            if has_data and known_at(week) <= day:
                done.add(week)
                row.published.append(week)
            else:
                row.refused.append(week)
        titles = [f"Report deletion {name(week)}: published" for week in row.published]
        titles += [f"Report deletion {name(week)}: not published" for week in row.refused]
        row.titles, waiting = ([], titles) if day % QUARTER == HOOK_DOWN else (waiting + titles, [])
    return table


def test_the_table_is_as_the_incidents_of_a_quarter_say() -> None:
    """A few rows of the table as a person would write them."""
    table = expected(QUARTER)
    assert {day: row.published for day, row in table.items() if row.published} == {
        7: [0], 14: [1], 22: [2], 28: [3], 45: [4, 5], 54: [6], 56: [7], 66: [8], 70: [9], 77: [10], 84: [11],
    }  # fmt: skip
    assert {day: row.refused for day, row in table.items() if row.refused} == {
        21: [2], 52: [6], 53: [6], 63: [8], 64: [8], 65: [8],
    }  # fmt: skip
    # On day 65 the reasons are known, but the newest event is 50 hours old.
    assert table[77].titles == []
    assert table[78].titles == [f"Report deletion {name(10)}: published"]
    assert 49 not in table


class Shop:
    """The shop, its warehouse, its two machines, and the destination of its notices."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.warehouse = Warehouse(str(folder / "warehouse"))
        self._next_hour = 0

    def load_up_to(self, day: int) -> None:
        """Load the events before 05:00 of a day that were not loaded yet."""
        hours = range(self._next_hour, 24 * day + 5, 24 // EVENTS_A_DAY)
        self._next_hour = hours[-1] + 24 // EVENTS_A_DAY
        self._load([self._event(hour) for hour in hours], day)

    def load_late_event(self, day: int) -> None:
        self._load([envelope(f"late-{day}", time=START + timedelta(days=day - 8))], day)

    def look_up(self, day: int) -> None:
        week = 13 * (day // QUARTER) + FAILING_WEEK
        rows = [looked_up(f"t-{24 * 7 * week + 2 * number}", errors=["ORDERS_NOT_CLOSED"]) for number in range(10)]
        store_lookups(self.warehouse, rows, finished_at=self._time(day, 5.5))

    def purge(self, day: int) -> None:
        before = START + timedelta(days=day - PURGED_ON + PURGED_BEFORE)
        with at(self._time(day, 5.9)):
            run(self.folder, "purge", "--before", f"{before:%Y-%m-%d}", allowed=(0, 1))

    def report(self, day: int) -> None:
        machine = "ab"[day % 2]
        with at(self._time(day, 6), machine=machine):
            run(self.folder, *self._command(), allowed=(0, 1))

    def report_at_once(self, day: int) -> None:
        running = [
            subprocess.Popen(
                [*command_at(self._time(day, 6), machine), *self._command()], cwd=self.folder,
                env=clean_env(**self._env(), PYTHONPATH=str(Path(__file__).parents[1])), stderr=subprocess.PIPE, text=True,
            )
            for machine in "ab"
        ]  # fmt: skip
        for child in running:
            _, errors = child.communicate(timeout=280)
            assert child.returncode in {0, 1}, errors

    def look_early(self, day: int) -> None:
        with at(self._time(day, 7)):
            run(self.folder, "report", "--period", name(day // 7), "--out", "out", allowed=(1,))

    def keys(self) -> set[str]:
        return {path.parent.name for path in (self.folder / "out").glob("*/manifest.json")}

    def manifest(self, key: str) -> Any:
        return json.loads((self.folder / "out" / key / "manifest.json").read_text(encoding="utf-8"))

    def _command(self) -> list[str]:
        return ["report", "--period", "last-week", "--catch-up", "4", "--out", "out", "--notify", self.url]

    def _env(self) -> dict[str, str]:
        return QUIET | {"BWP_REPORT__MAX_STALE_HOURS": str(STALE_HOURS)}

    def _load(self, events: list[Any], day: int) -> None:
        source = open_source(str(write(self.folder / "events" / f"{day}-{len(events)}.json", events)))
        load(self.warehouse, source, clock=lambda: self._time(day, 5.1))

    def _event(self, hour: int) -> Any:
        week, within = divmod(hour, 24 * 7)
        is_failed = week % 13 == FAILING_WEEK and within < 2 * 10
        return envelope(f"t-{hour}", outcome="FAILED" if is_failed else "COMPLETED", time=START + timedelta(hours=hour))

    def _time(self, day: int, hour: float) -> datetime:
        return START + timedelta(days=day, hours=hour)


def simulate(folder: Path, days: int) -> str:
    """Run the schedule, compare every day with the table, and return what happened in a sentence."""
    table = expected(days)
    counts: Counter[str] = Counter()
    with hook() as found:
        shop = Shop(folder, found.url)
        keys: set[str] = set()
        for day in range(days):
            within, seen = day % QUARTER, len(found.accepted)
            if is_loaded(day):
                shop.load_up_to(day)
            if within == LATE_EVENT_ON:
                shop.load_late_event(day)
            if within == LOOKED_UP_ON:
                shop.look_up(day)
            if within == PURGED_ON:
                shop.purge(day)
            if within == EARLY_LOOK_ON:
                shop.look_early(day)
            if day not in table:
                continue
            found.status = 500 if within == HOOK_DOWN else 200
            (shop.report_at_once if within in AT_ONCE else shop.report)(day)
            new, keys = shop.keys() - keys, shop.keys()
            row = table[day]
            as_of = f"{START + timedelta(days=day):%Y-%m-%d}"
            assert new == {f"deletion_{name(week)}_as-of-{as_of}" for week in row.published}, day
            assert sorted(found.titles[seen:]) == sorted(row.titles), day
            counts += Counter(published=len(row.published), refused=len(row.refused), notices=len(row.titles))
    weeks = Counter(key.split("_")[1] for key in keys)
    assert set(weeks.values()) == {1}
    assert len(weeks) == counts["published"]
    for key in keys:
        manifest = shop.manifest(key)
        end = datetime.fromisoformat(manifest["question"]["period"]["to"])
        assert datetime.fromisoformat(manifest["facts"]["newest_event_at"]) >= end
        assert datetime.fromisoformat(manifest["facts"]["run_finished_at"]) >= end
        assert "replaces" not in manifest["question"]
    return (
        f"{days} days: {counts['published']} weeks published once each, {counts['refused']} refusals, "
        f"{counts['notices']} notices, each delivered once"
    )


@pytest.mark.timeout(900)
def test_a_quarter_of_the_daily_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(QUIET, "BWP_REPORT__MAX_STALE_HOURS", str(STALE_HOURS))
    assert simulate(tmp_path, QUARTER).startswith("91 days: 12 weeks published once each, 6 refusals, 18 notices")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_year_of_the_daily_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(QUIET, "BWP_REPORT__MAX_STALE_HOURS", str(STALE_HOURS))
    print(simulate(tmp_path, 4 * QUARTER))
