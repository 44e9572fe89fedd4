"""Finds the published reports of a question, and decides whether a period is published in its final form.

A report is final if it was made of data that reach beyond the end of its period. A later, fuller report takes the place of a
report that is not final, as a publication of its own; nothing published is changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bwp_client.errors import BwpError, SourceNotFoundError, UsageError, WarehouseError
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.wording import moment
from bwp_client.reports.extract import first_counted_event_at
from bwp_client.reports.manifest import Manifest
from bwp_client.reports.spec import ReportSpec
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse import TableName, Warehouse

ADDRESS_TAKEN: Final = "another report has this address"
_WAREHOUSE: Final = "warehouse"
_LABELS: Final = {
    _WAREHOUSE: "warehouse",
    "product_names": "names of products",
    "error_codes": "guidance on error codes",
}
_INPUT_OUTCOMES: Final = "inputs/outcomes.parquet"
_DAY: Final = timedelta(days=1)
_AS_OF: Final = "_as-of-"


@dataclass(frozen=True, slots=True)
class Publications:
    """The reports of a question and a period that were published without force.

    Attributes:
        readable: Their manifests, the oldest as-of time first.
        damaged: The keys of reports of the period whose manifest can't be read.
        taken: The keys of all published reports, of other questions too.
    """

    readable: tuple[Manifest, ...]
    damaged: tuple[str, ...]
    taken: frozenset[str]

    def of_day(self, day: str) -> Manifest | None:
        """Return the newest report of an as-of day; None without one."""
        return next((item for item in reversed(self.readable) if item.spec.as_of_day == day), None)


def find_publications(store: ReportStore, spec: ReportSpec) -> Publications:
    """Return the publications of a specification's question and period.

    Earlier versions computed the digest in a report's name from the values of its filters in the order of the command line,
    so the manifests of all narrowed reports of the period are read.

    Raises:
        RemoteError: S3 refused or failed.
    """
    kind, is_narrowed = spec.task_kind.value.lower(), spec.report_name != spec.task_kind.value.lower()
    digest = "-[0-9a-f]{8}" if is_narrowed else ""
    name = re.compile(rf"{kind}{digest}_{re.escape(spec.period.name)}_as-of-\d{{4}}-\d{{2}}-\d{{2}}(_\d+)?")
    taken, readable, damaged = frozenset(store.published()), [], []
    for key in sorted(filter(name.fullmatch, taken)):
        try:
            manifest = store.manifest(key)
        except SourceNotFoundError:
            continue  # somebody removed it meanwhile
        except UsageError:
            damaged.append(key)
            continue
        if manifest.spec.normalized().report_name == spec.report_name:
            readable.append(manifest)
    readable.sort(key=lambda item: (item.spec.as_of, item.spec.edition))
    return Publications(tuple(readable), tuple(damaged), taken)


def replacements(store: ReportStore) -> dict[str, str]:
    """Return the keys of the reports whose place a later one took, each with the key of the later report.

    Only manifests of periods with several reports are read; those that can't be read are left out.

    Raises:
        RemoteError: S3 refused or failed.
    """
    by_period: dict[str, list[str]] = {}
    for key in store.published():
        by_period.setdefault(key.partition(_AS_OF)[0], []).append(key)
    manifests = []
    for key in (key for keys in by_period.values() if len(keys) > 1 for key in keys):
        with suppress(SourceNotFoundError, UsageError, WarehouseError):
            manifests.append(store.manifest(key))
    return replaced_by(manifests)


def replaced_by(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return, for the manifests of all reports, which key was replaced by which."""
    return {manifest.spec.replaces: manifest.key for manifest in manifests if manifest.spec.replaces}


def identity_of(warehouse: Warehouse, product_names: Mapping[str, str], guidance: GuidanceTable) -> dict[str, str]:
    """Return a digest of the warehouse and of each configured text: what a report is made of besides its question.

    The warehouse is recognised by the ID of its runs table, so that it may be moved or mounted elsewhere.

    Raises:
        SourceNotFoundError: There is no warehouse.
        RemoteError: S3 refused or failed.
    """
    codes = {code: [item.code_class, item.action] for code, item in guidance.by_code.items()}
    return {
        _WAREHOUSE: _warehouse_digest(warehouse),
        "product_names": _digest(dict(product_names)),
        "error_codes": _digest(codes),
    }


