"""The frame of a page with the tags of our script and style sheets, which are files of the app's own origin."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from streamlit import file_util

from bwp_client.ui.browser_files import BrowserFiles

INDEX = Path(file_util.get_static_dir(), "index.html")
VISIT = {"accept": "text/html,*/*;q=0.8"}
LINKED = re.compile(r"(?:src|href)=\"\./([\w-]+\.(?:js|css))\"")


def answer(request: Request) -> Response:
    """Answer as Streamlit does: the frame for every page, and files behind other paths."""
    if request.url.path.endswith(".json"):
        return JSONResponse({"page": "</head>"})
    return FileResponse(INDEX)


APP = Starlette(routes=[Route("/{path:path}", answer)], middleware=[Middleware(BrowserFiles)])


def get(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://app.invalid") as client:
            return await client.request(method, path, headers=VISIT | headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/", "/tasks?due=overdue"])
def test_the_frame_names_files_that_are_served(path: str) -> None:
    frame = get(path)
    plain = INDEX.read_text(encoding="utf-8")
    assert int(frame.headers["content-length"]) == len(frame.content)
    names = [name for name in LINKED.findall(frame.text) if name not in LINKED.findall(plain)]
    assert "keys.js" in names
    for name in names:
        file = get(f"/{name}")
        assert file.status_code == 200
        assert file.headers["content-type"].startswith(("text/javascript", "text/css"))
        assert "http" not in file.text
    added = [line for line in frame.text.splitlines() if line not in plain.splitlines()]
    assert "\n".join(added).count("<script") == len(
        re.findall(r"<script (?:defer )?src=", "\n".join(added))
    )  # none is inline


def test_the_frame_names_the_scripts_of_charts_and_tables_as_this_release_of_streamlit_does() -> None:
    added = re.findall(
        r'<link rel="modulepreload" crossorigin data-early href="\./(static/js/(\w+)[^"]+)">', get("/").text
    )
    assert [script for _, script in added] == ["PlotlyChart", "DataFrame", "arrowFormatUtils"]
    assert all((INDEX.parent / path).is_file() for path, _ in added)


def test_a_browser_with_an_older_frame_gets_the_whole_one() -> None:
    validators = FileResponse(INDEX, stat_result=INDEX.stat()).headers
    frame = get("/", **{"if-none-match": validators["etag"], "range": "bytes=0-9"})
    assert frame.status_code == 200
    assert "keys.js" in frame.text
    assert "etag" not in frame.headers


@pytest.mark.parametrize("path", ["/media/dossier.html", "/data.json"])
def test_other_answers_stay_as_they_are(path: str) -> None:
    assert "keys.js" not in get(path).text


def test_the_files_are_served_below_the_folder_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.get_option", {"server.baseUrlPath": "deletions"}.get)
    assert get("/deletions/keys.js").headers["content-type"].startswith("text/javascript")
    assert "keys.js" in get("/deletions/tasks").text


def test_the_head_of_a_page_is_answered_without_a_body() -> None:
    assert get("/", "HEAD").content == b""
