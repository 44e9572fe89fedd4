"""The arguments of a metric that are not data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics.extent import NO_DATA, SelectedData
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.metrics.guidance import GuidanceTable


@dataclass(frozen=True, slots=True)
class MetricContext:
    """The arguments of a metric beside the data.

    Attributes:
        filters: The filters that select the tasks.
        bucket: The length of a period in a time series.
        min_n: Fewer outcomes than this are not rated.
        calendar: How deadlines are counted.
        guidance: Class and next action of each error code.
        as_of: The time at which the run of the snapshot finished.
        now: The moment from which days left and ages are counted.
        data: How far the data of the selected tasks reach; metrics over periods need it.
    """

    filters: Filters
    bucket: Bucket
    min_n: int
    calendar: DeadlineCalendar
    guidance: GuidanceTable
    as_of: datetime
    now: datetime
    data: SelectedData = NO_DATA
