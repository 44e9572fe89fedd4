"""Widgets whose value is in the page's address: a choice of one option, and a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from bwp_client.ui import page_address
from bwp_client.ui.markdown import plain

_MAX_SHOWN: Final = 100
"""Characters shown of a name that is not known."""

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_tab_container import TabContainer


def draw_option(
    draw: Callable[..., Any], label: str, options: Sequence[str], *, key: str, is_lasting: bool = True, **of_widget: Any
) -> str:
    """Draw a choice of one option, and return it.

    Args:
        draw: The function of Streamlit that draws it, such as `st.radio`.
        label: The widget's label.
        options: The options; the first is the default, which is not in the address.
        key: The widget's key and the parameter's name.
        is_lasting: Whether the default stays the same; one that changes with the data is named by links all the same.
        of_widget: Further arguments of the widget.
    """

    def read(found: list[str]) -> str:
        return next((option for option in options if found and option.casefold() == found[-1].casefold()), options[0])

    def write() -> None:
        chosen = st.session_state[key]
        page_address.write({key: [chosen] if chosen != options[0] or not is_lasting else []})

    page_address.follow(key, read)
    chosen = str(draw(label, options, key=key, on_change=write, **of_widget))
    if not is_lasting:
        page_address.note_shown(key, [chosen])
    return chosen


def unknown_options(key: str, options: Sequence[str]) -> list[str]:
    """Return the values that the address gives a choice, and that are no options; their case does not matter."""
    known = {option.casefold() for option in options}
    return [text for text in page_address.values(key) if text.casefold() not in known]


def draw_tabs(labels: Mapping[str, str], *, key: str) -> Mapping[str, TabContainer]:
    """Draw tabs, and return them by name; `open` tells which of them is shown.

    Args:
        labels: The label of each tab by the name that stands for it in the address; the first is the default.
        key: The tabs' key and the parameter's name.
    """
    names = {label.casefold(): name for name, label in labels.items()}  # links of earlier releases hold labels
    first = next(iter(labels))

    def read(found: list[str]) -> str:
        name = found[-1].casefold() if found else first
        return labels.get(names.get(name, name), labels[first])

    def write() -> None:
        name = names[st.session_state[key].casefold()]
        page_address.write({key: [name] if name != first else []})

    page_address.follow(key, read)
    for text in page_address.values(key)[-1:]:
        if names.get(text.casefold(), text.casefold()) not in labels:
            shown = plain(text[:_MAX_SHOWN])
            st.warning(f"“{shown}” is no tab of this page: there are {', '.join(labels)}. The link asks for it.")
    return dict(zip(labels, st.tabs(list(labels.values()), key=key, on_change=write), strict=True))


def draw_text(label: str, *, key: str, placeholder: str) -> str:
    """Draw a field for a text, and return the text without blanks around it, cut to `page_address.MAX_LENGTH`.

    Args:
        label: The widget's label.
        key: The widget's key and the parameter's name.
        placeholder: Drawn in the empty field.
    """

    def clean(text: str) -> str:
        return text.strip()[: page_address.MAX_LENGTH]

    def write() -> None:
        page_address.write({key: filter(None, [clean(st.session_state[key])])})

    page_address.follow(key, lambda found: found[-1] if found else "")
    return clean(st.text_input(label, key=key, placeholder=placeholder, on_change=write))
