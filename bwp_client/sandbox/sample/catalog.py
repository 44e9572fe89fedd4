"""The business products, error codes and event types of the sample."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

ACCOUNT: Final = "123456789012"
API_VERSION: Final = "2024-11-01"
KNOWN_API_VERSIONS: Final = ("2024-01-01", "2024-04-01", "2024-11-01")


@dataclass(frozen=True, slots=True)
class Product:
    """One business product of the fictitious shop.

    Attributes:
        business_product_id: The ID at Buy with Prime: `bp-` and a UUID.
        name: The name for people.
        source: The partner event source of its events.
        region: The AWS region of its event bus.
        share: Its share of all tasks, before the tasks of the small product are assigned.
        rate_factor: Its failure rate divided by the shop's.
    """

    business_product_id: str
    name: str
    source: str
    region: str
    share: float
    rate_factor: float


_US: Final = "aws.partner/buywithprime/sample-store-events"
_EU: Final = "aws.partner/buywithprime/sample-store-events-eu"

PRODUCTS: Final = (
    Product("bp-2f6d1c84-9b0e-4a57-8c31-5e7a90d4b612", "Harbor & Pine Outfitters", _US, "us-east-1", 0.41, 0.85),
    Product("bp-8a41e7d0-35c2-4f9b-a6de-104b7c92f3e8", "Luma Home Goods", _US, "us-east-1", 0.26, 1.00),
    Product("bp-c95b3e16-70f8-4d2a-9e04-b83f61a7d52c", "Kestrel Cycling", _US, "us-east-1", 0.18, 1.10),
    Product("bp-41d07fa9-e682-4b3c-8517-d9c02e5b6a74", "Bergamot & Co. Europe", _EU, "eu-west-1", 0.14, 1.30),
    Product("bp-e37c92b5-1a4d-4068-b7f2-60d8a51c9e3f", "Northlight Toys", _US, "us-east-1", 0.0, 1.0),
    Product("bp-7b08d4e2-c6f3-4591-a2b8-f41e93c05d6a", "Tiny Acorn Press", _US, "us-east-1", 0.0, 1.0),
)
PRODUCT_NAMES: Final[dict[str, str]] = {product.business_product_id: product.name for product in PRODUCTS}

# Indices into PRODUCTS.
INCIDENT_PRODUCT: Final = 1
SILENT_PRODUCT: Final = 4  # not subscribed to PERSONAL_DATA_DELETION_TASK_COMPLETED
SMALL_PRODUCT: Final = 5  # too few outcomes to rate


class Kind(IntEnum):
    """The kind of a task."""

    DELETION = 0
    RETRIEVAL = 1


class Outcome(IntEnum):
    """The outcome of a task."""

    COMPLETED = 0
    FAILED = 1


class Lifecycle(IntEnum):
    """The outcomes of a task in their order, as its ID holds them."""

    WAITING = 0
    COMPLETED = 1
    FAILED = 2
    FAILED_THEN_COMPLETED = 3
    COMPLETED_THEN_FAILED = 4


PRIVACY_TYPES: Final = {
    (kind, outcome): f"PERSONAL_DATA_{kind.name}_TASK_{outcome.name}" for kind in Kind for outcome in Outcome
}
TASK_RESOURCES: Final = {Kind.DELETION: "personalDataDeletionTask", Kind.RETRIEVAL: "personalDataRetrievalTask"}

ORDERS_NOT_CLOSED: Final = "ORDERS_NOT_CLOSED"
DATA_SUBJECT_NOT_FOUND: Final = "DATA_SUBJECT_NOT_FOUND"
# The following codes are not documented; they stand for codes of the future.
LEGAL_HOLD_ACTIVE: Final = "LEGAL_HOLD_ACTIVE"
DOWNSTREAM_TIMEOUT: Final = "DOWNSTREAM_TIMEOUT"
RETURN_IN_PROGRESS: Final = "RETURN_IN_PROGRESS"

# A task ID holds an index into this tuple, so the order must never change. None in a set is the null code of the API. The
# last two entries stand for `errors: []` and `errors: null`; no sample holds them, only task IDs made for tests do.
CODE_SETS: Final[tuple[tuple[str | None, ...] | None, ...]] = (
    (ORDERS_NOT_CLOSED,),
    (DATA_SUBJECT_NOT_FOUND,),
    (None,),
    (LEGAL_HOLD_ACTIVE,),
    (DOWNSTREAM_TIMEOUT,),
    (RETURN_IN_PROGRESS,),
    (ORDERS_NOT_CLOSED, None),
    (ORDERS_NOT_CLOSED, RETURN_IN_PROGRESS),
    (ORDERS_NOT_CLOSED, LEGAL_HOLD_ACTIVE),
    (DOWNSTREAM_TIMEOUT, None),
    (ORDERS_NOT_CLOSED, DATA_SUBJECT_NOT_FOUND, None),
    (),
    None,
)

# Event types without a relation to privacy: the type, its resource, and the object in its `data`. `{id}` is replaced by
# random identifiers.
OTHER_TYPES: Final = (
    ("ORDER_CONFIRMED", "order/{id}", "order"),
    ("PACKAGE_DELIVERED", "order/{id}/delivery/{id}", "package"),
    ("PACKAGE_DELIVERY_IN_TRANSIT", "order/{id}/delivery/{id}", "package"),
    ("BUYABILITY_CHANGED", "items/{id}", "product"),
    ("INVENTORY_CHANGED", "item-quantities/{id}", "inventory"),
    ("PACKAGE_TRACKER_MILESTONE_CHANGED", "carrier/SAMPLE_CARRIER/tracker/{id}", "tracker"),
    ("REFUND_REQUESTED", "order/{id}/refund/{id}", "refund"),
    ("RETURN_STARTED", "order/{id}/return/{id}", "return"),
)


def canary_email(number: int) -> str:
    """Return the fictitious e-mail address of a task's shopper.

    The sandbox sends this address wherever the real API sends one, so that a test can prove that no address is stored.

    Args:
        number: The task's number within its sample.
    """
    return f"canary-{number}@shopper.invalid"
