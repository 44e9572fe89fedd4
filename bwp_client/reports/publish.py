"""Makes a report in a temporary folder, publishes or refuses it, and logs the attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.attempts import AttemptState, log_attempt
from bwp_client.reports.build import FORCED_SUFFIX, PAGE, OnProgress, build
from bwp_client.reports.chromium import BrowserChoice
from bwp_client.reports.manifest import MANIFEST, Manifest
from bwp_client.reports.spec import ReportSpec
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse import Warehouse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(slots=True)
class PublishResult:
    """The result of an attempt to publish a report."""

    key: str
    state: AttemptState
    link: str = ""
    manifest: str = ""
    reasons: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    pictures: str = ""
    notice: str = ""
    """`not delivered` if the report's notice could not be delivered; else empty."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report` prints."""
        return {"says" if name == "statements" else name: value for name, value in asdict(self).items()}


def make_report(
    warehouse: Warehouse,
    spec: ReportSpec,
    store: ReportStore,
    *,
    product_names: dict[str, str],
    guidance: GuidanceTable,
    browser: BrowserChoice,
    force: bool = False,
    signing_key: Ed25519PrivateKey | None = None,
    on_progress: OnProgress = lambda _done, _total, _text: None,
    before_publication: Callable[[PublishResult], None] = lambda _: None,
) -> PublishResult:
    """Make a report and publish it, unless it was published before or the gate refuses it.

    Args:
        warehouse: The data.
        spec: The report to make.
        store: Where to publish it.
        product_names: The configured names by business product ID.
        guidance: Class and next action by error code.
        browser: The browser that makes PDF and PNG, from `find_browser`.
        force: Publish a refused report too, with the reasons on page one.
        signing_key: The key that signs the report; without one it is not signed.
        on_progress: Called with the number of finished steps, the number of steps, and the next step.
        before_publication: Called with the result of the publication that follows.

    Raises:
        BwpError: The report could not be made; nothing was published.
    """
    with log_attempt(store, spec.key) as attempt:
        result = _make(
            warehouse, spec, store, product_names, guidance, browser, on_progress, before_publication,
            force=force, signing_key=signing_key,
        )  # fmt: skip
        attempt.key, attempt.state = result.key, result.state
        attempt.reasons, attempt.link = result.reasons, result.link
        return result


def _make(
    warehouse: Warehouse,
    spec: ReportSpec,
    store: ReportStore,
    product_names: dict[str, str],
    guidance: GuidanceTable,
    browser: BrowserChoice,
    on_progress: OnProgress,
    before_publication: Callable[[PublishResult], None],
    *,
    force: bool,
    signing_key: Ed25519PrivateKey | None,
) -> PublishResult:
    if spec.key in store.published():
        return _result(store, store.manifest(spec.key), AttemptState.ALREADY_PUBLISHED)
    with TemporaryDirectory(prefix="bwp-report-") as folder:
        draft = build(
            warehouse, spec, Path(folder), product_names=product_names, guidance=guidance, browser=browser,
            force=force, signing_key=signing_key, on_progress=on_progress,
        )  # fmt: skip
        if draft.reasons and not force:
            return PublishResult(spec.key, AttemptState.REFUSED, reasons=list(draft.reasons))
        result = _result(store, draft.manifest, AttemptState.FORCED if draft.reasons else AttemptState.PUBLISHED)
        before_publication(result)
        if not store.publish(draft.folder, draft.manifest):
            return _result(store, store.manifest(draft.manifest.key), AttemptState.ALREADY_PUBLISHED)
        return result


def published_series(store: ReportStore) -> set[str]:
    """Return the series (report name and period) with a report published without force, for any as-of day."""
    return {key.partition("_as-of-")[0] for key in store.published() if not key.endswith(FORCED_SUFFIX)}


def _result(store: ReportStore, manifest: Manifest, state: AttemptState) -> PublishResult:
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
