"""The history of one task: its events, lookups and request, in the order of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bwp_client.deadlines import Deadline, DeadlineCalendar, hold_ends_at
from bwp_client.ids import normal_id
from bwp_client.metrics.guidance import Guidance, GuidanceTable
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED, Snapshot

REBUILT_NOTE = "The event as it is stored. The part that can hold personal data, detail.data, is never stored."
_EVENT_COLUMNS = (
    "event_id", "envelope_id", "idempotency_key", "event_type", "task_kind", "outcome", "task_id", "business_product_id",
    "occurred_at", "event_source", "account", "region", "replay_name", "api_version", "source_uri", "source_offset",
    "load_id", "fingerprint",
)  # fmt: skip
_LOOKUP_COLUMNS = (
    "task_kind", "business_product_id", "lookup_state", "status", "submitted_at", "updated_at", "holding_period_days",
    "errors", "asked_at", "attempt", "next_attempt_at", "reason",
)  # fmt: skip
_REQUEST_COLUMNS = (
    "task_kind", "business_product_id", "received_at", "first_submitted_at", "replaced_by", "closed_at", "note",
    "is_recovered", "is_replacement",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An event, lookup or entry of the shop with its time, or a time that was computed, such as the deadline."""

    at: datetime
    title: str
    detail: str = ""
    source: str = ""
    """Where the entry comes from: `event`, `lookup`, `shop` or `computed`."""


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """The events, lookups, request and deadline of one task."""

    task_id: str
    task_kind: str
    business_product_id: str | None
    state: str
    """`open`, `recovered`, `closed`, `waiting` or `completed`; `unknown` if there are only lookups."""
    events: list[dict[str, Any]]
    lookups: list[dict[str, Any]]
    request: dict[str, Any] | None
    submitted_at: datetime | None
    holding_period_days: int | None
    deadline: Deadline | None
    guidance: GuidanceTable = field(repr=False)
    replaces: list[str] = field(default_factory=list)

    @property
    def answer(self) -> dict[str, Any] | None:
        """The newest lookup that found the task; if no lookup found the task, the newest lookup; None without a lookup."""
        found = [lookup for lookup in self.lookups if lookup["lookup_state"] == "found"]
        lookups = found or self.lookups
        return lookups[-1] if lookups else None

    @property
    def errors(self) -> list[tuple[str, str, Guidance]]:
        """The task errors: code, message, and the guidance for the code."""
        answer = self.answer
        if answer is None or answer["lookup_state"] != "found":
            return [(NOT_LOOKED_UP, "", self.guidance.for_code(NOT_LOOKED_UP))]
        errors = [
            ((error["code"] or "").strip() or UNCODED, error["message"] or "") for error in answer["errors"] or []
        ]
        return [(code, message, self.guidance.for_code(code)) for code, message in errors or [(UNCODED, "")]]

    def entries(self) -> list[HistoryEntry]:
        """Return every entry in the order of time."""
        entries = [*self._event_entries(), *self._lookup_entries(), *self._shop_entries(), *self._deadline_entries()]
        return sorted(entries, key=lambda entry: entry.at)

    def _event_entries(self) -> list[HistoryEntry]:
        return [
            HistoryEntry(
                event["occurred_at"],
                f"{event['task_kind'].capitalize()} {event['outcome'].lower()}",
                "event of Buy with Prime" + (", replayed from the archive" if event["replay_name"] else ""),
                "event",
            )
            for event in self.events
        ]

    def _lookup_entries(self) -> list[HistoryEntry]:
        entries = [HistoryEntry(item["asked_at"], "Looked up", _lookup_text(item), "lookup") for item in self.lookups]
        if self.submitted_at is not None:
            entries.append(HistoryEntry(self.submitted_at, "Submitted to Buy with Prime", "", "lookup"))
        held_until = hold_ends_at(self.submitted_at, self.holding_period_days)
        if held_until is not None:
            days = f"{self.holding_period_days} days"
            entries.append(HistoryEntry(held_until, "Holding period ends", days, "computed"))
        return entries

    def _shop_entries(self) -> list[HistoryEntry]:
        if self.request is None:
            return []
        titles = {"received_at": "Request received by the shop", "closed_at": "Closed by the shop"}
        return [
            HistoryEntry(at, title, "", "shop")
            for column, title in titles.items()
            if (at := self.request[column]) is not None
        ]

    def _deadline_entries(self) -> list[HistoryEntry]:
        if self.deadline is None:
            return []
        bound = "exact" if self.deadline.is_exact else "at the latest; the clock may have started earlier"
        detail = f"{self.deadline.rule}, last day {self.deadline.last_day}: {bound}"
        return [HistoryEntry(self.deadline.ends_at, "Deadline passes", detail, "computed")]


