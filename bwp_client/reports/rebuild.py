"""Makes a published report again from the rows that it carries, and compares those with the tables' history."""

from __future__ import annotations

from dataclasses import dataclass, field
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

SAME, DIFFERS, GONE = "the same", "differs", "not there any more"


@dataclass(slots=True)
class RebuildResult:
    """What making it again showed."""

    key: str
    compared: int = 0
    """Files that were made again."""
    differing: list[str] = field(default_factory=list)
    same_code: bool = True
    history: str = GONE
    history_says: str = ""

    @property
    def is_equal(self) -> bool:
        """True when nothing differs."""
        return not self.differing and self.history != DIFFERS

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return {name: getattr(self, name) for name in self.__slots__} | {"is_equal": self.is_equal}

    def as_text(self) -> str:
        """Say it in a few lines."""
        made = (
            f"{self.compared} files made again from the rows that the report carries: every byte the same."
            if not self.differing
            else f"{len(self.differing)} of {self.compared} files differ: {', '.join(self.differing)}."
        )
        code = "" if self.same_code else " It was made by other code than this; that alone can change bytes."
        return f"{self.key}\n  {made}{code}\n  {self.history_says}"


def rebuild(store: ReportStore, manifest: Manifest, warehouse: Warehouse, out: Path | None = None) -> RebuildResult:
    """Make a report again; pictures are left out, since a browser makes them.

    Args:
        store: Where it was published.
        manifest: Which one.
        warehouse: Whose history the rows are compared with, if it still holds that run.
        out: Keep what was made in this folder.

    Raises:
        UsageError: A file of rows was changed since.
        SourceNotFoundError: A file of rows is gone.
        RemoteError: S3 refused or failed.
    """
    with TemporaryDirectory(prefix="bwp-rebuild-") as temporary:
        folder = out or Path(temporary)
        rows = [path for path in manifest.files if path.startswith(f"{INPUTS}/")]
        for path in rows:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(store.read(manifest, path))
        compose(manifest.spec, manifest.facts, folder, manifest.reasons)
        made = [path for path in manifest.files if path.endswith((".html", ".csv", ".parquet")) and path not in rows]
        result = RebuildResult(manifest.key, compared=len(made), same_code=manifest.code == current_code())
        result.differing = [
            path
            for path in made
            if not (folder / path).is_file() or describe_file(folder / path).sha256 != manifest.files[path].sha256
        ]
        result.history, result.history_says = _history(manifest, warehouse)
        return result


def _history(manifest: Manifest, warehouse: Warehouse) -> tuple[str, str]:
    """Take the rows out of the tables again, at the versions that the report read."""
    run = next((run for run in list_runs(warehouse, limit=1_000_000) if run.run_id == manifest.facts.run_id), None)
    if run is None:
        return GONE, f"Not compared with the tables: {warehouse.uri} does not hold the run it was made of."
    with TemporaryDirectory(prefix="bwp-history-") as folder:
        try:
            rows = extract_rows(Snapshot(warehouse, run), manifest.spec, Path(folder))
        except SourceNotFoundError:
            return GONE, "Not compared with the tables: those versions were purged or cleaned up."
        differing = [
            name.value
            for name, path in rows.items()
            if describe_file(path).sha256 != manifest.files[f"{INPUTS}/{name.value}.parquet"].sha256
        ]
    if differing:
        return DIFFERS, f"The tables' history at these versions holds other rows in: {', '.join(differing)}."
    return SAME, "The tables' history at these versions still holds the very same rows."
