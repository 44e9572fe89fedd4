"""Text from outside that Markdown shows literally; the pages' own Markdown makes links of bare addresses, escaped or not."""

import re

import pytest

from bwp_client.ui.markdown import plain

LINKS = (
    re.compile(r"(https?://|www(?=\.))([-.\w]+)", re.IGNORECASE),
    re.compile(r"(?:^|(?<=[\W_]))([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)"),
)
"""The patterns by which the frontend (mdast-util-gfm-autolink-literal) finds addresses in text whose escapes are gone."""
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


@pytest.mark.parametrize(
    "text",
    [
        "see https://elsewhere.invalid/x?y=1", "HTTP://elsewhere.invalid", "www.elsewhere.invalid", "WwW.elsewhere.invalid",
        "(www.elsewhere.invalid)", "eve@elsewhere.invalid", "mailto:eve.x+y@elsewhere.invalid", "a@b@c.invalid",
        "xhttps://http://elsewhere.invalid", "www.www.elsewhere.invalid",
    ],
)  # fmt: skip
def test_an_address_does_not_become_a_link(text: str) -> None:
    shown = ESCAPE.sub(r"\1", plain(text))
    assert any(pattern.search(text) for pattern in LINKS)
    assert [found[0] for pattern in LINKS for found in pattern.finditer(shown)] == []
    assert shown.replace("\N{WORD JOINER}", "") == text


@pytest.mark.parametrize("text", ["ORDERS_NOT_CLOSED", "[x](y) *z* $a$ :red[b] <b>", "bp-1 at 10:30, 5 % @ 3"])
def test_other_text_is_escaped_alone(text: str) -> None:
    assert ESCAPE.sub(r"\1", plain(text)) == text


@pytest.mark.parametrize("sign", ["\u202e", "\u202d", "\u2066", "\u2069", "\x00", "\x1b", "\x7f", "\x9b"])
def test_a_sign_that_changes_the_text_behind_it_is_replaced(sign: str) -> None:
    assert plain(f"bp{sign}1") == "bp\N{REPLACEMENT CHARACTER}1"


@pytest.mark.parametrize("name", ["\u0646\u0627\u0645\u200c\u0647\u0627", "\u05e9\u05dd", "\U0001f468\u200d\U0001f469"])
def test_names_in_every_script_stay(name: str) -> None:
    assert plain(name) == name
