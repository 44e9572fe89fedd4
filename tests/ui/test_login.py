"""The list of people who may use the app, case by case; and a page without the router shows nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from bwp_client.errors import SettingsError
from bwp_client.settings import AuthSettings
from bwp_client.ui.login import is_allowed

from .conftest import MAIN, PAGE_SECONDS, PAGES
from .test_pages import words

EMAILS = AuthSettings(allow_emails=["Analyst@Shop.invalid"])
DOMAINS = AuthSettings(allow_domains=["shop.invalid", "@other.invalid"])
CLAIM = AuthSettings(allow_claim="groups=privacy")


@pytest.mark.parametrize(
    ("user", "allowed", "in_"),
    [
        ({"email": "analyst@shop.invalid"}, EMAILS, True),
        ({"email": "ANALYST@shop.invalid", "email_verified": True}, EMAILS, True),
        ({"email": "analyst@shop.invalid", "email_verified": False}, EMAILS, False),
        ({"email": "analyst@shop.invalid", "email_verified": "false"}, EMAILS, False),
        ({"email": "analyst@shop.invalid", "email_verified": None}, EMAILS, False),
        ({"email": "x@shop.invalid"}, EMAILS, False),
        ({"email": ""}, AuthSettings(allow_emails=[""]), False),
        ({}, EMAILS, False),
        ({"email": "x@shop.invalid"}, DOMAINS, True),
        ({"email": "x@other.invalid"}, DOMAINS, True),
        ({"email": "x@sub.shop.invalid"}, DOMAINS, False),
        ({"email": "x@evilshop.invalid"}, DOMAINS, False),
        ({"email": "x@evil.invalid@shop.invalid"}, DOMAINS, False),
        ({"email": "shop.invalid"}, DOMAINS, False),
        ({"email": "\N{KELVIN SIGN}ate@shop.invalid"}, AuthSettings(allow_emails=["kate@shop.invalid"]), False),
        ({"email": "kate@lin\N{KELVIN SIGN}.invalid"}, AuthSettings(allow_domains=["link.invalid"]), False),
        ({"email": "MÜLLER@shop.invalid"}, AuthSettings(allow_emails=["müller@shop.invalid"]), True),
        ({"email": "x@"}, AuthSettings(allow_domains=[""]), False),
        ({"email": "x@shop.invalid", "email_verified": False}, DOMAINS, False),
        ({"groups": ["staff", "privacy"]}, CLAIM, True),
        ({"groups": "privacy"}, CLAIM, True),
        ({"groups": ["privacy-readers"]}, CLAIM, False),
        ({"groups": None}, AuthSettings(allow_claim="groups=None"), False),
        ({"role": "privacy"}, CLAIM, False),
        ({"groups": ["privacy"]}, AuthSettings(allow_claim="groups"), False),
        ({"groups": ""}, AuthSettings(allow_claim="groups="), False),
        ({"https://shop/roles": ["a=b"]}, AuthSettings(allow_claim="https://shop/roles=a=b"), True),
        ({"email": "analyst@shop.invalid", "groups": ["privacy"]}, AuthSettings(), False),
    ],
)
def test_the_list_decides(user: dict[str, Any], allowed: AuthSettings, in_: bool) -> None:
    assert is_allowed(user, allowed) is in_


@pytest.mark.parametrize("page", PAGES)
def test_a_page_run_without_the_router_shows_nothing(page: str) -> None:
    app = AppTest.from_file(str(MAIN.parents[2] / "pages" / f"{page}.py"), default_timeout=PAGE_SECONDS).run()
    assert not app.exception
    assert "Open the app at its main address" in words(app)
    assert not app.metric
    assert not app.dataframe


def test_secrets_that_cannot_be_read_let_nobody_in(
    loaded: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> bool:
        raise SettingsError("The secrets can't be read.")

    monkeypatch.setattr("bwp_client.ui.login.is_configured", unreadable)
    app = open_page("overview", loaded)
    assert not app.exception
    assert "Nothing can be shown" in words(app)
    assert not app.metric


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_who_is_not_signed_in_sees_no_page(
    page: str, loaded: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bwp_client.ui.login.is_configured", lambda: True)
    monkeypatch.setattr("bwp_client.ui.login._providers", lambda: [None])
    app = open_page(page, loaded)
    assert [button.label for button in app.button] == ["Sign in"]
    assert not app.metric
    assert not app.dataframe
