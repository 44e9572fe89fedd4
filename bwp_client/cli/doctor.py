"""The command `doctor`: which parts of the set-up are inspected, and how the findings are printed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, print_json
from bwp_client.cli.options import JsonOption, WarehouseOption, not_empty, our_output, warehouse_uri
from bwp_client.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bwp_client.doctor.findings import Finding
    from bwp_client.settings import Settings
    from bwp_client.sources import SourceAddress
    from bwp_client.warehouse import Warehouse

API = "api"


def doctor_command(
    source: Annotated[
        str | None,
        typer.Argument(
            callback=not_empty,
            help="What to inspect: api, archive://NAME, s3://bucket/prefix or a path. The default is $BWP_SOURCE.",
        ),
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Inspect how a source or the API is set up, and print each finding with its fix.

    Nothing is changed, no replay is started, and no secret is shown.
    """
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.doctor.findings import findings_as_json
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        settings = Settings.load()
        text = source or settings.source
        if text is None:
            raise UsageError("Nothing was checked: no source is given. Name one, or set BWP_SOURCE.")
        findings = []
        for finding in _inspect(text, settings, Warehouse(warehouse_uri(warehouse, settings))):
            findings.append(finding)
            if not as_json:
                typer.echo(finding.as_text())
        if as_json:
            print_json(findings_as_json(findings))
        if not all(finding.ok for finding in findings):
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _inspect(text: str, settings: "Settings", warehouse: "Warehouse") -> "Iterator[Finding]":
    from bwp_client.sources import Scheme, SourceAddress

    if text == API:
        yield from _inspect_api(settings, warehouse)
        return
    from bwp_client.doctor.warehouse import inspect_warehouse

    address = SourceAddress.parse(text)
    match address.scheme:
        case Scheme.ARCHIVE:
            yield from _inspect_archive(address, settings, warehouse)
        case Scheme.S3:
            yield from _inspect_s3(address, our_output(warehouse.uri, settings))
        case _:
            yield from _inspect_path(address, our_output(warehouse.uri, settings))
    yield from inspect_warehouse(warehouse)


def _inspect_archive(address: "SourceAddress", settings: "Settings", warehouse: "Warehouse") -> "Iterator[Finding]":
    from bwp_client.doctor.archive import inspect_archive
    from bwp_client.sources.eventbridge.archive import archive_name, rule_and_queue
    from bwp_client.sources.eventbridge.aws_clients import open_clients
    from bwp_client.warehouse.replays import list_replays

    clients = open_clients(rule_and_queue(settings.archive)[1])
    known = list_replays(warehouse, archive_name(address.text))
    yield from inspect_archive(address.text, settings.archive, clients, known, now=datetime.now(UTC))


def _inspect_s3(address: "SourceAddress", leave_out: list[str]) -> "Iterator[Finding]":
    from bwp_client.aws import s3_client
    from bwp_client.doctor.s3 import inspect_s3

    yield from inspect_s3(address.text, s3_client(), leave_out=leave_out)


def _inspect_path(address: "SourceAddress", leave_out: list[str]) -> "Iterator[Finding]":
    from bwp_client.doctor.findings import Finding
    from bwp_client.sources import open_source

    source = open_source(address.text, leave_out=leave_out)
    count = sum(1 for _ in source.objects())
    if count:
        yield Finding(f"{source.label} holds {count:,} files")
    else:
        yield Finding(f"{source.label} is empty", "give another path")


def _inspect_api(settings: "Settings", warehouse: "Warehouse") -> "Iterator[Finding]":
    from bwp_client.doctor.api import inspect_api
    from bwp_client.enrich.work_queue import newest_tasks

    yield from inspect_api(settings.api, newest_tasks(warehouse))
