"""The cookie that holds a link during the login: set for visitors who are not signed in, and never leading elsewhere."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from bwp_client.ui import login_redirect
from bwp_client.ui.login_redirect import COOKIE, LoginRedirect

SIGNED_IN = {"_streamlit_user": "made up"}


def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page {request.url.path}")


APP = Starlette(routes=[Route("/{path:path}", page)], middleware=[Middleware(LoginRedirect)])


class Visitor:
    """A visitor with cookies, as a browser stores them."""

    def __init__(self, cookies: dict[str, str] | None = None) -> None:
        self.cookies = httpx.Cookies(cookies)

    def get(self, path: str, accept: str = "text/html,*/*;q=0.8") -> httpx.Response:
        return asyncio.run(self._get(path, accept))

    async def _get(self, path: str, accept: str) -> httpx.Response:
        transport = httpx.ASGITransport(APP)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://app.invalid", cookies=self.cookies
        ) as client:
            answer = await client.get(path, headers={"accept": accept})
            self.cookies = client.cookies
            return answer


@pytest.fixture(autouse=True)
def _with_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_redirect, "is_configured", lambda: True)


def test_a_visitor_returns_to_the_link_once_after_signing_in() -> None:
    visitor = Visitor()
    assert visitor.get("/tasks?due=overdue&code=A%26B").text == "page /tasks"
    visitor.cookies.update(SIGNED_IN)
    redirect = visitor.get("/")
    assert (redirect.status_code, redirect.headers["location"]) == (303, "/tasks?due=overdue&code=A%26B")
    assert visitor.get("/").text == "page /"


def test_a_visitor_returns_to_the_link_where_the_app_has_a_base_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.get_option", {"server.baseUrlPath": "bwp"}.get)
    visitor = Visitor()
    visitor.get("/bwp/tasks?due=overdue")
    visitor.cookies.update(SIGNED_IN)
    answer = visitor.get("/bwp/")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/bwp/tasks?due=overdue")
    assert visitor.get("/bwp/").status_code == 200


def test_what_an_earlier_login_left_does_not_count_as_signed_in() -> None:
    visitor = Visitor({"_streamlit_user_1": "x", "_streamlit_user_tokens": "x", COOKIE: "/tasks"})
    assert visitor.get("/").text == "page /"


def test_a_visit_of_the_main_page_deletes_an_older_link() -> None:
    visitor = Visitor()
    visitor.get("/tasks")
    visitor.get("/")
    visitor.cookies.update(SIGNED_IN)
    assert visitor.get("/").status_code == 200


def test_requests_that_a_page_makes_itself_set_no_cookie() -> None:
    assert COOKIE not in Visitor().get("/tasks/_stcore/host-config", accept="*/*").cookies
    assert COOKIE not in Visitor().get("/oauth2callback?code=x").cookies


def raw_get(path: str, query: bytes) -> list[Message]:
    """Send a request that no HTTP library would send, and return the messages of the response."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query, "scheme": "http",
        "headers": [(b"accept", b"text/html"), (b"host", b"[")], "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(LoginRedirect(PlainTextResponse("page"))(scope, receive, send))
    return sent


ODD_LINKS = (
    ("/日本", b""), ("/tasks", "code=日本".encode()), ("/tasks", b"code=\xff\xfe\r\nx: y"), ("/\ufffd\u0085", b""),
    ("/é", b"a=%C3%A9"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "query"), ODD_LINKS)
def test_a_link_of_any_letters_is_stored_as_ascii(path: str, query: bytes) -> None:
    start = raw_get(path, query)[0]
    assert start["status"] == 200
    (cookie,) = (value for name, value in start["headers"] if name == b"set-cookie")
    assert cookie.startswith(f"{COOKIE}=".encode())
    assert b"Max-Age=600" in cookie
    assert cookie.isascii()
    assert b"\r" not in cookie
    assert b"\n" not in cookie


def test_a_visitor_returns_to_a_link_of_any_letters() -> None:
    visitor = Visitor()
    link = "/%E6%97%A5%E6%9C%AC?code=%E6%97%A5&a=b%26c+d"
    assert visitor.get(link).status_code == 200
    visitor.cookies.update(SIGNED_IN)
    assert visitor.get("/").headers["location"] == link


@pytest.mark.parametrize(
    "link", ["https://elsewhere.invalid", "//elsewhere.invalid", "/\\\\elsewhere.invalid", "javascript:1"]
)
def test_no_cookie_leads_elsewhere(link: str) -> None:
    answer = Visitor(SIGNED_IN | {COOKIE: f'"{link}"'}).get("/")
    assert answer.status_code == 200


def test_a_link_too_long_for_a_cookie_is_not_stored() -> None:
    assert COOKIE not in Visitor().get(f"/tasks?code={'x' * 3000}").cookies


def test_without_a_login_there_is_no_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_redirect, "is_configured", lambda: False)
    assert COOKIE not in Visitor().get("/tasks?due=overdue").cookies


@pytest.mark.parametrize(
    "path",
    [
        "/readyz", "/_stcore/health", "/_stcore/metrics", "/_stcore/host-config", "/media/x", "/media/x.zip",
        "/component/a.b/c", "/app/static/x", "/static/js/x.js", "/favicon.png", "/base/_stcore/metrics",
    ],
)  # fmt: skip
def test_what_is_no_page_is_no_link_to_return_to(path: str) -> None:
    visitor = Visitor()
    visitor.get("/tasks?due=overdue")
    visitor.get(path)
    visitor.cookies.update(SIGNED_IN)
    assert visitor.get("/").headers.get("location") == "/tasks?due=overdue"
