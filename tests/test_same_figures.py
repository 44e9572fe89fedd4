"""The same question gives the same number on a page, in a report and in a notebook."""

import json
import re
from datetime import timedelta
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from streamlit.testing.v1 import AppTest
from support.tables import command_json

from bwp_client import open_snapshot
from bwp_client.load import load
from bwp_client.metrics.wording import percent
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

ROOT = Path(__file__).parents[1]


def from_page(warehouse: Path, first: str, last: str) -> tuple[str, int, str]:
    app = AppTest.from_file(str(ROOT / "bwp_client" / "ui" / "main.py"), default_timeout=600)
    app.query_params["from"], app.query_params["to"] = first, last
    app.run().switch_page("../../pages/failure_rates.py").run()
    assert not app.exception
    values = {item.label: item.value for item in app.metric}
    app.switch_page("../../pages/trends.py").run()
    assert not app.exception
    return values["Failure rate"], int(values["Failed tasks"].replace(",", "")), app.text[0].value.splitlines()[0]


def from_notebook(warehouse: Path, folder: Path) -> tuple[float, int]:
    notebook = nbformat.read(ROOT / "notebooks" / "explore_a_window.ipynb", as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"../warehouse-sample"', repr(str(warehouse)))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    (compared,) = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if "PERIOD_COMPARISON" in cell.source
        for output in cell.outputs
        if "data" in output
    ]
    found = {name: float(value) for name, value in re.findall(r"^(\w+)\s+([\d.e+-]+)", compared, flags=re.MULTILINE)}
    return found["rate"], int(found["failed"])


@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_page_report_and_notebook_agree(sample_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = tmp_path / "warehouse"
    load(Warehouse(str(warehouse)), open_source(str(sample_folder)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLOTLY_RENDERER", "json")
    monkeypatch.setenv("BWP_WAREHOUSE", str(warehouse))
    span = open_snapshot(warehouse).span()
    assert span is not None
    last = span[1].date()
    first = last - timedelta(days=27)
    made = command_json(
        "report", "--period", f"{first}..{last}", "--out", tmp_path / "out", "--force", "--json", cwd=tmp_path,
        BWP_REPORT__BROWSER="none", BWP_WAREHOUSE=str(warehouse),
    )  # fmt: skip
    figures = made["figures"]
    page_rate, page_failed, sentence = from_page(warehouse, first.isoformat(), last.isoformat())
    notebook_rate, notebook_failed = from_notebook(warehouse, tmp_path)
    assert figures["failed"] == page_failed == notebook_failed
    assert page_rate == percent(figures["rate"])
    assert notebook_rate == pytest.approx(figures["rate"], abs=5e-7)
    (statement,) = made["says"]
    assert sentence.startswith(page_rate)
    assert all(rate in statement for rate in re.findall(r"[\d.]+ %", sentence))
    page = (tmp_path / "out" / made["key"] / "report.html").read_text(encoding="utf-8")
    assert page_rate in page
    assert json.loads((tmp_path / "out" / made["key"] / "manifest.json").read_text())["figures"] == figures
