"""Notebooks run, hold no output, and equal the Python file beside them."""

import os
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_over_a_loaded_warehouse(path: Path, sample_folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "w"
    load(Warehouse(str(warehouse)), open_source(str(sample_folder)))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"../warehouse-sample"', repr(str(warehouse)))
            assert str(warehouse) in cell.source
    os.environ["PLOTLY_RENDERER"] = "json"
    try:
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    finally:
        del os.environ["PLOTLY_RENDERER"]
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "application/json" in kinds or "application/vnd.plotly.v1+json" in kinds
    assert "text/html" in kinds


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_output_and_equals_its_source(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    source = jupytext.read(path.with_suffix(".py"))
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in source.cells]
    assert not any(cell.get("outputs") for cell in notebook.cells)
