"""The local API as a child process: it reports when it is ready, and ends with its parent or on a signal."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from support.sandbox import running_sandbox
from support.tables import command

from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.sandbox.api.server import serve

CHILD = """
import sys
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.sandbox.api.server import serve
serve(Behaviour(), port=0, on_ready=lambda port: print(port, flush=True), exit_with_stdin=True)
"""


@pytest.fixture
def child():
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def url_of(process):
    return f"http://127.0.0.1:{int(process.stdout.readline())}"


def test_it_accepts_connections_once_it_is_ready_and_logs_json_lines(child):
    url = url_of(child)
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    assert httpx.post(f"{url}/token", data=form).status_code == 200
    child.stdin.close()
    assert child.wait(10) == 0
    lines = [json.loads(line) for line in child.stderr.read().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [("/token", 200)]


def test_it_ends_with_the_parent(child):
    assert httpx.get(f"{url_of(child)}/health").status_code == 200
    began = time.monotonic()
    child.stdin.close()
    assert child.wait(10) == 0
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_at_a_signal(child, number):
    with httpx.Client() as http:  # an open, idle connection must not hold it up
        assert http.get(f"{url_of(child)}/health").status_code == 200
        os.kill(child.pid, number)
        assert child.wait(10) == 0
    assert child.stderr.read() == ""


def test_an_endpoint_that_is_no_web_address_is_wrong_usage(tmp_path):
    done = command("sandbox", "--port", "0", "--events-endpoint", "localhost:4566", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "--events-endpoint is not an absolute address" in done.stderr


def test_a_taken_port_is_an_error_for_the_caller():
    with running_sandbox() as sandbox, pytest.raises(OSError, match="in use"):
        serve(Behaviour(), port=int(sandbox.url.rpartition(":")[2]), on_ready=print)
