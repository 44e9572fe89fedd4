"""What an S3 that misbehaves does to a load, on a server that answers what a test says."""

import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from support.events import envelope, many, outcomes_of, text_of
from support.scripted_s3 import ScriptedS3
from support.tables import command, command_json, outcomes, rows

from bwp_client.aws import s3_client
from bwp_client.errors import TerminalRemoteError, TransientRemoteError
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, newest_run

EVENTS = many(4000)
WHOLE, LATER = text_of(EVENTS), text_of([envelope("later")])


class Answers(BaseHTTPRequestHandler):
    """Two objects, `a` and `b`, and a folder marker, or those of a test; it may say how getting `a` ends."""

    trouble = ""
    sizes: ClassVar[dict[str, int]] = {"in/": 0, "in/a": len(WHOLE), "in/b": len(LATER)}
    pages: Iterator[bytes] = iter(())
    """Answers to the next requests for a listing, in place of those to be expected."""
    bodies: ClassVar[dict[str, bytes]] = {"a": WHOLE}

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        name = path.rsplit("/", 1)[-1]
        if "list-type=2" in query:
            asked = {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}
            listed = self._listed(**{key.replace("-", "_"): value for key, value in asked.items()}).encode()
            self._answer(200, next(self.pages, listed))
        elif name == "a" and self.trouble not in {"", "cut"}:
            status, code = self.trouble.split()
            self._answer(int(status), f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())
        else:
            self._answer(200, self.bodies.get(name, LATER), cut=name == "a" and self.trouble == "cut")

    def _listed(
        self, prefix: str = "", delimiter: str = "", max_keys: str = "1000", start_after: str = "", **_: str
    ) -> str:
        """List as S3 does: in the order of bytes, the marker of a folder among its neighbours."""
        found: dict[str, str] = {}
        for key in sorted(self.sizes, key=str.encode):
            folder, slash, _rest = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if not key.startswith(prefix) or key <= start_after or len(found) == int(max_keys):
                continue
            if slash:
                whole = escape(prefix + folder + slash)
                found[whole] = f"<CommonPrefixes><Prefix>{whole}</Prefix></CommonPrefixes>"
            else:
                etag = key.rsplit("/", 1)[-1] + "1"
                found[key] = (
                    f"<Contents><Key>{escape(key)}</Key><LastModified>2026-05-01T12:00:00.000Z</LastModified>"
                    f"<ETag>&quot;{etag}&quot;</ETag><Size>{self.sizes[key]}</Size></Contents>"
                )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(found.values())}</ListBucketResult>"

    def _answer(self, status: int, body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) * 3 // 4] if cut else body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    answers = type("TheseAnswers", (Answers,), {})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{httpd.server_port}",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_client.cache_clear()
    yield answers
    s3_client.cache_clear()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


TROUBLES = [
    ("cut", TransientRemoteError, "load again"),
    ("403 AccessDenied", TerminalRemoteError, "s3:GetObject"),
    ("412 PreconditionFailed", TransientRemoteError, "overwritten"),
    ("400 ExpiredToken", TerminalRemoteError, "have expired"),
    ("403 RequestTimeTooSkewed", TerminalRemoteError, "clock"),
    ("400 KMS.DisabledException", TerminalRemoteError, "Enable the KMS key"),
]


