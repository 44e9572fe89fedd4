"""What a running server with a login answers to people who are not admitted, and how long a login counts."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from support.browser import ROOT, link_app, start_app, wait_for_server
from support.identity import CLIENT_ID, CLIENT_SECRET, IdentityProvider, running_identity_provider
from support.ports import free_port
from support.silent_hosts import host
from support.waiting import WAIT_SECONDS
from websockets import InvalidStatus, Origin, Subprotocol
from websockets.sync.client import ClientConnection, connect

from bwp_client.ui import login, login_gate, login_sessions
from bwp_client.ui.login_gate import LoginGate, is_guarded
from bwp_client.ui.login_sessions import end_login, is_current, new_login

SECRET = "made-up-cookie-secret-of-32-bytes"
SECRETS = f"""
[auth]
redirect_uri = "http://127.0.0.1:1/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "METADATA_URL"

[bwp.auth]
allow_emails = ["analyst@shop.invalid"]
"""
SERVE = """
import json, sys
import uvicorn
from app import app
app._starlette_app = app._build_starlette_app()
routes = [
    [type(route).__name__, route.path, sorted(getattr(route, "methods", None) or ["GET"])]
    for route in app._starlette_app.routes
]
open("routes.json", "w").write(json.dumps(routes))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
ANALYST, STRANGER = "analyst@shop.invalid", "stranger@elsewhere.invalid"
OPEN = {
    "/readyz", "/_stcore/health", "/_stcore/host-config", "/auth/login", "/auth/logout", "/oauth2callback", "", "/tasks",
    "/static/x", "/index.html",
}  # fmt: skip
"""What docs/login.md says that everybody is answered; the frame of the pages and its files hold no data."""


def cookie(claims: dict[str, Any], secret: str = SECRET) -> str:
    """Return the value of Streamlit's cookie for a person who signed in."""
    payload = {"origin": "http://127.0.0.1:1", "is_logged_in": True, "provider": "default", **claims}
    return create_signed_value(secret, "_streamlit_user", json.dumps(payload)).decode()


@pytest.fixture(autouse=True, scope="module")
def _own_logins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@dataclass(frozen=True)
class Server:
    address: str
    routes: list[tuple[str, str, list[str]]]
    log: Path
    asked_outside: list[bytes]
    """What the server asked of hosts outside this machine, by way of a proxy."""
    provider: IdentityProvider

    def status(self, path: str, method: str = "GET", **headers: str) -> int:
        answer = httpx.request(method, f"{self.address}{path}", headers={"accept": "text/html", **headers})
        return answer.status_code


@pytest.fixture(scope="module")
def server(_own_logins: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").symlink_to(ROOT / ".streamlit" / "config.toml")
    link_app(folder)
    port, log = free_port(), folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    asked_outside: list[bytes] = []
    with (
        host(lambda client: asked_outside.append(client.recv(1024))) as proxy,
        running_identity_provider() as provider,
        log.open("wb") as stream,
    ):
        (folder / ".streamlit" / "secrets.toml").write_text(SECRETS.replace("METADATA_URL", provider.metadata_url))
        environment |= {"http_proxy": f"http://{proxy}", "https_proxy": f"http://{proxy}", "no_proxy": "127.0.0.1"}
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port)],
            cwd=folder, env=environment | {"BWP_WAREHOUSE": str(folder / "w")}, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_for_server(process, port, log)
            routes = json.loads((folder / "routes.json").read_text())
            yield Server(f"http://127.0.0.1:{port}", routes, log, asked_outside, provider)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_SECONDS)


def visitors() -> dict[str, str]:
    signed = cookie({"email": ANALYST, **new_login()})
    return {
        "without a cookie": "",
        "with a tampered cookie": f"_streamlit_user={signed[:-3]}abc",
        "with a cookie of another secret": f"_streamlit_user={cookie({'email': ANALYST, **new_login()}, 'x' * 32)}",
        "not on the list": f"_streamlit_user={cookie({'email': STRANGER, **new_login()})}",
        "not signed in here": f"_streamlit_user={cookie({'email': ANALYST})}",
    }


