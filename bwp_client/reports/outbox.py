"""The outbox of notices: sends a notice, and stores it if a destination did not accept it, so that the next run sends it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from bwp_client.errors import BwpError
from bwp_client.metrics.wording import moment
from bwp_client.monitoring.notify import Destination, Notice
from bwp_client.reports.notice_log import (
    LONGEST_PUBLICATION,
    NOTICES_FOLDER,
    NoticeLog,
    NoticeState,
    StoredNotice,
    is_busy,
)
from bwp_client.reports.store import ReportStore

GIVEN_UP_AFTER: Final = timedelta(days=7)


class Outbox:
    """The notices of one run of a command, and the notices that earlier runs of that command could not deliver.

    Each destination gets each notice once: the log holds which destinations accepted it. A destination that fails is not
    tried again in the same run. Without a destination, nothing is sent or stored. An error of the log becomes a message,
    because it must not take the place of the result of the run; only `announce` raises it.
    """

    def __init__(self, store: ReportStore, destinations: list[Destination], command: str) -> None:
        self._store = store
        self._log = NoticeLog(store)
        self._destinations = destinations
        self._command = command
        self._announced: StoredNotice | None = None
        self._earlier: list[StoredNotice] | None = None
        self._tried: set[str] = set()
        self._failed: set[str] = set()
        self._begun_with: set[str] | None = None
        self.messages: list[str] = []
        """The sentences about the notices that the command prints."""
        self.needs_attention = False
        """True if a notice was not delivered, or the log can't be used."""
        self.undelivered_keys: set[str] = set()
        """The keys of the reports whose notices were not delivered."""

    def begin(self) -> None:
        """Remember the notices that the log holds now, so that only one of several runs at the same time sends a notice.

        Runs that begin at the same time see the same log, so they give a notice the same number. Only the run that stores
        the numbered notice first sends it.
        """
        if self._destinations:
            with suppress(BwpError):  # said when the earlier notices are read
                self._begun_with = self._log.names_sent_once()

    def announce(self, notice: Notice, key: str) -> None:
        """Store the notice of a report that is about to be published, so that a kill after the publication does not lose it.

        Raises:
            WarehouseError, RemoteError: The log can't be written.
        """
        if self._destinations:
            self._announced = StoredNotice(notice, self._command, key, announces=True)
            self._tried.add(self._announced.notice_id)
            self._log.add(self._announced)

    def send_announced(self) -> None:
        """Send the announced notice, after the notices of earlier runs, because its report was published."""
        stored, self._announced = self._announced, None
        if stored is not None:
            self._send_earlier(stored.notice)
            with self._log_errors():
                self._try(stored, stored.notice)

    def withdraw_announced(self) -> None:
        """End the announced notice, because another process published the report and sends a notice of its own."""
        stored, self._announced = self._announced, None
        if stored is not None:
            with self._log_errors():
                self._log.end(stored, NoticeState.NOT_NEEDED)

    def send(self, notice: Notice, key: str = "") -> None:
        """Send a notice, after the notices of earlier runs; store it if a destination does not accept it.

        If several processes send the same notice that is to be sent once, only the first one stores it and sends it.
        """
        if not self._destinations:
            return
        if self._begun_with is not None and not notice.once:
            notice = replace(notice, once=self._next_once(notice, self._begun_with))
        if notice.once:
            self._send_once(notice, key)
            return
        self._send_earlier(notice)
        self._send_new(notice, key)

    def _next_once(self, notice: Notice, begun_with: set[str]) -> str:
        """Return topics, destinations and the next number of a notice, by which runs at the same time recognise it."""
        topics = "; ".join(notice.topics)
        marks = " ".join(sorted(destination.mark(topics) for destination in self._destinations))
        numbered = (f"{topics} to {marks}, {number}" for number in count(1))
        return next(once for once in numbered if self._stored_once(replace(notice, once=once)).stem not in begun_with)

    def _stored_once(self, notice: Notice, key: str = "") -> StoredNotice:
        """Return a notice under the name that every process gives it."""
        mark = hashlib.sha256(f"{self._command} {notice.once}".encode()).hexdigest()[:12]
        return StoredNotice(notice, self._command, key, notice_id=mark)

    def _send_once(self, notice: Notice, key: str) -> None:
        """Store a notice under the name that every process gives it, and send it if this process stored it."""
        stored = self._stored_once(notice, key)
        try:
            is_new = self._log.add(stored)
        except BwpError:
            self._send_new(notice, key)
            return
        if not is_new:
            self.send_earlier()  # an earlier run has sent it, or could not deliver it
            return
        self._tried.add(stored.notice_id)
        self._send_earlier(notice)
        with self._log_errors():
            self._try(stored, notice)

    def _send_new(self, notice: Notice, key: str) -> None:
        stored = StoredNotice(notice, self._command, key)
        self._tried.add(stored.notice_id)
        marks, problem = self._deliver(stored, notice)
        if problem:
            self._report_failure(stored, problem)
            with self._log_errors():
                self._log.add(stored)
                self._log.end_try(stored, self._log.claim(stored) or 1, marks, problem)

    def send_earlier(self) -> None:
        """Send the notices that earlier runs of the command could not deliver, oldest first."""
        if self._destinations:
            self._send_earlier(None)

    def _send_earlier(self, newer: Notice | None) -> None:
        """Send each notice of an earlier run once, except those that a newer notice replaces."""
        with self._log_errors():
            for stored in self._outstanding():
                if newer is not None and stored.notice.topics and set(stored.notice.topics) <= set(newer.topics):
                    self._log.end(stored, NoticeState.REPLACED)
                elif stored.notice_id not in self._tried and self._is_due(stored):
                    self._tried.add(stored.notice_id)
                    written = f"This notice is of {moment(stored.created_at)} UTC. It could not be delivered before."
                    self._try(stored, replace(stored.notice, lines=(*stored.notice.lines, written)), is_late=True)

    def _outstanding(self) -> list[StoredNotice]:
        if self._earlier is None:
            self._earlier = self._read_earlier()
        return [item for item in self._earlier if item.state is NoticeState.OUTSTANDING]

    def _read_earlier(self) -> list[StoredNotice]:
        """Read the notices of earlier runs; a log that can't be read is no failure of this run."""
        try:
            found = self._log.outstanding()
        except BwpError as error:
            self.messages.append(f"Notices of earlier runs were not looked for. {error}")
            return []
        if self._log.damaged:
            self.needs_attention = True
            names = ", ".join(sorted(self._log.damaged))
            self.messages.append(
                f"Needs attention: notices in {self._store.uri}/{NOTICES_FOLDER} can't be read: {names}. Move their files to "
                "another folder."
            )
        return [item for item in found if item.command == self._command and item.notice_id not in self._tried]

    def _is_due(self, stored: StoredNotice) -> bool:
        """Return whether a notice may be sent; a notice whose report was not published is ended."""
        if not stored.announces or stored.tries:
            return True
        if is_busy(stored.owner, stored.created_at, LONGEST_PUBLICATION):
            return False  # another process publishes the report and sends the notice itself
        others = [item.key for item in self._log.notices() if item.state is NoticeState.DELIVERED]
        if stored.key in self._store.published() and stored.key not in others:
            return True
        self._log.end(stored, NoticeState.NOT_NEEDED)
        return False

    def _try(self, stored: StoredNotice, notice: Notice, *, is_late: bool = False) -> None:
        number = self._log.claim(stored)
        if number is None:
            return  # another process sends the notice
        marks, problem = self._deliver(stored, notice)
        self._log.end_try(stored, number, marks, problem)
        if not problem:
            self._log.end(stored, NoticeState.DELIVERED)
            if is_late:
                self.messages.append(f"{_about(stored)} was delivered now.")
            return
        is_given_up = datetime.now(UTC) - stored.created_at > GIVEN_UP_AFTER
        if is_given_up:
            self._log.end(stored, NoticeState.GIVEN_UP)
        self._report_failure(stored, problem, is_late=is_late, is_given_up=is_given_up)

    def _deliver(self, stored: StoredNotice, notice: Notice) -> tuple[list[str], str]:
        """Send a notice to each destination that does not have it.

        Returns:
            The marks of the destinations that accepted the notice, if one of them did not, and the reasons; without a
            failure, an empty list and an empty text.
        """
        accepted, problems = [], []
        before = stored.marks
        for destination in self._destinations:
            if before and destination.mark(stored.notice_id) in before:
                continue
            problem = f"{destination.name} failed before in this run"
            if destination.name not in self._failed:
                problem = destination.send(notice)
            if problem:
                self._failed.add(destination.name)
                problems.append(problem)
            else:
                accepted.append(destination)
        return [item.mark(stored.notice_id) for item in accepted if problems], "; ".join(problems)

    def _report_failure(
        self, stored: StoredNotice, problem: str, *, is_late: bool = False, is_given_up: bool = False
    ) -> None:
        self.needs_attention = True
        self.undelivered_keys.add(stored.key)
        what = _about(stored) if is_late else "the notice"
        then = (
            f"It is older than {GIVEN_UP_AFTER.days} days and is given up."
            if is_given_up
            else f"The next run of {self._command} tries again; `report log` lists the notices that are outstanding."
        )
        self.messages.append(f"Needs attention: {what} could not be delivered: {problem}. {then}")

    @contextmanager
    def _log_errors(self) -> Iterator[None]:
        try:
            yield
        except BwpError as error:
            self.needs_attention = True
            self.messages.append(f"Needs attention: notices can't be stored, so they are not sent again later. {error}")


def _about(stored: StoredNotice) -> str:
    return f"The notice of {moment(stored.created_at)} UTC ({stored.notice.title})"
