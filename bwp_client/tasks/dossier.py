"""One task on paper: what happened, by when it had to be done, what that proves and what it does not."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bwp_client.deadlines import Basis, Deadline, Rule
from bwp_client.tasks.history import REBUILT_NOTE, TaskHistory, rebuild_envelope

PROVES = (
    "Buy with Prime delivered the events below, with these times, and they were read from the places named.",
    "Where a lookup is listed, the Buy with Prime API gave that answer about this task at that time.",
    "What the shop entered is listed as the shop's own statement.",
)
PROVES_NOT = (
    "That the shopper's data are deleted, or still there: only Buy with Prime can say so.",
    "Who the shopper is: no personal data are kept here. The task ID is the link to the shop's own records.",
    "When the shop received the request, unless the shop entered it.",
    "That nothing else happened: an event that was never delivered or never loaded is not in it.",
    "What the law demands in this case: the deadline is counted by the general rule, without extension or suspension.",
)
_COUNTED = {
    Rule.GDPR: "GDPR, Art. 12(3): one month from receipt, by the calendar (Regulation (EEC, Euratom) No 1182/71, Art. 3), "
    "to the end of the last day; two further months if extended.",
    Rule.CCPA: "CCPA, 11 CCR § 7021(b): 45 calendar days after receipt, to the end of the last day; 90 if extended.",
}
_FROM = {
    Basis.RECEIVED: "Counted from the receipt that the shop entered, so it is exact.",
    Basis.SUBMITTED: "Counted from the submission to Buy with Prime, the first one where the request was submitted again. It "
    "came before that, so the true deadline is this day or an earlier one.",
    Basis.FAILED: "Counted from the failure, since neither receipt nor submission is known. The true deadline is earlier.",
}


def build_dossier(
    history: TaskHistory, *, product_name: str, zone: str, as_of: datetime, now: datetime, versions: dict[str, int]
) -> dict[str, Any]:
    """Give the dossier as plain values, ready for JSON.

    Args:
        history: What is known of the task.
        product_name: What people call its business product.
        zone: The shop's zone, in which the deadline's day is counted.
        as_of: How fresh the data are.
        now: When it is made.
        versions: The version of every table that was read.
    """
    request = history.request or {}
    return {
        "task_id": history.task_id,
        "task_kind": history.task_kind,
        "business_product_id": history.business_product_id,
        "business_product": product_name,
        "state": history.state,
        "made_at": _iso(now),
        "data_as_of": _iso(as_of),
        "deadline": _deadline(history.deadline, zone),
        "shop": {
            "received_at": _iso(request.get("received_at")),
            "replaced_by": request.get("replaced_by"),
            "replaces": history.replaces,
            "closed_at": _iso(request.get("closed_at")),
            "note": request.get("note"),
        },
        "errors": [
            {"code": code, "message": message, "class": known.code_class, "action": known.action}
            for code, message, known in history.errors
        ]
        if history.state not in {"completed", "waiting"}
        else [],
        "timeline": [
            {"at": _iso(moment.at), "what": moment.what, "detail": moment.detail, "source": moment.source}
            for moment in history.entries()
        ],
        "events": [
            {
                "rebuilt": rebuild_envelope(event),
                "read_from": event["source_uri"],
                "offset": event["source_offset"],
                "load_id": event["load_id"],
                "fingerprint": event["fingerprint"],
            }
            for event in history.events
        ],
        "events_note": REBUILT_NOTE,
        "lookups": [{name: _plain(value) for name, value in lookup.items()} for lookup in history.lookups],
        "proves": list(PROVES),
        "does_not_prove": list(PROVES_NOT),
        "table_versions": versions,
    }


def as_json(content: dict[str, Any]) -> str:
    """Give the dossier as a JSON file."""
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def as_html(content: dict[str, Any]) -> str:
    """Give the dossier as one HTML page without any script; every value is escaped."""
    return _template().render(dossier=content, pretty=lambda value: json.dumps(value, ensure_ascii=False, indent=2))


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("bwp_client.tasks", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("dossier.html")


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
        "how": f"{_COUNTED[deadline.rule]} {_FROM[deadline.basis]} Should the last day be no working day, the law may allow "
        "the next one; that is not counted here.",
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:
    return _iso(value) if isinstance(value, datetime) else value
