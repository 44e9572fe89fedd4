"""The dossier of a task, to print or to file: history, deadline, and the facts that they prove and do not prove."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bwp_client.deadlines import Basis, Deadline, DeadlineRule
from bwp_client.tasks.history import REBUILT_NOTE, TaskHistory, rebuild_envelope

PROVES = (
    "Buy with Prime delivered the events below, with these times, and they were read from the sources named.",
    "Where a lookup is listed, the Buy with Prime API gave that answer about this task at that time.",
    "The shop's own entries are listed as statements of the shop.",
)
DOES_NOT_PROVE = (
    "That the shopper's data are deleted, or still there: only Buy with Prime can say so.",
    "Who the shopper is: no personal data are kept here. The task ID is the link to the shop's own records.",
    "When the shop received the request, unless the shop entered it.",
    "That nothing else happened: an event that was never delivered or never loaded is not listed here.",
    "What the law demands in this case: the deadline is counted by the general rule, without extension or suspension.",
)
_RULE_TEXT = {
    DeadlineRule.GDPR: "GDPR, Art. 12(3): one month from receipt, by the calendar (Regulation (EEC, Euratom) No 1182/71, "
    "Art. 3), to the end of the last day; two further months if extended.",
    DeadlineRule.CCPA: "CCPA, 11 CCR § 7021(b): 45 calendar days after receipt, to the end of the last day; 90 if extended.",
}
_BASIS_TEXT = {
    Basis.RECEIVED: "Counted from the receipt that the shop entered, so it is exact.",
    Basis.SUBMITTED: "Counted from the submission to Buy with Prime; from the first if the request was submitted again. The "
    "shop received the request before that, so the true deadline is this day or an earlier day.",
    Basis.FAILED: "Counted from the failure, since neither receipt nor submission is known. The true deadline is earlier.",
}


def build_dossier(
    history: TaskHistory, *, product_name: str, zone: str, as_of: datetime, now: datetime, versions: dict[str, int]
) -> dict[str, Any]:
    """Return the dossier as plain values that JSON can hold.

    Args:
        history: The history of the task.
        product_name: The name of its business product.
        zone: The shop's time zone, in which the deadline's day is counted.
        as_of: The time up to which the data are complete.
        now: The time at which the dossier is made.
        versions: The version of every table that was read.
    """
    return {
        "task_id": history.task_id,
        "task_kind": history.task_kind,
        "business_product_id": history.business_product_id,
        "business_product": product_name,
        "state": history.state,
        "made_at": _iso(now),
        "data_as_of": _iso(as_of),
        "deadline": _deadline(history.deadline, zone),
        "shop": _request(history),
        "errors": _errors(history),
        "timeline": [
            {"at": _iso(entry.at), "what": entry.title, "detail": entry.detail, "source": entry.source}
            for entry in history.entries()
        ],
        "events": [_event(event) for event in history.events],
        "events_note": REBUILT_NOTE,
        "lookups": [{name: _plain(value) for name, value in lookup.items()} for lookup in history.lookups],
        "proves": list(PROVES),
        "does_not_prove": list(DOES_NOT_PROVE),
        "table_versions": versions,
    }


def as_json(content: dict[str, Any]) -> str:
    """Return the dossier as the text of a JSON file."""
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def as_html(content: dict[str, Any]) -> str:
    """Return the dossier as an HTML page without scripts; every value is escaped."""
    return _template().render(dossier=content, pretty=lambda value: json.dumps(value, ensure_ascii=False, indent=2))


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("bwp_client.tasks", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("dossier.html")


def _request(history: TaskHistory) -> dict[str, Any]:
    request = history.request or {}
    return {
        "received_at": _iso(request.get("received_at")),
        "replaced_by": request.get("replaced_by"),
        "replaces": history.replaces,
        "closed_at": _iso(request.get("closed_at")),
        "note": request.get("note"),
    }


def _errors(history: TaskHistory) -> list[dict[str, str]]:
    if history.state in {"completed", "waiting"}:
        return []
    return [
        {"code": code, "message": message, "class": guidance.code_class, "action": guidance.action}
        for code, message, guidance in history.errors
    ]


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "rebuilt": rebuild_envelope(event),
        "read_from": event["source_uri"],
        "offset": event["source_offset"],
        "load_id": event["load_id"],
        "fingerprint": event["fingerprint"],
    }


def _deadline(deadline: Deadline | None, zone: str) -> dict[str, Any] | None:
    if deadline is None:
        return None
    return {
        "last_day": deadline.last_day.isoformat(),
        "zone": zone,
        "exact": deadline.is_exact,
        "rule": deadline.rule.value,
        "counted_from": _iso(deadline.counted_from),
        "basis": deadline.basis.value,
        "extended_last_day": deadline.extended_last_day.isoformat(),
        "how": f"{_RULE_TEXT[deadline.rule]} {_BASIS_TEXT[deadline.basis]} If the last day is not a working day, the law may "
        "allow the next working day; this date does not count on that.",
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:
    return _iso(value) if isinstance(value, datetime) else value
