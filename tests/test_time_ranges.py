"""Periods as people write them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bwp_client.errors import UsageError
from bwp_client.metrics.filters import Bucket, Filters, filters_between
from bwp_client.time_ranges import period_end, period_start, whole_days, window_options

DATA_END = datetime(2026, 3, 31, 17, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-03", " 2026-11-03 ", "20261103", "2026-W45-2"])
def test_a_date_is_the_whole_utc_day_however_it_is_written(text: str) -> None:
    assert period_start(text) == datetime(2026, 11, 3, tzinfo=UTC)
    assert period_end(text) == datetime(2026, 11, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-11-03T09:00Z", 9), ("2026-11-03T09:00", 9), ("2026-11-03T09:00+02:00", 7), ("2026-11-03 00:00:00", 0)],
)
def test_a_timestamp_is_where_the_period_begins_or_stops(text: str, hour: int) -> None:
    assert period_start(text) == period_end(text) == datetime(2026, 11, 3, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "2026-02-29", "03.11.2026", "١٢٣", "0001-01-01", "9999-12-31"]
)
@pytest.mark.parametrize("read", [period_start, period_end])
def test_anything_else_is_refused_with_what_to_write(read, text: str) -> None:
    with pytest.raises(UsageError, match="Nothing was done"):
        read(text)


@given(st.dates(date(1900, 1, 1), date(2999, 12, 31)), st.dates(date(1900, 1, 1), date(2999, 12, 31)))
def test_any_period_that_can_be_written_can_be_compared_with_the_one_before(day: date, other: date) -> None:
    first, last = sorted((day, other))
    filters = filters_between(str(first), str(last), data_end=DATA_END)
    assert (filters.from_time, filters.to_time) == whole_days(first, last)
    assert filters.from_time - filters.before_time == filters.to_time - filters.from_time


def test_left_out_it_is_the_last_28_days_of_the_data() -> None:
    filters = filters_between(None, None, data_end=DATA_END)
    assert (filters.from_time, filters.to_time) == (datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert filters_between(None, "2026-03-28", data_end=DATA_END).from_time == datetime(2026, 3, 1, tzinfo=UTC)
    assert filters_between("2026-03-30", None, data_end=DATA_END).to_time == datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(("from_", "to"), [("2026-03-02", "2026-03-01"), ("2026-03-02T10:00Z", "2026-03-02T10:00Z")])
def test_a_period_that_ends_before_it_begins_is_refused(from_: str, to: str) -> None:
    with pytest.raises(UsageError, match="end is not after"):
        filters_between(from_, to, data_end=DATA_END)
    assert Filters(*whole_days(date(2026, 3, 1), date(2026, 3, 1))).to_time == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bucket", "start", "end"),
    [
        (Bucket.HOUR, datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        (Bucket.DAY, datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        (Bucket.WEEK, datetime(2025, 12, 29, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)),
        (Bucket.MONTH, datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (Bucket.MONTH, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_a_bucket_ends_where_the_next_begins(bucket: Bucket, start: datetime, end: datetime) -> None:
    assert bucket.end_of(start) == end


def test_a_written_window_is_read_as_the_same_window() -> None:
    start, end = datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    _, first, _, last = window_options(start, end).split()
    assert (period_start(first), period_end(last)) == (start, end)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Pacific/Kiritimati", "2026-11-16", "2026-11-15T10:00", "2026-11-16T10:00"),
        ("Asia/Kathmandu", "2026-11-16", "2026-11-15T18:15", "2026-11-16T18:15"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00", "2026-09-07T03:00"),
    ],
)
def test_the_days_of_a_zone_end_where_its_clocks_say_so(zone: str, day: str, start: str, end: str) -> None:
    found = whole_days(date.fromisoformat(day), date.fromisoformat(day), ZoneInfo(zone))
    assert [time.strftime("%Y-%m-%dT%H:%M") for time in found] == [start, end]
    assert {time.tzinfo for time in found} == {UTC}
