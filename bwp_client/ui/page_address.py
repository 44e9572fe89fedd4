"""The address of a page names what is chosen on the page, by IDs and fixed words, so that a link lasts.

Streamlit can bind a widget to the address by itself. It would write the text that is shown, which for a business product is
its name; it would replace the address, so that Back leaves the app; and it would drop a value that it does not know without
a word. Here, each choice is a step of the browser's history, and a value that is not known stays in the address until the
visitor chooses another.

A widget's key is its parameter's name. Call `follow` before the widget is drawn, and give it a callback that calls `write`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

MAX_LENGTH: Final = 1000
"""Characters read of a value; longer texts, as anybody can write them into a link, would take memory and time."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""The accepted years. Pages shift a period by its own length, and again by that of both, without an overflow."""
_FOLLOWED: Final = "address_followed"
"""Session key of the values of each parameter when its widget last followed or wrote the address."""
_SHOWN: Final = "address_shown"
"""Session key of a page's title, and of what that page shows by default and would not show later, by parameter."""


def values(key: str) -> list[str]:
    """Return the values of a parameter of the address, each cut to `MAX_LENGTH`; an empty list without it."""
    return [value[:MAX_LENGTH] for value in st.query_params.get_all(key) if value]


def day_of(text: str) -> date | None:
    """Return the day that a value such as `2026-11-03` names; None if it names none, or one outside the accepted years."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def follow(key: str, read: Callable[[list[str]], Any]) -> None:
    """Set a widget from the address, if the visitor opened another address since: by a link, Back or Forward.

    Args:
        key: The widget's key.
        read: Returns the widget's value for the values of the parameter, which may be none.
    """
    found, followed = values(key), _followed()
    if key not in st.session_state or followed.get(key, []) != found:
        followed[key] = found
        st.session_state[key] = read(found)


def write(chosen: Mapping[str, Iterable[str]]) -> None:
    """Write what widgets were set to into the address, as one step of the browser's history; call it in their callback.

    Args:
        chosen: The values of each parameter to write; no values remove the parameter.
    """
    parameters = {key: values(key) for key in st.query_params}
    for key, texts in chosen.items():
        parameters[key] = _followed()[key] = list(texts)
    st.query_params.from_dict({key: texts for key, texts in parameters.items() if texts})


def choose(chosen: Mapping[str, Iterable[str]]) -> None:
    """Write values into the address, and let the widgets of these parameters follow; call it in another element's callback.

    Args:
        chosen: As for `write`.
    """
    write(chosen)
    for key in chosen:
        st.session_state.pop(key, None)


def begin_page(title: str) -> dict[str, list[str]]:
    """Return what the last run of this page shows by default, as parameters for a link that lasts; forget it otherwise."""
    last_title, shown = st.session_state.get(_SHOWN, ("", {}))
    st.session_state[_SHOWN] = (title, {})
    return dict(shown) if last_title == title else {}


def note_shown(key: str, texts: Iterable[str]) -> None:
    """Note what a widget shows, because its default changes with the data, and the link to copy must not."""
    st.session_state.setdefault(_SHOWN, ("", {}))[1][key] = list(texts)


def carried(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the values of parameters of the address, for a link to another page."""
    return {key: found for key in keys if (found := values(key))}


def link(parameters: Mapping[str, Iterable[str]]) -> str:
    """Return the full address of the open page with other parameters; without its host if the browser names none."""
    try:
        scheme, host, path, *_ = urlsplit(st.context.url or "")
    except ValueError:
        scheme = host = path = ""
    return urlunsplit((scheme, host, path, urlencode(parameters, doseq=True), ""))


def _followed() -> dict[str, list[str]]:
    followed: dict[str, list[str]] = st.session_state.setdefault(_FOLLOWED, {})
    return followed
