"""The figures of a history, computed in pandas from its plain events, lookups and requests, by no code of the product."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from support.events import is_proper, key_of, task_of, time_of
from support.histories import History

MIN_N = 20


@dataclass
class Counted:
    """The numbers of a period of the rated products."""

    failed: int
    n: int

    @property
    def rate(self) -> float | None:
        return self.failed / self.n if self.n >= MIN_N else None

    @property
    def interval(self) -> tuple[float, float]:
        low, high = proportion_confint(self.failed, self.n, method="wilson")
        return float(low), float(high)


def difference(now: Counted, before: Counted) -> tuple[float, float, float]:
    """Return the difference of two rates with Newcombe's interval."""
    assert now.rate is not None
    assert before.rate is not None
    (low, high), (low_before, high_before) = now.interval, before.interval
    change = now.rate - before.rate
    return (
        change,
        change - math.hypot(now.rate - low, high_before - before.rate),
        change + math.hypot(high - now.rate, before.rate - low_before),
    )


class Oracle:
    """The figures of a history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.floor = pd.Timestamp(history.purged_before or date(2000, 1, 1), tz="UTC")
        self.tasks, gone = self._outcomes()
        self.lookups = {row["task_id"]: row for row in history.lookups if row["task_id"] not in gone}
        self.requests = self._requests(gone)
        self.tasks["codes"] = [self.codes_of(task) for task in self.tasks["task"]]

    def _outcomes(self) -> tuple[pd.DataFrame, set[str]]:
        """Return one row per task: the latest outcome, FAILED in the same second; and the tasks that the purge removed."""
        events = [event for loaded in self.history.loads for event in loaded]
        assert all(map(is_proper, events))
        frame = pd.DataFrame(
            {
                "key": ["|".join(key_of(event)) for event in events],
                "task": [task_of(event) for event in events],
                "kind": [event["detail-type"].split("_")[2] for event in events],
                "failed": [event["detail-type"].endswith("FAILED") for event in events],
                "product": [event["resources"][0].split("/")[1] for event in events],
                "region": [event["region"] for event in events],
                "at": pd.to_datetime([time_of(event) for event in events], utc=True),
            }
        ).drop_duplicates("key")
        left = frame[frame["at"] >= self.floor].sort_values(["at", "failed"])
        latest = left.groupby("task").tail(1).reset_index(drop=True)
        has_completed = left.loc[~left["failed"], ["product", "kind"]].drop_duplicates()
        rated = set(has_completed.itertuples(index=False, name=None))
        latest["rated"] = [item in rated for item in zip(latest["product"], latest["kind"], strict=True)]
        return latest, set(frame["task"]) - set(left["task"])

    def _requests(self, gone: set[str]) -> dict[str, dict[str, Any]]:
        zone = self.history.zone
        rows = {}
        for row in self.history.requests:
            if row["task_id"] in gone:
                continue
            times = {
                name: moment.tz_localize(zone) if moment.tzinfo is None else moment
                for name in ("received_at", "closed_at")
                if row.get(name)
                for moment in [pd.Timestamp(row[name])]
            }
            later = row.get("replaced_by")
            rows[row["task_id"]] = {"replaced_by": None if later in gone else later, **times}
        return rows

    def codes_of(self, task: str) -> tuple[str, ...]:
        lookup = self.lookups.get(task)
        if lookup is None:
            return ("(not looked up)",)
        codes = {error["code"] or "(uncoded)" for error in lookup["errors"]}
        return tuple(sorted(codes)) or ("(uncoded)",)

    def of(self, first: date, last: date, *, kind: str = "DELETION", rated: bool | None = True) -> pd.DataFrame:
        """Return the tasks that ended on these days, both included."""
        start, end = pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
        tasks = self.tasks[self.tasks["kind"] == kind]
        tasks = tasks[(tasks["at"] >= start) & (tasks["at"] < end)]
        return tasks if rated is None else tasks[tasks["rated"] == rated]

    @staticmethod
    def counted(tasks: pd.DataFrame) -> Counted:
        return Counted(int(tasks["failed"].sum()), len(tasks))

    def codes(self, first: date, last: date) -> dict[str, int]:
        """Return the number of failed tasks by code; a task with two codes counts under each."""
        failed = self.of(first, last, rated=None).query("failed")
        return {str(code): int(tasks) for code, tasks in failed["codes"].explode().value_counts().items()}

    def code_sets(self, first: date, last: date) -> dict[str, int]:
        failed = self.of(first, last, rated=None).query("failed")
        return {str(codes): int(tasks) for codes, tasks in failed["codes"].map(" + ".join).value_counts().items()}

    def later(self, task: str) -> list[str]:
        """Return the tasks that replaced a task, in their order."""
        found: list[str] = []
        following = self.requests.get(task, {}).get("replaced_by")
        while following and following not in found:
            found.append(following)
            following = self.requests.get(following, {}).get("replaced_by")
        return found

    def failures(self, first: date, last: date, today: date) -> dict[str, tuple[str, date, int, bool]]:
        """Return state, last day, days left and exactness of each task that failed on these days."""
        completed = set(self.tasks.loc[~self.tasks["failed"], "task"])
        found = {}
        for row in self.of(first, last, rated=None).query("failed").itertuples():
            request = self.requests.get(row.task, {})
            is_recovered = any(task in completed for task in self.later(row.task))
            state = "closed" if "closed_at" in request else "recovered" if is_recovered else "open"
            day, is_exact = self._deadline(row.task, row.product, row.at)
            found[row.task] = (state, day, (day - today).days, is_exact)
        return found

    def _deadline(self, task: str, product: str, failed_at: pd.Timestamp) -> tuple[date, bool]:
        """Return the last day: from the first receipt of the chain, else the first submission, else the failure.

        Where an earlier step has a later day than the next, the next counts.
        """
        chain = [task, *(earlier for earlier in self.requests if task in self.later(earlier))]
        received = [
            self.requests[item]["received_at"] for item in chain if "received_at" in self.requests.get(item, {})
        ]
        submitted = [pd.Timestamp(self.lookups[item]["submitted_at"]) for item in chain if item in self.lookups]
        steps = [min(moments) for moments in (received, submitted, [failed_at]) if moments]
        days = [moment.tz_convert(self.history.zone).date() for moment in steps]
        counted_from = days[0]
        is_exact = bool(received)
        for day in days[1:]:
            if day < counted_from:
                counted_from, is_exact = day, False
        rule = self.history.rule
        law = rule if isinstance(rule, str) else rule.get(product, rule["*"])
        if law == "CCPA":
            return counted_from + timedelta(days=45), is_exact
        return (pd.Timestamp(counted_from) + pd.DateOffset(months=1)).date(), is_exact

    def disclosure(self, first: date, last: date) -> dict[str, float | int]:
        """Return the figures of a disclosure; a request that was submitted again began with its first task."""
        start, end = pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
        replacing = {later for task in self.requests for later in self.later(task)}
        kinds = dict(zip(self.tasks["task"], self.tasks["kind"], strict=True))
        begins: dict[str, pd.Timestamp] = {}
        for task in {*self.requests, *self.lookups, *replacing}:
            kind = self.lookups[task]["task_kind"] if task in self.lookups else kinds.get(task, "DELETION")
            if kind != "DELETION":
                continue
            chain = [task, *(earlier for earlier in self.requests if task in self.later(earlier))]
            moments = [
                self.requests[item]["received_at"] for item in chain if "received_at" in self.requests.get(item, {})
            ]
            moments += [pd.Timestamp(self.lookups[item]["submitted_at"]) for item in chain if item in self.lookups]
            if moments:
                begins[task] = min(moments)
        received = [task for task, at in begins.items() if task not in replacing and start <= at < end]
        ended = self.of(first, last, rated=None)
        done = ended[~ended["failed"]]
        days = pd.Series(
            [(row.at - begins[row.task]).total_seconds() / 86_400 for row in done.itertuples() if row.task in begins]
        )
        return {
            "received": len(received),
            "listed": sum("received_at" in self.requests.get(task, {}) for task in received),
            "completed": len(done),
            "failed": int(ended["failed"].sum()),
            "timed": len(days),
            "median_days": float(days.median()),
            "mean_days": float(days.mean()),
        }

    def best_change(self, first: date, last: date) -> date:
        """Return the day at which a single change of the rate fits best, a week or more from either end."""
        tasks = self.of(first, last)
        daily = tasks.groupby(tasks["at"].dt.date)["failed"].agg(["sum", "count"])
        days = list(daily.index)

        def likelihood(part: pd.DataFrame) -> float:
            failed, n = part["sum"].sum(), part["count"].sum()
            return sum(k * math.log(k / n) for k in (failed, n - failed) if k)

        fits = {day: likelihood(daily.loc[: days[place - 1]]) + likelihood(daily.loc[day:])
                for place, day in enumerate(days) if 7 <= place <= len(days) - 7}  # fmt: skip
        return max(fits, key=lambda day: fits[day])