@pytest.mark.parametrize(
    "who",
    [
        "without a cookie",
        "with a tampered cookie",
        "with a cookie of another secret",
        "not on the list",
        "not signed in here",
    ],
)
def test_no_route_answers_people_who_are_not_admitted_beyond_what_the_docs_say(server: Server, who: str) -> None:
    routes = [(path, method) for kind, path, methods in server.routes if kind != "WebSocketRoute" for method in methods]
    assert len({path for path, _ in routes}) > 10
    extra = [("/tasks", "GET"), ("/static/x", "GET"), ("/index.html", "GET"), ("/_stcore/metrics", "OPTIONS")]
    answered = {}
    for path, method in [*routes, *extra, ("/_stcore/nothing", "GET"), ("/media/x", "HEAD")]:
        filled = re.sub(r"\{[^}]*\}", "x", path)
        status = server.status(filled, method, cookie=visitors()[who])
        if status not in (404, 405):
            answered[filled] = status
    assert set(answered) <= OPEN, answered


def test_the_docs_name_each_path_that_is_open() -> None:
    text = (ROOT / "docs" / "login.md").read_text()
    assert [path for path in login_gate.PUBLIC_PATHS if f"`{path}`" not in text] == []


def test_a_person_on_the_list_is_answered_until_the_login_ends(server: Server) -> None:
    claims = {"email": ANALYST, **new_login()}
    signed = f"_streamlit_user={cookie(claims)}"
    assert server.status("/_stcore/metrics", cookie=signed) == 200
    assert server.status("/auth/logout", cookie=signed) in (200, 302)
    assert server.status("/_stcore/metrics", cookie=signed) == 404, "a copy of the cookie counts after signing out"
    again = f"_streamlit_user={cookie({'email': ANALYST, **new_login()})}"
    assert server.status("/_stcore/metrics", cookie=again) == 200, "the other logins of the person still count"


ODD_PATHS = (
    "/%E6%97%A5%E6%9C%AC", "/%FF%FE", "/%00", "/tasks%0d%0aset-cookie:%20x=y", "/..%2f..%2fetc%2fpasswd", "/%F0%9F%97%91",
    "/tasks?code=%FF%00%0A", f"/{'x' * 5000}", "/%ED%A0%80", "/media/%E6%97%A5", "/_stcore/%FF", "/auth/login?provider=%FF",
    "/oauth2callback?state=%E6%97%A5&error=%0d%0a", "//", "/%2F%2Felsewhere.invalid", "/%5C%5Chost", "/;/tasks", "/tasks/",
)  # fmt: skip


@pytest.mark.parametrize("path", ODD_PATHS)
def test_no_path_brings_an_error_of_the_server(server: Server, path: str) -> None:
    assert server.status(path) < 500
    assert server.status(path, cookie="bwp_way_back=%E6%97%A5%0d; _streamlit_user=\xff".encode("latin-1")) < 500  # type: ignore[arg-type]
    assert "Traceback" not in server.log.read_text()


def signed_in() -> str:
    return f"_streamlit_user={cookie({'email': ANALYST, **new_login()})}"


@pytest.mark.parametrize(
    ("query", "logged"),
    [
        ("error=%1b[2JFORGED&error_description=shopper%40example.com", "unknown"),
        (f"error={'FORGED' * 9000}", "unknown"),
        ("state=x&error=login_required&error_description=FORGED%E2%80%A8line", "login_required"),
        ("error=access_denied&error=FORGED", "unknown"),
    ],
)
def test_an_error_at_the_login_is_logged_as_its_code_only(server: Server, query: str, logged: str) -> None:
    before = len(server.log.read_text())
    assert server.status(f"/oauth2callback?{query}") == 302
    text = server.log.read_text()[before:]
    assert f"Error during authentication: {logged}. Error description: None" in text
    assert "FORGED" not in text
    assert "shopper" not in text


