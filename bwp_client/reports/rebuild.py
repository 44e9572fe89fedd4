"""Rebuilds a published report from its input rows, and compares those rows with the history of the warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bwp_client.errors import SourceNotFoundError
from bwp_client.reports.build import INPUTS, compose
from bwp_client.reports.extract import extract_rows
from bwp_client.reports.manifest import Manifest, current_code, describe_file
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse import Warehouse, list_runs
from bwp_client.warehouse.snapshot import Snapshot


class HistoryState(StrEnum):
    """The result of comparing a report's input rows with the warehouse's rows at the versions that the report read."""

    SAME = "the same"
    DIFFERS = "differs"
    GONE = "not there any more"


@dataclass(slots=True)
class RebuildResult:
    """The result of comparing a rebuilt report with the published report."""

    key: str
    compared: int = 0
    """Number of rebuilt files."""
    differing: list[str] = field(default_factory=list)
    same_code: bool = True
    history: HistoryState = HistoryState.GONE
    history_says: str = ""

    @property
    def is_equal(self) -> bool:
        """True if no file differs, and the history does not hold other rows."""
        return not self.differing and self.history is not HistoryState.DIFFERS

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report rebuild` prints."""
        return {name: getattr(self, name) for name in self.__slots__} | {"is_equal": self.is_equal}

    def as_text(self) -> str:
        """Return the lines that `report rebuild` prints."""
        files = (
            f"{self.compared} files made again from the rows that the report carries: every byte the same."
            if not self.differing
            else f"{len(self.differing)} of {self.compared} files differ: {', '.join(self.differing)}."
        )
        code = "" if self.same_code else " The report was made by other code than this, which alone can change bytes."
        return f"{self.key}\n  {files}{code}\n  {self.history_says}"


def rebuild(store: ReportStore, manifest: Manifest, warehouse: Warehouse, out: Path | None = None) -> RebuildResult:
    """Rebuild a report and compare page and tables with the published files. Pictures are left out.

    Args:
        store: Where the report was published.
        manifest: The report.
        warehouse: The warehouse whose history is compared with the input rows, if it still holds the report's run.
        out: The folder for the rebuilt files; without a folder they are deleted after the comparison.

    Raises:
        UsageError: A file of input rows was changed after publication.
        SourceNotFoundError: A file of input rows is gone.
        RemoteError: S3 refused or failed.
    """
    with TemporaryDirectory(prefix="bwp-rebuild-") as temporary:
        folder = out or Path(temporary)
        inputs = [path for path in manifest.files if path.startswith(f"{INPUTS}/")]
        for path in inputs:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(store.read(manifest, path))
        compose(manifest.spec, manifest.facts, folder, manifest.reasons)
        rebuilt = [
            path for path in manifest.files if path.endswith((".html", ".csv", ".parquet")) and path not in inputs
        ]
        result = RebuildResult(manifest.key, compared=len(rebuilt), same_code=manifest.code == current_code())
        result.differing = [
            path
            for path in rebuilt
            if not (folder / path).is_file() or describe_file(folder / path).sha256 != manifest.files[path].sha256
        ]
        result.history, result.history_says = _compare_with_history(manifest, warehouse)
        return result


def _compare_with_history(manifest: Manifest, warehouse: Warehouse) -> tuple[HistoryState, str]:
    """Extract the rows again, at the versions that the report read; return the state and a sentence about it."""
    run = next((run for run in list_runs(warehouse, limit=1_000_000) if run.run_id == manifest.facts.run_id), None)
    if run is None:
        return (
            HistoryState.GONE,
            f"Not compared with the tables: {warehouse.uri} does not hold the run that the report read.",
        )
    with TemporaryDirectory(prefix="bwp-history-") as folder:
        try:
            rows = extract_rows(Snapshot(warehouse, run), manifest.spec, Path(folder))
        except SourceNotFoundError:
            return HistoryState.GONE, "Not compared with the tables: those versions were purged or cleaned up."
        differing = [
            name.value
            for name, path in rows.items()
            if describe_file(path).sha256 != manifest.files[f"{INPUTS}/{name.value}.parquet"].sha256
        ]
    if differing:
        return HistoryState.DIFFERS, f"The tables hold other rows at these versions in: {', '.join(differing)}."
    return HistoryState.SAME, "The tables still hold exactly the same rows at these versions."
