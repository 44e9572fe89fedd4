"""A real S3 server on loopback (SeaweedFS), started once a session; every test gets a bucket of its own."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.ports import free_port

GRPC = 10_000  # the server listens for its own calls that far above each port
READY_SECONDS = 60


@dataclass(frozen=True)
class Bucket:
    """An empty bucket and the settings that reach it."""

    name: str
    env: dict[str, str]
    client: Any

    @property
    def uri(self) -> str:
        return f"s3://{self.name}"


def _weed() -> str | None:
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server; skip where its binary is not installed."""
    weed = _weed()
    if weed is None:
        pytest.skip("the weed binary is not installed")
    for last in (False, False, True):
        folder = tmp_path_factory.mktemp("s3")
        server, endpoint = _start(weed, folder)
        try:
            if _is_ready(server, endpoint):
                yield endpoint
                return
            assert not last, (folder / "log").read_text()[-2000:]
        finally:
            server.kill()  # it takes long to end by itself, and nothing of it is kept
            server.wait()


def _start(weed: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    config = folder / "s3.json"
    identity = {
        "name": "t",
        "credentials": [{"accessKey": "test", "secretKey": "testtest"}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = (free_port(GRPC) for _ in range(4))
    (folder / "data").mkdir()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3",
                f"-s3.port={s3}", f"-s3.config={config}",
                "-s3.port.lance=0", "-s3.port.iceberg=0",  # fixed ports: a second server would end there
                "-master.telemetry=false", "-volume.max=1000",
                "-master.volumeSizeLimitMB=64",
            ],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    return server, f"http://127.0.0.1:{s3}"


def _client(endpoint: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="testtest",
    )


def _is_ready(server: subprocess.Popen[bytes], endpoint: str) -> bool:
    """Wait until the server stores an object; False when it ended or never answered."""
    from botocore.exceptions import BotoCoreError, ClientError

    client, until = _client(endpoint), time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"1")
        except (BotoCoreError, ClientError):
            time.sleep(0.3)
        else:
            return True
    return False


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """Give a new bucket, with this process and its children set up to reach it."""
    from bwp_client.aws import s3_client

    env = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "testtest",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    s3_client.cache_clear()
    client = _client(s3_endpoint)
    name = f"b-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    yield Bucket(name, env, client)
    s3_client.cache_clear()
