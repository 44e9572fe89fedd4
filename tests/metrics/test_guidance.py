"""Guidance on codes comes from the product's file and from a user's file, which adds to it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.shop import Task, shop_of

import bwp_client
from bwp_client import metrics
from bwp_client.errors import SettingsError
from bwp_client.metrics import Filters, MetricName
from bwp_client.metrics.guidance import built_in_guidance, read_guidance

OWN = """
[[codes]]
code = "ORDERS_NOT_CLOSED"
class = "Ours"
action = "Call the warehouse."

[[codes]]
code = "MY_CODE"
class = "Mine"
action = "Do this."
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "codes.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(f"{OWN}\n# {'x' * 2_000_000}", encoding="utf-8")
    with pytest.raises(SettingsError, match="BWP_ERROR_CODES_FILE"):
        read_guidance(path)


def test_a_users_file_adds_codes_and_replaces_known_ones(own: Path) -> None:
    table = read_guidance(own)
    known = built_in_guidance().for_code("ORDERS_NOT_CLOSED")
    assert table.for_code("ORDERS_NOT_CLOSED").action == "Call the warehouse." != known.action
    assert table.for_code("DATA_SUBJECT_NOT_FOUND").code_class == "Shopper unknown"
    assert table.for_code("MY_CODE").code_class == "Mine"
    assert table.for_code("NEVER_HEARD_OF").code_class == "Not documented"
    assert read_guidance(None) is built_in_guidance()


def test_a_table_is_the_same_object_until_the_file_changes(own: Path) -> None:
    table = read_guidance(own)
    assert read_guidance(own) is table
    own.write_text(OWN.replace("Do this.", "Do that."), encoding="utf-8")
    os.utime(own, ns=(1, 1))
    assert read_guidance(own).for_code("MY_CODE").action == "Do that."


def test_a_metric_uses_the_table_that_it_is_given_and_notebooks_the_one_of_the_settings(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    snapshot = shop_of(tmp_path, [Task("t", "FAILED", at, codes=("MY_CODE",), submitted_at=at)])
    filters = Filters.last_days(at, 7)
    monkeypatch.setenv("BWP_ERROR_CODES_FILE", str(own))
    for name in (MetricName.ERROR_CODES, MetricName.OPEN_FAILURES):
        assert metrics.run_metric(snapshot, name, filters)["class"].tolist() == ["Not documented"]
        assert metrics.run_metric(snapshot, name, filters, guidance=read_guidance(own))["class"].tolist() == ["Mine"]
        assert bwp_client.run_metric(snapshot, name, filters)["class"].tolist() == ["Mine"]


@pytest.mark.parametrize("text", [None, "codes = 3", "[[codes]]\ncode = 'A'", "[[codes", b"\xff\xfe"])
def test_a_wrong_file_is_explained(tmp_path: Path, text: str | bytes | None) -> None:
    path = tmp_path / "codes.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match="BWP_ERROR_CODES_FILE"):
        read_guidance(path)
