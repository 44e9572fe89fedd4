"""Reports that earlier code published can still be rebuilt."""

from pathlib import Path

from support.reports import run_json

PUBLISHED = Path(__file__).with_name("published") / "deletion_2026-10-20..2026-11-02_as-of-2026-11-29_forced"
"""The manifest and the input rows of a report of sample data, published by version 0.1.0 at commit 1a658f1."""


def test_a_report_that_version_0_1_0_published_gives_the_same_figures(tmp_path: Path) -> None:
    result = run_json(tmp_path, "report", "rebuild", PUBLISHED, "--json", allowed=(0, 1))
    assert result["compared"] == 37
    # The page's wording may change from version to version, and a Parquet file with the library that writes it.
    assert [path for path in result["differing"] if path.endswith(".csv")] == []
    assert (result["same_code"], result["history"]) == (False, "not there any more")
