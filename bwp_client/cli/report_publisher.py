"""Publishes the reports that a run of `report` owes, sends their notices, and prints the results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import typer

from bwp_client.cli.console import Progress, note, print_error, print_json
from bwp_client.errors import BwpError, ExitCode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from bwp_client.metrics.guidance import GuidanceTable
    from bwp_client.reports.outbox import Outbox
    from bwp_client.reports.publish import PublishResult
    from bwp_client.reports.spec import ReportSpec
    from bwp_client.reports.store import ReportStore
    from bwp_client.settings import Settings
    from bwp_client.warehouse import Warehouse

_NOT_DELIVERED: Final = "not delivered"


@dataclass(slots=True)
class Results:
    """The results of one run of the command, in the order of the periods, and the errors among them."""

    made: list[PublishResult] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def has_failed_only(self) -> bool:
        """True if reports were due and none could be made."""
        return bool(self.made) and len(self.made) == len(self.errors)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Makes the reports of one run of the command, and sends their notices."""

    store: ReportStore
    outbox: Outbox
    settings: Settings
    warehouse_uri: str
    signing_key: Ed25519PrivateKey | None
    force: bool
    waits_for_data: bool
    is_exact_time: bool
    as_json: bool

    def make_due(self, first: ReportSpec, catch_up: int) -> Results:
        """Make the reports that are due, oldest first; print the text of each result, and send a notice of it.

        An error of a report does not stop the others.

        Raises:
            BwpError: The warehouse, the guidance or the published reports can't be read.
        """
        from bwp_client.metrics.guidance import read_guidance
        from bwp_client.reports.attempts import AttemptState
        from bwp_client.reports.earlier_reports import due_specs
        from bwp_client.reports.publish import PublishResult
        from bwp_client.warehouse import Warehouse

        with self._failure_announced(first):
            warehouse = Warehouse(self.warehouse_uri)
            guidance = read_guidance(self.settings.error_codes_file)
            specs = due_specs(first, catch_up, self.store, warehouse)
        results = Results()
        for spec in specs:
            try:
                with self._failure_announced(spec):
                    results.made.append(self._make(spec, warehouse, guidance))
            except Exception as error:  # noqa: BLE001 - raised when the other reports are made
                results.made.append(PublishResult(spec.key, AttemptState.FAILED, reasons=[_message(error)]))
                results.errors.append(error)
                if len(specs) > 1:
                    print_error(
                        f"{spec.key} ({spec.period}, UTC) could not be made. {_message(error)}", as_json=self.as_json
                    )
            else:
                for line in [] if self.as_json else _lines(spec, results.made[-1]):
                    note(line)
        return results

    @contextmanager
    def _failure_announced(self, spec: ReportSpec) -> Iterator[None]:
        """Send a notice of an error in the block."""
        from bwp_client.reports.notify import report_failure_notice

        try:
            yield
        except Exception as error:
            self.outbox.send(report_failure_notice(spec, _message(error), type(error).__name__), spec.key)
            raise

    def _make(self, spec: ReportSpec, warehouse: Warehouse, guidance: GuidanceTable) -> PublishResult:
        from bwp_client.reports.attempts import AttemptState
        from bwp_client.reports.chromium import find_browser
        from bwp_client.reports.notify import result_notice
        from bwp_client.reports.publish import make_report

        with Progress(as_json=self.as_json) as progress:
            result = make_report(
                warehouse,
                spec,
                self.store,
                product_names=self.settings.product_names,
                guidance=guidance,
                browser=find_browser(self.settings.report.browser),
                force=self.force,
                signing_key=self.signing_key,
                waits_for_data=self.waits_for_data,
                is_exact_time=self.is_exact_time,
                on_progress=progress,
                before_publication=lambda published: self.outbox.announce(
                    result_notice(spec, published), published.key
                ),
            )
        if result.state is AttemptState.ALREADY_PUBLISHED:
            self.outbox.withdraw_announced()
        elif result.state is AttemptState.REFUSED:
            self.outbox.withdraw_announced()
            self.outbox.send(result_notice(spec, result), result.key)
        else:
            self.outbox.send_announced()
        return result


def print_results(results: Results, outbox: Outbox, *, as_json: bool) -> None:
    """Print what is not printed yet: the JSON object, and what needs attention.

    Raises:
        Exception: The error of the only report, or a fault of ours.
        typer.Exit: With the gravest exit code of several reports; with 1, if a result, a notice or a file needs attention.
    """
    from bwp_client.reports.attempts import AttemptState

    for result in results.made:
        result.notice = _NOT_DELIVERED if result.key in outbox.undelivered_keys else ""
    if as_json and not results.has_failed_only:
        nothing_due = {"state": "nothing due"} | ({"notice": _NOT_DELIVERED} if outbox.undelivered_keys else {})
        *caught_up, newest = [result.as_json() for result in results.made] or [nothing_due]
        print_json(newest | ({"caught_up": caught_up} if caught_up else {}))
    elif not results.made:
        note("Nothing is due: each of these periods was published.")
    damaged = sorted({path for result in results.made for path in result.damaged})
    for path in damaged:
        text = f"Needs attention: {path} can't be read, so it does not count as published."
        note(f"{text} Restore it, or move its folder away.", as_json=as_json)
    if results.errors:
        gravest = max(results.errors, key=_exit_code)
        if len(results.made) == 1 or not isinstance(gravest, BwpError):
            raise gravest
        raise typer.Exit(_exit_code(gravest))
    is_refused = any(result.state is AttemptState.REFUSED for result in results.made)
    if outbox.needs_attention or is_refused or damaged:
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _message(error: Exception) -> str:
    from bwp_client.redaction import without_users

    return without_users(str(error)) if isinstance(error, BwpError) else f"A fault of ours ({type(error).__name__})."


def _exit_code(error: Exception) -> int:
    return int(error.exit_code if isinstance(error, BwpError) else ExitCode.INTERNAL)


def _lines(spec: ReportSpec, result: PublishResult) -> list[str]:
    from bwp_client.reports.attempts import AttemptState

    if result.state is AttemptState.REFUSED:
        return [
            f"Needs attention: {result.key} ({spec.period}, UTC) was not published; earlier reports are untouched.",
            *(f"  {reason}" for reason in result.reasons),
            *([] if result.is_address_taken else ["--force publishes it with these reasons on page one."]),
        ]
    return [
        f"{result.key} ({spec.period}, UTC): {result.state}.",
        *(f"  {text}" for text in (result.link, *result.statements, result.pictures)),
        *([f"  It takes the place of {result.replaces}."] if result.replaces else []),
    ]
