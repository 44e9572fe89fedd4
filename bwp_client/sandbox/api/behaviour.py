"""What can be set about the local API, so that a client meets good and bad days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Credential:
    """One set of API credentials.

    Attributes:
        client_secret: What must come with the client ID.
        business_product_id: The one business product it may ask about; None for all.
    """

    client_secret: str = field(repr=False)
    business_product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the local API behaves.

    Attributes:
        latency_ms: How long it thinks about every request.
        throttle_per_second: GraphQL requests it takes a second, with as many again saved up; 0 for no limit.
        throttle_status: The HTTP status of a throttled answer: 429, or 200 with the error in the body alone.
        retry_after_seconds: Sent as `Retry-After` with a throttled answer; None for no such header.
        token_seconds: How long an access token lives.
        error_rate: The share of GraphQL requests that end in a server fault, each time the next of `FAULTS`.
        expired_as: How a missing, unknown or expired token is refused: HTTP 401, or HTTP 200 with AccessDeniedError in
            the body.
        credentials: Client ID to credential; when empty, any that are not empty will do.
        events_endpoint: Where EventBridge is, to publish the outcomes of started tasks; None for nowhere.
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
        """Refuse what makes no sense.

        Raises:
            ValueError: A number is out of range.
        """
        if min(self.latency_ms, self.throttle_per_second, self.token_seconds) < 0 or not 0 <= self.error_rate <= 1:
            raise ValueError("Latency, throttle and token life are 0 or more, and the error rate lies between 0 and 1.")
