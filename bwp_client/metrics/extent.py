"""How far the data cover a period: a figure over days without data must not read as if nothing had happened on them.

Data are missing before the first event and before the purge floor, and after the newest event. The selected tasks, and each
business product, have data from their own first event to their newest. Such data are incomplete within a period if
`USUAL_EVENTS` or more would usually have come in the missing time: a product with few events may just have had none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bwp_client.events import EARLIEST_EVENT, Outcome
from bwp_client.metrics.filters import Filters
from bwp_client.metrics.sql_templates import bound, filter_parameters, render_sql
from bwp_client.warehouse.data_limits import USUAL_EVENTS, DataLimits
from bwp_client.warehouse.snapshot import Snapshot

_DAY, _HOUR, _INSTANT = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
_PARTS_OF_A_PERIOD = 7


@dataclass(frozen=True, slots=True)
class ProductExtent:
    """The part of a period that the data of a business product cover; None for an end that they reach.

    Attributes:
        business_product_id: The product.
        begins_at: The hour of its first event.
        completed_from: The hour of its first COMPLETED event, where failures came long before.
        ends_at: The hour of its newest event.
    """

    business_product_id: str
    begins_at: datetime | None
    completed_from: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Extent:
    """The part of a period that the data of the selected tasks cover.

    Attributes:
        begins_at: The beginning of the data, if data of the period are missing before it.
        ends_at: The newest event, if data of the period are missing after it.
        is_purged: True if the data before `begins_at` were purged.
        is_running: True if the period ends after the run that was read.
        is_selection: True if other tasks have data where those of the selected tasks are missing.
        has_none: True if not one event of the period is there, or can be.
        is_without_events: True if no event was loaded at all.
        products: The products whose data cover less of the period than those of the selected tasks.
    """

    begins_at: datetime | None = None
    ends_at: datetime | None = None
    is_purged: bool = False
    is_running: bool = False
    is_selection: bool = False
    has_none: bool = False
    is_without_events: bool = False
    products: tuple[ProductExtent, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True if the data cover the period from end to end."""
        return self.begins_at is None and self.ends_at is None


@dataclass(frozen=True, slots=True)
class OutcomeSpan:
    """The number of some outcomes, and the hours of the first and of the newest."""

    tasks: int
    first_at: datetime
    newest_at: datetime

    @classmethod
    def joined(cls, spans: Iterable[Self]) -> Self | None:
        """Return the span of all of these outcomes; None without any."""
        every = list(spans)
        if not every:
            return None
        first_at, newest_at = min(item.first_at for item in every), max(item.newest_at for item in every)
        return cls(sum(item.tasks for item in every), first_at, newest_at)

    def begins_after(self, start: datetime, end: datetime) -> datetime | None:
        """Return the first hour, if data of a period are missing before it."""
        return self.first_at if self._is_lack(self.first_at - start, end - start) else None

    def ends_before(self, start: datetime, end: datetime) -> datetime | None:
        """Return the newest hour, if data of a period are missing after it."""
        return self.newest_at if self._is_lack(end - self.newest_at - _HOUR, end - start) else None

    def _is_lack(self, silence: timedelta, length: timedelta) -> bool:
        if self.tasks < USUAL_EVENTS or silence < _least_lack(length):
            return False
        return (self.tasks - 1) * silence >= USUAL_EVENTS * max(self.newest_at - self.first_at, _DAY)


