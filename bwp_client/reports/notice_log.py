"""The log of notices that wait for their delivery, beside the published reports.

Each notice is a file that is never changed. A file for each try and a file for its end stand beside it, so that nothing has
to be deleted and several machines can share the log: the file of a try is created by one of them only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from bwp_client.monitoring.notify import Notice
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse.temp_folders import is_process_running, this_machine

NOTICES_FOLDER: Final = "notices"
_ONCE: Final = "once-"
LONGEST_TRY: Final = timedelta(minutes=15)
LONGEST_PUBLICATION: Final = timedelta(hours=1)


class NoticeState(StrEnum):
    """The state of a notice in the log."""

    OUTSTANDING = "outstanding"
    DELIVERED = "delivered"
    REPLACED = "replaced by a later notice"
    GIVEN_UP = "given up"
    NOT_NEEDED = "not needed"
    """It announced a report that was not published, or that another machine published."""


@dataclass(frozen=True, slots=True)
class Try:
    """A try to deliver a notice. A try without an end is under way, or its process was killed."""

    started_at: datetime
    owner: dict[str, Any]
    ended_at: datetime | None = None
    marks: tuple[str, ...] = ()
    """The marks of the destinations that accepted the notice."""
    problem: str = ""
    """The reasons of the destinations that did not accept the notice."""


@dataclass(slots=True)
class StoredNotice:
    """A notice in the log, with its tries."""

    notice: Notice
    command: str
    """The command whose next run delivers the notice: `report` or `check`."""
    key: str = ""
    """The key of the report that the notice is about; empty for a notice of `check`."""
    announces: bool = False
    """True for a notice that was stored before its report was published. Without that report it is not needed."""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    owner: dict[str, Any] = field(default_factory=lambda: this_process())  # noqa: PLW0108 - defined below
    notice_id: str = field(default_factory=lambda: uuid4().hex[:12])
    tries: dict[int, Try] = field(default_factory=dict)
    """The tries by number, from 1."""
    state: NoticeState = NoticeState.OUTSTANDING

    @property
    def stem(self) -> str:
        """The start of the names of the notice's files."""
        if self.notice.once:
            return f"{_ONCE}{self.notice_id}"
        return f"{self.created_at:%Y%m%dT%H%M%SZ}-{self.notice_id}"

    @property
    def marks(self) -> set[str]:
        """The marks of all destinations that accepted the notice."""
        return {mark for attempt in self.tries.values() for mark in attempt.marks}

    @property
    def problem(self) -> str:
        """The reason why the newest finished try did not reach every destination."""
        return next((self.tries[number].problem for number in sorted(self.tries, reverse=True)
                     if self.tries[number].ended_at), "")  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report log` prints."""
        return {
            "notice_id": self.notice_id,
            "created_at": _text(self.created_at),
            "command": self.command,
            "key": self.key,
            "title": self.notice.title,
            "state": self.state.value,
            "tries": len(self.tries),
            "problem": self.problem,
        }


class NoticeLog:
    """The notices in a store of reports. Its methods raise the errors of `ReportStore`."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store
        self.damaged: set[str] = set()
        """The names of the files that could not be read; their notices are left out."""

    def add(self, stored: StoredNotice) -> bool:
        """Store a notice; return False if it is a notice that is sent once, and another process has stored it."""
        value = {
            "notice_id": stored.notice_id,
            "created_at": _text(stored.created_at),
            "owner": stored.owner,
            "command": stored.command,
            "key": stored.key,
            "announces": stored.announces,
            **asdict(stored.notice),
        }
        return self._write(f"{stored.stem}.json", value, only_new=bool(stored.notice.once))

    def claim(self, stored: StoredNotice) -> int | None:
        """Begin a try; return its number, or None while another process tries."""
        if any(attempt.ended_at is None and is_busy(attempt.owner, attempt.started_at, LONGEST_TRY)
               for attempt in stored.tries.values()):  # fmt: skip
            return None
        number = max(stored.tries, default=0) + 1
        attempt = Try(datetime.now(UTC), this_process())
        if not self._write(_try_name(stored, number), _try_json(attempt), only_new=True):
            return None
        stored.tries[number] = attempt
        return number

    def end_try(self, stored: StoredNotice, number: int, marks: list[str], problem: str) -> None:
        """Store the result of a try."""
        begun = stored.tries[number]
        attempt = Try(begun.started_at, begun.owner, datetime.now(UTC), tuple(marks), problem)
        self._write(_try_name(stored, number), _try_json(attempt))
        stored.tries[number] = attempt

    def end(self, stored: StoredNotice, state: NoticeState) -> None:
        """Store that no further try is needed."""
        stored.state = state
        self._write(f"{stored.stem}.end.json", {"state": state.value, "ended_at": _text(datetime.now(UTC))})

    def names_sent_once(self) -> set[str]:
        """Return the stems of the notices that are sent once."""
        stems = {name.partition(".")[0] for name in self._store.log_names(NOTICES_FOLDER)}
        return {stem for stem in stems if stem.startswith(_ONCE)}

    def outstanding(self) -> list[StoredNotice]:
        """Return the notices that have no end, oldest first."""
        return [item for item in self._read(lambda names: "end" not in names) if item.state is NoticeState.OUTSTANDING]

    def notices(self) -> list[StoredNotice]:
        """Return all notices, oldest first."""
        return self._read(lambda _: True)

    def _read(self, is_wanted: Callable[[set[str]], bool]) -> list[StoredNotice]:
        parts: dict[str, set[str]] = {}
        for name in self._store.log_names(NOTICES_FOLDER):
            stem, _, part = name.removesuffix(".json").partition(".")
            parts.setdefault(stem, set()).add(part)
        loaded = [self._load(stem, names) for stem, names in parts.items() if is_wanted(names)]
        return sorted((stored for stored in loaded if stored is not None), key=lambda stored: stored.created_at)

    def _load(self, stem: str, parts: set[str]) -> StoredNotice | None:
        texts = {
            part: self._store.read_log(".".join(filter(None, (stem, part, "json"))), NOTICES_FOLDER) for part in parts
        }
        try:
            values = {part: json.loads(text) for part, text in texts.items()}
            value = values[""]
            tries = {int(part[4:]): _try(value) for part, value in values.items() if part.startswith("try-")}
            return StoredNotice(
                notice=Notice(
                    value["title"], tuple(value["lines"]), value["link"], tuple(value["topics"]), value.get("once", "")
                ),
                command=value["command"],
                key=value["key"],
                announces=value["announces"],
                created_at=datetime.fromisoformat(value["created_at"]),
                owner=value["owner"],
                notice_id=value["notice_id"],
                tries=tries,
                state=_state(values.get("end"), tries),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            self.damaged.add(stem)
            return None

    def _write(self, name: str, value: dict[str, Any], *, only_new: bool = False) -> bool:
        text = json.dumps(value, ensure_ascii=False) + "\n"
        return self._store.write_log(name, text.encode(), NOTICES_FOLDER, only_new=only_new)


def this_process() -> dict[str, Any]:
    """Return the owner of a notice or a try that this process creates: a digest of the machine's name, and the process ID."""
    return {"machine": this_machine(), "process": os.getpid()}


def is_busy(owner: dict[str, Any], since: datetime, longest: timedelta) -> bool:
    """Return whether another process may still work on what it began.

    Args:
        owner: The process, from `this_process`. Whether it is running can be seen only if it is of this machine.
        since: When it began its work.
        longest: The longest time that the work takes; after that time the process is not busy any more.
    """
    here = this_process()
    if owner["machine"] == here["machine"] and not (
        owner["process"] != here["process"] and is_process_running(owner["process"])
    ):
        return False
    return datetime.now(UTC) - since < longest


def _state(end: Any, tries: dict[int, Try]) -> NoticeState:
    """Return the state of a notice; the process that delivered it may not have stored its end yet."""
    if end is not None:
        return NoticeState(end["state"])
    is_delivered = any(attempt.ended_at and not attempt.problem for attempt in tries.values())
    return NoticeState.DELIVERED if is_delivered else NoticeState.OUTSTANDING


def _try_name(stored: StoredNotice, number: int) -> str:
    return f"{stored.stem}.try-{number}.json"


def _try_json(attempt: Try) -> dict[str, Any]:
    ended = attempt.ended_at and _text(attempt.ended_at)
    return asdict(attempt) | {"started_at": _text(attempt.started_at), "ended_at": ended}


def _try(value: Any) -> Try:
    ended = value["ended_at"] and datetime.fromisoformat(value["ended_at"])
    return Try(
        datetime.fromisoformat(value["started_at"]), value["owner"], ended, tuple(value["marks"]), value["problem"]
    )


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
