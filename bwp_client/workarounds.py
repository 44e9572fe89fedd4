"""Workarounds for other projects: each names the upstream issue that it waits for.

`tests/test_workarounds.py` proves that each workaround is still needed. A test that fails after an upgrade names a
workaround that can be removed.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_RETAINED_BYTES = 256 * 1024 * 1024
_OPEN_FILES = Path("/dev/fd")
_HEADER_BYTES = 64 * 1024

MOST_PAGES = 2
page_slots = threading.BoundedSemaphore(MOST_PAGES)
"""The semaphore that limits how many pages are drawn at the same time; a page holds it while it is drawn.

Streamlit draws each visitor's page in its own thread. With many threads, the thread that holds a lock of Streamlit loses
the interpreter lock, and all other threads wait. Two pages are allowed, because a query releases the interpreter lock.

It waits for https://github.com/streamlit/streamlit/issues/7851, or for a Python without the global interpreter lock.
"""


def end_process(code: int) -> None:
    """End this process at once, after the exit handlers and with all output written.

    A normal exit would first unload DuckDB, Arrow and NumPy, although all work is done. If other threads still work, this
    function returns without effect, and the interpreter waits for them.

    No known issue would make this function superfluous. Several issues report crashes during the same unloading, such as
    https://github.com/duckdb/duckdb/issues/13904.
    """
    if any(not thread.daemon for thread in threading.enumerate()[1:]):
        return
    atexit._run_exitfuncs()  # noqa: SLF001 - Python has no public function for it
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the command has named it and chosen its exit code
            stream.flush()
    os._exit(code)


def wait_for_threads() -> None:
    """Wait for the other threads of this process as a normal exit does, so that `end_process` can end it.

    A command that was stopped may have threads that still work. Without this function, the exit would unload native modules
    that were half imported, or are in use: it writes about leaks, or aborts.
    """
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - Python has no public function for it


def cut_bytecode(error: BaseException) -> str:
    """Return a message if an error comes from a compiled file that is cut, and remove that file; else an empty text.

    On a full disk, or above a limit on the size of files, Python stores a part of a compiled module and imports that part
    at the next start. It compiles the module anew once the file is gone.

    It waits for the oldest supported Python to be one with the fix of https://github.com/python/cpython/issues/126606.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or traceback.tb_frame.f_code.co_name != "_compile_bytecode":
        return ""
    path = Path(str(traceback.tb_frame.f_locals.get("bytecode_path")))
    try:
        path.unlink()
    except OSError as reason:
        done = f"Remove it (it could not be removed here: {reason.strerror})"
    else:
        done = "It was removed: make room on the disk"
    return f"A compiled file of the program is cut, as after a full disk: {path}. {done}, and start the command again."


