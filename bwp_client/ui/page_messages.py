"""Selects the messages of a page that the server accepts behind a login, because a visitor can send any message."""

from __future__ import annotations

import re
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

_OF_STRANGERS: Final = {"rerun_script", "stop_script", "app_heartbeat"}
"""Messages that draw the sign-in page. Others change or clear what all visitors share."""
_OF_PEOPLE: Final = {*_OF_STRANGERS, "backend_operation_request"}
"""Messages of our pages. Others clear the cache of all visitors, or ask for the server's source code repository."""
_OPERATIONS: Final = {"deferred_file", "dataframe_chunk"}
"""Operations of our pages: downloads, and the rows of a table. Others write files to the server's disk."""
_ID: Final = re.compile(r"[\w$-]{0,200}", re.ASCII)
"""An ID that Streamlit made. It writes unknown IDs to the log, whatever their text and length."""


def accepted_message(data: bytes, *, is_admitted: bool) -> bytes | None:
    """Return a message as the server may handle it; None if it is refused.

    Args:
        data: The message of the browser.
        is_admitted: Whether the visitor may see the pages.
    """
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return None
    kind = message.WhichOneof("type")
    if kind not in (_OF_PEOPLE if is_admitted else _OF_STRANGERS):
        return None
    if kind == "rerun_script":
        if not _ID.fullmatch(message.rerun_script.fragment_id):
            return None
        if not is_admitted:
            return bytes(BackMsg(rerun_script=_of_sign_in_page(message.rerun_script)).SerializeToString())
    if kind == "backend_operation_request":
        request = message.backend_operation_request
        ids = (request.request_id, request.deferred_file.file_id)
        if request.WhichOneof("payload") not in _OPERATIONS or not all(map(_ID.fullmatch, ids)):
            return None
    return data


def _of_sign_in_page(state: ClientState) -> ClientState:
    """Return what the sign-in page reads of a browser's state: its address, and the button that was clicked.

    It has no other widgets and no fragments: with values of another type, each message would log an error.
    """
    changed = ClientState(
        query_string=state.query_string, page_script_hash=state.page_script_hash, page_name=state.page_name
    )
    clicked = [item for item in state.widget_states.widgets if item.WhichOneof("value") == "trigger_value"]
    changed.widget_states.widgets.extend(clicked)
    return changed
