"""An S3 server on loopback that refuses what a test says, in the words of AWS.

It is a process of its own: the storage client may wait for it while it holds this one's interpreter lock. Test and server
share a folder: the objects, the rules, and a log of the requests.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

RULES, REQUESTS = "rules.json", "requests.jsonl"


@dataclass(frozen=True)
class Refusal:
    """An error answer to some requests; without a code, the body is empty."""

    status: int
    code: str = ""
    message: str = "-"
    headers: dict[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    """The methods that are refused (LIST is a GET of a bucket); all when empty."""
    key: str = ""
    """The only key that is refused; all when empty."""
    body: str = ""
    """The whole body, where a service other than S3 answers."""
    unless: tuple[str, str] = ("", "")
    """A header and its value with which a request is not refused."""


@dataclass(frozen=True)
class ScriptedS3:
    """Its address, and the folder that it shares with the test."""

    address: str
    folder: Path

    def put(self, bucket: str, key: str, body: bytes) -> None:
        path = object_path(self.folder, bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def refuse(self, *rules: Refusal) -> None:
        """Refuse what the rules say from now on, and nothing else."""
        partial = self.folder / f".{RULES}"
        partial.write_text(json.dumps([asdict(rule) for rule in rules]))
        partial.replace(self.folder / RULES)

    def requests(self) -> list[dict[str, Any]]:
        """Return method, bucket, key and headers of each request since the last call."""
        path = self.folder / REQUESTS
        lines = path.read_text().splitlines()
        path.write_text("")
        return [json.loads(line) for line in lines]


def object_path(folder: Path, bucket: str, key: str) -> Path:
    return folder / "objects" / bucket / base64.urlsafe_b64encode(key.encode()).decode()


def etag_of(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    """Lists, reads and writes objects by path-style addresses."""

    protocol_version = "HTTP/1.1"
    folder = Path()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        method = "LIST" if self.command == "GET" and not key else self.command
        with (self.folder / REQUESTS).open("a") as log:
            log.write(json.dumps({"method": method, "bucket": bucket, "key": key, "headers": headers}) + "\n")
        rule = self._rule(method, key, headers)
        path = object_path(self.folder, bucket, key)
        if rule:
            error = f"<Error><Code>{rule['code']}</Code><Message>{escape(rule['message'])}</Message></Error>"
            self._answer(rule["status"], (rule["body"] or (error if rule["code"] else "")).encode(), rule["headers"])
        elif method == "LIST":
            self._answer(200, self._listing(bucket, parse_qs(url.query, keep_blank_values=True)), {})
        elif method == "PUT":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            self._answer(200, b"", {"ETag": etag_of(body)})
        elif method in ("GET", "HEAD") and key and path.exists():
            self._object(path.read_bytes(), headers.get("range", ""))
        elif method == "HEAD" and not key:
            self._answer(200, b"", {"x-amz-bucket-region": "us-east-1"})
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>-</Message></Error>", {})

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - the names that http.server calls

    def _rule(self, method: str, key: str, headers: dict[str, str]) -> dict[str, Any] | None:
        path = self.folder / RULES
        for rule in json.loads(path.read_text()) if path.exists() else []:
            name, value = rule["unless"]
            if (
                (not rule["methods"] or method in rule["methods"])
                and (not rule["key"] or key == rule["key"])
                and not (name and headers.get(name) == value)
            ):
                return rule
        return None

    def _object(self, body: bytes, ranged: str) -> None:
        headers = {"ETag": etag_of(body), "Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT"}
        if not ranged:
            self._answer(200, body, headers)
            return
        first, _, last = ranged.removeprefix("bytes=").partition("-")
        end = min(int(last or len(body) - 1), len(body) - 1)
        whole = {"Content-Range": f"bytes {first}-{end}/{len(body)}"}
        self._answer(206, body[int(first) : end + 1], headers | whole)

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        prefix, after = (query.get(name, [""])[0] for name in ("prefix", "start-after"))
        paths = (self.folder / "objects" / bucket).glob("*")
        keys = {base64.urlsafe_b64decode(path.name).decode(): path for path in paths}
        rows = [
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified>"
            f"<ETag>{escape(etag_of(keys[key].read_bytes()))}</ETag><Size>{keys[key].stat().st_size}</Size></Contents>"
            for key in sorted(keys, key=str.encode)
            if key.startswith(prefix) and key > after
        ]
        head = f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
        return f"<ListBucketResult>{head}{''.join(rows)}</ListBucketResult>".encode()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/xml", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def scripted_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedS3]:
    """Start the server once; it holds nothing."""
    folder = tmp_path_factory.mktemp("scripted")
    (folder / REQUESTS).write_text("")
    child = subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    try:
        yield ScriptedS3(f"http://127.0.0.1:{child.stdout.readline().strip()}", folder)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Take away every AWS setting of this machine, and return a home folder in which a test makes its own."""
    from bwp_client.aws import s3_client

    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_client.cache_clear()
    yield home
    s3_client.cache_clear()


@pytest.fixture
def scripted_s3(scripted_server: ScriptedS3, no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedS3]:
    """Return an S3 without objects that refuses nothing, with this process and its children set up to reach it."""
    for name, value in {
        "AWS_ENDPOINT_URL": scripted_server.address,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    shutil.rmtree(scripted_server.folder / "objects", ignore_errors=True)
    scripted_server.refuse()
    scripted_server.requests()
    yield scripted_server
    scripted_server.refuse()


def serve(folder: str) -> None:
    """Serve until killed; the port is printed first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"folder": Path(folder)}))
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
