"""How lookups are shown: by the metric, by `status`, and on the data health page."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.asking import Shop, impatient
from support.sandbox import running_sandbox

from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.monitoring.status import status_of
from bwp_client.sandbox.api.behaviour import Behaviour, Credential
from bwp_client.warehouse import Run, TableName, list_runs
from bwp_client.warehouse.lookup_runs import lookup_runs
from bwp_client.warehouse.snapshot import Snapshot

MAIN = Path(__file__).parents[2] / "bwp_client" / "ui" / "main.py"
EVER = Filters(datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture
def half_asked(sample_shop) -> Shop:
    """Make a shop in which lookups have ended in several states, one of them denied."""
    products = [
        row[0]
        for row in sample_shop.query(
            "select business_product_id from outcomes where outcome = 'FAILED' group by 1 order by count(*) desc"
        )
    ]
    known = {"any": Credential("the-secret", products[0])}
    with running_sandbox(Behaviour(credentials=known)) as sandbox:
        sample_shop.enrich(sandbox.url, limit=60)
    with running_sandbox(Behaviour(credentials=known, error_rate=1.0)) as sandbox:
        sample_shop.enrich(sandbox.url, limit=10, client_factory=impatient)
    return sample_shop


def test_lookup_states_equals_a_count_over_the_tables(half_asked):
    lookups = half_asked.warehouse.handle(TableName.LOOKUPS).to_pyarrow_table().to_pylist()
    outcomes = half_asked.warehouse.handle(TableName.OUTCOMES).to_pyarrow_table().to_pylist()
    latest = {}
    for row in lookups:
        before = latest.get(row["task_id"])
        if before is None or before["lookup_state"] != "found":
            latest[row["task_id"]] = row
    failed = [row for row in outcomes if row["outcome"] == "FAILED" and row["task_kind"] == "DELETION"]
    nothing = {"lookup_state": "not_asked", "reason": None}
    expected = Counter(
        (
            latest.get(row["task_id"], nothing)["lookup_state"],
            latest.get(row["task_id"], nothing)["reason"],
            row["business_product_id"],
        )
        for row in failed
    )
    frame = run_metric(Snapshot.newest(half_asked.warehouse), MetricName.LOOKUP_STATES, EVER)
    found = {
        (row.lookup_state, row.reason if isinstance(row.reason, str) else None, row.business_product_id): row.tasks
        for row in frame.itertuples()
    }
    assert found == dict(expected)
    assert {state for state, _, _ in found} == {"found", "denied", "failed", "not_asked"}
    assert frame["share"].sum() == pytest.approx(1)
    failed_ones = frame[frame["lookup_state"] == "failed"]
    assert (failed_ones["next_attempt_at"] == failed_ones["last_asked_at"] + timedelta(minutes=1)).all()
    assert frame[frame["lookup_state"] == "found"]["next_attempt_at"].isna().all()


def test_status_reports_coverage_states_rate_and_throttling(half_asked):
    status = status_of(half_asked.warehouse)
    assert sum(status.lookups.values()) == status.failed
    assert status.coverage == pytest.approx(status.lookups["found"] / status.failed)
    run = status.last_lookup_run
    assert (run["asked"], run["state"]) == (10, "finished")
    assert run["requests"] >= 10
    assert {"requests_per_second", "throttled", "not_asked"} <= set(run)
    text = status.as_text()
    assert "errors known for" in text
    assert "last lookups: 10 tasks" in text
    assert any("lookups ended as denied: Buy with Prime denied access" in line for line in status.attention)


def test_the_data_health_page_shows_reasons_and_runs(half_asked, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BWP_WAREHOUSE", half_asked.warehouse.uri)
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    app.query_params["from"], app.query_params["to"] = "2024-01-01", "2026-12-31"
    app.query_params["more"] = "reasons"
    app.run()
    app.switch_page("../../pages/data_health.py").run()
    assert not app.exception
    [reasons] = [frame.value for frame in app.dataframe if "Why" in frame.value.columns]
    assert {"No permission", "Call failed", "Not yet asked"} == set(reasons["Lookup"])
    assert reasons["Why"].dropna().str.contains("denied access").any()
    [runs] = [frame.value for frame in app.dataframe if "Throttled" in frame.value.columns]
    assert runs["Asked"].tolist() == [10, 60]
    assert (runs["Requests"] > 0).all()
    assert any("asked to slow down 0 times" in caption.value for caption in app.caption)


def test_a_run_that_published_several_times_is_one_run():
    start = datetime(2026, 4, 1, tzinfo=UTC)

    def row(run_id: str, minutes: int, state: str, asked: int, left: int) -> Run:
        counts = {"asked": asked, "found": asked, "not_asked": left, "requests": 2 * asked, "throttled": 1, "tokens": 1}
        begin, end = start + timedelta(minutes=minutes), start + timedelta(minutes=minutes + 1)
        return Run(
            run_id=run_id, kind="enrich", source="url", started_at=begin, finished_at=end, state=state, counts=counts
        )

    load = Run(kind="load", source="s3://x", started_at=start, finished_at=start, counts={"read": 5})
    [newest, older] = lookup_runs(
        [row("b-2", 11, "finished", 30, 0), load, row("b-1", 10, "partial", 90, 30), row("a-1", 0, "stopped", 1, 5)]
    )
    assert (newest.asked, newest.not_asked, newest.state, newest.throttled) == (120, 0, "finished", 2)
    assert newest.calls_per_second == pytest.approx(240 / 120)
    assert newest.throttled_share == pytest.approx(2 / 240)
    assert (older.asked, older.state) == (1, "stopped")


def test_the_runs_of_a_real_warehouse_are_read(half_asked):
    assert [run.asked for run in lookup_runs(list_runs(half_asked.warehouse))] == [10, 60]