def sign_in(server: Server, code: str = "") -> httpx.Response:
    """Sign in as a browser does, up to the app's answer to the callback, with another code if one is given."""
    with httpx.Client() as browser:
        token = jwt.encode(
            {"alg": "HS256"}, {"provider": "default", "exp": time.time() + 60}, OctKey.import_key(SECRET)
        )
        answer = browser.get(f"{server.address}/auth/login?provider={token}")
        if answer.status_code == 302:
            callback = httpx.URL(browser.get(answer.headers["location"]).headers["location"])
            query = callback.copy_set_param("code", code) if code else callback
            answer = browser.get(f"{server.address}/oauth2callback?{query.query.decode()}")
        return answer


@pytest.mark.parametrize(
    ("claims", "code", "is_down", "reason"),
    [
        ({"email": ANALYST}, "used-before", False, "OAuthError invalid_grant"),
        ({"email": ANALYST, "iss": "http://elsewhere.invalid"}, "", False, "InvalidClaimError invalid_claim"),
        ({"email": ANALYST}, "", True, "HTTPStatusError"),
    ],
)
def test_a_failed_login_is_a_line_in_the_log_without_the_words_of_the_provider(
    server: Server, claims: dict[str, Any], code: str, is_down: bool, reason: str
) -> None:
    before = len(server.log.read_text())
    server.provider.claims, server.provider.is_down = claims, is_down
    assert not any("_streamlit_user=." in value for value in sign_in(server, code).headers.get_list("set-cookie"))
    text = server.log.read_text()[before:]
    assert text.count("\n") == 1, text
    assert text.endswith(f" ({reason})\n")
    server.provider.is_down = False
    assert "_streamlit_user=." in sign_in(server).headers["set-cookie"] or claims.get("iss")


@pytest.mark.parametrize(
    ("host", "origin"), [("x", b"http://x FORGED"), ("x", b"http://FORGED" + b"x" * 5000), ("FORGED" * 99, b"http://x")]
)
def test_the_origin_of_a_websocket_is_no_way_to_the_log(server: Server, host: str, origin: bytes) -> None:
    request = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: "
    )
    address = httpx.URL(server.address)
    with socket.create_connection((address.host, address.port or 0), timeout=30) as client:
        client.sendall(request.encode() + origin + b"\r\n\r\n")
        assert re.match(rb"HTTP/1.1 40[03] ", client.recv(1000))
    assert "FORGED" not in server.log.read_text()


def open_socket(server: Server) -> ClientConnection:
    """Open the websocket of a page as an admitted visitor."""
    xsrf = httpx.get(f"{server.address}/_stcore/health").cookies["_streamlit_xsrf"]
    return connect(
        f"{server.address.replace('http', 'ws')}/_stcore/stream", origin=Origin("http://127.0.0.1:1"), proxy=None,
        subprotocols=[Subprotocol("streamlit"), Subprotocol(xsrf)],
        additional_headers={"cookie": f"{signed_in()}; _streamlit_xsrf={xsrf}"},
    )  # fmt: skip


def test_a_value_that_no_page_sends_clicks_nothing_and_is_one_line_in_the_log(server: Server) -> None:
    with open_socket(server) as page:
        elements = [message.delta.new_element for message in answer(page, RERUN)]
        (button,) = (element.button for element in elements if element.WhichOneof("type") == "button")
        before = len(server.log.read_text())
        for forged in ({"json_value": "{"}, {"bool_value": True}, {"string_value": "FORGED"}):
            message = BackMsg(rerun_script={"widget_states": {"widgets": [{"id": button.id, **forged}]}})  # type: ignore[arg-type]
            shown = [message.delta.new_element.WhichOneof("type") for message in answer(page, message)]
            assert "exception" not in shown
    text = server.log.read_text()[before:]
    assert text.count("\n") == text.count("A browser sent a value that no page sends") == 3, text
    assert "FORGED" not in text


