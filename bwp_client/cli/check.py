"""The command `check`: its options, which thresholds they set, and what it prints."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, note, print_json
from bwp_client.cli.options import (
    BusinessProductOption,
    JsonOption,
    NotifyOption,
    RegionOption,
    TaskKindOption,
    WarehouseOption,
    no_nan,
    notice_destinations,
    selection,
    warehouse_uri,
)
from bwp_client.errors import BwpError, ExitCode
from bwp_client.monitoring.thresholds import Thresholds

if TYPE_CHECKING:
    from bwp_client.metrics.filters import Filters
    from bwp_client.monitoring.alerts import Evaluation
    from bwp_client.reports.outbox import Outbox
    from bwp_client.settings import Settings

DEFAULTS = Thresholds()


def check_command(
    days: Annotated[
        int, typer.Option(min=1, max=36_500, help="Count failures and error codes over this many days.")
    ] = DEFAULTS.days,
    min_failures: Annotated[
        int, typer.Option(min=1, help="Fire no alert about the failure rate when fewer tasks failed.")
    ] = DEFAULTS.min_failures,
    min_rate: Annotated[
        float,
        typer.Option(
            min=0, max=1, callback=no_nan, help="Alert when the lower bound of the failure rate reaches this share."
        ),
    ] = DEFAULTS.min_rate,
    deadline_days: Annotated[
        int, typer.Option(min=0, max=36_500, help="Alert when a deadline is over, or at most this many days away.")
    ] = DEFAULTS.deadline_days,
    stale_hours: Annotated[
        float, typer.Option(min=0, callback=no_nan, help="Alert when no event came for more than this many hours.")
    ] = DEFAULTS.stale_hours,
    task_kind: TaskKindOption = "DELETION",
    business_product: BusinessProductOption = None,
    region: RegionOption = None,
    notify: NotifyOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate the alert rules: too many failures, a new error code, a near deadline, no events.

    If a rule fires, a notice is sent and the exit code is 1.
    """
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.metrics.filters import Filters
        from bwp_client.reports.outbox import Outbox
        from bwp_client.reports.store import open_store
        from bwp_client.settings import Settings

        settings, now = Settings.load(), datetime.now(UTC)
        uri = warehouse_uri(warehouse, settings)
        destinations = notice_destinations(notify, settings, uri, as_json=as_json)
        outbox = Outbox(open_store(settings.reports_uri), destinations, "check")
        filters = Filters.last_days(now, days).with_(**selection(task_kind, business_product, region))
        thresholds = Thresholds(
            days=days,
            min_failures=min_failures,
            min_rate=min_rate,
            deadline_days=deadline_days,
            stale_hours=stale_hours,
        )
        outbox.begin()
        try:
            found = _evaluate(uri, filters, thresholds, settings, now, outbox)
            _print_alerts(found, as_json=as_json)
            outbox.send_earlier()
        finally:
            for message in outbox.messages:
                note(message, as_json=as_json)
        if found.fired or outbox.needs_attention:
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _evaluate(
    uri: str, filters: "Filters", thresholds: Thresholds, settings: "Settings", now: datetime, outbox: "Outbox"
) -> "Evaluation":
    """Evaluate the rules; send a notice if a rule fires, or of an error before it is raised."""
    from bwp_client.metrics.filter_values import require_known_values
    from bwp_client.monitoring.alerts import check_failure_notice, check_notice, evaluate_rules
    from bwp_client.redaction import without_users
    from bwp_client.warehouse import Warehouse
    from bwp_client.warehouse.product_names import product_names
    from bwp_client.warehouse.snapshot import Snapshot, compute_from_newest

    def evaluate(snapshot: Snapshot) -> "Evaluation":
        require_known_values(snapshot, filters, product_names(snapshot.warehouse.uri, settings.product_names))
        return evaluate_rules(snapshot, filters, thresholds, settings, now)

    try:
        found = compute_from_newest(Warehouse(uri), evaluate)
    except Exception as error:
        message = (
            without_users(str(error)) if isinstance(error, BwpError) else f"A fault of ours ({type(error).__name__})."
        )
        outbox.send(check_failure_notice(filters, message))
        raise
    if found.fired:
        outbox.send(check_notice(filters, found))
    return found


def _print_alerts(found: "Evaluation", *, as_json: bool) -> None:
    from bwp_client.redaction import one_line

    for text in found.notes:
        note(text, as_json=as_json)
    if as_json:
        print_json(found.as_json())
        return
    for rule, text in found.fired.items():
        note(f"Needs attention ({rule}): {one_line(text)}")
    if not found.fired:
        note("Nothing needs attention.")
