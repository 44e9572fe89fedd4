"""An exchange with the host of a notice: it ends by a deadline, whatever the host does, and reads a bounded answer.

Apprise limits only the time of each read, so a host that answers slowly or without end would hold it for ever. Nor does it
look at the answer, so a web page of a login or of an error, sent with HTTP 200, would pass for an acceptance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from bwp_client.workarounds import read_responses_by

if TYPE_CHECKING:
    import requests

DEADLINE_SECONDS = 30.0
MAX_ANSWER_BYTES: Final = 256 * 1024
_PAGE: Final = (b"<!doctype html", b"<html")
_STRUCTURED: Final = ("json", "xml")
"""Parts of the content types to which an HTML page is no answer; the target of an HTML form may well answer with one."""
T = TypeVar("T")


class Exchange:
    """An exchange that ends by its deadline.

    Attributes:
        problem: The reason why the exchange failed, as far as its answers tell; otherwise empty.
    """

    def __init__(self) -> None:
        self._seconds = DEADLINE_SECONDS
        self._ends_at = time.monotonic() + self._seconds
        self.problem = ""

    def run(self, send: Callable[[], T]) -> T | None:
        """Return the result of `send`; None if it does not return by the deadline.

        It runs in a daemon thread: a call that does not return is abandoned there, and does not hold the end of the process.
        """
        _bound_answers()
        results: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

        def work() -> None:
            _current.exchange = self
            try:
                results.put((send(), None))
            except Exception as error:  # noqa: BLE001 - raised in the caller's thread
                results.put((None, error))

        threading.Thread(target=work, daemon=True).start()
        try:
            result, error = results.get(timeout=max(0.0, self._ends_at - time.monotonic()))
        except Empty:
            self.problem = f"did not answer within {self._seconds:,.0f} s"
            return None
        if error is not None:
            raise error
        return result

    def read(self, response: requests.Response) -> None:
        """Read the body of a response, which was requested as a stream.

        Raises:
            requests.ConnectionError: The body is too long, comes too slowly, or is a web page in answer to JSON or XML.
        """
        body = bytearray()
        for byte in response.iter_content(1):  # larger reads would wait for a host that sends a byte now and then
            body += byte
            if len(body) > MAX_ANSWER_BYTES:
                self._fail(response, f"sent an answer of more than {MAX_ANSWER_BYTES // 1024} KB")
            if time.monotonic() > self._ends_at:
                self._fail(response, f"did not answer within {self._seconds:,.0f} s")
        response._content = bytes(body)  # noqa: SLF001 - requests has no public way to set what was read
        kind = str(response.request.headers.get("Content-Type", ""))
        is_structured = any(part in kind.lower() for part in _STRUCTURED)
        if response.ok and is_structured and bytes(body[:200]).lstrip(b"\xef\xbb\xbf\r\n\t ").lower().startswith(_PAGE):
            self._fail(
                response, "answered with a web page, as a login or an error page does, and not as a receiver of notices"
            )

    def _fail(self, response: requests.Response, problem: str) -> None:
        import requests

        response.close()
        self.problem = problem
        raise requests.ConnectionError(problem)


_current = threading.local()


@cache
def _bound_answers() -> None:
    """Let the HTTP client of Apprise read answers through the exchange of the thread, in threads that have one."""

    def current_reader() -> Callable[[requests.Response], None] | None:
        exchange: Exchange | None = getattr(_current, "exchange", None)
        return exchange.read if exchange else None

    read_responses_by(current_reader)
