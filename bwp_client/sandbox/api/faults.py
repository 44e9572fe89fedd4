"""Ways in which a server fails: broken answers, and the order they come in."""

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
    """Decides which requests fail: evenly spread over the count of requests, so that runs repeat."""

    def __init__(self, error_rate: float) -> None:
        """Start counting.

        Args:
            error_rate: Share of requests that fail.
        """
        self._error_rate = error_rate
        self._requests = 0
        self._faults = 0

    def next_fault(self) -> str | None:
        """Count one request and name the fault it meets, None for none."""
        self._requests += 1
        # The tiny addition keeps shares such as 0.1, which are no exact binary fractions, from losing a fault.
        if int(self._requests * self._error_rate + 1e-9) <= self._faults:
            return None
        fault = FAULTS[self._faults % len(FAULTS)]
        self._faults += 1
        return fault


def fault_response(fault: str, operation: Operation) -> Response:
    """Make the answer that a fault gives.

    Args:
        fault: One of `FAULTS`.
        operation: What was asked.
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
    """Announces more than it sends, then ends the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI interface
        """Send half an answer.

        Args:
            scope: Of the request.
            receive: Not used.
            send: Takes the answer.
        """
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _CUT, "more_body": True})
        # Returning without the rest makes the server close the connection.


class DroppedResponse(Response):
    """Ends the connection without a word."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI interface
        """Drop the connection.

        Args:
            scope: Of the request; its state holds the transport, put there by our server's protocol.
            receive: Tells when the connection is gone.
            send: Not used.
        """
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass
