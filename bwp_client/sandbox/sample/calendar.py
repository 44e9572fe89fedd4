"""The calendar of a sample: its window, its weekly rhythm, and its turning points."""

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
LAST_HOUR_UTC: Final = 6  # the hour at which the last day ends, so that a sample up to today holds no future events

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
_NO_TIMEOUTS: Final = (390, 45)  # DOWNSTREAM_TIMEOUT does not occur between them

_INCIDENT_RATE: Final = 0.20
_RETRIEVAL_RATE: Final = 0.02
_FIRST_RATE: Final = 0.030
_LAST_RATE: Final = 0.050


@dataclass(frozen=True, slots=True)
class SampleCalendar:
    """The window of a sample and its turning points, in Unix seconds.

    Attributes:
        start: The first second.
        end: The first second after the window.
        gen_b_from: The second from which payloads have the enveloped form.
        incident: The first second of the incident, and the first second after it.
    """

    start: int
    end: int
    gen_b_from: int
    incident: tuple[int, int]
    _edges: F64
    _cumulative: F64

    @classmethod
    def until(cls, until: date, seed: int) -> "SampleCalendar":
        """Return the calendar of the 18 months that end on a day.

        Args:
            until: The last day; it ends at 06:00 UTC.
            seed: Decides the random volume of each day.

        Raises:
            ValueError: The window lies outside the years that a task ID can hold.
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
        """Return the times by which fractions of all events have happened.

        Args:
            fractions: Fractions between 0 and 1, of shape (n,).

        Returns:
            Unix seconds, of shape (n,).
        """
        return np.minimum(np.interp(fractions, self._cumulative, self._edges).astype(np.int64), self.end - 1)

    def fraction(self, second: int) -> float:
        """Return the fraction of all events that happen before a Unix second."""
        return float(np.interp(float(second), self._edges, self._cumulative))

    def failure_rates(self, at: I64, product: I64, kind: I64) -> F64:
        """Return the probability that each task fails.

        Args:
            at: Unix seconds of the outcome, of shape (n,).
            product: Indices into `PRODUCTS`, of shape (n,).
            kind: Values of `Kind`, of shape (n,).

        Returns:
            Probabilities, of shape (n,).
        """
        factors = np.array([p.rate_factor for p in catalog.PRODUCTS])[product]
        ramp = _FIRST_RATE + (_LAST_RATE - _FIRST_RATE) * (at - self.start) / (self.end - self.start)
        rates = np.where(kind == catalog.Kind.DELETION, ramp * factors, _RETRIEVAL_RATE)
        return np.where(self.in_incident(at, product, kind), _INCIDENT_RATE, rates)

    def in_incident(self, at: I64, product: I64, kind: I64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Return whether the incident affects each task.

        Args:
            at: Unix seconds of the outcome, of shape (n,).
            product: Indices into `PRODUCTS`, of shape (n,).
            kind: Values of `Kind`, of shape (n,).

        Returns:
            Booleans, of shape (n,).
        """
        began, ended = self.incident
        affected = (at >= began) & (at < ended) & (product == catalog.INCIDENT_PRODUCT)
        return np.asarray(affected & (kind == catalog.Kind.DELETION))

    def code_sets(self, at: I64, product: I64, kind: I64, dice: F64) -> I64:
        """Return the code set of each failed task.

        Args:
            at: Unix seconds of the outcome, of shape (n,).
            product: Indices into `PRODUCTS`, of shape (n,).
            kind: Values of `Kind`, of shape (n,).
            dice: Random fractions between 0 and 1, of shape (n,).

        Returns:
            Indices into `CODE_SETS`, of shape (n,).
        """
        midnight = self.end - LAST_HOUR_UTC * HOUR
        legal = (at >= midnight - _LEGAL_HOLD_FROM * DAY).astype(np.int64)
        away, back = (midnight - days * DAY for days in _NO_TIMEOUTS)
        timeout = ((at < away) | (at >= back)).astype(np.int64)
        table = np.where(kind == catalog.Kind.RETRIEVAL, 4 + timeout, 2 * legal + timeout)
        table = np.where(self.in_incident(at, product, kind), 6, table)
        return np.asarray((_CODE_TABLES[table] <= dice[:, None]).sum(axis=1), dtype=np.int64)


def _code_tables() -> F64:
    """Return the cumulative weights of the code sets, of shape (situations, code sets)."""
    orders, unknown, null, legal, timeout, returns = range(6)
    orders_null, orders_returns, orders_legal, timeout_null, three = range(6, 11)
    deletion = {orders: 48, unknown: 17, null: 10, returns: 9, orders_null: 2, orders_returns: 3, three: 1}
    held = {legal: 16, orders_legal: 3}
    late = {timeout: 11, timeout_null: 2}
    retrieval = {unknown: 78, null: 14}
    # The incident adds failures of one code only; each other code has its usual number of failures.
    incident = {orders: 88, unknown: 3, null: 2, returns: 2, legal: 2, orders_legal: 1, timeout: 1, orders_null: 1}
    rows = [deletion, deletion | late, deletion | held, deletion | held | late, retrieval, retrieval | late, incident]
    weights = np.zeros((len(rows), 11))
    for row, entries in zip(weights, rows, strict=True):
        for code_set, weight in entries.items():
            row[code_set] = weight
    return np.asarray(np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True))


_CODE_TABLES: Final = _code_tables()


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp())


def _months_before(day: date, months: int) -> date:
    # Written here although the product has month arithmetic, because the sandbox imports nothing of the product.
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
