"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from contextlib import suppress
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bwp_client.errors import BwpError, UsageError

if TYPE_CHECKING:
    from bwp_client.monitoring.notify import Destination
    from bwp_client.settings import Settings


def no_nan(value: float | None) -> float | None:
    """Refuse `nan`, which passes every bound; a callback of options.

    Raises:
        BadParameter: The value is no number.
    """
    if value is not None and isnan(value):
        raise typer.BadParameter("nan is no number.")
    return value


def not_empty(value: str | None) -> str | None:
    """Refuse an empty value, as an unset variable of a script gives it; a callback of options and arguments.

    Without the refusal, the command would read or write the default place, which the user did not mean.

    Raises:
        BadParameter: The value is empty or blank.
    """
    if value is not None and not value.strip():
        raise typer.BadParameter(
            "It is empty. Nothing was read or written. Write a value, or leave it out for the default."
        )
    return value


WarehouseOption = Annotated[
    str | None,
    typer.Option(
        "--warehouse",
        metavar="URI",
        callback=not_empty,
        help="The folder or s3:// prefix of the warehouse. The default is $BWP_WAREHOUSE, else ./warehouse.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and progress as JSON lines on stderr.")
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="Start of the period: a UTC day such as 2026-11-03, or a timestamp."),
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="DATE", help="End of the period: a UTC day, which is included, or a timestamp, which is not."
    ),
]

TaskKindOption = Annotated[
    str, typer.Option("--task-kind", metavar="KIND", help="The kind of tasks: DELETION or RETRIEVAL.")
]
BusinessProductOption = Annotated[
    list[str] | None,
    typer.Option("--business-product", metavar="ID", help="Only tasks of this business product. May be repeated."),
]
CodeOption = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="CODE", help="Only failed tasks with this error code. May be repeated."),
]
RegionOption = Annotated[
    list[str] | None, typer.Option("--region", metavar="REGION", help="Only tasks of this AWS Region. May be repeated.")
]
NotifyOption = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL",
        callback=not_empty,
        help="Send notices to this address, in the form of Apprise; several are separated by commas. The default is "
        "$BWP_NOTIFY_URL.",
    ),
]


def warehouse_uri(option: str | None, settings: Settings) -> str:
    """Return the warehouse that a command works on."""
    from bwp_client.settings import DEFAULT_WAREHOUSE

    return option or settings.warehouse or (settings.warehouse_uri if settings.source else DEFAULT_WAREHOUSE)


def our_output(warehouse: str, settings: Settings) -> list[str]:
    """Return the addresses that this program writes tables and reports to: no source contains them.

    Raises:
        UsageError: The warehouse's address has a scheme that we don't write to.
    """
    from bwp_client.addresses import storage_address
    from bwp_client.settings import DEFAULT_REPORTS, SAMPLE_REPORTS, SAMPLE_WAREHOUSE

    found = [storage_address(warehouse, "the warehouse")]
    for address in (settings.reports_uri, DEFAULT_REPORTS, SAMPLE_WAREHOUSE, SAMPLE_REPORTS):
        with suppress(UsageError):  # no report can be at such an address, and a load writes none
            found.append(storage_address(address, "the folder of reports"))
    return found


def notice_destinations(option: str | None, settings: Settings, warehouse: str, *, as_json: bool) -> list[Destination]:
    """Return the destinations that notices are sent to. A wrong address is found before any work begins.

    Raises:
        SettingsError: An address is none that Apprise knows.
        BwpError: An address is wrong, and the warehouse can't be read either, which is the worse problem.
    """
    from bwp_client.cli.console import note
    from bwp_client.errors import SettingsError
    from bwp_client.monitoring.notify import parse_destinations
    from bwp_client.warehouse import Warehouse
    from bwp_client.warehouse.snapshot import compute_from_newest

    addresses = option or (settings.notify_url.get_secret_value() if settings.notify_url else None)
    try:
        return parse_destinations(addresses)
    except SettingsError as error:
        wrong_address = error
    try:
        compute_from_newest(Warehouse(warehouse), lambda _: None)
    except BwpError:
        note(str(wrong_address), as_json=as_json)
        raise
    raise wrong_address


def selection(
    task_kind: str, business_products: list[str] | None, regions: list[str] | None, codes: list[str] | None = None
) -> dict[str, Any]:
    """Return the filters that the options name, as keyword arguments of `Filters`; None for an absent option.

    Raises:
        UsageError: There is no such kind of tasks, or an option is empty.
    """
    from bwp_client.events import TaskKind
    from bwp_client.ids import normal_id

    for option, values in (("--business-product", business_products), ("--region", regions), ("--code", codes)):
        if any(not value.strip() for value in values or ()):
            raise UsageError(f"{option} is empty. Nothing was computed: leave the option out to select all.")
    return {
        "task_kind": choice(TaskKind, "--task-kind", task_kind.upper()),
        "business_products": tuple(map(normal_id, business_products)) if business_products else None,
        "codes": tuple(codes) if codes else None,
        "regions": tuple(regions) if regions else None,
    }


def choice(choices: Any, option: str, text: str) -> Any:
    """Return the member of an enum that an option names.

    Raises:
        UsageError: The enum has no such member.
    """
    try:
        return choices(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is none of {', '.join(choices)}. Nothing was computed.") from None