def test_a_page_that_fails_is_logged_once_and_without_colours(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    shutil.copy(ROOT / ".streamlit" / "config.toml", tmp_path / ".streamlit")
    (tmp_path / "app.py").write_text("raise ValueError('made up')", encoding="utf-8")
    port, log = free_port(), tmp_path / "server.log"
    process = start_app(tmp_path, port, log)
    try:
        wait_for_server(process, port, log)
        xsrf = httpx.get(f"http://127.0.0.1:{port}/_stcore/health").cookies.get("_streamlit_xsrf", "")
        protocols = [Subprotocol(text) for text in ("streamlit", xsrf) if text]
        origin = Origin(f"http://127.0.0.1:{port}")
        with connect(
            f"ws://127.0.0.1:{port}/_stcore/stream", origin=origin, proxy=None, subprotocols=protocols
        ) as page:
            shown = answer(page, RERUN)
    finally:
        process.terminate()
        process.wait()
    assert shown[-1].delta.new_element.exception.type == "ValueError"
    text = log.read_text(encoding="utf-8")
    assert text.count("ValueError: made up") == text.count("Traceback") == 1, text
    assert "\x1b" not in text


def answer(page: ClientConnection, message: BackMsg) -> list[ForwardMsg]:
    """Send a message that draws a page; return what the server sends until the page is drawn."""
    page.send(message.SerializeToString())
    received = [ForwardMsg()]
    while received[-1].WhichOneof("type") != "script_finished":
        received.append(ForwardMsg.FromString(page.recv(timeout=WAIT_SECONDS)))
    return [message for message in received if message.WhichOneof("type") == "delta"]


def test_a_download_that_no_page_offers_is_one_line_in_the_log(server: Server) -> None:
    with open_socket(server) as page:
        page.send(RERUN.SerializeToString())
        message = ForwardMsg.FromString(page.recv(timeout=WAIT_SECONDS))
        while message.WhichOneof("type") != "new_session":
            message = ForwardMsg.FromString(page.recv(timeout=WAIT_SECONDS))
        before = len(server.log.read_text())
        asked = operation(session_id=message.new_session.initialize.session_id, deferred_file={"file_id": "made-up"})
        page.send(asked.SerializeToString())
        while message.WhichOneof("type") != "backend_operation_response":
            message = ForwardMsg.FromString(page.recv(timeout=WAIT_SECONDS))
    assert message.backend_operation_response.error_msg
    text = server.log.read_text()[before:]
    assert text.count("\n") == 1, text
    assert "made-up" in text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_signs_nobody_out(server: Server, site: str) -> None:
    signed = signed_in()
    headers = {"accept": "text/html", "cookie": signed, "sec-fetch-site": site}
    answer = httpx.get(f"{server.address}/auth/logout", headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert server.status("/_stcore/metrics", cookie=signed) == 200
    assert server.status("/auth/logout", cookie=signed, **{"sec-fetch-site": "same-origin"}) == 302
    assert server.status("/_stcore/metrics", cookie=signed) == 404


def test_no_file_is_uploaded_as_no_page_has_a_field_for_files(server: Server) -> None:
    with connect(
        f"{server.address.replace('http', 'ws')}/_stcore/stream", additional_headers={"cookie": signed_in()}, proxy=None
    ) as page:
        page.send(RERUN.SerializeToString())
        message = ForwardMsg.FromString(page.recv(timeout=WAIT_SECONDS))
        while message.WhichOneof("type") != "new_session":
            message = ForwardMsg.FromString(page.recv(timeout=WAIT_SECONDS))
        session = message.new_session.initialize.session_id
        xsrf = httpx.get(f"{server.address}/_stcore/health").cookies["_streamlit_xsrf"]
        answer = httpx.put(
            f"{server.address}/_stcore/upload_file/{session}/a", files={"file": ("a.csv", b"x" * 100)},
            headers={"cookie": f"{signed_in()}; _streamlit_xsrf={xsrf}", "x-xsrftoken": xsrf},
        )  # fmt: skip
    assert answer.status_code == 404


def test_what_is_served_behind_the_login_is_stored_nowhere(server: Server) -> None:
    for path in ("/_stcore/metrics", "/media/x.csv", "/component/x/y.js"):
        answer = httpx.get(f"{server.address}{path}", headers={"cookie": signed_in()})
        assert answer.headers.get("cache-control") == "no-store", path


def test_a_foreign_page_does_not_make_the_server_ask_for_its_own_address(server: Server) -> None:
    address = f"{server.address.replace('http', 'ws')}/_stcore/stream"
    with pytest.raises(InvalidStatus), connect(address, origin=Origin("http://elsewhere.invalid"), proxy=None):
        pass
    assert server.asked_outside == []


# Logins, without a server.


def test_a_login_counts_for_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = new_login()
    now = time.time()
    assert is_current(claims, 1)
    monkeypatch.setattr(time, "time", lambda: now + 3598)
    assert is_current(claims, 1)
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    assert not is_current(claims, 1)
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert not is_current(claims, 1), "signed in after now"


@pytest.mark.parametrize("login", [None, 5, "", "-", "x-y", "../x-../server", "x"])
def test_a_login_that_was_not_made_here_does_not_count(login: object) -> None:
    assert not is_current(new_login() | {"bwp_login": login}, 1)
    end_login({"bwp_login": login})


def test_no_earlier_login_counts_once_the_ended_logins_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    claims = new_login()
    assert is_current(claims, 1)
    (folder,) = (tmp_path / "bwp" / "ended-logins").iterdir()
    folder.rmdir()
    assert not is_current(claims, 1)
    assert is_current(new_login(), 1)


def test_an_ended_login_stays_ended_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ended, other = new_login(), new_login()
    end_login(ended)
    monkeypatch.setattr(login_sessions, "_ended_here", set())
    assert not is_current(ended, 1)
    assert is_current(other, 1)


def test_without_a_folder_to_write_logins_end_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    claims = new_login()
    assert is_current(claims, 1)
    end_login(claims)
    assert not is_current(claims, 1)


@pytest.mark.parametrize(
    ("path", "guarded"),
    [
        ("/_stcore/metrics", True), ("/_stcore/upload_file/a/b", True), ("/media/x.csv", True), ("/component/a/b.js", True),
        ("/app/static/x", True), ("/base/media/x", True), ("/media/x/readyz", True), ("/component/_stcore/health", True),
        ("/readyz", False), ("/_stcore/health", False), ("/base/_stcore/host-config", False), ("/", False), ("/tasks", False),
        ("/static/js/x.js", False), ("/static/media/x.woff2", False), ("/base/static/media/x.woff2", False),
    ],
)  # fmt: skip
def test_what_holds_data_is_guarded(path: str, guarded: bool) -> None:
    assert is_guarded(path) is guarded


def is_answered(path: str, **scope: Any) -> bool:
    """Return whether the gate passes the request of a stranger on."""
    passed = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        passed.append(scope["path"])

    async def ignore(*_message: object) -> Any: ...

    asyncio.run(LoginGate(app)({"type": "http", "method": "GET", "path": path, "headers": [], **scope}, ignore, ignore))
    return bool(passed)


@pytest.mark.usefixtures("_with_a_login")
@pytest.mark.parametrize("base", ["static", "/static/", "apps/static", "media", "component/static"])
@pytest.mark.parametrize("is_root_path", [True, False])
def test_the_name_of_the_base_path_opens_nothing_and_hides_no_page(
    base: str, is_root_path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scope = f"/{base.strip('/')}", {}
    if is_root_path:
        scope["root_path"] = folder
    else:
        monkeypatch.setattr("streamlit.get_option", {"server.baseUrlPath": base}.get)
    for path in ("/_stcore/metrics", "/media/x.csv", "/component/a/b.js", "/_stcore/upload_file/a/b"):
        assert not is_answered(f"{folder}{path}", **scope), path
    for path in ("", "/", "/tasks", "/static/media/x.woff2", "/_stcore/health", "/readyz"):
        assert is_answered(f"{folder}{path}", **scope), path


class Page:
    """A page's websocket to an app behind the gate that takes every message."""

    def __init__(self, cookies: str) -> None:
        self.to_app: list[Message] = []
        self.to_browser: list[Message] = []
        self.scope: dict[str, Any] = {
            "type": "websocket", "path": "/_stcore/stream",
            "headers": [(b"cookie", cookies.encode()), (b"sec-websocket-protocol", b"streamlit, xsrf, an-earlier-page")],
        }  # fmt: skip

    def send(self, *messages: BackMsg | None) -> list[str | None]:
        """Send messages, None for a change of the list, and return the kinds that the app received."""
        asyncio.run(self._send(*messages))
        received = [BackMsg.FromString(m["bytes"]).WhichOneof("type") for m in self.to_app if "bytes" in m]
        return [str(kind) for kind in received]

    async def _send(self, *messages: BackMsg | None) -> None:
        waiting = list(messages)

        async def receive() -> Message:
            while waiting and waiting[0] is None:
                os.environ["BWP_AUTH__ALLOW_EMAILS"] = f'["{STRANGER}"]'
                waiting.pop(0)
            message = waiting.pop(0) if waiting else None
            if message is None:
                return {"type": "websocket.disconnect", "code": 1000}
            return {"type": "websocket.receive", "bytes": message.SerializeToString()}

        async def send(message: Message) -> None:
            self.to_browser.append(message)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            self.scope = dict(scope)
            while (message := await receive())["type"] != "websocket.disconnect":
                self.to_app.append(message)
            await send({"type": "websocket.send", "bytes": b"a late answer"})

        await LoginGate(app)(self.scope, receive, send)

    @property
    def protocols(self) -> list[bytes]:
        return [value for name, value in self.scope["headers"] if name == b"sec-websocket-protocol"]


@pytest.fixture
def _with_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_gate, "is_configured", lambda: True)
    monkeypatch.setattr("streamlit.web.server.starlette.starlette_websocket.get_cookie_secret", lambda: SECRET)
    monkeypatch.setenv("BWP_AUTH__ALLOW_EMAILS", f'["{ANALYST}"]')


RERUN, CLEAR, STOP = BackMsg(rerun_script={}), BackMsg(clear_cache=True), BackMsg(stop_script=True)  # type: ignore[arg-type]
FORGED_LINE = "x\n2026-11-30 07:00:00.000 A page failed: made up \x1b[2J"


def operation(request_id: str = "3f2a-1", **payload: Any) -> BackMsg:
    return BackMsg(backend_operation_request={"request_id": request_id, **payload})  # type: ignore[arg-type]


DOWNLOAD = operation(deferred_file={"file_id": "00089f793f9b49f1aabf6f8635f4f867"})
ROWS = operation(dataframe_chunk={})


@pytest.mark.usefixtures("_with_a_login")
def test_a_person_taken_off_the_list_is_out_at_the_next_message() -> None:
    page = Page(f"_streamlit_user={cookie({'email': ANALYST, **new_login()})}")
    assert page.send(RERUN, STOP, None, RERUN, RERUN) == ["rerun_script", "stop_script"]
    assert [message["type"] for message in page.to_browser] == ["websocket.close"]
    assert page.protocols == [b"streamlit, xsrf, an-earlier-page"]


@pytest.mark.usefixtures("_with_a_login")
def test_a_login_that_ends_elsewhere_ends_the_open_page() -> None:
    claims = {"email": ANALYST, **new_login()}
    page = Page(f"_streamlit_user={cookie(claims)}")
    assert page.send(RERUN) == ["rerun_script"]
    end_login(claims)
    again = Page(f"_streamlit_user={cookie(claims)}")
    again.send(RERUN)
    assert again.protocols == [b"streamlit, xsrf"]


@pytest.mark.usefixtures("_with_a_login")
def test_a_stranger_gets_a_page_of_his_own_and_clears_nothing() -> None:
    page = Page("_streamlit_user=x")
    assert page.send(CLEAR, RERUN, BackMsg(load_git_info=True)) == ["rerun_script"]
    assert page.protocols == [b"streamlit, xsrf"]
    assert page.to_browser == [{"type": "websocket.send", "bytes": b"a late answer"}]


@pytest.mark.usefixtures("_with_a_login")
def test_a_flood_of_messages_draws_the_sign_in_page_a_few_times_a_second() -> None:
    """With 20 sockets of 50 messages a second, the server answered nobody."""
    started = time.monotonic()
    assert Page("_streamlit_user=x").send(*[RERUN] * 4) == ["rerun_script"] * 4
    assert time.monotonic() - started >= 3 / login_gate.STRANGERS_MESSAGES_PER_SECOND


@pytest.mark.usefixtures("_with_a_login")
@pytest.mark.parametrize("visitor", ["_streamlit_user=x", ANALYST])
def test_a_visitor_who_goes_away_is_no_error_of_the_server(visitor: str) -> None:
    """Messages that arrived before the connection broke are still waiting, and Streamlit asks for the next one."""
    cookies = f"_streamlit_user={cookie({'email': ANALYST, **new_login()})}" if visitor == ANALYST else visitor
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"cookie", cookies.encode())]}
    waiting: list[Message] = [{"type": "websocket.connect"}]
    waiting += [{"type": "websocket.receive", "bytes": RERUN.SerializeToString()}] * 2

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise OSError("the connection is closed")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        socket_of_page = WebSocket(scope, receive, send)
        await socket_of_page.accept()
        with suppress(WebSocketDisconnect):
            await socket_of_page.send_bytes(b"a page")
        with pytest.raises(WebSocketDisconnect):
            await socket_of_page.receive_bytes()

    asyncio.run(LoginGate(app)(scope, receive, send))


