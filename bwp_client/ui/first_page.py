"""Draws the overview once, for nobody, after the server has started, so that its first visitor waits for less.

The first run of a page imports its sections, builds Plotly's classes and computes every figure. Results stay cached beside
their snapshot, so the first visitor's run finds them, as every later run does.
"""

from __future__ import annotations

import asyncio
from typing import Final

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, RuntimeState
from streamlit.runtime.session_manager import SessionClient

_MOST_SECONDS: Final = 60


class _Nobody(SessionClient):
    """A client that shows nothing, and notes that a page was drawn."""

    def __init__(self) -> None:
        self.has_page = asyncio.Event()

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        """Take a message of the page; the runtime calls this in the event loop."""
        if msg.WhichOneof("type") == "script_finished":
            self.has_page.set()


async def draw_first_page() -> None:
    """Draw the overview as a browser without cookies would get it; with a login, the page that asks to sign in.

    Nothing is drawn while a visitor is connected, because the visitor's page fills the same caches.
    """
    runtime = Runtime.instance()
    if runtime.state is not RuntimeState.NO_SESSIONS_CONNECTED:
        return
    nobody = _Nobody()
    session = runtime.connect_session(nobody, user_info={})
    try:
        message = BackMsg()
        message.rerun_script.query_string = ""
        runtime.handle_backmsg(session, message)
        async with asyncio.timeout(_MOST_SECONDS):
            await nobody.has_page.wait()
    except TimeoutError:
        pass  # the page is given up, and the server is ready without it
    finally:
        runtime.close_session(session)
