"""`doctor`: looks at how a source or the API is set up; each line is OK or says the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, print_json
from bwp_client.cli.options import JsonOption, WarehouseOption, warehouse_uri
from bwp_client.errors import ExitCode, UsageError

API = "api"

if TYPE_CHECKING:
    from bwp_client.doctor.findings import Check
    from bwp_client.settings import Settings
    from bwp_client.warehouse import Warehouse


def doctor(
    source: Annotated[
        str | None, typer.Argument(help="api, archive://NAME, s3://bucket/prefix or a path; $BWP_SOURCE.")
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that a source, or the API, is set up rightly; nothing is changed, and no replay is started."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.doctor.findings import as_json as checks_json
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        settings = Settings.load()
        named = source or settings.source
        if named is None:
            raise UsageError("Nothing was checked: no source is given. Name one, or set BWP_SOURCE.")
        lines = []
        for line in _checks_of(named)(named, settings, Warehouse(warehouse_uri(warehouse, settings))):
            lines.append(line)
            if not as_json:
                typer.echo(line.as_text())
        if as_json:
            print_json(checks_json(lines))
        if not all(line.ok for line in lines):
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


Checks = Callable[[str, "Settings", "Warehouse"], Iterator["Check"]]


def _archive(named: str, settings: Settings, warehouse: Warehouse) -> Iterator[Check]:
    from bwp_client.doctor.archive import check_archive
    from bwp_client.sources.eventbridge.archive import archive_name, needed
    from bwp_client.sources.eventbridge.aws_clients import open_clients
    from bwp_client.warehouse.replays import list_replays

    clients = open_clients(needed(settings.archive)[1])
    known = list_replays(warehouse, archive_name(named))
    yield from check_archive(named, settings.archive, clients, known, now=datetime.now(UTC))


def _s3(named: str, _settings: Settings, _warehouse: Warehouse) -> Iterator[Check]:
    from bwp_client.aws import s3_client
    from bwp_client.doctor.s3 import check_s3

    yield from check_s3(named, s3_client())


def _path(named: str, _settings: Settings, _warehouse: Warehouse) -> Iterator[Check]:
    from bwp_client.doctor.findings import Check
    from bwp_client.sources import open_source

    source = open_source(named)
    count = sum(1 for _ in source.objects())
    yield (
        Check(f"{source.label} holds {count:,} files")
        if count
        else Check(f"{source.label} is empty", "give another path")
    )


def _api(_named: str, settings: Settings, warehouse: Warehouse) -> Iterator[Check]:
    from bwp_client.doctor.api import check_api
    from bwp_client.enrich.work_queue import known_tasks

    yield from check_api(settings.api, known_tasks(warehouse))


_CHECKS: dict[str, Checks] = {"archive://": _archive, "s3://": _s3}


def _checks_of(named: str) -> Checks:
    if named == API:
        return _api
    return next((checks for prefix, checks in _CHECKS.items() if named.startswith(prefix)), _path)
