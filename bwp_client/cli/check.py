"""`check`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, note, print_json
from bwp_client.cli.options import (
    BusinessProductOption,
    JsonOption,
    NotifyOption,
    RegionOption,
    TaskKindOption,
    WarehouseOption,
    choice,
    warehouse_uri,
)
from bwp_client.errors import BwpError, ExitCode
from bwp_client.monitoring.thresholds import Thresholds

DEFAULTS = Thresholds()


def check_command(
    days: Annotated[
        int, typer.Option(min=1, help="Length of the period over which failures and codes are counted.")
    ] = DEFAULTS.days,
    min_failures: Annotated[
        int, typer.Option(min=1, help="With fewer failures the failure rate fires no alert.")
    ] = DEFAULTS.min_failures,
    min_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Alert when the lower bound of the failure rate reaches this share.")
    ] = DEFAULTS.min_rate,
    deadline_days: Annotated[
        int, typer.Option(min=0, help="Alert when a deadline is at most so many days away.")
    ] = DEFAULTS.deadline_days,
    stale_hours: Annotated[
        float, typer.Option(min=0, help="Alert when no event came for more than so many hours.")
    ] = DEFAULTS.stale_hours,
    task_kind: TaskKindOption = "DELETION",
    business_product: BusinessProductOption = None,
    region: RegionOption = None,
    notify: NotifyOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End with exit code 1, and a notice, when failures, a new code, a deadline or silence need a person."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.events import TaskKind
        from bwp_client.metrics.filters import Filters
        from bwp_client.monitoring.alerts import evaluate_rules
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.snapshot import Snapshot

        settings = Settings.load()
        url = notify or (settings.notify_url.get_secret_value() if settings.notify_url else None)
        kind = choice(TaskKind, "--task-kind", task_kind.upper())
        now = datetime.now(UTC)
        filters = Filters.last_days(now, days).with_(
            task_kind=kind,
            business_products=tuple(business_product) if business_product else None,
            regions=tuple(region) if region else None,
        )
        thresholds = Thresholds(days, min_failures, min_rate, deadline_days, stale_hours)
        try:
            found = evaluate_rules(
                Snapshot.newest(Warehouse(warehouse_uri(warehouse, settings))), filters, thresholds, settings, now
            )
        except BwpError as error:
            _tell(url, "Check: could not be made", [str(error)])
            raise
        if as_json:
            print_json(found.as_json())
        for rule, text in found.fired.items():
            if not as_json:
                note(f"Needs attention ({rule}): {text}")
        if not found.fired:
            if not as_json:
                note("Nothing needs attention.")
            return
        title = f"Check of {kind.value.lower()} tasks: {len(found.fired)} of 4 rules fired"
        _tell(url, title, [f"{rule}: {text}" for rule, text in found.fired.items()])
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _tell(url: str | None, title: str, lines: list[str]) -> None:
    from bwp_client.monitoring.notify import notify

    if url and not notify(url, title, lines):
        note("The notice could not be delivered. Check its address and the network.")
