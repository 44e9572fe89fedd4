"""A canary search: nothing that the product writes contains shoppers' addresses, download links, secrets or tokens.

The sample plants an address in every event of the second generation, in damaged records, in each task that the local API
answers, and in some error messages.
"""

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest
from support.sandbox import RunningSandbox, running_sandbox
from support.tables import command

from bwp_client import Filters, MetricName, open_snapshot, run_metric
from bwp_client.sandbox.api import access
from bwp_client.sandbox.api.behaviour import Behaviour

pytestmark = pytest.mark.timeout(240)

MAIN = Path(__file__).parents[1] / "bwp_client" / "ui" / "main.py"
PAGES = [path.stem for path in (MAIN.parents[2] / "pages").glob("*.py")]
SECRET = "secret-canary-5b1f"
PLANTED = ("canary", "shopper.invalid", "downloads.invalid", SECRET)
# Makes a command write everything it can to its log.
CHATTY = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from bwp_client.__main__ import main
main()
"""


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of tokens that the local API issues."""
    given: list[str] = []
    issue = access.TokenIssuer.issue

    def listening(self: access.TokenIssuer, client_id: str, client_secret: str) -> str | None:
        token = issue(self, client_id, client_secret)
        if token:
            given.append(token)
        return token

    monkeypatch.setattr(access.TokenIssuer, "issue", listening)
    return given


@pytest.fixture
def sandbox(tokens: list[str]) -> Iterator[RunningSandbox]:
    behaviour = Behaviour(error_rate=0.03, throttle_per_second=120, token_seconds=1.5)
    with running_sandbox(behaviour) as running:
        yield running


def output_of_every_command(folder: Path, sample_folder: Path, sandbox: RunningSandbox) -> str:
    """Run each command with the most verbose logging; return all of stdout and stderr."""
    env = {
        "BWP_API__ENDPOINT": f"{sandbox.url}/graphql",
        "BWP_API__TOKEN_ENDPOINT": f"{sandbox.url}/token",
        "BWP_API__CREDENTIALS": json.dumps({"*": {"client_id": "any", "client_secret": SECRET}}),
        "BWP_API__REQUESTS_PER_SECOND": "200",
        "BWP_API__CONCURRENCY": "8",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    commands = [
        ("load", sample_folder),
        ("enrich", "--completed", "--limit", "400"),
        ("enrich", "--json"),
        ("doctor", "api"),
        ("status",),
        ("quarantine", "list"),
        ("quarantine", "retry"),
        ("metric", "lookup_states", "--format", "csv"),
        ("report", "--period", "last-month", "--force", "--out", folder / "reports"),
        ("maintain",),
        ("purge", "--before", "2024-01-01"),
    ]
    said = []
    for arguments in commands:
        done = command(*arguments, cwd=folder, python=("-c", CHATTY), **env)
        assert done.returncode in (0, 1), (arguments, done.stderr[-2000:])
        said.append(done.stdout + done.stderr)
    return "\n".join(said)


def computed(warehouse: Path) -> str:
    """Return every metric over the whole span as text."""
    snapshot = open_snapshot(warehouse)
    span = snapshot.span()
    assert span
    filters = Filters(*span)
    return "\n".join(run_metric(snapshot, name, filters).to_csv() for name in MetricName)


def output_of_every_page(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Open every page; return everything it sends to a browser."""
    monkeypatch.chdir(warehouse.parent)
    monkeypatch.setenv("BWP_WAREHOUSE", str(warehouse))
    shown = []
    for page in PAGES:
        app = AppTest.from_file(str(MAIN), default_timeout=60).run()
        if page != "overview":
            app.switch_page(f"../../pages/{page}.py").run()
        assert not app.exception, page
        # A table is sent as Arrow, whose raw bytes would hide its texts.
        shown += [frame.value.to_csv() for frame in app.dataframe]
        shown += [str(getattr(node, "proto", "")) for node in app.main]
    return "\n".join(shown)


def texts_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the decompressed text of each file."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        yield path, raw.decode("utf-8", "replace")
        if path.suffix == ".parquet":
            yield path, repr(pq.read_table(path).to_pylist())
        elif path.suffix == ".gz":
            yield path, gzip.decompress(raw).decode("utf-8", "replace")
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    yield path, packed.read(name).decode("utf-8", "replace")


def test_nothing_that_was_planted_is_found_in_what_is_written(sample_folder, sandbox, tokens, tmp_path, monkeypatch):
    planted = sum("canary" in text for _, text in texts_below(sample_folder))
    assert planted >= 3  # or there would be nothing to find
    said = output_of_every_command(tmp_path, sample_folder, sandbox)
    assert "<email>" in "".join(text for path, text in texts_below(tmp_path / "warehouse" / "lookups"))
    assert len(tokens) > 1
    said += output_of_every_page(tmp_path / "warehouse", monkeypatch)
    said += computed(tmp_path / "warehouse") + json.dumps(sandbox.log)
    files = list(texts_below(tmp_path))
    assert {"warehouse", "reports"} <= {path.relative_to(tmp_path).parts[0] for path, _ in files}
    for canary in (*PLANTED, *tokens):
        assert canary not in said
        found = [path for path, text in files if canary in text]
        assert found == []
