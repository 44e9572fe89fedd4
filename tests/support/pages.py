"""What pages under test show."""

import re

from streamlit.testing.v1 import AppTest

_NUMBER = re.compile(r"[0-9,]+")


def numbers_of_states(app: AppTest) -> dict[str, str]:
    """Return the number below each state that the worklist offers, by the state's label."""
    choices = [radio.proto for radio in app.radio if radio.label == "Show"]
    return {
        label: number[0]
        for choice in choices
        for label, caption in zip(choice.options, choice.captions, strict=True)
        if (number := _NUMBER.search(caption))
    }