def read_task_history(
    snapshot: Snapshot, task_id: str, calendar: DeadlineCalendar, guidance: GuidanceTable
) -> TaskHistory | None:
    """Return the history of a task; None if no event, lookup or request names the task.

    Args:
        snapshot: The data.
        task_id: The task.
        calendar: The rule by which its deadline is counted.
        guidance: Class and next action by error code.
    """
    task_id = normal_id(task_id)
    events = _dicts(snapshot, "events", _EVENT_COLUMNS, task_id, "occurred_at, event_id, replay_name")
    lookups = _dicts(snapshot, "lookups", _LOOKUP_COLUMNS, task_id, "asked_at, attempt")
    request = next(iter(_dicts(snapshot, "request_facts", _REQUEST_COLUMNS, task_id, "task_id")), None)
    if not events and not lookups and request is None:
        return None
    answer: dict[str, Any] = next((item for item in reversed(lookups) if item["submitted_at"] is not None), {})
    submitted = answer.get("submitted_at")
    # As in the outcomes table: the latest event whose region is known, else the latest event.
    newest = sorted(events, key=lambda event: (event["region"] is not None, event["occurred_at"]), reverse=True)
    known = [*newest, *lookups, *([request] if request else [])]
    product = next((item["business_product_id"] for item in known if item["business_product_id"]), None)
    failed = [event["occurred_at"] for event in events if event["outcome"] == "FAILED"]
    known_submissions = [submitted, *([request["first_submitted_at"]] if request else [])]
    deadline = calendar.deadline(
        product,
        received_at=request["received_at"] if request else None,
        submitted_at=min((at for at in known_submissions if at is not None), default=None),
        failed_at=failed[-1] if failed else None,
    )
    earlier = snapshot.rows("select task_id from replacements where later_id = $task order by 1", {"task": task_id})
    return TaskHistory(
        task_id=task_id,
        task_kind=known[0]["task_kind"],
        business_product_id=product,
        state=_state(events, request),
        events=events,
        lookups=lookups,
        request=request,
        submitted_at=submitted,
        holding_period_days=answer.get("holding_period_days"),
        deadline=deadline,
        guidance=guidance,
        replaces=[row[0] for row in earlier],
    )


def rebuild_envelope(event: dict[str, Any]) -> dict[str, Any]:
    """Return the envelope of an event, rebuilt from its columns in the form in which EventBridge delivers it."""
    kind = str(event["task_kind"]).capitalize()
    detail = {"idempotencyKey": event["idempotency_key"], "apiVersion": event["api_version"]}
    envelope = {
        "id": event["envelope_id"],
        "detail-type": event["event_type"],
        "source": event["event_source"],
        "account": event["account"],
        "time": event["occurred_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000Z", "Z"),
        "region": event["region"],
        "resources": [f"businessProduct/{event['business_product_id']}/personalData{kind}Task/{event['task_id']}"],
        "replay-name": event["replay_name"],
    }
    known = {name: value for name, value in envelope.items() if value is not None}
    return known | {"detail": {name: value for name, value in detail.items() if value is not None}}


def _state(events: list[dict[str, Any]], request: dict[str, Any] | None) -> str:
    """Return the state of a task: the latest outcome counts, FAILED on a tie."""
    if events:
        latest = max(event["occurred_at"] for event in events)
        if not any(event["occurred_at"] == latest and event["outcome"] == "FAILED" for event in events):
            return "completed"
    if request is not None and request["closed_at"] is not None:
        return "closed"
    if request is not None and request["is_recovered"]:
        return "recovered"
    if events:
        return "open"
    return "waiting" if request is not None else "unknown"


def _lookup_text(lookup: dict[str, Any]) -> str:
    text = lookup["lookup_state"].replace("_", " ")
    if lookup["status"]:
        text += f", task {lookup['status']}"
    codes = [(error["code"] or UNCODED) for error in lookup["errors"] or []]
    if codes:
        text += f": {', '.join(codes)}"
    return f"{text}. {lookup['reason']}" if lookup["reason"] else text


def _dicts(snapshot: Snapshot, table: str, columns: tuple[str, ...], task_id: str, order: str) -> list[dict[str, Any]]:
    rows = snapshot.rows(
        f"select {', '.join(columns)} from {table} where task_id = $task order by {order}", {"task": task_id}
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]