@pytest.mark.parametrize(("trouble", "kind", "words"), TROUBLES)
def test_an_object_that_cannot_be_read_costs_only_itself(
    server: type[Answers], tmp_path: Path, trouble: str, kind: type[Exception], words: str
) -> None:
    server.trouble = trouble
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with pytest.raises(kind, match=words) as raised:
        load(warehouse, open_source("s3://bucket/in/"))
    assert "s3://bucket/in/a" in str(raised.value)
    assert "later" in {row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")}
    run = newest_run(warehouse)
    assert run is not None
    assert run.state == "partial"
    server.trouble = ""
    again = load(warehouse, open_source("s3://bucket/in/"))
    assert (again.objects, again.read) == (1, len(EVENTS))
    found = {(row[0], row[1]): row[4:7] for row in outcomes(warehouse)}
    assert found == {key: value[:3] for key, value in outcomes_of([*EVENTS, envelope("later")]).items()}


def test_an_object_that_is_gone_is_counted_and_read_once_it_is_back(server: type[Answers], tmp_path: Path) -> None:
    server.trouble = "404 NoSuchKey"
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    result = load(warehouse, open_source("s3://bucket/in/"))
    assert (result.deleted, result.deleted_names) == (1, ["s3://bucket/in/a"])
    assert {row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")} == {"later"}
    server.trouble = ""
    again = load(warehouse, open_source("s3://bucket/in/"))
    assert (again.objects, again.read, again.deleted) == (1, len(EVENTS), 0)


@pytest.mark.parametrize("wrong", [b"", WHOLE[:-1], WHOLE + b" ", b"<html>Log in</html>"])
def test_a_body_of_another_size_than_the_listed_one_is_not_taken_for_the_object(
    server: type[Answers], tmp_path: Path, wrong: bytes
) -> None:
    server.bodies = {"a": wrong}
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with pytest.raises(
        TransientRemoteError, match=f"s3://bucket/in/a with {len(wrong)} bytes.*with {len(WHOLE)}.*load again"
    ):
        load(warehouse, open_source("s3://bucket/in/"))
    assert [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")] == ["later"]
    assert rows(warehouse, TableName.QUARANTINE, "offset") == []
    server.bodies = {"a": WHOLE}
    assert load(warehouse, open_source("s3://bucket/in/")).stored == len(EVENTS)


def listing(*, more: str = "false", token: str = "", **changes: str) -> bytes:
    """Return a listing of the object `in/b`, some fields of which are changed, or left out if empty."""
    fields = {
        "Key": "in/b",
        "LastModified": "2026-05-01T12:00:00.000Z",
        "ETag": "b1",
        "Size": str(len(LATER)),
    } | changes
    row = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items() if text)
    token = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    more = f"<IsTruncated>{more}</IsTruncated>" if more else ""
    rows = f"<Contents>{row}</Contents>" if fields["Key"] != "none" else ""
    return f"<ListBucketResult>{more}{token}{rows}</ListBucketResult>".encode()


NO_LISTINGS = {
    "a web page": [b"<html><body>Log in</body></html>"],
    "nothing": [b""],
    "a web page as the second page": [listing(more="true", token="x"), b"<html><body>Log in</body></html>"],
    "more without a way to it": [listing(more="true")],
    "it is left open whether there is more": [listing(more="")],
    "no key": [listing(Key="")],
    "no key where keys are encoded": [
        listing(Key="").replace(b"<Contents>", b"<EncodingType>url</EncodingType><Contents>")
    ],
    "no version": [listing(ETag="")],
    "no size": [listing(Size="")],
    "a size that is none": [listing(Size="large")],
    "a size below zero": [listing(Size="-5")],
    "a time that is none": [listing(LastModified="yesterday")],
    "the same token again": [listing(more="true", token="x")] * 3,
    "the same page again": [listing(more="true", token=f"x{number}") for number in range(1002)],
    "no end of empty pages": [listing(more="true", token=f"x{number}", Key="none") for number in range(1002)],
}


@pytest.mark.parametrize("name", NO_LISTINGS)
def test_what_is_no_whole_listing_is_not_taken_for_one(server: type[Answers], tmp_path: Path, name: str) -> None:
    server.pages = iter(NO_LISTINGS[name])
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with pytest.raises(TerminalRemoteError, match=r"s3://bucket/in/ is none of S3's.*AWS_ENDPOINT_URL.*proxy"):
        load(warehouse, open_source("s3://bucket/in/"))
    server.pages = iter(())
    load(warehouse, open_source("s3://bucket/in/"))
    assert len(rows(warehouse, TableName.EVENTS, "task_id")) == len(EVENTS) + 1


def test_empty_pages_of_a_listing_are_no_end_of_it(server: type[Answers]) -> None:
    empty = [listing(more="true", token=f"x{number}", Key="none") for number in range(20)]
    server.pages = iter([*empty, listing()])
    assert [item.uri for item in open_source("s3://bucket/in/").objects()] == ["s3://bucket/in/b"]


def test_a_folder_marker_is_no_object(server: type[Answers]) -> None:
    assert [item.uri for item in open_source("s3://bucket/in/").objects()] == ["s3://bucket/in/a", "s3://bucket/in/b"]


def test_a_key_that_ends_in_a_slash_is_an_object_if_it_holds_bytes(scripted_s3: ScriptedS3, tmp_path: Path) -> None:
    for key, body in {"in/": b"", "in/day/": text_of([envelope("t-1")]), "in/day/empty/": b"", "in/a": LATER}.items():
        scripted_s3.put("slashes", key, body)
    source = open_source("s3://slashes/in/")
    assert [item.uri for item in source.objects()] == ["s3://slashes/in/a", "s3://slashes/in/day/"]
    done = load(Warehouse(str(tmp_path / "w")), source)
    assert (done.objects, done.read, done.stored) == (2, 2, 2)


OWN = {"BWP_REPORT__OUT": "s3://both/published"}


def test_a_source_on_s3_does_not_contain_the_warehouse_or_the_reports(scripted_s3: ScriptedS3, tmp_path: Path) -> None:
    for key in ("in/a.json", "publishe", "wh", "wh-2/b.json"):
        scripted_s3.put("both", key, text_of([envelope(key.replace("/", "-"))]))
    for key in ("wh/notes.json", "published/k/manifest.json", "published/log/x.json", "old/runs/_delta_log/0.json",
                "old/runs/part-1.parquet"):  # fmt: skip
        scripted_s3.put("both", key, b"not an event")
    warehouse = ("--warehouse", "s3://both/wh/")
    for stored in (4, 0, 0):
        done = command("load", "s3://both", *warehouse, cwd=tmp_path, **OWN)
        assert done.returncode == 0, done.stderr
        assert f"{stored} stored, 0 duplicate, 0 ignored, 0 quarantined" in done.stderr
        assert "Left out, since they hold no events: s3://both/old/runs/." in done.stderr
    for own in ("s3://both/wh", "s3://both/wh/", "s3://both/published"):
        done = command("load", own, *warehouse, cwd=tmp_path, **OWN)
        assert done.returncode == 2
        assert "writes its tables or reports" in done.stderr
    done = command("doctor", "s3://both/", *warehouse, cwd=tmp_path, **OWN)
    assert "4 objects below s3://both/" in done.stdout


LOG_ENTRIES = [
    "published/log/20261103T101112.123Z-0123456789ab.json",
    "published/notices/20261103T101112Z-0123456789ab.json",
    "published/notices/20261103T101112Z-0123456789ab.end.json",
    "published/notices/once-0123456789ab.json",
    "published/notices/once-0123456789ab.try-12.json",
]


@pytest.mark.parametrize("prefix", ["", "published", "published/", "published/notices/"])
def test_the_logs_beside_reports_on_s3_are_left_out_and_named(server: type[Answers], prefix: str) -> None:
    others = ["in/a.json", "published/notices/a-0123456789ab.json", "published/xnotices/once-0123456789ab.json"]
    server.sizes = dict.fromkeys([*LOG_ENTRIES, *others], 7)
    source = open_source(f"s3://bucket/{prefix}")
    assert [item.uri for item in source.objects()] == [f"s3://bucket/{key}" for key in others if key.startswith(prefix)]
    logs = [f"s3://bucket/published/{name}/" for name in ("log", "notices")]
    assert source.left_out == [log for log in logs if log.startswith(f"s3://bucket/{prefix}")]


def test_what_one_names_within_a_warehouse_on_s3_is_read(scripted_s3: ScriptedS3, tmp_path: Path) -> None:
    scripted_s3.put("both", "wh/incoming/a.json", text_of([envelope("t-1")]))
    done = command_json("load", "s3://both/wh/incoming/", "--warehouse", "s3://both/wh", "--json", cwd=tmp_path)
    assert done["stored"] == 1


@pytest.mark.parametrize("prefix", ["in/", "in", "in/d1", "", "in/d1/"])
def test_what_sorts_beside_a_folder_marker_is_listed_once(server: type[Answers], prefix: str) -> None:
    keys = ["in/d1 y.json", "in/d1-x.json", "in/d1.json", "in/d1/z.json", "in/e", "in/f/g.json"]
    server.sizes = {**dict.fromkeys(keys, 7), "in/empty": 0} | dict.fromkeys(["in/", "in/d1/", "in/e/", "in/f/"], 0)
    listed = sorted(item.uri for item in open_source(f"s3://bucket/{prefix}").objects())
    assert listed == sorted(f"s3://bucket/{key}" for key in [*keys, "in/empty"] if key.startswith(prefix))


@pytest.mark.parametrize(
    "prefix", ["/", "/in/", "/in", "in//", "in//x/", "in/../", "in/../x", "", "in/", "in", "none/"]
)
@pytest.mark.parametrize("odd", [[], ["in//a.json", "in//x/a.json", "in/../a.json", "in/../x.json"]])
def test_a_prefix_means_what_it_says_slash_by_slash(server: type[Answers], prefix: str, odd: list[str]) -> None:
    keys = ["/in/a.json", "in/a.json", *odd]
    server.sizes = dict.fromkeys(keys, 7)
    listed = sorted(item.uri for item in open_source(f"s3://bucket/{prefix}").objects())
    assert listed == sorted(f"s3://bucket/{key}" for key in keys if key.startswith(prefix))
