"""Options that several commands take, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bwp_client.errors import UsageError

if TYPE_CHECKING:
    from bwp_client.settings import Settings

WarehouseOption = Annotated[
    str | None,
    typer.Option("--warehouse", metavar="URI", help="Folder or s3:// prefix; $BWP_WAREHOUSE or ./warehouse."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; progress as JSON lines on stderr.")
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First UTC day, or a timestamp.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, or where to stop.")]

TaskKindOption = Annotated[str, typer.Option("--task-kind", help="DELETION or RETRIEVAL.")]
BusinessProductOption = Annotated[
    list[str] | None, typer.Option("--business-product", help="Only this business product; may repeat.")
]
CodeOption = Annotated[list[str] | None, typer.Option("--code", help="Only failures with this error code; may repeat.")]
RegionOption = Annotated[list[str] | None, typer.Option("--region", help="Only this region; may repeat.")]
NotifyOption = Annotated[
    str | None, typer.Option("--notify", metavar="URL", help="Send a notice through Apprise; $BWP_NOTIFY_URL.")
]


def warehouse_uri(option: str | None, settings: Settings) -> str:
    """Give the warehouse that a command works on."""
    from bwp_client.settings import DEFAULT_WAREHOUSE

    return option or settings.warehouse or (settings.warehouse_uri if settings.source else DEFAULT_WAREHOUSE)


def choice(choices: Any, option: str, text: str) -> Any:
    """Give the member of an enum that an option names.

    Raises:
        UsageError: It names none.
    """
    try:
        return choices(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is none of {', '.join(choices)}. Nothing was computed.") from None
