"""A report from spec to publication: made in a temporary place, checked, then published or refused, and logged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports import attempts
from bwp_client.reports.build import FORCED_SUFFIX, PAGE, OnProgress, build
from bwp_client.reports.manifest import MANIFEST, Manifest
from bwp_client.reports.spec import ReportSpec
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse import Warehouse


@dataclass(slots=True)
class PublishResult:
    """How an attempt ended."""

    key: str
    state: str
    link: str = ""
    manifest: str = ""
    reasons: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    pictures: str = ""
    notice: str = ""
    """Set where a notice could not be delivered."""

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        fields = asdict(self)
        return fields | {"says": fields.pop("statements")}


def make_report(
    warehouse: Warehouse,
    spec: ReportSpec,
    store: ReportStore,
    *,
    product_names: dict[str, str],
    guidance: GuidanceTable,
    browser: str | None,
    force: bool = False,
    on_progress: OnProgress = lambda _done, _total, _text: None,
) -> PublishResult:
    """Make a report and publish it, unless it is there already or something speaks against it.

    Args:
        warehouse: Where the data are.
        spec: What is asked.
        store: Where to publish.
        product_names: The configured names.
        guidance: Class and next action of each error code.
        browser: Makes PDF and PNG; none leaves them out.
        force: Publish all the same, with the reasons on page one.
        on_progress: Called with steps done, steps in all, and what comes next.

    Raises:
        BwpError: It could not be made; nothing was published.
    """
    with attempts.log_attempt(store, spec.key) as attempt:
        result = _make(warehouse, spec, store, product_names, guidance, browser, on_progress, force=force)
        attempt.key, attempt.state = result.key, result.state
        attempt.reasons, attempt.link = result.reasons, result.link
        return result


def _make(
    warehouse: Warehouse,
    spec: ReportSpec,
    store: ReportStore,
    product_names: dict[str, str],
    guidance: GuidanceTable,
    browser: str | None,
    on_progress: OnProgress,
    *,
    force: bool,
) -> PublishResult:
    if spec.key in store.published():
        return _result(store, store.manifest(spec.key), attempts.ALREADY_PUBLISHED)
    with TemporaryDirectory(prefix="bwp-report-") as folder:
        draft = build(
            warehouse, spec, Path(folder), product_names=product_names, guidance=guidance, browser=browser,
            force=force, on_progress=on_progress,
        )  # fmt: skip
        if draft.reasons and not force:
            return PublishResult(spec.key, attempts.REFUSED, reasons=list(draft.reasons))
        is_new = store.publish(draft.folder, draft.manifest)
        manifest = draft.manifest if is_new else store.manifest(draft.manifest.key)
        return _result(
            store,
            manifest,
            (attempts.FORCED if draft.reasons else attempts.PUBLISHED) if is_new else attempts.ALREADY_PUBLISHED,
        )


def published_series(store: ReportStore) -> set[str]:
    """Give report and period of everything that was published fit, whatever day it speaks of."""
    return {key.partition("_as-of-")[0] for key in store.published() if not key.endswith(FORCED_SUFFIX)}


def reports_with_rows_before(store: ReportStore, day: datetime) -> list[str]:
    """Name the publications that still carry rows from before a day: a purge of the tables does not reach them.

    Raises:
        RemoteError: S3 refused or failed.
    """
    begins = {key: store.manifest(key).facts.begins_at for key in store.published()}
    return [key for key, begin in begins.items() if begin is not None and begin < day]


def _result(store: ReportStore, manifest: Manifest, state: str) -> PublishResult:
    return PublishResult(
        key=manifest.key,
        state=state,
        link=store.link(manifest, PAGE),
        manifest=f"{store.uri}/{manifest.key}/{MANIFEST}",
        reasons=list(manifest.reasons),
        statements=list(manifest.statements),
        figures=manifest.figures,
        pictures=manifest.pictures,
    )