@dataclass(frozen=True, slots=True)
class SelectedData:
    """The limits of the data of the selected tasks.

    Attributes:
        limits: The limits of all data.
        run_finished_at: When the run that was read finished.
        spans: The outcomes of each selected business product.
        whole: The outcomes of all of them; None without any.
    """

    limits: DataLimits
    run_finished_at: datetime
    spans: Mapping[str, Mapping[Outcome, OutcomeSpan]]
    whole: OutcomeSpan | None

    @classmethod
    def of(cls, snapshot: Snapshot, filters: Filters) -> Self:
        """Return the data that filters select; the period and the error codes of the filters don't matter."""
        sql = render_sql("queries/outcome_spans.sql")
        spans: dict[str, dict[Outcome, OutcomeSpan]] = {}
        for product, outcome, tasks, first_at, newest_at in snapshot.rows(sql, bound(sql, filter_parameters(filters))):
            if newest_at is not None:
                spans.setdefault(product, {})[Outcome(outcome)] = OutcomeSpan(int(tasks), first_at, newest_at)
        every = OutcomeSpan.joined(span for product in spans.values() for span in product.values())
        return cls(snapshot.limits, snapshot.run.finished_at, spans, every)

    def of_product(self, business_product_id: str) -> SelectedData:
        """Return the data of a single business product."""
        product = self.spans.get(business_product_id, {})
        return replace(self, spans={business_product_id: product}, whole=OutcomeSpan.joined(product.values()))

    def extent(self, start: datetime, end: datetime) -> Extent:
        """Return how far the data cover the period from `start` to before `end`."""
        extent = self.extent_of_all(start, end)
        if extent.has_none:
            return extent
        return replace(extent, products=self._products(extent.begins_at or start, extent.ends_at or end))

    def extent_of_all(self, start: datetime, end: datetime) -> Extent:
        """Return the same without the business products."""
        limits = self.limits
        is_running = end > self.run_finished_at
        if limits.first_event_at is None or limits.newest_event_at is None or limits.reaches_to is None:
            return Extent(ends_at=start, is_running=is_running, has_none=True, is_without_events=True)
        begins_at = self._begins_after(start, end)
        ends_at = limits.newest_event_at if is_running or end > limits.reaches_to else None
        # The newest event belongs to the data, whereas the period's end does not belong to the period.
        first, last = begins_at or start, ends_at + _INSTANT if ends_at else end
        if first < last and self.whole is not None:
            own_begin, own_end = self.whole.begins_after(first, last), self.whole.ends_before(first, last)
            if own_begin or own_end:
                first, last = own_begin or first, own_end + _HOUR if own_end else last
                return Extent(own_begin or begins_at, own_end or ends_at, is_selection=True, has_none=first >= last)
        is_purged = begins_at is not None and begins_at == limits.purged_before
        return Extent(begins_at, ends_at, is_purged=is_purged, is_running=is_running, has_none=first >= last)

    def _begins_after(self, start: datetime, end: datetime) -> datetime | None:
        """Return the beginning of all data, if data of the period are missing before it; the day of the purge is exact."""
        first, purged = self.limits.first_event_at, self.limits.purged_before
        if purged is not None and purged > start:
            return purged
        return first if first is not None and first - start >= _least_lack(end - start) else None

    def _products(self, start: datetime, end: datetime) -> tuple[ProductExtent, ...]:
        """Return the limits of each product that lie within the period; of a single selected product, only the third."""
        is_single = len(self.spans) == 1
        found = []
        for product, outcomes in self.spans.items():
            whole = OutcomeSpan.joined(outcomes.values())
            completed, failed = outcomes.get(Outcome.COMPLETED), outcomes.get(Outcome.FAILED)
            if whole is None or whole.first_at >= end or whole.newest_at < start:
                continue
            begins_at, ends_at = (
                (None, None) if is_single else (whole.begins_after(start, end), whole.ends_before(start, end))
            )
            since = max(start, failed.first_at) if failed else end
            late = completed.begins_after(since, end) if completed and since < end else None
            item = ProductExtent(product, begins_at, late if late and late < end else None, ends_at)
            if item.begins_at or item.completed_from or item.ends_at:
                found.append(item)
        return tuple(found)


NO_DATA = SelectedData(DataLimits(None, None, None, None), EARLIEST_EVENT, {}, None)


def extent_of(snapshot: Snapshot, filters: Filters) -> Extent:
    """Return how far the data cover the period of the filters."""
    return SelectedData.of(snapshot, filters).extent(filters.from_time, filters.to_time)


def _least_lack(length: timedelta) -> timedelta:
    """Return the shortest silence at an end of a period that counts as missing data."""
    return min(_DAY, length / _PARTS_OF_A_PERIOD)
