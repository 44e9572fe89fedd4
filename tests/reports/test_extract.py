"""The input rows of a report give the figures that the warehouse gives, whatever the shop's list of requests looks like."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups
from support.reports import MONDAY, report_json, run

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.events import TaskKind
from bwp_client.load import load
from bwp_client.metrics import Filters, run_metric
from bwp_client.metrics.completeness import last_heard
from bwp_client.metrics.export import to_rows
from bwp_client.metrics.worklist import by_deadline
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot

A, B = "bp-a", "bp-b"
LIST = """\
task_id,task_kind,business_product_id,received_at,replaced_by,closed_at
failed-closed,,,2026-02-20,,2026-03-06
failed-received,,,2026-02-21,,
failed-replaced,,,2026-02-22,completed-a,
failed-replaced-elsewhere,,,2026-02-10,completed-b,
failed-first,,,2026-02-01,failed-second,
failed-second,,,,,
failed-elsewhere-first,,bp-b,2026-01-15,failed-here-second,
failed-twice,DELETION,bp-a,2026-02-25,still-running,
retrieval-failed,,,2026-02-23,,
retrieval-failed-again,RETRIEVAL,,2026-02-12,retrieval-completed,
retrieval-replaced,,,2026-02-13,completed-as-deletion,
waiting-unknown-kind,,,2026-02-24,,
waiting-a,,bp-a,2026-02-26,,
waiting-b,,bp-b,2026-02-27,,
waiting-retrieval,RETRIEVAL,bp-a,2026-02-28,,
waiting-looked-up-retrieval,,,2026-03-01,,
"""
FAILED = {
    "failed-closed": A, "failed-received": A, "failed-replaced": A, "failed-replaced-elsewhere": A, "failed-first": B,
    "failed-second": B, "failed-elsewhere-first": B, "failed-here-second": A, "failed-twice": A, "failed-unlisted": B,
}  # fmt: skip
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "product a": {"business_products": (A,)},
    "product b": {"business_products": (B,)},
    "retrievals": {"task_kind": TaskKind.RETRIEVAL},
    "retrievals of b": {"task_kind": TaskKind.RETRIEVAL, "business_products": (B,)},
    "a region": {"regions": ("eu-west-1",)},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a warehouse whose list of requests names kinds and products only here and there."""
    folder = tmp_path_factory.mktemp("home")
    hours = iter(range(1000))

    def event(task: str, product: str, outcome: str, kind: str = "DELETION", **changes: Any) -> dict[str, Any]:
        time = MONDAY + timedelta(hours=3 * next(hours))
        return envelope(task, outcome=outcome, kind=kind, time=time, product=product, **changes)

    regions = {"failed-received": "eu-west-1"}
    events = [event(task, product, "FAILED", region=regions.get(task, "us-east-1")) for task, product in FAILED.items()]
    events += [event("completed-a", A, "COMPLETED"), event("completed-b", B, "COMPLETED", region="eu-west-1")]
    events += [
        event("completed-as-deletion", A, "COMPLETED"),
        event("retrieval-completed", B, "COMPLETED", "RETRIEVAL"),
    ]
    events += [
        event(task, B, "FAILED", "RETRIEVAL")
        for task in ("retrieval-failed", "retrieval-failed-again", "retrieval-replaced")
    ]
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "events.json", events))))
    submitted = {"failed-elsewhere-first": B, "failed-second": B, "failed-here-second": A, "failed-unlisted": B}
    answers = [
        looked_up(
            task, errors=["LEGAL_HOLD"], business_product_id=product, submitted_at=MONDAY - timedelta(days=20 + at)
        )
        for at, (task, product) in enumerate(submitted.items())
    ]
    answers.append(
        looked_up("waiting-looked-up-retrieval", state="pending", status="RUNNING", kind="RETRIEVAL",
                  business_product_id=B, submitted_at=MONDAY - timedelta(days=1))
    )  # fmt: skip
    store_lookups(warehouse, answers, finished_at=datetime.now(UTC))
    (folder / "requests.csv").write_text(LIST, encoding="utf-8")
    run(folder, "import", "requests.csv")
    return folder


@pytest.mark.parametrize("chosen", FILTERS.values(), ids=FILTERS.keys())
def test_a_report_knows_of_the_requests_what_the_warehouse_knows(
    home: Path, chosen: dict[str, Any], tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    year = Filters(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)).with_(**chosen)
    options = ["--task-kind", year.task_kind.value]
    options += [part for product in year.business_products or () for part in ("--business-product", product)]
    options += [part for region in year.regions or () for part in ("--region", region)]
    made = report_json(
        home, *options, "--out", str(tmp_path / "out"), "--as-of", now.isoformat(), "--force", period="2026"
    )
    tables = tmp_path / "out" / made["key"] / "tables"
    snapshot = Snapshot.newest(Warehouse(str(home / "warehouse")))
    for name in ("open_failures", "waiting", "disclosure"):
        frame = run_metric(snapshot, name, year, calendar=DeadlineCalendar(), now=now)
        if name == "open_failures":
            assert not frame.empty
            frame = frame[frame["state"] == "open"]
        if "task_id" in frame.columns:  # the files have the order of earlier versions
            frame = by_deadline(frame.reset_index(drop=True), "task_id")
        assert to_rows(pd.read_parquet(tables / f"{name}.parquet")) == to_rows(frame), name
    heard = last_heard(snapshot)
    if year.business_products:
        heard = heard[heard["business_product_id"].isin(year.business_products)]
    assert to_rows(pd.read_parquet(tables / "last_heard.parquet")) == to_rows(heard)


def test_the_rows_of_a_narrowed_report_hold_no_task_of_other_products_that_no_request_names(
    home: Path, tmp_path: Path
) -> None:
    made = report_json(home, "--business-product", A, "--out", str(tmp_path), "--force", period="2026")
    inputs = tmp_path / made["key"] / "inputs"
    outcomes = pd.read_parquet(inputs / "outcomes.parquet")
    others = set(outcomes.loc[outcomes["business_product_id"] != A, "task_id"])
    assert others == {"completed-b", "failed-elsewhere-first", "retrieval-replaced"}
    assert set(pd.read_parquet(inputs / "lookups.parquet")["task_id"]) == {
        "failed-elsewhere-first", "failed-here-second",
    }  # fmt: skip
