"""A request's whole life: started, held, failed or completed, published, archived, replayed, stored, looked up, shown."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.archives import read
from support.emulator import Account
from support.requesting import CANCEL, Shop
from support.sandbox import running_sandbox
from support.tables import command_json, rows

from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.warehouse import TableName, Warehouse

MAIN = Path(__file__).parents[1] / "bwp_client" / "ui" / "main.py"
BUS = "aws.partner/buywithprime/sample-store-events"
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=60)


def test_from_the_request_to_the_figure_on_the_page(
    make_account: Callable[..., Account], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(bus=BUS)
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with running_sandbox(Behaviour(events_endpoint=account.emulator.endpoint)) as sandbox:
        shop = Shop(sandbox.url)
        shop.set_clock(BEGIN)
        completed = [shop.start(f"shopper-{number}@shopper.example.com") for number in range(18)]
        orders = [shop.start(f"open-orders-{number}@shopper.example.com") for number in range(4)]
        unknown = [shop.start(f"unknown-{number}@shopper.example.com") for number in range(2)]
        regretted = shop.start("regretted@shopper.example.com")
        assert shop.task(completed[0])["status"] == "ON_HOLD"
        assert shop.forward(5)["published"] == 2
        assert shop.ask(CANCEL, id=regretted)["data"]["cancelPersonalDataDeletionTask"]["taskId"] == regretted
        assert shop.forward(6)["published"] >= 4
        assert shop.task(orders[0])["status"] == "FAILED"
        shop.forward(25)
        assert shop.task(completed[0])["status"] == "COMPLETED"
        assert account.waiting() == (0, 0)  # live events are not for us

        result = read(account, warehouse, BEGIN - timedelta(days=1), datetime.now(UTC) - timedelta(days=1))
        assert (result.stored, result.quarantined, result.foreign) == (24, 0, 0)
        stored = rows(warehouse, TableName.OUTCOMES, "task_id", "outcome")
        expected = {(task, "COMPLETED") for task in completed} | {(task, "FAILED") for task in orders + unknown}
        assert set(stored) == expected
        assert regretted not in {task for task, _ in stored}

        settings = {
            "BWP_WAREHOUSE": warehouse.uri,
            "BWP_API__ENDPOINT": f"{sandbox.url}/graphql",
            "BWP_API__TOKEN_ENDPOINT": f"{sandbox.url}/token",
            "BWP_API__CREDENTIALS": json.dumps({"*": {"client_id": "id", "client_secret": "secret"}}),
            "BWP_API__REQUESTS_PER_SECOND": "100",
        }
        said = len(sandbox.log)
        result = command_json("enrich", "--json", cwd=tmp_path, **settings)
        assert (result["asked"], result["found"]) == (6, 6)
        shop.http.close()
    asked = [line["kind"] for line in sandbox.log[said:] if line["path"] == "/graphql"]
    assert asked == ["query"] * 6  # the product never starts or cancels a task

    period = {"from": BEGIN.date().isoformat(), "to": datetime.now(UTC).date().isoformat()}
    (rate,) = command_json(
        "metric",
        "period_comparison",
        "--from",
        period["from"],
        "--to",
        period["to"],
        "--json",
        cwd=tmp_path,
        **settings,
    )
    assert (rate["failed"], rate["completed"], rate["n"]) == (6, 18, 24)
    monkeypatch.chdir(tmp_path)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    page = AppTest.from_file(str(MAIN), default_timeout=30)
    for name, value in period.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    shown = "\n".join(
        str(one.value) for one in [*page.metric, *page.markdown, *page.text, *page.caption, *page.subheader]
    )
    assert "25\\.0 \\% of deletions failed" in shown, shown
    page.switch_page("../../pages/error_codes.py").run()
    assert not page.exception
    figures = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    assert {"ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND"} <= set(figures[0]["data"][0]["y"])
