"""Which business products are left alone for the rest of a run, because they deny task after task."""

from __future__ import annotations

from collections import Counter
from typing import Final

DENIALS_UNTIL_SILENT: Final = 10
SKIPPED_UNTIL_RETRIED: Final = 25


class DenialBreaker:
    """Stops asking a business product that denies its own tasks in a row, and asks again now and then.

    The denial of a task that only the shop's list names says nothing about the product: the task may belong to another one.

    Attributes:
        skipped: The number of tasks that were not asked about, by business product.
    """

    def __init__(self) -> None:
        self._denials: Counter[str] = Counter()
        self._until_retried: dict[str, int] = {}
        self._retries: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def allows(self, product: str) -> bool:
        """Return whether the product may be asked; a task that it may not be asked about counts as skipped.

        After 25 skipped tasks one is asked about, then after 50 more, after 100 more, and so on.
        """
        if self._denials[product] < DENIALS_UNTIL_SILENT:
            return True
        left = self._until_retried.setdefault(product, SKIPPED_UNTIL_RETRIED)
        if left == 0:
            self._retries[product] += 1
            self._until_retried[product] = SKIPPED_UNTIL_RETRIED << self._retries[product]
            return True
        self._until_retried[product] = left - 1
        self.skipped[product] += 1
        return False

    def on_denied(self, product: str) -> None:
        """Count a task of the product that was denied."""
        self._denials[product] += 1

    def on_answered(self, product: str) -> None:
        """Start counting anew, because the product answered."""
        self._denials[product] = 0
        self._until_retried.pop(product, None)
        self._retries.pop(product, None)
