"""The local Buy with Prime API as an ASGI application."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bwp_client.sandbox.api.access import Throttle, TokenIssuer
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.sandbox.api.faults import FaultTurns, fault_response
from bwp_client.sandbox.api.graphql import Answer, Operation, classification_of, read_operation, refusal, run
from bwp_client.sandbox.api.publisher import Publisher
from bwp_client.sandbox.api.started_tasks import StartedTasks
from bwp_client.sandbox.sample.catalog import KNOWN_API_VERSIONS

LogLine = dict[str, Any]
Log = Callable[[LogLine], None]

_MAX_BODY_BYTES: Final = 1 << 20
_NO_OPERATION: Final = Operation(None, (), None, None, (), ())


def create_app(
    behaviour: Behaviour,
    *,
    log: Log | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """Return the application.

    Args:
        behaviour: How the API behaves.
        log: Called with the log line of each request; by default lines are written to stderr as JSON. A line never holds a
            token, a secret or an e-mail address.
        monotonic: Returns monotonic seconds, for the life of tokens and for throttling.
        now: Returns the time now, for the log, and for waiting tasks until their clock is set.
    """
    endpoints = _Endpoints(behaviour, log or log_to_stderr, monotonic, now)
    return Starlette(
        routes=[
            Route("/token", endpoints.token, methods=["POST"]),
            Route("/graphql", endpoints.graphql, methods=["POST"]),
            Route("/health", endpoints.health, methods=["GET"]),
            Route("/clock", endpoints.clock, methods=["POST"]),
        ]
    )


def log_to_stderr(line: LogLine) -> None:
    """Write one line of the request log to stderr, as JSON."""
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()


class _Endpoints:
    def __init__(
        self, behaviour: Behaviour, log: Log, monotonic: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self._behaviour = behaviour
        self._log = log
        self._now = now
        self._tokens = TokenIssuer(behaviour.credentials, behaviour.token_seconds, monotonic)
        self._throttle = Throttle(behaviour.throttle_per_second, monotonic)
        self._faults = FaultTurns(behaviour.error_rate)
        self._started_tasks = StartedTasks(now)
        self._publisher = Publisher(self._started_tasks, behaviour.events_endpoint)

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def clock(self, request: Request) -> Response:
        """Set the clock of waiting and started tasks, and publish the outcomes that are then due.

        The real API has no such route.
        """
        sent = _read_json(await _body(request))
        try:
            forward = timedelta(days=float(sent.get("forward_days", 0)))
            moment = datetime.fromisoformat(sent["now"]) if "now" in sent else self._started_tasks.now() + forward
            self._started_tasks.set_clock(moment.astimezone(UTC))
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            return JSONResponse(
                {"message": f"Send `now`, a timestamp, or `forward_days`, a number. {error}"}, status_code=400
            )
        published = await self._publisher.publish()
        return JSONResponse(
            {
                "now": self._started_tasks.now().isoformat(),
                "published": published,
                "due": len(self._started_tasks.due()),
            }
        )

    async def token(self, request: Request) -> Response:
        await self._simulate_latency()
        form = dict(parse_qsl((await _body(request)).decode("utf-8", "replace")))
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        response = self._token_response(kind, form)
        self._write(request, status=response.status_code, client_id=form.get("client_id"))
        return response

    def _token_response(self, content_type: str, form: dict[str, str]) -> Response:
        if content_type != "application/x-www-form-urlencoded":
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        token = self._tokens.issue(form.get("client_id", ""), form.get("client_secret", ""))
        if token is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        token_seconds = self._behaviour.token_seconds
        seconds: float = int(token_seconds) if token_seconds == int(token_seconds) else token_seconds
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": seconds})

    async def graphql(self, request: Request) -> Response:
        await self._simulate_latency()
        await self._publisher.publish()
        sent = _read_json(await _body(request))
        text = sent.get("query") if isinstance(sent, dict) else None
        operation = read_operation(text) if isinstance(text, str) else _NO_OPERATION
        fault: str | None = None
        answer, status = self._refused(request, operation)
        if answer is None:
            fault = self._faults.next_fault()
        if answer is not None or fault is None:
            answer = answer or self._answer(request, operation, sent)
            response: Response = JSONResponse(answer, status_code=status, headers=self._headers(answer))
        else:
            response = fault_response(fault, operation)
            status = response.status_code
        self._write(
            request,
            status=status,
            kind=operation.kind,
            operation=operation.name,
            fields=list(operation.fields),
            classification=classification_of(answer) if answer else None,
            fault=fault,
            target_id=request.headers.get("x-api-target-id"),
        )
        return response

    def _answer(self, request: Request, operation: Operation, sent: Any) -> Answer:
        variables = sent.get("variables") if isinstance(sent, dict) else None
        if operation is _NO_OPERATION or not isinstance(variables, dict | None):
            return refusal("ValidationError", "The body is JSON with `query`, a string, and `variables`, an object.")
        return run(
            operation,
            variables or {},
            target_id=request.headers["x-api-target-id"],
            started_tasks=self._started_tasks,
            operation_name=sent.get("operationName"),
        )

    def _refused(self, request: Request, operation: Operation) -> tuple[Answer | None, int]:
        """Return the refusal of a request that must not be executed, and the HTTP status; None and 200 for other requests."""
        headers = request.headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        holder = self._tokens.holder(token) if scheme.lower() == "bearer" else None
        if holder is None:
            if self._behaviour.expired_as == "401":
                return {"message": "Unauthorized"}, 401
            return refusal("AccessDeniedError", "The access token is missing, unknown or expired.", operation), 200
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return refusal("ValidationError", "The header Content-Type must be application/json."), 415
        if headers.get("x-api-version") not in KNOWN_API_VERSIONS:
            return refusal("ValidationError", "The header x-api-version is missing or names no known version."), 400
        target = headers.get("x-api-target-id")
        if not target or holder.business_product_id not in {None, target}:
            message = "These credentials do not reach the business product asked for."
            return refusal("AccessDeniedError", message, operation), 200
        if not self._throttle.admits():
            return refusal("ThrottlingError", "Too many requests.", operation), self._behaviour.throttle_status
        return None, 200

    def _headers(self, answer: Answer) -> dict[str, str]:
        pause = self._behaviour.retry_after_seconds
        is_throttled = classification_of(answer) == "ThrottlingError"
        return {"retry-after": str(pause)} if pause is not None and is_throttled else {}

    async def _simulate_latency(self) -> None:
        if self._behaviour.latency_ms:
            await asyncio.sleep(self._behaviour.latency_ms / 1_000)

    def _write(self, request: Request, **fields: Any) -> None:
        self._log({"time": self._now().isoformat(), "path": request.url.path} | fields)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            return b""
    return bytes(body)


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
