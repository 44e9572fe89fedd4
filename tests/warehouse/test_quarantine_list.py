"""The list of quarantined records shows no secret that an earlier release stored."""

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
