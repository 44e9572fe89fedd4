"""A report says which code made it, and rebuilding it by other code says what is different there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.forging import forge_field
from support.reports import QUIET, make_warehouse, report_json, run, run_json, steady
from support.tables import clean_env

import bwp_client
from bwp_client.reports.code_identity import current_code

PACKAGE = Path(bwp_client.__file__).parent


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a published report."""
    folder = tmp_path_factory.mktemp("original")
    make_warehouse(folder, *steady())
    return folder / "reports" / report_json(folder)["key"]


@pytest.fixture
def report(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / original.name)


def rebuilt_by(package: Path, report: Path) -> Any:
    """Return the result of `report rebuild` by another copy of the package."""
    done = subprocess.run(
        [sys.executable, "-c", "from bwp_client.__main__ import main; main()", "report", "rebuild", report, "--json"],
        cwd=package.parent, env={**clean_env(**QUIET), "PYTHONPATH": str(package.parent)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_a_change_of_any_module_is_other_code_and_is_named(report: Path, tmp_path: Path) -> None:
    package = tmp_path / "other" / "bwp_client"
    shutil.copytree(PACKAGE, package)
    for path in ("deadlines.py", "tasks/dossier.py"):
        with (package / path).open("a") as stream:
            stream.write("# other\n")
    (package / "sources" / "s3.py").rename(package / "sources" / "s4.py")
    found = rebuilt_by(package, report)
    assert not found["same_code"]
    assert found["code_differences"] == ["other sources in deadlines.py, sources, tasks"]


def test_the_libraries_that_decide_figures_are_recorded() -> None:
    assert {"numpy", "scipy", "pandas", "pyarrow", "duckdb", "plotly", "tzdata", "deltalake", "python"} <= set(
        current_code()["libraries"]
    )


def test_another_version_and_other_libraries_are_named_and_alone_change_nothing(report: Path) -> None:
    def change(value: Any) -> None:
        value["code"]["version"] = "0.0.9"
        value["code"]["libraries"] |= {"numpy": "1.0", "other": "2"}
        del value["code"]["libraries"]["scipy"]

    forge_field(report, change)
    found = run_json(report, "report", "rebuild", report, "--verify", "--json")
    here = current_code()["libraries"]
    assert found["code_differences"] == [
        f"version 0.0.9, here {bwp_client.__version__}",
        f"numpy 1.0, here {here['numpy']}",
        "other 2, here not used",
        f"scipy not recorded, here {here['scipy']}",
    ]
    done = run(report, "report", "rebuild", report, "--verify")
    assert "The report was made by other code than this" in done.stdout


def test_a_report_with_an_earlier_form_of_digest_is_verified_and_says_so(report: Path) -> None:
    value = json.loads((report / "manifest.json").read_bytes())
    libraries = ("duckdb", "jinja2", "pandas", "plotly", "pyarrow")
    value["code"]["libraries"] = {name: value["code"]["libraries"][name] for name in libraries}
    del value["code"]["modules"], value["files"]["description.json"]
    (report / "description.json").unlink()
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (report / "manifest.json").write_text(text, encoding="utf-8")
    done = run(report, "report", "rebuild", report)
    assert "an older form of digest, which does not cover the whole package." in done.stdout
    assert "An earlier version made the report, without description.json" in done.stdout
