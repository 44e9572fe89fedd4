"""Computes the figures of a published report again from its input rows, and compares them with what was published.

Nothing is rendered, and no chart is drawn. `change_points` is left out, because loading what its search
needs takes as long as all the other tables; `report rebuild` computes it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from bwp_client.metrics import MetricName
from bwp_client.metrics.export import to_csv
from bwp_client.reports.content import Content
from bwp_client.reports.content_from_rows import INPUTS, as_arrow, content_from_rows, key_figures
from bwp_client.reports.context import ReportContext
from bwp_client.reports.extract import count_outcomes
from bwp_client.reports.gate import BLANK_PICTURE, TOO_EARLY, refusal_reasons
from bwp_client.reports.manifest import FileEntry, Manifest
from bwp_client.reports.tables import TABLES
from bwp_client.reports.verify_files import differences
from bwp_client.reports.verify_result import Verification

NO_INPUTS = "input rows of the report are missing or were changed"
_COMPUTED = tuple(table for table in TABLES if table.name != MetricName.CHANGE_POINTS)


def recompute(manifest: Manifest, contents: Mapping[str, bytes], result: Verification) -> None:
    """Add what differs from the input rows to the result of `examine`.

    Args:
        manifest: The manifest.
        contents: The content of each file that is the published one by its path, from `examine`.
        result: The result.
    """
    inputs = input_paths(manifest)
    if not inputs or any(path not in contents for path in inputs):
        result.not_computed = NO_INPUTS
        return
    with TemporaryDirectory(prefix="bwp-verify-") as temporary:
        folder = Path(temporary)
        write_inputs(inputs, contents, folder)
        try:
            context, content = content_from_rows(manifest.spec, manifest.facts, folder, manifest.reasons, _COMPUTED)
            result.differing += differing_fields(manifest, context, content, is_same_code=result.same_code)
            result.differing += _differing_tables(manifest, content, contents, is_same_code=result.same_code)
        except Exception as error:  # noqa: BLE001 - rows and manifest may have been forged in any way
            result.not_computed = f"the rows can't be read as this manifest describes them ({type(error).__name__})"


def input_paths(manifest: Manifest) -> list[str]:
    """Return the paths of the files of input rows."""
    return [path for path in manifest.files if path.startswith(f"{INPUTS}/")]


def write_inputs(paths: list[str], contents: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of input rows to a folder."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(contents[path])


def differing_fields(
    manifest: Manifest, context: ReportContext, content: Content, *, is_same_code: bool
) -> Iterator[str]:
    """Yield each field of the manifest that differs from what the rows give.

    Args:
        manifest: The manifest.
        context: The context in which the content was computed from the rows.
        content: The content.
        is_same_code: Whether this code made the report; earlier versions refused reports for other reasons.
    """
    expected: dict[str, Any] = {
        "says": list(content.statements),
        "figures": key_figures(content),
        "facts": {"counted": count_outcomes(context.snapshot, manifest.spec)},
    }
    if manifest.facts.newest_event_at is not None:  # earlier versions did not state the limits of the data
        expected["partial"] = list(content.partial)
    stated = manifest.as_json() | {"partial": list(manifest.partial)}
    stated["facts"] = {"counted": stated["facts"]["counted"]}
    for name, value in expected.items():
        yield from (f"manifest.json: {field}" for field in differences(stated[name], value, name))
    if is_same_code:
        reasons = [reason for reason in manifest.reasons if not reason.startswith(BLANK_PICTURE)]
        has_waited = any(reason.startswith(TOO_EARLY) for reason in reasons)  # only a report with --catch-up waits
        found = list(refusal_reasons(manifest.spec, manifest.facts, content, (), waits_for_data=has_waited))
        yield from (f"manifest.json: {field}" for field in differences(reasons, found, "forced"))


def _differing_tables(
    manifest: Manifest, content: Content, contents: Mapping[str, bytes], *, is_same_code: bool
) -> Iterator[str]:
    """Yield the path of each table that differs from what the rows give."""
    for name, frame in content.tables.items():
        csv, parquet = f"tables/{name}.csv", f"tables/{name}.parquet"
        if csv in manifest.files and FileEntry.of(to_csv(frame).encode()).sha256 != manifest.files[csv].sha256:
            yield csv
        if parquet in contents and not _is_same_parquet(frame, contents[parquet]):
            yield parquet
        if is_same_code:
            yield from (f"{path} (not in the manifest)" for path in (csv, parquet) if path not in manifest.files)


def _is_same_parquet(frame: pd.DataFrame, content: bytes) -> bool:
    """Compare values, not bytes, because libraries differ in how they write Parquet."""
    table = as_arrow(frame)
    return bool(pq.read_table(io.BytesIO(content)).cast(table.schema).equals(table))
