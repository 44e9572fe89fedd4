"""The settings of the local API, such as latency, throttling and faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential of a client ID in the local API.

    Attributes:
        client_secret: The secret that belongs to the client ID.
        business_product_id: The only business product that the credential reaches; None for all.
    """

    client_secret: str = field(repr=False)
    business_product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the local API behaves.

    Attributes:
        latency_ms: The time before each answer.
        throttle_per_second: The most GraphQL requests a second, after a burst of as many; 0 for no limit.
        throttle_status: The HTTP status of a throttled answer: 429, or 200 with the error only in the body.
        retry_after_seconds: The `Retry-After` of a throttled answer; None for no such header.
        token_seconds: The lifetime of an access token.
        error_rate: The share of GraphQL requests that end in a server fault; the kinds in `FAULTS` take turns.
        expired_as: The refusal of a missing, unknown or expired token: HTTP 401, or HTTP 200 with AccessDeniedError in the
            body.
        credentials: Client ID to credential; empty accepts every credential that is not empty.
        events_endpoint: The EventBridge endpoint to publish the outcomes of started tasks to; None to publish nothing.
    """

    latency_ms: float = 0.0
    throttle_per_second: float = 0.0
    throttle_status: Literal[200, 429] = 429
    retry_after_seconds: int | None = None
    token_seconds: float = 900.0
    error_rate: float = 0.0
    expired_as: Literal["401", "body"] = "401"
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    events_endpoint: str | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A number is out of range.
        """
        if min(self.latency_ms, self.throttle_per_second, self.token_seconds) < 0 or not 0 <= self.error_rate <= 1:
            raise ValueError("Latency, throttle and token life are 0 or more, and the error rate lies between 0 and 1.")
