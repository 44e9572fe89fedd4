"""Each workaround does what it says, and is still needed: a test that fails after an upgrade says which can go."""

import asyncio
import inspect
import os
import py_compile
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from authlib.integrations.starlette_client import StarletteOAuth2App
from streamlit import net_util
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import WStates
from streamlit.web.server.server_util import is_url_from_allowed_origins
from streamlit.web.server.starlette import starlette_auth_routes
from streamlit.web.server.starlette.starlette_server import _bind_socket
from support.silent_hosts import host
from support.tables import clean_env

import bwp_client
from bwp_client.workarounds import (
    ask_no_host_for_own_address,
    end_process,
    reset_widgets_with_forged_values,
    send_without_delay,
    shrink_logins,
)

LISTS_OPEN_FILES = pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="this system does not list open files")


def is_without_delay(connection: socket.socket) -> bool:
    return bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


@LISTS_OPEN_FILES
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_messages_do_not_wait_for_the_messages_before(family: socket.AddressFamily) -> None:
    open_before = {path.name for path in Path("/dev/fd").iterdir()}
    with closing(socket.socket(family, socket.SOCK_STREAM)) as server:
        server.bind(("127.0.0.1" if family is socket.AF_INET else "::1", 0))
        server.listen()
        assert not is_without_delay(server)
        send_without_delay()
        with closing(socket.socket(family, socket.SOCK_STREAM)) as visitor:
            visitor.connect(server.getsockname())
            accepted, _ = server.accept()
            with closing(accepted):
                assert is_without_delay(accepted)
                assert not is_without_delay(visitor)
    assert {path.name for path in Path("/dev/fd").iterdir()} == open_before


async def accepted_by_streamlit(prepare: Callable[[], None]) -> bool:
    """Return whether a connection that asyncio accepts on Streamlit's socket sends without delay."""
    connected: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def on_connect(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set_result(is_without_delay(writer.get_extra_info("socket")))
        writer.close()

    listening = _bind_socket("127.0.0.1", 0, 8)
    prepare()
    async with await asyncio.start_server(on_connect, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        found = await connected
        writer.close()
        await writer.wait_closed()
    return found


@LISTS_OPEN_FILES
def test_streamlit_still_needs_sending_without_delay() -> None:
    assert not asyncio.run(accepted_by_streamlit(lambda: None)), "send_without_delay can go"
    assert asyncio.run(accepted_by_streamlit(send_without_delay))


EXIT = """
import os, sys
import deltalake, duckdb, numpy, pyarrow
from bwp_client.workarounds import end_process
duckdb.connect().execute("select 1").fetchall()
spent = os.times()
print(spent.user + spent.system)
if sys.argv[1] == "end_process":
    end_process(3)
sys.exit(3)
"""


def exit_cpu_seconds(how: str) -> float:
    """Return the CPU time from the end of a program's work to the end of its process."""
    with subprocess.Popen([sys.executable, "-c", EXIT, how], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        at_end_of_work = float(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 3
    return usage.ru_utime + usage.ru_stime - at_end_of_work


def test_ending_the_process_at_once_still_saves_time() -> None:
    by_python, at_once = (min(exit_cpu_seconds(how) for _ in range(5)) for how in ("python", "end_process"))
    assert at_once < by_python / 2, "end_process can go"


def test_a_process_with_a_working_thread_is_not_ended() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, daemon=False)
    thread.start()
    end_process(1)
    done.set()
    thread.join()


THREADS = """
import os, sys, threading, time
from bwp_client import __main__ as program
from bwp_client.cli import app

class Unloaded:
    def __del__(self):
        os.write(1, b"unloaded")

def work():
    time.sleep(0.5)
    os.write(1, b"done")

def command(**_):
    threading.Thread(target=work).start()
    raise SystemExit(143)

app.app = command
unloaded = Unloaded()
program.run()
"""


def test_a_command_waits_for_its_threads_and_still_ends_without_unloading() -> None:
    ended = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "done", "")


ALLOCATE = """
import ctypes, resource, sys
from bwp_client.workarounds import hand_back_freed_memory, keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
size = 4 * 1024 * 1024
for _ in range(20):
    blocks = [libc.malloc(size) for _ in range(16)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in blocks:
        libc.free(block)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before = resident()
hand_back_freed_memory()
print(faults, before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has these options")
def test_glibc_still_returns_memory_that_is_needed_again() -> None:
    def run(how: str) -> tuple[int, int]:
        done = subprocess.run([sys.executable, "-c", ALLOCATE, how], capture_output=True, text=True, check=True)
        faults, returned = map(int, done.stdout.split())
        return faults, returned

    (by_default, _), (when_kept, returned) = run("default"), run("keep")
    assert when_kept < by_default / 4, "keep_freed_memory can go"
    assert returned > 32 * 1024 * 1024


def test_this_python_still_has_a_global_interpreter_lock() -> None:
    assert getattr(sys, "_is_gil_enabled", lambda: True)(), "page_slots can go"


SERVED = """
import asyncio, socket, sys
import uvicorn
from bwp_client import workarounds
from streamlit.web.server.starlette.starlette_server import _get_websocket_protocol

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

UPGRADE = "".join(f"{line}\\r\\n" for line in (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'a' * 22}==",
))

async def status(port, length, more, seconds):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n{more}Cookie: a={'x' * length}".encode())
        try:
            line = await asyncio.wait_for(reader.readline(), 1)  # a refusal comes before the headers have ended
        except TimeoutError:
            writer.write(b"\\r\\n\\r\\n")
            line = await asyncio.wait_for(reader.readline(), seconds)
    except TimeoutError:  # a refused websocket gets no answer
        line = b""
    writer.close()
    return line.split()[1].decode() if line else "none"

async def main():
    if sys.argv[1] == "large":
        workarounds.accept_large_headers()
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws=_get_websocket_protocol(), http="h11")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    seconds = float(sys.argv[2])
    for length, more in ((60_000, ""), (10_000, UPGRADE), (60_000, UPGRADE), (100_000, "")):
        print(await status(port, length, more, seconds))
    server.should_exit = True
    await serving

