"""A time limit of each call to AWS: botocore limits only the time between two bytes, so a trickle of bytes would never end.

Imported only when a session is made, because botocore loads slowly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import cache, partial, wraps
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as NoBytesError

CALL_SECONDS = 60.0
"""The time limit of a request and its answer; of an object's body, the time over which its pace is measured."""
_LEAST_BYTES_PER_SECOND: Final = 1000
"""The pace below which the body of an object counts as stalled; a request has as much more time as its body needs."""
_READ_BYTES: Final = 256 * 1024


class SlowAnswerError(BotoCoreError):
    """An answer was not complete within its time. botocore does not try such a call again, which would take as long."""

    fmt = "{seconds:,.0f} s"


@cache
def limit_calls() -> None:
    """Limit the time of every request that botocore sends in this process, also of those for credentials."""
    send = URLLib3Session.send

    @wraps(send)
    def limited(session: URLLib3Session, request: Any) -> Any:
        seconds = CALL_SECONDS + int(request.headers.get("Content-Length") or 0) / _LEAST_BYTES_PER_SECOND
        ends_at = time.monotonic() + seconds
        is_object, request.stream_output = request.stream_output, True
        answer: Future[Any] = Future()
        call = partial(send, session, request)
        threading.Thread(target=_settle, args=(answer, call), name="bwp-aws-call", daemon=True).start()
        try:
            response = answer.result(timeout=seconds)
        except TimeoutError:
            if answer.cancel():
                raise SlowAnswerError(seconds=seconds) from None
            response = answer.result()  # it has come at this moment
        response.raw = _Body(response.raw, seconds, None if is_object else ends_at)
        if not is_object:
            _read_whole(response, request.url)
        return response

    cast("Any", URLLib3Session).send = limited


def _settle(answer: Future[Any], call: Callable[[], Any]) -> None:
    try:
        response = call()
    except BaseException as error:  # noqa: BLE001 - raised by the thread that waits for the answer
        with suppress(InvalidStateError):
            answer.set_exception(error)
        return
    try:
        answer.set_result(response)
    except InvalidStateError:  # nobody waits any more
        response.raw.close()


def _read_whole(response: Any, url: str) -> None:
    """Read the body of an answer, and raise the errors of botocore's own `send`, which are tried again.

    Raises:
        SlowAnswerError: The body was not complete in time.
        HTTPClientError: The connection failed.
    """
    try:
        _ = response.content
    except SlowAnswerError:
        raise
    except NoBytesError as error:
        raise ReadTimeoutError(endpoint_url=url, error=error) from error
    except ProtocolError as error:
        raise ConnectionClosedError(endpoint_url=url, error=error) from error
    except Exception as error:
        raise HTTPClientError(error=error) from error


class _Body:
    """An answer of urllib3 whose body has to arrive by a time or, without one, to make progress."""

    def __init__(self, raw: Any, seconds: float, ends_at: float | None) -> None:
        self._raw = raw
        self._seconds = seconds
        self._ends_at = ends_at
        self._waited_seconds = 0.0
        self._received_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self) -> Iterator[bytes]:
        """Yield the body; botocore reads whole answers in this way."""
        yield self.read()

    def read(self, amt: int | None = None) -> bytes:
        """Return `amt` bytes, or fewer at the end of the body.

        Raises:
            SlowAnswerError: The time is over, or the body makes too little progress.
        """
        parts: list[bytes] = []
        missing = amt
        while missing is None or missing > 0:
            began = time.monotonic()
            part = self._raw.read1(min(missing or _READ_BYTES, _READ_BYTES))
            if not part:
                break
            if self._is_late(began, len(part)):
                self._raw.close()
                raise SlowAnswerError(seconds=self._seconds)
            parts.append(part)
            missing = None if missing is None else missing - len(part)
        return b"".join(parts)

    def _is_late(self, began: float, size: int) -> bool:
        """Return whether a read that has ended now came too late, or was the last of too few."""
        now = time.monotonic()
        if self._ends_at is not None:
            return now > self._ends_at
        self._waited_seconds += now - began  # not the time between reads: the reader may pause for as long as it likes
        self._received_bytes += size
        if self._waited_seconds < CALL_SECONDS:
            return False
        is_late = self._received_bytes < CALL_SECONDS * _LEAST_BYTES_PER_SECOND
        self._waited_seconds, self._received_bytes = 0.0, 0
        return is_late
