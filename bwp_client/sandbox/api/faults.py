"""The faults of the local API: broken answers, and the order in which they come."""

from typing import Final

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bwp_client.sandbox.api.graphql import Operation, refusal

_HTML: Final = "<html><head><title>Service unavailable</title></head><body>Please try again later.</body></html>"
_CUT: Final = b'{"data": {"personalDataDeletionTask": {"taskId": "'

FAULTS: Final = (
    "500 with HTML",
    "InternalServerError in the body",
    "200 with HTML",
    "empty body",
    "cut body",
    "dropped connection",
)


class FaultTurns:
    """Decides which requests fail: evenly spread by count, so that a run can be repeated."""

    def __init__(self, error_rate: float) -> None:
        """Start counting.

        Args:
            error_rate: The share of requests that fail.
        """
        self._error_rate = error_rate
        self._requests = 0
        self._faults = 0

    def next_fault(self) -> str | None:
        """Count one request and return its fault; None for a request that succeeds."""
        self._requests += 1
        # The tiny addition corrects shares such as 0.1, which have no exact binary form: rounding down would lose a fault.
        if int(self._requests * self._error_rate + 1e-9) <= self._faults:
            return None
        fault = FAULTS[self._faults % len(FAULTS)]
        self._faults += 1
        return fault


def fault_response(fault: str, operation: Operation) -> Response:
    """Return the answer of a fault.

    Args:
        fault: A member of `FAULTS`.
        operation: The operation that was sent.
    """
    if fault == "500 with HTML":
        return HTMLResponse(_HTML, status_code=500)
    if fault == "InternalServerError in the body":
        return JSONResponse(refusal("InternalServerError", "The server met a fault.", operation))
    if fault == "200 with HTML":
        return HTMLResponse(_HTML)
    if fault == "empty body":
        return Response(b"", media_type="application/json")
    return CutResponse() if fault == "cut body" else DroppedResponse()


class CutResponse(Response):
    """An answer shorter than its `Content-Length`, after which the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI interface
        """Send the first half of an answer."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _CUT, "more_body": True})
        # The server closes the connection when the rest is missing.


class DroppedResponse(Response):
    """No answer: the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI interface
        """Drop the connection, whose transport the server's protocol has put into the scope's state."""
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass
