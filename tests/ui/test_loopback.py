"""Without a login this machine alone is answered: judged by the connection and what a proxy says, not by settings."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket
from support.browser import link_app
from support.ports import free_port
from support.waiting import WAIT_SECONDS, wait_until

from bwp_client.errors import SettingsError
from bwp_client.ui import loopback
from bwp_client.ui.loopback import PUBLIC_PATHS, LoopbackOnly

HERE = ("127.0.0.1", 50_000)
THERE = ("203.0.113.7", 50_000)
REMOTE = "203.0.113.7"


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page {request.url.path}")


async def stream(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


APP = Starlette(
    routes=[WebSocketRoute("/_stcore/stream", stream), Route("/{path:path}", page)],
    middleware=[Middleware(LoopbackOnly)],
)


def get(path: str = "/", client: tuple[str, int] | None = HERE, host: str = "127.0.0.1:8501",
        headers: dict[str, str] | None = None) -> httpx.Response:  # fmt: skip
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(APP, client=client)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8501") as visitor:
            return await visitor.get(path, headers={"host": host, **(headers or {})})

    return asyncio.run(answer())


@pytest.fixture(autouse=True)
def _without_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "is_configured", lambda: False)


@pytest.mark.parametrize("client", [HERE, ("127.8.8.8", 1), ("::1", 1), ("::ffff:127.0.0.1", 1)])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:8501", "localhost:8501", "localhost", "[::1]:8501", "LOCALHOST.", "app.localhost"]
)
def test_this_machine_is_answered(client: tuple[str, int], host: str) -> None:
    assert get(client=client, host=host).text == "page /"


@pytest.mark.parametrize("headers", [{"x-forwarded-for": "127.0.0.1"}, {"x-forwarded-for": "::1, 127.0.0.1:3000"},
                                     {"forwarded": 'for="[::1]:4711";proto=http'}, {"x-real-ip": "::1"},
                                     {"x-real-ip": "::1", "x-forwarded-proto": "https", "x-scheme": "https"}])  # fmt: skip
def test_a_request_that_a_proxy_forwards_for_this_machine_is_answered(headers: dict[str, str]) -> None:
    assert get(headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["via", "x-forwarded", "x-envoy-external-address", "x-azure-clientip", "fastly-client-ip",
                                  "x-remote-addr", "proxy-client-ip", "x-vercel-forwarded-for"])  # fmt: skip
def test_a_proxy_that_names_the_visitor_in_a_header_of_its_own_is_refused(name: str) -> None:
    assert get(headers={name: "1.1 proxy" if name == "via" else REMOTE}).status_code == 403


@pytest.mark.parametrize("client", [THERE, ("2001:db8::7", 1), ("::ffff:203.0.113.7", 1), ("10.0.0.1", 1), ("testclient", 1),
                                    ("", 0), ("0.0.0.0", 1), None])  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/tasks", "/_stcore/host-config", "/_stcore/metrics", "/media/x", "/readyz/x"])
def test_another_machine_is_refused_on_every_path(client: tuple[str, int] | None, path: str) -> None:
    answer = get(path, client=client)
    assert answer.status_code == 403
    assert "[auth]" in answer.text
    assert "page" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": REMOTE},
        {"x-forwarded-for": f"127.0.0.1, {REMOTE}"},
        {"x-forwarded-for": f"{REMOTE}, 127.0.0.1"},
        {"x-forwarded-for": "unknown"},
        {"x-forwarded-for": ""},
        {"x-real-ip": REMOTE},
        {"forwarded": f"for={REMOTE}"},
        {"forwarded": 'for="[2001:db8::7]:4711"'},
        {"forwarded": f"for=127.0.0.1, for={REMOTE};proto=https"},
        {"forwarded": "for=_hidden"},
        {"forwarded": "nonsense"},
        {"forwarded": ""},
        {"forwarded": "For=127.0.0.1;host=app.example"},
        {"x-forwarded-host": "app.example"},
        {"cf-connecting-ip": REMOTE},
    ],
    ids=str,
)
def test_a_request_that_a_proxy_forwards_for_another_machine_is_refused(headers: dict[str, str]) -> None:
    assert get(headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-proto": "https"},
        {"x-forwarded-port": "443"},
        {"x-forwarded-prefix": "/bwp"},
        {"x-forwarded-host": "localhost"},
        {"x-original-host": "localhost"},
        {"x-scheme": "https"},
        {"forwarded": "proto=https;host=localhost"},
    ],
    ids=str,
)
def test_a_proxy_that_names_no_visitor_is_refused_because_any_visitor_can_write_localhost_as_host(
    headers: dict[str, str],
) -> None:
    assert get(headers=headers).status_code == 403


NAMES_OF_ELSEWHERE = (
    "app.example", "app.example:8501", "203.0.113.7", "127.0.0.1.app.example", "localhost.app.example", "",
    "127.0.0.1@app.example", "[::1", "0.0.0.0", "[::ffff:203.0.113.7]",
)  # fmt: skip


@pytest.mark.parametrize("host", NAMES_OF_ELSEWHERE)
def test_a_foreign_host_name_is_refused(host: str) -> None:
    assert get(host=host).status_code == 403


def test_a_forged_peer_address_is_refused() -> None:
    """With `--forwarded-allow-ips '*'` a visitor writes its own address; where it connected to, it can't."""
    scope = {
        "type": "http",
        "path": "/",
        "client": HERE,
        "server": ("192.0.2.2", 8501),
        "headers": [(b"host", b"localhost")],
    }
    assert not loopback.is_from_this_machine(scope)
    assert loopback.is_from_this_machine(scope | {"server": ("127.0.0.1", 8501)})
    assert not loopback.is_from_this_machine(scope | {"server": ("/run/app.sock", None), "client": None})


@pytest.mark.parametrize("path", PUBLIC_PATHS)
def test_health_checks_are_answered_everywhere(path: str) -> None:
    assert get(path, client=THERE, host="10.0.0.5:8501").status_code == 200


def test_behind_a_login_every_machine_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "is_configured", lambda: True)
    assert get(client=THERE, host="app.example", headers={"x-forwarded-for": REMOTE}).status_code == 200


def test_an_unreadable_login_refuses_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> bool:
        raise SettingsError("can't be read")

    monkeypatch.setattr(loopback, "is_configured", unreadable)
    assert get(client=THERE).status_code == 403
    assert get().status_code == 200  # the page says so


@pytest.mark.parametrize(
    ("client", "kind"), [(HERE, "websocket.accept"), (THERE, "websocket.close"), (None, "websocket.close")]
)
def test_a_websocket_from_another_machine_is_closed_before_it_opens(client: tuple[str, int] | None, kind: str) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket", "path": "/_stcore/stream", "raw_path": b"/_stcore/stream", "query_string": b"", "client": client,
        "server": ("127.0.0.1", 8501), "headers": [(b"host", b"localhost:8501")], "subprotocols": [], "scheme": "ws",
    }  # fmt: skip
    asyncio.run(APP(scope, receive, send))
    assert sent[0]["type"] == kind


# The real app, started by the server's own command.


def outer_address() -> str:
    """Return an address of this machine that others can reach; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


def is_running(server: subprocess.Popen[bytes], log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    return "running on" in log.read_text()


@pytest.fixture(scope="module", params=["0.0.0.0", "unix"])
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, int]]:
    """Start `uvicorn app:app` where others reach it, without a login."""
    folder = tmp_path_factory.mktemp("open")
    link_app(folder)
    port, path = free_port(), folder / "s"
    where = ["--uds", str(path)] if request.param == "unix" else ["--host", "0.0.0.0", "--port", str(port)]
    log = folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", *where, "--forwarded-allow-ips", "*"],
            cwd=folder, env=environment | {"BWP_WAREHOUSE": str(folder / "w")}, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: is_running(server, log), log.read_text)
        yield request.param, path, port
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(WAIT_SECONDS)


def test_uvicorn_answers_only_this_machine_too(started: tuple[str, Path, int]) -> None:
    kind, path, port = started
    if kind == "unix":
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as visitor:
            assert visitor.get("http://localhost/tasks").status_code == 403
            assert visitor.get("http://localhost/tasks", headers={"x-forwarded-for": REMOTE}).status_code == 403
        return
    for page_path in ("/", "/tasks", "/_stcore/host-config", "/_stcore/metrics"):
        assert httpx.get(f"http://127.0.0.1:{port}{page_path}").status_code == 200, page_path
        there = f"http://{outer_address()}:{port}{page_path}"
        assert httpx.get(there).status_code == 403, page_path
        assert httpx.get(there, headers={"x-forwarded-for": "127.0.0.1", "host": "localhost"}).status_code == 403, (
            page_path
        )
    assert httpx.get(f"http://{outer_address()}:{port}/_stcore/health").status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/", headers={"x-forwarded-for": REMOTE}).status_code == 403
