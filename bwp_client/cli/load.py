"""`load`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import Progress, errors_as_exit_codes, note, print_json
from bwp_client.cli.options import FromOption, JsonOption, ToOption, WarehouseOption, warehouse_uri
from bwp_client.errors import ExitCode, MixedDataError, UsageError

if TYPE_CHECKING:
    from bwp_client.load.results import LoadProgress, LoadResult
    from bwp_client.settings import Settings
    from bwp_client.sources import Source, SourceAddress


def load_command(
    source: Annotated[
        str | None,
        typer.Argument(
            help="What to load: a path, s3://bucket/prefix, archive://NAME or sample://. The default is $BWP_SOURCE."
        ),
    ] = None,
    from_: FromOption = None,
    to: ToOption = None,
    reread: Annotated[bool, typer.Option(help="Read objects that were already read, too.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load events from files, S3, an EventBridge archive or the sample.

    Each record ends as stored, duplicate, ignored or quarantined.
    """
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.sources import Scheme, SourceAddress

        if source:
            _prepare_workers(SourceAddress.parse(source))
        from bwp_client.cli.load_archive import load_from_archive
        from bwp_client.settings import Settings
        from bwp_client.time_ranges import period_end, period_start

        settings = Settings.load()
        address = _address(source or settings.source)
        window_from, window_to = period_start(from_) if from_ else None, period_end(to) if to else None
        if address.scheme is Scheme.ARCHIVE:
            if reread:
                raise UsageError("Nothing was started: leave --reread out; a window of an archive is always read anew.")
            target = warehouse_uri(warehouse, settings)
            load_from_archive(address.text, settings, target, window_from, window_to, as_json=as_json)
            return
        opened, label, target = _open(address, warehouse, settings)
        from bwp_client.load import load
        from bwp_client.warehouse import Warehouse

        with Progress(as_json=as_json) as progress:
            result = load(
                Warehouse(target),
                opened,
                label=label,
                window_from=window_from,
                window_to=window_to,
                reread=reread,
                on_progress=lambda state: progress(state.bytes_done, state.bytes_total, load_text(state)),
            )
        _print_result(result, target, as_json=as_json, is_empty=not result.objects and not any(opened.objects()))


def _address(text: str | None) -> SourceAddress:
    from bwp_client.sources import SourceAddress

    if text is None:
        raise UsageError(
            "Nothing was loaded: no source is given. Name a path, s3://bucket/prefix or archive://NAME, or set "
            "BWP_SOURCE; sample:// loads sample data."
        )
    return SourceAddress.parse(text)


def _open(address: SourceAddress, warehouse: str | None, settings: Settings) -> tuple[Source, str, str]:
    """Return the source, its label in the runs, and the address of the warehouse, which is another for sample data."""
    from bwp_client.cli.sample import sample_folder
    from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE
    from bwp_client.sources import FileSource, Scheme, open_source

    if address.scheme is not Scheme.SAMPLE:
        opened = open_source(address.text)
        return opened, opened.label, warehouse_uri(warehouse, settings)
    if warehouse is not None and Path(warehouse).absolute() != Path(SAMPLE_WAREHOUSE).absolute():
        raise MixedDataError(f"Nothing was loaded: sample:// always goes to {SAMPLE_WAREHOUSE}. Leave --warehouse out.")
    return FileSource(str(sample_folder())), SAMPLE_SOURCE, SAMPLE_WAREHOUSE


def _prepare_workers(address: SourceAddress) -> None:
    """Start the worker processes of a possibly large load while this process is still importing."""
    from bwp_client.load.workers import is_large, prepare
    from bwp_client.sources import FileSource, Scheme

    if address.scheme is Scheme.S3:
        prepare("boto3.session", "obstore.auth.boto3", "obstore.store")
    elif address.scheme is Scheme.PATH and is_large(FileSource(address.text).objects()):
        prepare()


def load_text(state: LoadProgress) -> str:
    """Return the progress of a load as a sentence."""
    return f"{state.objects_done} of {state.objects_total} objects, {state.read:,} records"


def _print_result(result: LoadResult, target: str, *, as_json: bool, is_empty: bool) -> None:
    if as_json:
        print_json(result.as_json())
    else:
        note(
            f"Read {result.read:,} records of {result.objects:,} objects into {target}: {result.stored:,} stored, "
            f"{result.duplicate:,} duplicate, {result.ignored:,} ignored, {result.quarantined:,} quarantined"
            + (f"; {result.outside_window:,} outside the window." if result.outside_window else ".")
        )
    if is_empty:
        note(f"Needs attention: {result.source} holds no objects. Check the path or prefix.", as_json=as_json)
    if result.quarantined:
        note(
            f"Needs attention: {result.quarantined:,} records could not be read and are in quarantine with their "
            "reasons; the data health page lists them.",
            as_json=as_json,
        )
    if is_empty or result.quarantined:
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))
