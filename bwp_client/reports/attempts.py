"""The log of attempts: one entry each, written when it begins and again when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bwp_client.errors import BwpError
from bwp_client.reports.store import ReportStore

RUNNING, PUBLISHED, FORCED, REFUSED, ALREADY_PUBLISHED, FAILED = (
    "running", "published", "published by force", "refused", "already published", "failed",
)  # fmt: skip


@dataclass(slots=True)
class Attempt:
    """One try to make a report; one that stays `running` was stopped."""

    key: str
    state: str = RUNNING
    reasons: list[str] = field(default_factory=list)
    link: str = ""
    started_at: str = field(default_factory=lambda: _now())  # noqa: PLW0108 - defined below
    finished_at: str = ""
    attempt_id: str = field(default_factory=lambda: uuid4().hex[:12])

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return asdict(self)


@contextmanager
def log_attempt(store: ReportStore, key: str) -> Iterator[Attempt]:
    """Log an attempt, however it ends.

    Raises:
        WarehouseError, RemoteError: The log can't be written.
    """
    attempt = Attempt(key)
    name = f"{attempt.started_at.replace(':', '').replace('-', '')}-{attempt.attempt_id}.json"
    _write(store, name, attempt)
    try:
        yield attempt
    except BaseException as error:
        attempt.state = FAILED
        attempt.reasons = [str(error) if isinstance(error, BwpError) else type(error).__name__]
        raise
    finally:
        attempt.finished_at = _now()
        _write(store, name, attempt)


def read_attempts(store: ReportStore) -> list[dict[str, Any]]:
    """Give every attempt, newest first.

    Raises:
        RemoteError: S3 refused or failed.
    """
    return [json.loads(text) for text in store.logs()][::-1]


def _write(store: ReportStore, name: str, attempt: Attempt) -> None:
    store.write_log(name, (json.dumps(attempt.as_json(), ensure_ascii=False) + "\n").encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
