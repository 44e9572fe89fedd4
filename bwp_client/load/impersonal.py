"""Keeps personal data out of the rows of events: an ID that names a person is refused, any other field is left empty."""

from __future__ import annotations

from typing import Any, Final, cast

from bwp_client.events import ROW_FIELDS, EventRow, QuarantineReason, Refused
from bwp_client.redaction import names_a_person, names_an_address

_IDS: Final = {
    ROW_FIELDS.index(name): words
    for name, words in {
        "task_id": "task ID",
        "business_product_id": "business product ID",
        "envelope_id": "event ID",
        "idempotency_key": "idempotency key",
    }.items()
}
_OTHERS: Final = [
    ROW_FIELDS.index(name)
    for name in ("event_source", "account", "region", "replay_name", "api_version", "subscription_id")
]


def impersonal_rows(rows: list[EventRow]) -> list[EventRow]:
    """Return the rows of one record, without fields that hold an e-mail address and decide nothing.

    Raises:
        Refused: An ID holds an e-mail address or a telephone number, so that it can't be stored.
    """
    return [_impersonal(row) for row in rows]


def _impersonal(row: EventRow) -> EventRow:
    for index, words in _IDS.items():
        if names_a_person(str(row[index])):
            raise Refused(
                QuarantineReason.PERSONAL_ID,
                f"the {words} holds an e-mail address or a telephone number",
                names_type=True,
            )
    personal = [index for index in _OTHERS if names_an_address(str(row[index]))]
    if not personal:
        return row
    values: Any = ["" if index in personal else value for index, value in enumerate(row)]
    return cast("EventRow", tuple(values))
