"""Makes a report in a temporary folder, publishes or refuses it, and logs the attempt."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any, Final

from bwp_client.errors import WarehouseError
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.attempts import AttemptState, log_attempt
from bwp_client.reports.build import PAGE, Draft, OnProgress, build
from bwp_client.reports.chromium import BrowserChoice
from bwp_client.reports.earlier_reports import (
    ADDRESS_TAKEN,
    Publications,
    find_publications,
    identity_of,
    is_final,
    why_address_is_taken,
)
from bwp_client.reports.extract import run_as_of
from bwp_client.reports.manifest import MANIFEST, Manifest
from bwp_client.reports.spec import ReportSpec
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.temp_folders import owned, remove_abandoned_folders

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_TEMPORARY: Final = "bwp-report-"
_NO_ROOM: Final = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES}


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
    replaces: str = ""
    """The manifest of the earlier report which this one replaces; else empty."""
    damaged: list[str] = field(default_factory=list)
    """The manifests of reports of the same period that can't be read."""

    @property
    def is_address_taken(self) -> bool:
        """True if another report has the address of this one; force does not change that."""
        return any(reason.startswith(ADDRESS_TAKEN) for reason in self.reasons)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report` prints."""
        values = {"says" if name == "statements" else name: value for name, value in asdict(self).items()}
        return {name: value for name, value in values.items() if value or name not in {"replaces", "damaged"}}


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
    waits_for_data: bool = False,
    is_exact_time: bool = False,
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
        waits_for_data: Refuse the report as long as the data don't reach beyond the end of its period.
        is_exact_time: True if the user named the as-of time, so that a report as of another time of that day is no answer.
        on_progress: Called with the number of finished steps, the number of steps, and the next step.
        before_publication: Called with the result of the publication that follows.

    Raises:
        BwpError: The report could not be made; nothing was published.
    """

    def make(spec: ReportSpec, less_full: str, folder: Path) -> Draft:
        return build(
            warehouse, spec, folder, product_names=product_names, guidance=guidance, browser=browser, force=force,
            signing_key=signing_key, waits_for_data=waits_for_data, less_full=less_full, identity=identity,
            on_progress=on_progress,
        )  # fmt: skip

    with log_attempt(store, spec.key) as attempt:
        run = run_as_of(warehouse, spec.as_of)
        identity = identity_of(warehouse, product_names, guidance)
        found = find_publications(store, spec)
        address = _ReportAddress(store, spec, identity, found, is_exact_time=is_exact_time)
        result = address.answer(run.run_id) or address.publish(make, before_publication, force=force)
        result.damaged = [f"{store.uri}/{key}/{MANIFEST}" for key in found.damaged]
        attempt.key, attempt.state = result.key, result.state
        attempt.reasons, attempt.link = result.reasons, result.link
        return result


@dataclass(frozen=True, slots=True)
class _ReportAddress:
    """The address of a report in a store: its key, and the reports of the same question that are there."""

    store: ReportStore
    spec: ReportSpec
    identity: dict[str, str]
    found: Publications
    is_exact_time: bool

    def answer(self, run_id: str) -> PublishResult | None:
        """Return the result if no report has to be made: the day's report is the answer, or is in the way of it.

        Args:
            run_id: The newest run of the warehouse at the as-of time.
        """
        today = self.found.of_day(self.spec.as_of_day)
        if today is None:
            return None
        result = self._published_before(today)
        is_refused, has_same_data = result.state is AttemptState.REFUSED, today.facts.run_id == run_id
        return result if is_refused or has_same_data or is_final(self.store, today) else None

    def publish(
        self,
        make: Callable[[ReportSpec, str, Path], Draft],
        before_publication: Callable[[PublishResult], None],
        *,
        force: bool,
    ) -> PublishResult:
        """Make the report and publish it; refuse it for the gate's reasons, or if another report has its address."""
        today = self.found.of_day(self.spec.as_of_day)
        with _temporary_folder() as folder:
            draft = make(self._next_edition(), self._less_full(), folder)
            if today is not None and not draft.manifest.facts.reach_beyond(self.spec.period.to_time):
                return self._published_before(today)
            if draft.reasons and not force:
                return PublishResult(self.spec.key, AttemptState.REFUSED, reasons=list(draft.reasons))
            result = self._result(draft.manifest, AttemptState.FORCED if draft.reasons else AttemptState.PUBLISHED)
            before_publication(result)
            if not self.store.publish(draft.folder, draft.manifest):
                return self._published_before(self.store.manifest(draft.manifest.key))
            return result

    def _published_before(self, found: Manifest) -> PublishResult:
        reason = why_address_is_taken(found, self.spec, self.identity, is_exact_time=self.is_exact_time)
        if reason:
            return PublishResult(found.key, AttemptState.REFUSED, reasons=[reason])
        return self._result(found, AttemptState.ALREADY_PUBLISHED)

    def _next_edition(self) -> ReportSpec:
        editions = (replace(self.spec, edition=number) for number in count(1))
        return next(spec for spec in editions if spec.key not in self.found.taken)

    def _less_full(self) -> str:
        """Return the key of the newest earlier report, if it is not final; otherwise an empty text."""
        earlier = [item for item in self.found.readable if item.spec.as_of < self.spec.as_of]
        if not earlier or why_address_is_taken(earlier[-1], self.spec, self.identity, is_exact_time=False):
            return ""  # its question or its warehouse is another
        return "" if is_final(self.store, earlier[-1]) else earlier[-1].key

    def _result(self, manifest: Manifest, state: AttemptState) -> PublishResult:
        replaced = manifest.spec.replaces
        return PublishResult(
            key=manifest.key,
            state=state,
            link=self.store.link(manifest, PAGE),
            manifest=f"{self.store.uri}/{manifest.key}/{MANIFEST}",
            reasons=list(manifest.reasons),
            statements=list(manifest.statements),
            figures=manifest.figures,
            pictures=manifest.pictures,
            replaces=f"{self.store.uri}/{replaced}/{MANIFEST}" if replaced else "",
        )


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder, after removing those of processes that were killed.

    Raises:
        WarehouseError: There is no room for temporary files, or they can't be written.
    """
    try:
        parent = Path(gettempdir())
    except FileNotFoundError as error:
        raise _no_room("there is no folder for them") from error
    try:
        remove_abandoned_folders(parent, _TEMPORARY)
        with TemporaryDirectory(prefix=owned(_TEMPORARY), dir=parent) as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _no_room(os.strerror(error.errno)) from error


def _no_room(reason: str) -> WarehouseError:
    return WarehouseError(
        f"Temporary files of the report can't be written ({reason}). Nothing was published, earlier reports are untouched. "
        "Free space in the temporary folder, or set TMPDIR to another folder, then start the command again."
    )
