"""Renders sample records as JSON, in both generations of the payload."""

from typing import Final

import numpy as np

from bwp_client.sandbox.sample import catalog
from bwp_client.sandbox.sample.calendar import SampleCalendar
from bwp_client.sandbox.sample.catalog import Kind, Outcome
from bwp_client.sandbox.sample.malformed import break_record
from bwp_client.sandbox.sample.record_plan import RecordPlan
from bwp_client.sandbox.sample.records import RecordKind, Records
from bwp_client.sandbox.sample.rng import I64, U64, key, mix, mix_array

_HEX: Final = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint8).reshape(256, 2)
# The indices of the 32 digits in the text of a UUID.
_DIGITS: Final = np.array([index for index in range(36) if index not in {8, 13, 18, 23}])
_DASH: Final = ord("-")

# Constants from which the identifiers of an event are derived.
_EVENT, _KEY, _ENVELOPE = 0x1D0A, 0x2D0B, 0x3D0C


class Renderer:
    """Renders records as JSON, each as a string without line breaks."""

    def __init__(self, plan: RecordPlan, calendar: SampleCalendar) -> None:
        """Prepare the constant parts of the records.

        Args:
            plan: The numbers of records.
            calendar: The sample's window.
        """
        self._gen_b_from = calendar.gen_b_from
        self._replays = [
            "",
            *(f'"replay-name":"{replay.name}",' for replay in plan.replays),
        ]
        event_types = [*catalog.PRIVACY_TYPES.values(), *(event_type for event_type, _, _ in catalog.OTHER_TYPES)]
        subscribed = [(product, event_type) for product in catalog.PRODUCTS for event_type in event_types]
        keys = [key(plan.seed, f"{product.business_product_id} {event_type}") for product, event_type in subscribed]
        subscription_ids = _uuid4_texts(np.array(keys, dtype=np.uint64), 0)
        self._subscriptions = dict(zip(subscribed, subscription_ids, strict=True))
        cases = [(product, kind, outcome) for product in catalog.PRODUCTS for kind in Kind for outcome in Outcome]
        self._parts = [self._privacy_parts(*case, replay) for case in cases for replay in self._replays]

    def render(self, records: Records) -> list[str]:
        """Return the JSON of each record.

        Args:
            records: Rows of the dtype `RECORD`.
        """
        texts = np.empty(len(records), dtype=object)
        enveloped = records["at"] >= self._gen_b_from
        private = records["record_kind"] == RecordKind.PRIVACY
        for mask, render in (
            (private & ~enveloped, self._thin),
            (private & enveloped, self._enveloped),
            (records["record_kind"] == RecordKind.OTHER, self._other),
            (records["record_kind"] == RecordKind.MALFORMED, self._malformed),
        ):
            if mask.any():
                texts[mask] = render(records[mask])
        ordered: list[str] = texts.tolist()
        return ordered

    def _privacy_parts(
        self, product: catalog.Product, kind: Kind, outcome: Outcome, replay: str
    ) -> tuple[str, str, str, str, str]:
        """Return the constant texts around the variable parts of a record, in order."""
        event_type = catalog.PRIVACY_TYPES[kind, outcome]
        resource = f"businessProduct/{product.business_product_id}/{catalog.TASK_RESOURCES[kind]}/"
        subscription = self._subscriptions[product, event_type]
        shopper = '"dataSubject":{"type":"SHOPPER","email":"'
        return (
            f'","detail-type":"{event_type}","source":"{product.source}","account":"{catalog.ACCOUNT}","time":"',
            f'Z","region":"{product.region}",{replay}"resources":["{resource}',
            f'","eventDescriptor":"{event_type}","resources":["{resource}',
            f'","apiVersion":"{catalog.API_VERSION}","subscriptionId":"{subscription}","eventTime":"',
            f'Z","data":{{"{catalog.TASK_RESOURCES[kind]}":{{"status":"{outcome.name}",{shopper}',
        )

    def _parts_of(self, records: Records) -> list[tuple[str, str, str, str, str]]:
        case = (records["product"].astype(np.int64) * len(Kind) + records["kind"]) * len(Outcome) + records["outcome"]
        parts = self._parts
        return [parts[index] for index in (case * len(self._replays) + records["replay"]).tolist()]

    def _thin(self, records: Records) -> list[str]:
        rows = zip(
            self._parts_of(records),
            _uuid4_texts(records["identity"], _EVENT),
            _time_texts(records["at"]),
            _uuid_texts(records["task_high"], records["task_low"]),
            strict=True,
        )
        return [
            f'{{"version":"0","id":"{event_id}{parts[0]}{at}{parts[1]}{task}"],"detail":{{}}}}'
            for parts, event_id, at, task in rows
        ]

    def _enveloped(self, records: Records) -> list[str]:
        event_ids = _uuid4_texts(records["identity"], _EVENT)
        envelope_ids = event_ids
        fresh = np.flatnonzero(records["delivery"] == 2)
        if len(fresh):
            envelope_ids = event_ids.copy()
            for index, text in zip(fresh.tolist(), _uuid4_texts(records["identity"][fresh], _ENVELOPE), strict=True):
                envelope_ids[index] = text
        rows = zip(
            self._parts_of(records),
            envelope_ids,
            event_ids,
            _uuid4_texts(records["identity"], _KEY),
            _time_texts(records["at"]),
            _time_texts(records["at"] - 1),
            _uuid_texts(records["task_high"], records["task_low"]),
            records["number"].tolist(),
            strict=True,
        )
        return [
            f'{{"version":"0","id":"{envelope_id}{parts[0]}{at}{parts[1]}{task}"],"detail":{{"idempotencyKey":"{idempotency}'
            f'{parts[2]}{task}"],"eventId":"{event_id}{parts[3]}{made_at}{parts[4]}canary-{number}@shopper.invalid"}}}}}}}}}}'
            for parts, envelope_id, event_id, idempotency, at, made_at, task, number in rows
        ]

    def _other(self, records: Records) -> list[str]:
        rows = zip(
            records["product"].tolist(),
            records["kind"].tolist(),
            (records["at"] >= self._gen_b_from).tolist(),
            _uuid4_texts(records["identity"], _EVENT),
            _uuid4_texts(records["identity"], _KEY),
            _time_texts(records["at"]),
            strict=True,
        )
        return [self._other_text(*row) for row in rows]

    def _other_text(
        self, product_index: int, kind: int, enveloped: bool, event_id: str, idempotency: str, at: str
    ) -> str:
        product = catalog.PRODUCTS[product_index]
        event_type, pattern, data_key = catalog.OTHER_TYPES[kind]
        random_hex = idempotency.replace("-", "")
        path = pattern.replace("{id}", random_hex[:12], 1).replace("{id}", random_hex[12:24])
        resource = f"businessProduct/{product.business_product_id}/{path}"
        detail = "{}"
        if enveloped:
            detail = (
                f'{{"idempotencyKey":"{idempotency}","eventDescriptor":"{event_type}","resources":["{resource}"],'
                f'"eventId":"{event_id}","apiVersion":"{catalog.API_VERSION}",'
                f'"subscriptionId":"{self._subscriptions[product, event_type]}","eventTime":"{at}Z",'
                f'"data":{{"{data_key}":{{"id":"{random_hex[:12]}"}}}}}}'
            )
        return (
            f'{{"version":"0","id":"{event_id}","detail-type":"{event_type}","source":"{product.source}",'
            f'"account":"{catalog.ACCOUNT}","time":"{at}Z","region":"{product.region}","resources":["{resource}"],'
            f'"detail":{detail}}}'
        )

    def _malformed(self, records: Records) -> list[str]:
        numbers = records["number"].tolist()
        thin, full = self._thin(records), self._enveloped(records)
        return [break_record(*row) for row in zip(numbers, thin, full, strict=True)]


def _uuid4_texts(identity: U64, purpose: int) -> list[str]:
    """Return a pseudo-random UUID of version 4 for each identity."""
    high = mix_array(identity ^ np.uint64(mix(purpose)))
    low = mix_array(high ^ np.uint64(mix(purpose + 1)))
    return _uuid_texts(
        (high & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000),
        (low & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(1 << 63),
    )


def _uuid_texts(high: U64, low: U64) -> list[str]:
    raw = np.stack([high, low], axis=1).astype(">u8").view(np.uint8)
    text = np.full((len(raw), 36), _DASH, dtype=np.uint8)
    text[:, _DIGITS] = _HEX[raw].reshape(len(raw), 32)
    joined = text.tobytes().decode("ascii")
    return [joined[first : first + 36] for first in range(0, len(joined), 36)]


def _time_texts(seconds: I64) -> list[str]:
    texts: list[str] = np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()
    return texts