def is_of_warehouse(manifest: Manifest, identity: Mapping[str, str]) -> bool:
    """Return whether a report was made of a warehouse; True for reports of earlier versions, which don't name theirs."""
    return manifest.identity.get(_WAREHOUSE, identity[_WAREHOUSE]) == identity[_WAREHOUSE]


def why_address_is_taken(
    found: Manifest, spec: ReportSpec, identity: Mapping[str, str], *, is_exact_time: bool
) -> str | None:
    """Return the reason why a published report is no answer to a question of the same key; None if it is an answer.

    Args:
        found: The published report.
        spec: The report that was asked for.
        identity: Its warehouse and texts, from `identity_of`.
        is_exact_time: True if the as-of time was named, so that the data of another time of that day are no answer.
    """
    wanted, published = spec.question(), found.spec.question()
    differences = [
        f"{name} is {published.get(name)!r} there and {value!r} here"
        for name, value in wanted.items()
        if published.get(name) != value
    ]
    differences += [
        f"the {label} differ{'s' if name == _WAREHOUSE else ''}"
        for name, label in _LABELS.items()
        if found.identity.get(name, identity[name]) != identity[name]
    ]
    if is_exact_time and found.spec.as_of != spec.as_of:
        differences.append(f"it is as of {_exact(found.spec.as_of)}, not as of {_exact(spec.as_of)}")
    if not differences:
        return None
    return (
        f"{ADDRESS_TAKEN}: {found.key} was published, but {'; '.join(differences)}. It is unchanged. Publish to another "
        "folder (--out), or as of another day."
    )


def is_final(store: ReportStore, manifest: Manifest) -> bool:
    """Return whether a report was made of data that reach beyond the end of its period.

    Raises:
        RemoteError: S3 refused or failed.
    """
    facts, end = manifest.facts, manifest.spec.period.to_time
    if facts.newest_event_at is not None or facts.run_finished_at < end:
        return facts.reach_beyond(end)
    newest = _newest_input(store, manifest)  # a manifest of an earlier version does not name the newest event
    return newest is not None and newest >= end


def due_specs(first: ReportSpec, catch_up: int, store: ReportStore, warehouse: Warehouse) -> list[ReportSpec]:
    """Return the specs that are due, oldest first: with catching up, the specs without a final report of this warehouse.

    An earlier period that begins a day or more before the data would be cut, and is left out.

    Args:
        first: The newest spec.
        catch_up: The number of earlier periods; 0 makes the newest spec due in any case.
        store: The store of published reports.
        warehouse: The data.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not catch_up or not warehouse.exists():
        return [first]
    identity = {_WAREHOUSE: _warehouse_digest(warehouse)}
    begins = first_counted_event_at(warehouse)
    specs, period = [first], first.period
    for _ in range(catch_up):
        if begins is None or begins - (period := period.previous()).from_time >= _DAY:
            break
        specs.append(first.with_period(period))
    return [spec for spec in reversed(specs) if not _is_done(spec, store, identity)]


def _is_done(spec: ReportSpec, store: ReportStore, identity: Mapping[str, str]) -> bool:
    found = find_publications(store, spec).readable
    return any(is_of_warehouse(item, identity) and is_final(store, item) for item in found)


def _newest_input(store: ReportStore, manifest: Manifest) -> datetime | None:
    """Return the newest event up to the run among a report's input rows; None if there is none, or they can't be read."""
    try:
        rows = pq.read_table(io.BytesIO(store.read(manifest, _INPUT_OUTCOMES)), columns=["occurred_at"])
    except (BwpError, pa.ArrowException):
        return None
    times = rows.column("occurred_at")
    newest = pc.max(times.filter(pc.less_equal(times, pa.scalar(manifest.facts.run_finished_at)))).as_py()
    return newest if isinstance(newest, datetime) else None


def _warehouse_digest(warehouse: Warehouse) -> str:
    return _digest(warehouse.handle(TableName.RUNS).metadata().id)


def _exact(time: datetime) -> str:
    return f"{moment(time)}:{time:%S} UTC"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
