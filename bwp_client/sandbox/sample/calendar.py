"""When things happen in the sample: its window, its weekly rhythm, and its turning points."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np

from bwp_client.sandbox.sample import catalog
from bwp_client.sandbox.sample.rng import F64, I64, draw_array, key, unit_array

DAY: Final = 86_400
HOUR: Final = 3_600
MONTHS: Final = 18
LAST_HOUR_UTC: Final = 6  # the last day ends at this hour, so that a sample up to today is not from the future

_WEEKDAYS: Final = np.array([1.18, 1.22, 1.15, 1.10, 1.00, 0.55, 0.50])
_HOURS: Final = np.array(
    [9, 7, 5, 4, 3, 3, 3, 4, 5, 6, 7, 9, 11, 14, 16, 17, 17, 16, 16, 15, 14, 13, 12, 10], dtype=np.float64
)

# A task ID carries 30 bits of seconds since 2020.
_FIRST_UNTIL: Final = date(2021, 7, 1)
_LAST_UNTIL: Final = date(2053, 12, 31)

# Days before the end of the window.
_GEN_B_FROM: Final = 190
_INCIDENT: Final = (26, 17)
_LEGAL_HOLD_FROM: Final = 36
_TIMEOUT_AWAY: Final = (390, 45)  # between them DOWNSTREAM_TIMEOUT is not seen

_INCIDENT_RATE: Final = 0.20
_RETRIEVAL_RATE: Final = 0.02
_FIRST_RATE: Final = 0.030
_LAST_RATE: Final = 0.050


@dataclass(frozen=True, slots=True)
class SampleCalendar:
    """The window of a sample and what happens when; times are Unix seconds.

    Attributes:
        start: First second.
        end: First second after the window.
        gen_b_from: From here on payloads have the enveloped form.
        incident: First second of the incident, first second after it.
    """

    start: int
    end: int
    gen_b_from: int
    incident: tuple[int, int]
    _edges: F64
    _cumulative: F64

    @classmethod
    def until(cls, until: date, seed: int) -> "SampleCalendar":
        """Lay out the 18 months that end at a day.

        Args:
            until: The last day; it is filled until 06:00 UTC.
            seed: Decides how each day differs from its neighbours.

        Raises:
            ValueError: The window leaves the years that a task ID can carry.
        """
        if not _FIRST_UNTIL <= until <= _LAST_UNTIL:
            raise ValueError(f"A sample ends between {_FIRST_UNTIL} and {_LAST_UNTIL}, not on {until}.")
        midnight = _midnight(until)
        start, end = _midnight(_months_before(until, MONTHS)), midnight + LAST_HOUR_UTC * HOUR
        days = np.arange((end - start + DAY - 1) // DAY)
        noise = 0.85 + 0.3 * unit_array(draw_array(key(seed, "day volume"), days))
        growth = 1 + 0.35 * days / len(days)
        daily = _WEEKDAYS[(days + datetime.fromtimestamp(start, tz=UTC).weekday()) % 7] * growth * noise
        hourly = np.outer(daily, _HOURS).ravel()[: (end - start) // HOUR]
        cumulative = np.concatenate([[0.0], np.cumsum(hourly)])
        return cls(
            start=start,
            end=end,
            gen_b_from=midnight - _GEN_B_FROM * DAY,
            incident=(midnight - _INCIDENT[0] * DAY, midnight - _INCIDENT[1] * DAY),
            _edges=start + np.arange(len(cumulative), dtype=np.float64) * HOUR,
            _cumulative=cumulative / cumulative[-1],
        )

    def at(self, fractions: F64) -> I64:
        """Give the second by which each fraction of all events has happened.

        Args:
            fractions: Between 0 and 1.
        """
        return np.minimum(np.interp(fractions, self._cumulative, self._edges).astype(np.int64), self.end - 1)

    def fraction(self, second: int) -> float:
        """Give the fraction of all events that happen before a second.

        Args:
            second: Unix seconds.
        """
        return float(np.interp(float(second), self._edges, self._cumulative))

    def failure_rates(self, at: I64, product: I64, kind: I64) -> F64:
        """Give the chance of failing of tasks by time, product and kind.

        Args:
            at: Unix seconds of the outcome.
            product: Indices into `PRODUCTS`.
            kind: As `Kind`.
        """
        factors = np.array([p.rate_factor for p in catalog.PRODUCTS])[product]
        ramp = _FIRST_RATE + (_LAST_RATE - _FIRST_RATE) * (at - self.start) / (self.end - self.start)
        rates = np.where(kind == catalog.Kind.DELETION, ramp * factors, _RETRIEVAL_RATE)
        return np.where(self.in_incident(at, product, kind), _INCIDENT_RATE, rates)

    def in_incident(self, at: I64, product: I64, kind: I64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Tell which tasks the incident touches.

        Args:
            at: Unix seconds of the outcome.
            product: Indices into `PRODUCTS`.
            kind: As `Kind`.
        """
        began, ended = self.incident
        touched = (at >= began) & (at < ended) & (product == catalog.INCIDENT_PRODUCT)
        return np.asarray(touched & (kind == catalog.Kind.DELETION))

    def code_sets(self, at: I64, product: I64, kind: I64, dice: F64) -> I64:
        """Choose why each failed task failed.

        Args:
            at: Unix seconds of the outcome.
            product: Indices into `PRODUCTS`.
            kind: As `Kind`.
            dice: A random fraction each.
        """
        midnight = self.end - LAST_HOUR_UTC * HOUR
        legal = (at >= midnight - _LEGAL_HOLD_FROM * DAY).astype(np.int64)
        away, back = (midnight - days * DAY for days in _TIMEOUT_AWAY)
        timeout = ((at < away) | (at >= back)).astype(np.int64)
        table = np.where(kind == catalog.Kind.RETRIEVAL, 4 + timeout, 2 * legal + timeout)
        table = np.where(self.in_incident(at, product, kind), 6, table)
        return np.asarray((_CODE_TABLES[table] <= dice[:, None]).sum(axis=1), dtype=np.int64)


def _code_tables() -> F64:
    """Lay out the cumulative weights of the code sets, one row a situation."""
    orders, unknown, null, legal, timeout, returns = range(6)
    orders_null, orders_returns, orders_legal, timeout_null, three = range(6, 11)
    deletion = {orders: 48, unknown: 17, null: 10, returns: 9, orders_null: 2, orders_returns: 3, three: 1}
    held = {legal: 16, orders_legal: 3}
    late = {timeout: 11, timeout_null: 2}
    retrieval = {unknown: 78, null: 14}
    # As many failures as before, and all the rest for the one cause.
    incident = {orders: 88, unknown: 3, null: 2, returns: 2, legal: 2, orders_legal: 1, timeout: 1, orders_null: 1}
    rows = [deletion, deletion | late, deletion | held, deletion | held | late, retrieval, retrieval | late, incident]
    weights = np.zeros((len(rows), 11))
    for row, entries in zip(weights, rows, strict=True):
        for place, weight in entries.items():
            row[place] = weight
    return np.asarray(np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True))


_CODE_TABLES: Final = _code_tables()


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp())


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
