"""Everything known of one task, in the order in which it happened; read on demand, for one task at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bwp_client.deadlines import Deadline, DeadlineCalendar, hold_ends_at
from bwp_client.metrics.guidance import Guidance, GuidanceTable
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED, Snapshot

REBUILT_NOTE = (
    "Rebuilt from the stored columns; what is not stored is missing, above all detail.data: it may hold personal data."
)
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
    """One thing that happened, or that was worked out."""

    at: datetime
    what: str
    detail: str = ""
    source: str = ""
    """Who says so: `event`, `lookup`, `shop` or `computed`."""


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """What is known of one task."""

    task_id: str
    task_kind: str
    business_product_id: str | None
    state: str
    """`open`, `recovered`, `closed`, `waiting`, or `completed`; `unknown` where only a lookup is known."""
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
        """The lookup that counts: the newest that found the task, else the newest."""
        found = [lookup for lookup in self.lookups if lookup["lookup_state"] == "found"]
        counting = found or self.lookups
        return counting[-1] if counting else None

    @property
    def errors(self) -> list[tuple[str, str, Guidance]]:
        """Why it failed: code, message, what is known of the code."""
        answer = self.answer
        if answer is None or answer["lookup_state"] != "found":
            return [(NOT_LOOKED_UP, "", self.guidance.for_code(NOT_LOOKED_UP))]
        told = [((error["code"] or "").strip() or UNCODED, error["message"] or "") for error in answer["errors"] or []]
        return [(code, message, self.guidance.for_code(code)) for code, message in told or [(UNCODED, "")]]

    def entries(self) -> list[HistoryEntry]:
        """Give all of it in the order of time."""
        found = [
            HistoryEntry(
                event["occurred_at"],
                f"{event['task_kind'].capitalize()} {event['outcome'].lower()}",
                "event of Buy with Prime" + (", replayed from the archive" if event["replay_name"] else ""),
                "event",
            )
            for event in self.events
        ]
        found += [HistoryEntry(item["asked_at"], "Looked up", _lookup_text(item), "lookup") for item in self.lookups]
        if self.submitted_at is not None:
            found.append(HistoryEntry(self.submitted_at, "Submitted to Buy with Prime", "", "lookup"))
        held_until = hold_ends_at(self.submitted_at, self.holding_period_days)
        if held_until is not None:
            found.append(
                HistoryEntry(held_until, "Holding period ends", f"{self.holding_period_days} days", "computed")
            )
        found += self._of_the_shop()
        if self.deadline is not None:
            bound = "exact" if self.deadline.is_exact else "at the latest; the clock may have started earlier"
            text = f"{self.deadline.rule}, last day {self.deadline.last_day}: {bound}"
            found.append(HistoryEntry(self.deadline.ends_at, "Deadline passes", text, "computed"))
        return sorted(found, key=lambda moment: moment.at)

    def _of_the_shop(self) -> list[HistoryEntry]:
        if self.request is None:
            return []
        names = {"received_at": "Request received by the shop", "closed_at": "Closed by the shop"}
        return [
            HistoryEntry(at, what, "", "shop") for name, what in names.items() if (at := self.request[name]) is not None
        ]


def read_task_history(
    snapshot: Snapshot, task_id: str, calendar: DeadlineCalendar, guidance: GuidanceTable
) -> TaskHistory | None:
    """Read what is known of one task; none when nothing is.

    Args:
        snapshot: The data.
        task_id: Which task.
        calendar: How its deadline is counted.
        guidance: Class and next action of each error code.
    """
    events = _dicts(snapshot, "events", _EVENT_COLUMNS, task_id, "occurred_at, event_id, replay_name")
    lookups = _dicts(snapshot, "lookups", _LOOKUP_COLUMNS, task_id, "asked_at, attempt")
    request = next(iter(_dicts(snapshot, "request_facts", _REQUEST_COLUMNS, task_id, "task_id")), None)
    if not events and not lookups and request is None:
        return None
    told = [item for item in lookups if item["submitted_at"] is not None]
    submitted = told[-1]["submitted_at"] if told else None
    held = told[-1]["holding_period_days"] if told else None
    known = [*events, *lookups, *([request] if request else [])]
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
        holding_period_days=held,
        deadline=deadline,
        guidance=guidance,
        replaces=[row[0] for row in earlier],
    )


def rebuild_envelope(event: dict[str, Any]) -> dict[str, Any]:
    """Give an event's envelope as far as its columns tell it, in the shape in which EventBridge delivers it."""
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
    """Say where the matter stands: the latest outcome counts, FAILED on a tie."""
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
    said = lookup["lookup_state"].replace("_", " ")
    if lookup["status"]:
        said += f", task {lookup['status']}"
    codes = [(error["code"] or UNCODED) for error in lookup["errors"] or []]
    if codes:
        said += f": {', '.join(codes)}"
    return f"{said}. {lookup['reason']}" if lookup["reason"] else said


def _dicts(snapshot: Snapshot, table: str, columns: tuple[str, ...], task_id: str, order: str) -> list[dict[str, Any]]:
    rows = snapshot.rows(
        f"select {', '.join(columns)} from {table} where task_id = $task order by {order}", {"task": task_id}
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]
