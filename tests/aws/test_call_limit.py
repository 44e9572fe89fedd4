"""A call to AWS ends although the answer never does: botocore limits only the time between two bytes."""

import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from botocore.config import Config
from support import silent_hosts
from support.scripted_api import http, scripted_api, trickle
from support.silent_hosts import host

from bwp_client.aws import aws_client, aws_errors, call_limit
from bwp_client.aws.s3 import download, s3_client
from bwp_client.errors import UnconfirmedError

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
SLOW = r"AWS did not complete its answer to Call on x within 0 s \(SlowAnswerError\)\. Nothing was done\. Check the network"
RETRIES = Config(retries={"mode": "standard", "max_attempts": 5})
CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "sqs": ("sqs", lambda sqs: sqs.receive_message(QueueUrl="http://q")),
    "events": ("events", lambda events: events.describe_archive(ArchiveName="x")),
    "list": ("s3", lambda s3: s3.list_objects_v2(Bucket="b")),
    "get": ("s3", lambda s3: s3.get_object(Bucket="b", Key="k")["Body"].read()),
    "refused": ("s3", lambda s3: s3.get_object(Bucket="b", Key="refused")),
    "part": ("s3", lambda s3: s3.get_object(Bucket="b", Key="k")["Body"].read(900)),
}


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch, no_aws: None) -> None:
    monkeypatch.setattr(call_limit, "CALL_SECONDS", 0.4)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def made(name: str) -> Any:
    service, call = CALLS[name]
    described = aws_errors("Call on x", state="Nothing was done.", permission="x:Call")
    with described, closing(aws_client(service, RETRIES)) as client:
        return call(client)


@pytest.mark.usefixtures("short_limit")
@pytest.mark.parametrize("name", CALLS)
def test_a_body_that_trickles_ends_the_call(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with scripted_api() as server:
        server.answers = [trickle(403 if name == "refused" else 200)]
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(UnconfirmedError, match=SLOW):
            made(name)
        assert len(server.seen) == 1  # trying again would take as long


@pytest.mark.usefixtures("short_limit")
@pytest.mark.parametrize("name", ["sqs", "get"])
def test_headers_that_trickle_end_the_call(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with host(silent_hosts.dripping_header) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        with pytest.raises(UnconfirmedError, match=SLOW):
            made(name)


@pytest.mark.usefixtures("short_limit")
def test_a_large_object_that_makes_progress_takes_as_long_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def steadily(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n")
        for _ in range(20):
            handler.wfile.write(b"x" * 10_000)
            time.sleep(0.05)

    with scripted_api() as server:
        server.answers = [steadily]
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert made("get") == b"x" * 200_000


@pytest.mark.usefixtures("short_limit")
def test_an_upload_has_time_for_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(handler: Any) -> None:
        time.sleep(0.8)  # longer than the limit of a call without a body
        http(200, b"")(handler)

    with scripted_api() as server:
        server.answers = [late]
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with closing(aws_client("s3", RETRIES)) as client:
            assert client.put_object(Bucket="b", Key="k", Body=BytesIO(b"x" * 50_000))


@pytest.mark.usefixtures("short_limit")
def test_a_download_that_stalls_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    head = http(200, b"", content_length="5000000")
    with scripted_api() as server:
        server.answers = [head, trickle()]
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        s3_client.cache_clear()
        with (
            pytest.raises(UnconfirmedError, match=SLOW),
            aws_errors("Call on x", state="Nothing was done.", permission="-"),
        ):
            download("b", "k", BytesIO())
        s3_client().close()
    s3_client.cache_clear()