@pytest.mark.usefixtures("_with_a_login")
def test_of_a_stranger_only_the_address_and_a_click_reach_the_sign_in_page() -> None:
    click = {"id": "sign-in", "trigger_value": True}
    page = Page("_streamlit_user=x")
    state = {"query_string": "due=all", "page_name": "tasks", "widget_states": {"widgets": [
        click, {"id": "sign-in", "json_value": FORGED_LINE}, {"id": "sign-in", "string_value": "x"}]}}  # fmt: skip
    page.send(BackMsg(rerun_script=state | {"cached_message_hashes": ["x"]}))  # type: ignore[arg-type]
    (received,) = (BackMsg.FromString(message["bytes"]) for message in page.to_app)
    assert received == BackMsg(rerun_script=state | {"widget_states": {"widgets": [click]}})  # type: ignore[arg-type]


@pytest.mark.usefixtures("_with_a_login")
@pytest.mark.parametrize("email", [ANALYST, STRANGER])
def test_no_message_brings_an_id_to_the_log_that_the_server_did_not_make(email: str) -> None:
    page = Page(f"_streamlit_user={cookie({'email': email, **new_login()})}")
    of_fragment = BackMsg(rerun_script={"fragment_id": FORGED_LINE})  # type: ignore[arg-type]
    long = BackMsg(rerun_script={"fragment_id": "x" * 1_000_000})  # type: ignore[arg-type]
    file = operation(deferred_file={"file_id": FORGED_LINE})
    assert page.send(of_fragment, long, file, operation(FORGED_LINE, deferred_file={}), RERUN) == ["rerun_script"]


