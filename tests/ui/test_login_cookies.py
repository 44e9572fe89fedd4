"""The parts of an earlier login are deleted when a new login is stored, and at no other time."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bwp_client.ui.login_cookies import StaleLoginCookies

LEFT = {f"_streamlit_user{kind}_{number}": "x" for kind in ("", "_tokens") for number in (1, 2, 12)}
OTHERS = {"_streamlit_user": "x", "_streamlit_user_tokens": "x", "_streamlit_user_x": "x", "other_1": "x"}


def answer(request: Request) -> PlainTextResponse:
    response = PlainTextResponse("")
    if "stores" in request.query_params:
        response.set_cookie("_streamlit_user", "chunks-1")
        response.set_cookie("_streamlit_user_1", "new")
    return response


def deleted(path: str) -> set[str]:
    """Return the names of the cookies that the answer to a request with all these cookies deletes."""
    app = Starlette(routes=[Route("/{path:path}", answer)], middleware=[Middleware(StaleLoginCookies)])

    async def get() -> httpx.Response:
        cookies = {**LEFT, **OTHERS}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://app.invalid", cookies=cookies
        ) as client:
            return await client.get(path)

    headers = asyncio.run(get()).headers.get_list("set-cookie")
    return {header.partition("=")[0] for header in headers if "Max-Age=0" in header}


def test_a_new_login_deletes_the_parts_of_the_login_before() -> None:
    assert deleted("/oauth2callback?stores=1") == set(LEFT) - {"_streamlit_user_1"}
    assert deleted("/below/oauth2callback?stores=1") == set(LEFT) - {"_streamlit_user_1"}


@pytest.mark.parametrize("path", ["/oauth2callback?error=denied", "/tasks?stores=1", "/"])
def test_nothing_is_deleted_without_a_new_login(path: str) -> None:
    assert deleted(path) == set()
