"""The gate refuses a report for its data alone: its own checks hold for every choice of filters."""

from pathlib import Path

import pytest
from support.reports import MONDAY, look_up, make_warehouse, report, report_json, steady, week_of_events


@pytest.fixture
def with_unrated(tmp_path: Path) -> Path:
    """Return a folder with a warehouse: a rated product, and one without a single COMPLETED event."""
    events, answers = steady()
    events += week_of_events(MONDAY, failed=7, completed=0, prefix="u", product="bp-unrated")
    warehouse = make_warehouse(tmp_path, events, answers)
    unrated = {f"u-{number}": ["LEGAL_HOLD" if number else "ORDERS_NOT_CLOSED"] for number in range(7)}
    look_up(warehouse, unrated, product="bp-unrated")
    return tmp_path


@pytest.mark.parametrize("code", ["ORDERS_NOT_CLOSED", "LEGAL_HOLD", "(not looked up)"])
def test_a_report_by_code_is_published_beside_an_unrated_product_with_failures(with_unrated: Path, code: str) -> None:
    made = report_json(with_unrated, "--code", code)
    assert made["state"] == "published"
    assert made["figures"]["failed"] == {"ORDERS_NOT_CLOSED": 10}.get(code, 0)


@pytest.mark.parametrize("option", ["--code", "--business-product", "--region"])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_filter_is_wrong_usage(with_unrated: Path, option: str, value: str) -> None:
    done = report(with_unrated, option, value)
    assert done.exit_code == 2
    assert f"{option} is empty" in done.stderr
    assert not (with_unrated / "reports").exists()