def keep_freed_memory() -> None:
    """Make glibc reuse freed memory instead of returning it to the system.

    A loader allocates the same few megabytes again and again. By default, glibc returns them each time, and the kernel clears
    every page anew. Without glibc, which alone has these options, the function has no effect.

    No upstream issue exists, because this is glibc's documented default; see mallopt(3).
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _RETAINED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _RETAINED_BYTES)


def hand_back_freed_memory() -> None:
    """Return all freed blocks to the system, before another allocator needs as much memory.

    It is the counterpart of `keep_freed_memory`.
    """
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def send_without_delay() -> None:
    """Switch off Nagle's algorithm on every socket that this process listens on; accepted connections inherit the option.

    Streamlit binds its socket without naming the protocol, so asyncio does not recognise it as TCP and leaves the algorithm
    on: each message of a page then waits for the browser to acknowledge the message before.

    It waits for https://github.com/python/cpython/issues/148783 (the cause is explained in
    https://github.com/Kludex/uvicorn/issues/3149).
    """
    import socket

    for file in _OPEN_FILES.iterdir() if _OPEN_FILES.is_dir() else ():
        if not file.is_socket():
            continue
        with socket.socket(fileno=os.dup(int(file.name))) as opened:
            is_internet = opened.family in (socket.AF_INET, socket.AF_INET6)
            if is_internet and opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def accept_large_headers() -> None:
    """Let the server accept request headers of up to 64 KB, as earlier Streamlit servers did.

    A browser sends all cookies of a host with each request: those of other apps on that host too, and those of a login before
    `shrink_logins` was introduced. By default, uvicorn refuses a request with more than 16 KB of headers, and the websocket
    of a page with more than 8 KB of cookies, so that the page stays empty.

    It waits for https://github.com/streamlit/streamlit/issues/16569.
    """
    from uvicorn.protocols.http import h11_impl
    from websockets import http11

    h11_impl.DEFAULT_MAX_INCOMPLETE_EVENT_SIZE = _HEADER_BYTES  # type: ignore[attr-defined]
    http11.MAX_LINE_LENGTH = _HEADER_BYTES


def ask_no_host_for_own_address() -> None:
    """Keep Streamlit from asking a host on the internet for the address of this machine.

    Streamlit asks, by plain HTTP, before it refuses a websocket that a foreign page opens, and serves nobody while it waits.
    So a stranger could stop the server. The address would be another origin from which pages are accepted; such an origin can
    be named in `server.corsAllowedOrigins` instead.

    It waits for https://github.com/streamlit/streamlit/issues/7721.
    """
    from streamlit import net_util

    net_util._external_ip = "127.0.0.1"  # noqa: SLF001 - Streamlit has no setting for it


def read_signed_cookie(cookies: Mapping[str, str], name: str) -> bytes | None:
    """Return the text of a cookie that Streamlit signed; None if it is not there or its signature is wrong.

    A middleware needs the login in a visitor's cookie before Streamlit answers, and Streamlit shows it only to pages.

    It waits for a public function for middleware, about which https://github.com/streamlit/streamlit/issues/13600 collects
    wishes.
    """
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    return _get_signed_cookie_with_chunks(dict(cookies), name)


def read_responses_by(current_reader: Callable[[], Callable[[requests.Response], None] | None]) -> None:
    """Let a reader read the body of every response of `requests`, in threads that have a reader.

    Apprise neither takes a session nor limits more than the time of each read, so there is no other way to end the exchange
    with a host that answers slowly or without end.

    It waits for a limit of the whole time in Apprise, as wished in https://github.com/caronc/apprise-api/issues/112.

    Args:
        current_reader: Returns the reader of the current thread, if it has one.
    """
    import requests

    send = requests.Session.send

    @wraps(send)
    def send_and_read(
        session: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        read = current_reader()
        if read is None:
            return send(session, request, **options)
        response = send(session, request, **options | {"stream": True})
        read(response)
        return response

    requests.Session.send = send_and_read  # type: ignore[method-assign, assignment]


def shrink_logins(shrink: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Shrink what the identity provider says about each person who signs in, before Streamlit stores it in cookies.

    Streamlit stores all claims and tokens, and the browser sends them with every request.

    It waits for https://github.com/streamlit/streamlit/issues/14290.

    Args:
        shrink: Returns the smaller token of a person: `userinfo` with the claims, and `id_token`.
    """
    from authlib.integrations.starlette_client import StarletteOAuth2App  # type: ignore[import-untyped]

    original = StarletteOAuth2App.authorize_access_token

    async def authorize_access_token(self: Any, request: Any, **options: Any) -> dict[str, Any]:
        return shrink(await original(self, request, **options))

    StarletteOAuth2App.authorize_access_token = authorize_access_token


def reset_widgets_with_forged_values(report: Callable[[], None]) -> None:
    """Let a widget have its default value if a browser sends a value of another type, or one that can't be read.

    Pages send no such values, but a visitor can. Streamlit would take a text for a click, or end the page with an error and
    log a traceback, as often as it gets such a value. It would do so too for a value whose ID is not that of a widget.

    It waits for https://github.com/streamlit/streamlit/issues/16203.

    Args:
        report: Called for each such value.
    """
    from streamlit.proto.WidgetStates_pb2 import WidgetState
    from streamlit.runtime.state.common import is_element_id
    from streamlit.runtime.state.session_state import Serialized, WStates

    read, store = WStates.__getitem__, WStates.set_widget_from_proto

    @wraps(read)
    def read_or_reset(values: WStates, widget_id: str) -> Any:
        value, widget = values.states.get(widget_id), values.widget_metadata.get(widget_id)
        if isinstance(value, Serialized) and widget is not None:
            try:
                if value.value.WhichOneof("value") in (None, widget.value_type):
                    return read(values, widget_id)
            except Exception:  # noqa: BLE001, S110 - each widget has its own way to read a value
                pass
            report()
            values.states[widget_id] = Serialized(WidgetState(id=widget_id))  # without a value, which means the default
        return read(values, widget_id)

    @wraps(store)
    def store_of_widget(values: WStates, state: WidgetState) -> None:
        if is_element_id(state.id):
            store(values, state)
        else:
            report()

    WStates.__getitem__ = read_or_reset  # type: ignore[method-assign]
    WStates.set_widget_from_proto = store_of_widget  # type: ignore[method-assign, assignment]
