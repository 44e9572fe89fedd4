"""The log of attempts to make a report. An attempt's entry is written when the attempt begins, and again when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import uuid4

from bwp_client.errors import BwpError, SourceNotFoundError, WarehouseError
from bwp_client.reports.store import ReportStore


class AttemptState(StrEnum):
    """The result of an attempt; `report` prints the values, and the log holds them."""

    RUNNING = "running"
    PUBLISHED = "published"
    FORCED = "published by force"
    REFUSED = "refused"
    ALREADY_PUBLISHED = "already published"
    FAILED = "failed"


PUBLISHED: Final = (AttemptState.PUBLISHED, AttemptState.FORCED)
"""The states of attempts that published a report."""


@dataclass(slots=True)
class Attempt:
    """An attempt to make a report. An attempt whose state stays `running` was killed."""

    key: str
    state: AttemptState = AttemptState.RUNNING
    reasons: list[str] = field(default_factory=list)
    link: str = ""
    started_at: str = field(default_factory=lambda: _now())  # noqa: PLW0108 - defined below
    finished_at: str = ""
    attempt_id: str = field(default_factory=lambda: uuid4().hex[:12])

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report log` prints."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read an attempt from the JSON object of its entry.

        Raises:
            TypeError, ValueError: The value is not such an object.
        """
        attempt = cls(**value)
        attempt.state = AttemptState(attempt.state)
        texts = [
            attempt.key,
            attempt.link,
            attempt.started_at,
            attempt.finished_at,
            attempt.attempt_id,
            *attempt.reasons,
        ]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(texts)
        return attempt


@contextmanager
def log_attempt(store: ReportStore, key: str) -> Iterator[Attempt]:
    """Log an attempt, however it ends.

    Yields:
        The attempt. The caller sets its state; an exception sets it to failed.

    Raises:
        WarehouseError, RemoteError: The log can't be written.
    """
    attempt = Attempt(key)
    name = f"{attempt.started_at.replace(':', '').replace('-', '')}-{attempt.attempt_id}.json"
    _write(store, name, attempt)
    try:
        yield attempt
    except BaseException as error:
        attempt.state = AttemptState.FAILED
        attempt.reasons = [str(error) if isinstance(error, BwpError) else type(error).__name__]
        raise
    finally:
        attempt.finished_at = _now()
        _write(store, name, attempt)


def read_attempts(store: ReportStore) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the JSON objects of all attempts, newest first, and the names of the files that are no such objects.

    Raises:
        RemoteError: S3 refused or failed.
    """
    found, damaged = [], []
    for name in reversed(store.log_names()):
        try:
            found.append(Attempt.from_json(json.loads(store.read_log(name))).as_json())
        except (ValueError, TypeError, SourceNotFoundError, WarehouseError):
            damaged.append(name)
    return found, damaged


def _write(store: ReportStore, name: str, attempt: Attempt) -> None:
    store.write_log(name, (json.dumps(attempt.as_json(), ensure_ascii=False) + "\n").encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