@pytest.mark.usefixtures("_with_a_login")
def test_a_person_on_the_list_sends_the_messages_of_our_pages_and_no_others() -> None:
    page = Page(f"_streamlit_user={cookie({'email': ANALYST, **new_login()})}")
    others = [
        CLEAR, BackMsg(load_git_info=True), BackMsg(set_run_on_save=True), BackMsg(debug_shutdown_runtime=True), BackMsg(),
        BackMsg(file_urls_request={}), operation(install_skills={}), operation(dismiss_skills_nudge={}), operation(),  # type: ignore[arg-type]
    ]  # fmt: skip
    ours = [RERUN, STOP, BackMsg(app_heartbeat=True), DOWNLOAD, ROWS]
    page.send(*others, *ours)
    assert [message["bytes"] for message in page.to_app] == [message.SerializeToString() for message in ours]


def test_without_a_login_every_message_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_gate, "is_configured", lambda: False)
    page = Page("")
    assert page.send(CLEAR, RERUN) == ["clear_cache", "rerun_script"]
    assert page.protocols == [b"streamlit, xsrf, an-earlier-page"]


@pytest.mark.usefixtures("_with_a_login")
def test_an_open_page_ends_when_the_secrets_cannot_be_read_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(f"_streamlit_user={cookie({'email': ANALYST, **new_login()})}")
    answers = iter([True])

    def is_configured() -> bool:
        for answer in answers:
            return answer
        raise login.SettingsError("gone")

    monkeypatch.setattr(login_gate, "is_configured", is_configured)
    assert page.send(RERUN) == []
    assert [message["type"] for message in page.to_browser] == ["websocket.close"]