asyncio.run(main())
"""


def test_the_server_still_refuses_the_large_headers_of_a_login() -> None:
    def statuses(how: str, seconds: int) -> list[str]:
        command = [sys.executable, "-c", SERVED, how, str(seconds)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert statuses("default", 2)[:2] == ["400", "none"], "accept_large_headers can go"
    assert statuses("large", 100) == ["200", "101", "101", "400"]


def test_streamlit_still_asks_for_its_own_address_before_it_refuses_a_foreign_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    with host(lambda client: asked.append(client.recv(1024))) as proxy:
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://{proxy}")
        monkeypatch.setattr(net_util, "_external_ip", None)
        assert not is_url_from_allowed_origins("http://elsewhere.invalid")
        assert asked, "ask_no_host_for_own_address can go"
        asked.clear()
        ask_no_host_for_own_address()
        assert not is_url_from_allowed_origins("http://elsewhere.invalid")
    assert asked == []


def test_streamlit_still_stores_every_claim_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login is shrunk where Streamlit asks Authlib for the token of a person, whose claims it then stores."""
    source = inspect.getsource(starlette_auth_routes._auth_callback)
    assert "token = await client.authorize_access_token(request)" in source
    assert 'user = token.get("userinfo")' in source
    assert "dict(user, origin=origin" in source, "shrink_logins can go"

    async def everything(_self: object, _request: object) -> dict[str, Any]:
        return {"userinfo": {"email": "a@b.invalid", "groups": ["x"] * 1000}, "access_token": "y"}

    monkeypatch.setattr(StarletteOAuth2App, "authorize_access_token", everything)
    shrink_logins(lambda token: {"userinfo": {"email": token["userinfo"]["email"]}})
    client = StarletteOAuth2App.__new__(StarletteOAuth2App)
    assert asyncio.run(client.authorize_access_token(None)) == {"userinfo": {"email": "a@b.invalid"}}


def value_read(**sent: object) -> object:
    """Return what Streamlit reads of a value that a browser sends to a widget which holds a number as text."""
    values = WStates()
    values.set_widget_metadata(WidgetMetadata("$$ID-number", lambda text: int(text or 7), str, "string_value"))
    values.set_widget_from_proto(WidgetState(id="$$ID-number", **sent))  # type: ignore[arg-type]
    return values["$$ID-number"]


def test_streamlit_still_reads_whatever_a_browser_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("__getitem__", "set_widget_from_proto"):
        monkeypatch.setattr(WStates, name, getattr(WStates, name))  # to be restored afterwards
    assert value_read(int_value=5) == 5, "reset_widgets_with_forged_values can go"
    with pytest.raises(ValueError, match="no number"):
        value_read(string_value="no number")
    reports: list[None] = []
    reset_widgets_with_forged_values(lambda: reports.append(None))
    assert [value_read(string_value="5"), value_read()] == [5, 7]
    assert not reports
    assert [value_read(string_value="no number"), value_read(int_value=5), value_read(json_value="[" * 50_000)] == [
        7
    ] * 3
    assert len(reports) == 3
    values = WStates()
    values.set_widget_from_proto(WidgetState(id="page", string_value="5"))
    assert not values.states
    assert len(reports) == 4


@pytest.mark.parametrize("module", ["cli/app", "cli/clean_stderr", "settings", "warehouse/store"])
def test_a_compiled_file_that_is_cut_is_named_and_removed(tmp_path: Path, module: str) -> None:
    """Python 3.11 stores a part of a compiled file on a full disk, and fails on it for ever."""
    package = tmp_path / "bwp_client"
    shutil.copytree(
        Path(bwp_client.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__", "sandbox", "ui", "reports"),
    )
    source = package / f"{module}.py"
    compiled = Path(py_compile.compile(str(source), doraise=True))
    compiled.write_bytes(compiled.read_bytes()[:-100])
    arguments = [
        sys.executable,
        "-m",
        "bwp_client",
        "metric",
        "failure_rate",
        "--warehouse",
        str(tmp_path / "warehouse"),
    ]
    env = clean_env(PYTHONPATH=str(tmp_path))
    first = subprocess.run(arguments, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert first.returncode == 4
    assert f"is cut, as after a full disk: {compiled}. It was removed" in first.stderr
    assert "Traceback" not in first.stderr
    assert "fault of ours" not in first.stderr
    again = subprocess.run(arguments, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 2
    assert "holds nothing yet" in again.stderr
