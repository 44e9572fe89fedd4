"""Signing in, end to end: a real browser, the app on a fresh server, and an identity provider on loopback."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import pytest
from playwright.sync_api import Browser, Page
from support.browser import (
    IDLE,
    PAGES,
    ROOT,
    WAIT_MS,
    link_app,
    open_page,
    running_app,
    start_app,
    wait_for_server,
    wait_until_drawn,
)
from support.identity import CLIENT_ID, CLIENT_SECRET, IdentityProvider, running_identity_provider
from support.ports import free_port
from support.waiting import WAIT_SECONDS

pytestmark = pytest.mark.browser
ALLOWED = {"email": "analyst@shop.invalid", "email_verified": True}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with running_identity_provider() as found:
        yield found


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def guarded(address: str, sample_home: Path, provider: IdentityProvider, port: int,
            tmp_path_factory: pytest.TempPathFactory) -> Path:  # fmt: skip
    """Return a folder with the loaded sample and a login."""
    assert address
    folder = tmp_path_factory.mktemp("guarded")
    streamlit = folder / ".streamlit"
    streamlit.mkdir()
    (streamlit / "config.toml").symlink_to(ROOT / ".streamlit" / "config.toml")
    (streamlit / "secrets.toml").write_text(
        f"""
        [auth]
        redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
        cookie_secret = "made-up-cookie-secret-of-32-bytes"
        client_id = "{CLIENT_ID}"
        client_secret = "{CLIENT_SECRET}"
        server_metadata_url = "{provider.metadata_url}"

        [bwp.auth]
        allow_emails = ["Analyst@shop.invalid"]
        allow_claim = "groups=privacy"
        """
    )
    (folder / "warehouse-sample").symlink_to(sample_home / "warehouse-sample")
    return folder


@pytest.fixture(scope="module")
def guarded_address(guarded: Path, port: int) -> Iterator[str]:
    with running_app(guarded, port=port) as found:
        yield found


def nothing_shown(page: Page) -> bool:
    return not any(page.locator(kind).count() for kind in ("[data-testid=stMetric]", "[data-testid=stDataFrame]",
                   ".js-plotly-plot", "[data-testid=stSidebar] input", "[data-testid=stSidebarNav]"))  # fmt: skip


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click(timeout=WAIT_MS)


def test_a_person_on_the_list_sees_every_page_and_signs_out(
    browser: Browser, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = dict(ALLOWED)
    page, outside = open_page(browser, guarded_address)
    sign_in(page)
    page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    wait_until_drawn(page, "")
    for name in PAGES:
        page.goto(f"{guarded_address}/{name}")
        page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
        page.get_by_text("Data to ").first.wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    page.goto(f"{guarded_address}/tasks")
    page.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    assert nothing_shown(page)
    assert outside == []
    page.context.close()


def test_a_visitor_returns_to_the_link_after_signing_in(
    browser: Browser, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = dict(ALLOWED)
    page, outside = open_page(browser, f"{guarded_address}/tasks?kind=RETRIEVAL&due=all")
    sign_in(page)
    page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    assert "/tasks?" in page.url
    assert "kind=RETRIEVAL" in page.url
    page.goto(guarded_address)
    page.wait_for_selector("h1:has-text('Overview')", timeout=WAIT_MS)  # once, and not again
    assert outside == []
    page.context.close()


@pytest.mark.parametrize(
    ("claims", "who"),
    [
        ({"email": "stranger@elsewhere.invalid", "email_verified": True}, "stranger@elsewhere.invalid"),
        ({"email": "analyst@shop.invalid", "email_verified": False}, "analyst@shop.invalid"),
        ({"name": "No Address", "groups": ["staff"]}, "No Address"),
    ],
)
def test_a_person_who_is_not_on_the_list_sees_no_data_and_can_sign_out(
    browser: Browser, guarded_address: str, provider: IdentityProvider, claims: dict[str, object], who: str
) -> None:
    provider.claims = claims
    page, _ = open_page(browser, guarded_address)
    sign_in(page)
    page.get_by_role("heading", name="No access").wait_for(timeout=WAIT_MS)
    assert page.get_by_text(f"signed in as {who}").is_visible()
    page.goto(f"{guarded_address}/tasks")
    page.get_by_role("heading", name="No access").wait_for(timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    assert nothing_shown(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    page.context.close()


def test_a_claim_admits_too(browser: Browser, guarded_address: str, provider: IdentityProvider) -> None:
    provider.claims = {"name": "No Address", "groups": ["staff", "privacy"]}
    page, _ = open_page(browser, guarded_address)
    sign_in(page)
    page.get_by_text("Signed in as No Address").wait_for(timeout=WAIT_MS)
    page.context.close()


GROUPS = [str(uuid5(NAMESPACE_DNS, f"group-{number}")) for number in range(1000)]
"""Group IDs as Microsoft Entra ID sends them; no compression makes them much shorter."""


def test_a_person_with_a_thousand_groups_sees_the_pages_and_stores_little(
    browser: Browser, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = {"name": "No Address", "groups": [*GROUPS, "privacy"]}
    page, _ = open_page(browser, f"{guarded_address}/tasks")
    sign_in(page)
    page.get_by_text("Signed in as No Address").wait_for(timeout=WAIT_MS)
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    cookies = page.context.cookies()
    assert sum(len(cookie["name"]) + len(cookie["value"]) for cookie in cookies) < 2000
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    page.context.close()


def test_a_person_whose_thousand_groups_are_not_on_the_list_is_told_so(
    browser: Browser, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = {"email": "stranger@elsewhere.invalid", "groups": GROUPS}
    page, _ = open_page(browser, guarded_address)
    sign_in(page)
    page.get_by_role("heading", name="No access").wait_for(timeout=WAIT_MS)
    page.context.close()


def test_the_pages_come_beside_large_cookies_of_an_earlier_login(
    browser: Browser, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = dict(ALLOWED)
    page, _ = open_page(browser, guarded_address)
    # The identity provider gets them as well, because it has the same host, and takes no more of them.
    page.context.add_cookies(
        [{"name": f"_streamlit_user_{number}", "value": "x" * 3900, "url": guarded_address} for number in range(1, 4)]
    )
    page.reload()
    sign_in(page)
    page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    assert not [cookie["name"] for cookie in page.context.cookies() if cookie["name"][-1].isdigit()]
    page.context.close()


def test_a_secrets_file_that_goes_away_lets_nobody_in_until_it_is_back(
    browser: Browser, guarded: Path, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = dict(ALLOWED)
    signed_in, _ = open_page(browser, guarded_address)
    sign_in(signed_in)
    signed_in.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    secrets, away = guarded / ".streamlit" / "secrets.toml", guarded / "away.toml"
    secrets.rename(away)
    try:
        stranger, _ = open_page(browser, f"{guarded_address}/tasks")
        signed_in.reload()
        for page in (stranger, signed_in):
            page.get_by_role("heading", name="Nothing can be shown").wait_for(timeout=WAIT_MS)
            page.wait_for_selector(IDLE, timeout=WAIT_MS)
            assert nothing_shown(page)
    finally:
        away.rename(secrets)
    stranger.reload()
    stranger.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    signed_in.reload()
    signed_in.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    stranger.context.close()
    signed_in.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_on_a_fresh_server_asks_to_sign_in_and_shows_nothing(
    browser: Browser, guarded: Path, name: str
) -> None:
    with running_app(guarded) as fresh:
        page, outside = open_page(browser, f"{fresh}/{name}")
        page.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
        page.wait_for_selector(IDLE, timeout=WAIT_MS)
        assert nothing_shown(page)
        assert outside == []
        page.context.close()


def click_a_link(page: Page) -> None:
    """Click a link in the sidebar, unless the page has ended meanwhile: it looks for new data every 15 seconds."""
    page.evaluate("document.querySelector('[data-testid=stSidebarNav] a')?.click()")


def test_a_copy_of_the_cookie_from_before_signing_out_admits_nobody(
    browser: Browser, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = dict(ALLOWED)
    page, _ = open_page(browser, guarded_address)
    sign_in(page)
    page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    cookies = page.context.cookies()
    stored_seconds = max(cookie["expires"] for cookie in cookies if cookie["name"] == "_streamlit_user") - time.time()
    assert 11 * 3600 < stored_seconds <= 12 * 3600
    other_tab = page.context.new_page()
    other_tab.goto(f"{guarded_address}/data_health")
    other_tab.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    thief = browser.new_context()
    thief.add_cookies(cookies)  # type: ignore[arg-type]
    stolen = thief.new_page()
    stolen.goto(f"{guarded_address}/tasks")
    stolen.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    stolen.wait_for_selector(IDLE, timeout=WAIT_MS)
    assert nothing_shown(stolen)
    click_a_link(other_tab)
    other_tab.get_by_role("button", name="Sign in").wait_for(timeout=WAIT_MS)
    assert nothing_shown(other_tab)
    thief.close()
    page.context.close()


def test_a_person_taken_off_the_list_is_out_at_the_next_click(
    browser: Browser, guarded: Path, guarded_address: str, provider: IdentityProvider
) -> None:
    provider.claims = dict(ALLOWED)
    page, _ = open_page(browser, f"{guarded_address}/tasks")
    sign_in(page)
    page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    wait_until_drawn(page, "tasks")
    secrets = guarded / ".streamlit" / "secrets.toml"
    text = secrets.read_text()
    secrets.write_text(text.replace("Analyst@shop.invalid", "other@shop.invalid"))
    try:
        click_a_link(page)
        page.get_by_role("heading", name="No access").wait_for(timeout=WAIT_MS)
        page.wait_for_selector(IDLE, timeout=WAIT_MS)
        assert nothing_shown(page)
    finally:
        secrets.write_text(text)
    page.reload()
    page.get_by_text("Signed in as analyst@shop.invalid").wait_for(timeout=WAIT_MS)
    page.context.close()


# Starting. No browser is needed for these.


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_a_login_the_app_does_not_start_where_others_can_reach_it(tmp_path: Path, host: str) -> None:
    link_app(tmp_path)
    log = tmp_path / "server.log"
    server = start_app(tmp_path, free_port(), log, "--server.address", host)
    assert server.wait(WAIT_SECONDS) != 0
    text = log.read_text()
    assert "Not started" in text
    assert "[auth]" in text
    assert not (tmp_path / "warehouse-sample").exists()


def test_with_a_login_it_may_serve_others(guarded: Path) -> None:
    port = free_port()
    server = start_app(guarded, port, guarded / "server.log", "--server.address", "0.0.0.0")
    try:
        wait_for_server(server, port, guarded / "server.log")
    finally:
        server.terminate()
        server.wait(WAIT_SECONDS)


def test_a_secrets_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").symlink_to(ROOT / ".streamlit" / "config.toml")
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth\nclient_id = 1\n")
    link_app(tmp_path)
    log = tmp_path / "server.log"
    assert start_app(tmp_path, free_port(), log).wait(WAIT_SECONDS) != 0
    assert "Not started" in log.read_text()
