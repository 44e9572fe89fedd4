"""The command line shows no secret: none that an earlier release stored, and none of an address that was typed."""

from pathlib import Path

import pytest
from support.events import write
from support.reports import run

from bwp_client import redaction
from bwp_client.load import load, object_reader
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.quarantine import list_quarantined


def test_an_excerpt_stored_with_a_secret_is_shown_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_reader, "excerpt", lambda raw: raw.decode()[: redaction.EXCERPT_CHARACTERS])
    source = tmp_path / "in" / "a.json"
    write(source, [])
    source.write_text('{"client_secret": "Zq-of-ours", "broken\n')
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(source)))
    assert [row["excerpt"] for row in list_quarantined(warehouse)] == ['{"client_secret <secret>']
    for options in ((), ("--json",)):
        assert "Zq" not in run(tmp_path, "quarantine", "list", *options).output


@pytest.mark.parametrize(
    "arguments", [("load", "s3://u:Zq9Xvalue@host/x"), ("status", "--warehouse", "gs://u:Zq9Xvalue@b/x")]
)
def test_an_error_shows_no_user_of_an_address(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for options in ((), ("--json",)):
        done = run(tmp_path, *arguments, *options, allowed=(2,))
        assert "Zq" not in done.output
        assert "<secret>@" in done.output
