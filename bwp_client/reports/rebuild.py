"""Rebuilds a published report from its input rows, and compares those rows with the history of the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bwp_client.errors import SourceNotFoundError, UsageError, WarehouseError
from bwp_client.reports.build import compose
from bwp_client.reports.content_from_rows import INPUTS
from bwp_client.reports.extract import extract_rows
from bwp_client.reports.manifest import FileEntry, Manifest
from bwp_client.reports.published_report import PublishedReport
from bwp_client.reports.report_folder import report_around
from bwp_client.reports.verify import UNREADABLE
from bwp_client.reports.verify_figures import NO_INPUTS, differing_fields, input_paths, write_inputs
from bwp_client.reports.verify_files import examine
from bwp_client.reports.verify_result import Verification
from bwp_client.warehouse import Warehouse, list_runs
from bwp_client.warehouse.snapshot import Snapshot

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class HistoryState(StrEnum):
    """The result of comparing a report's input rows with the warehouse's rows at the versions that the report read."""

    SAME = "the same"
    DIFFERS = "differs"
    GONE = "not there any more"


@dataclass(slots=True)
class RebuildResult:
    """The result of comparing a rebuilt report with the published report."""

    verification: Verification
    """The result for the files as they lie there; `differing` has the rebuilt files and computed fields that differ."""
    compared: int = 0
    """Number of rebuilt files."""
    history: HistoryState = HistoryState.GONE
    history_says: str = field(default="")

    @property
    def is_equal(self) -> bool:
        """True if nothing is wrong with the files, no rebuilt file differs, and the history does not hold other rows."""
        return self.verification.is_equal and self.history is not HistoryState.DIFFERS

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report rebuild` prints."""
        own = {"compared": self.compared, "history": self.history, "history_says": self.history_says}
        return self.verification.as_json() | own | {"is_equal": self.is_equal}

    def as_text(self) -> str:
        """Return the lines that `report rebuild` prints."""
        found = self.verification
        if found.not_computed:
            made = [f"Nothing was made again: {found.not_computed}."]
        else:
            made = [f"DIFFERS from what the rows give: {item}" for item in found.differing] or [
                f"{self.compared} files made again from the rows that the report carries: every byte the same."
            ]
        lines = [found.key, *found.lines(), *made, *found.code_lines(), self.history_says]
        return "\n  ".join(line for line in lines if line)


def rebuild(
    report: PublishedReport, warehouse: Warehouse, out: Path | None = None, key: Ed25519PublicKey | None = None
) -> RebuildResult:
    """Verify a report, rebuild it, and compare page, tables and fields with the published ones. Pictures are left out.

    Args:
        report: The report.
        warehouse: The warehouse whose history is compared with the input rows, if it still holds the report's run.
        out: The folder for the rebuilt files, which must be empty or new; without a folder they are deleted after the
            comparison.
        key: The public key of whoever publishes reports; without a key a signature is not verified.

    Raises:
        UsageError: The manifest is not one of a report, or the folder is not empty.
        WarehouseError: The folder can't be written.
        RemoteError: S3 refused or failed.
    """
    if out is not None:
        require_new_folder(out)
    verification, contents = examine(report, key)
    result = RebuildResult(verification)
    try:
        manifest = report.manifest
    except UsageError:
        verification.not_computed = UNREADABLE
        return result
    if not input_paths(manifest) or any(path not in contents for path in input_paths(manifest)):
        verification.not_computed = NO_INPUTS
    else:
        _make_again(manifest, contents, result, out)
    result.history, result.history_says = _compare_with_history(manifest, warehouse)
    return result


def require_new_folder(path: Path) -> None:
    """Make a folder for rebuilt files.

    Raises:
        UsageError: There is a file of that name, the folder is not empty, or it lies in a published report.
        WarehouseError: The folder can't be made.
    """
    try:
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"--out {path} is not empty. Nothing was written. Name a new or an empty folder.")
        if inside := report_around(path):
            raise UsageError(
                f"--out {path} lies in the published report {inside}, which never changes. Nothing was written. Name a "
                "folder elsewhere."
            )
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"--out {path} is or lies below a file. Nothing was written. Name a new or an empty folder."
        ) from None
    except OSError as error:
        raise WarehouseError(
            f"--out {path} can't be written ({type(error).__name__}: {error.strerror}). Nothing was written."
        ) from error


def _make_again(manifest: Manifest, contents: Mapping[str, bytes], result: RebuildResult, out: Path | None) -> None:
    """Make page and tables from the input rows, and compare them with the entries of the manifest."""
    found, inputs = result.verification, input_paths(manifest)
    paths = [path for path in manifest.files if path.endswith((".html", ".csv", ".parquet")) and path not in inputs]
    with TemporaryDirectory(prefix="bwp-rebuild-") as temporary:
        folder = out or Path(temporary)
        write_inputs(inputs, contents, folder)
        try:
            context, content, _ = compose(manifest.spec, manifest.facts, folder, manifest.reasons, manifest.code)
            found.differing += differing_fields(manifest, context, content, is_same_code=found.same_code)
        except Exception as error:  # noqa: BLE001 - rows and manifest may have been forged in any way
            found.not_computed = f"the rows can't be read as this manifest describes them ({type(error).__name__})"
            return
        result.compared = len(paths)
        for path in paths:
            made = folder / path
            if not made.is_file() or FileEntry.of(made.read_bytes()).sha256 != manifest.files[path].sha256:
                found.differing.append(path)


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
        published = {name: manifest.files.get(f"{INPUTS}/{name.value}.parquet") for name in rows}
        differing = [
            name.value
            for name, path in rows.items()
            if (entry := published[name]) is None or FileEntry.of(path.read_bytes()).sha256 != entry.sha256
        ]
    if differing:
        return HistoryState.DIFFERS, f"The tables hold other rows at these versions in: {', '.join(differing)}."
    return HistoryState.SAME, "The tables still hold exactly the same rows at these versions."
