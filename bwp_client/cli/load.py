"""The command `load`: its options, its progress, and the sentences that it prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import Progress, errors_as_exit_codes, note, print_json
from bwp_client.cli.lost_tables import lost_tables_reported
from bwp_client.cli.options import (
    FromOption,
    JsonOption,
    ToOption,
    WarehouseOption,
    not_empty,
    our_output,
    warehouse_uri,
)
from bwp_client.errors import ExitCode, MixedDataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bwp_client.load.results import LoadProgress, LoadResult
    from bwp_client.settings import Settings
    from bwp_client.sources import FileSource, S3Source, SourceAddress

_NAMED = 3
"""The most objects or folders that a message names."""


def load_command(
    source: Annotated[
        str | None,
        typer.Argument(
            callback=not_empty,
            help="What to load: a path, s3://bucket/prefix, archive://NAME or sample://. The default is $BWP_SOURCE.",
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

        archived: list[str] = []
        stored_in = Warehouse(target)
        with lost_tables_reported(stored_in, as_json=as_json):
            with Progress(as_json=as_json) as progress:
                result = load(
                    stored_in,
                    opened,
                    label=label,
                    window_from=window_from,
                    window_to=window_to,
                    reread=reread,
                    on_progress=lambda state: progress(state.bytes_done, state.bytes_total, load_text(state)),
                    on_archived=lambda item: archived.append(item.uri),
                )
            notes = [*_left_out(opened.left_out), *_archived(result, archived[:_NAMED]), *_deleted(result)]
            is_empty = not (result.objects or result.archived or result.deleted) and not any(opened.objects())
            _print_result(result, target, notes, as_json=as_json, is_empty=is_empty)


def _address(text: str | None) -> "SourceAddress":
    from bwp_client.sources import SourceAddress

    if text is None:
        raise UsageError(
            "Nothing was loaded: no source is given. Name a path, s3://bucket/prefix or archive://NAME, or set "
            "BWP_SOURCE; sample:// loads sample data."
        )
    return SourceAddress.parse(text)


def _open(
    address: "SourceAddress", warehouse: str | None, settings: "Settings"
) -> "tuple[FileSource | S3Source, str, str]":
    """Return the source, its label in the runs, and the address of the warehouse, which is another for sample data."""
    from bwp_client.addresses import folder_address, storage_address
    from bwp_client.cli.sample import sample_folder
    from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE
    from bwp_client.sources import FileSource, Scheme, open_source

    if address.scheme is not Scheme.SAMPLE:
        target = warehouse_uri(warehouse, settings)
        folder_address(target, "the warehouse")
        opened = open_source(address.text, leave_out=our_output(target, settings))
        return opened, opened.label, target
    if warehouse is not None and storage_address(warehouse, "the warehouse") != str(Path(SAMPLE_WAREHOUSE).absolute()):
        raise MixedDataError(f"Nothing was loaded: sample:// always goes to {SAMPLE_WAREHOUSE}. Leave --warehouse out.")
    return FileSource(str(sample_folder())), SAMPLE_SOURCE, SAMPLE_WAREHOUSE


def _prepare_workers(address: "SourceAddress") -> None:
    """Start the worker processes of a possibly large load while this process is still importing."""
    from bwp_client.load.workers import is_large, start_worker_server
    from bwp_client.sources import FileSource, Scheme

    if address.scheme is Scheme.S3:
        start_worker_server("boto3.session", "obstore.auth.boto3", "obstore.store")
    elif address.scheme is Scheme.PATH and is_large(FileSource(address.text).objects()):
        start_worker_server()


def load_text(state: "LoadProgress") -> str:
    """Return the progress of a load as a sentence."""
    return f"{state.objects_done} of {state.objects_total} objects, {state.read:,} records"


def _left_out(found: list[str]) -> "Iterator[str]":
    """Yield the sentence that names the tables and reports in the source."""
    if found:
        more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        yield f"Left out, since they hold no events: {', '.join(found[:_NAMED])}{more}."


def _print_result(result: "LoadResult", target: str, notes: list[str], *, as_json: bool, is_empty: bool) -> None:
    if as_json:
        print_json(result.as_json())
    else:
        note(
            f"Read {result.read:,} records of {result.objects:,} objects into {target}: {result.stored:,} stored, "
            f"{result.duplicate:,} duplicate, {result.ignored:,} ignored, {result.quarantined:,} quarantined"
            + (f"; {result.outside_window:,} outside the window." if result.outside_window else ".")
        )
    for line in notes:
        note(line, as_json=as_json)
    if is_empty:
        note(f"Needs attention: {result.source} holds no objects. Check the path or prefix.", as_json=as_json)
    if result.quarantined:
        note(
            f"Needs attention: {result.quarantined:,} records could not be read and are in quarantine with their "
            "reasons; the data health page lists them.",
            as_json=as_json,
        )
    if is_empty or result.quarantined or result.newly_archived or result.deleted:
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _deleted(result: "LoadResult") -> "Iterator[str]":
    """Yield the sentence that names the objects that were deleted while the load ran."""
    if result.deleted:
        unnamed = result.deleted - len(result.deleted_names)
        more = f" and {unnamed:,} more" if unnamed else ""
        yield (
            f"Needs attention: {result.deleted:,} objects were deleted or moved after they were listed, and were not read: "
            f"{', '.join(result.deleted_names)}{more}. Everything else was loaded. If they are still needed, bring them back "
            "and load again: nothing is doubled."
        )


def _archived(result: "LoadResult", names: list[str]) -> "Iterator[str]":
    """Yield the sentence that names the objects to restore; objects that were reported before ask for nothing."""
    if not result.archived:
        return
    more = f" and {result.archived - len(names):,} more" if result.archived > len(names) else ""
    is_new = result.newly_archived > 0
    yield (
        f"{'Needs attention: objects' if is_new else 'Objects'} in an archive storage class, such as Glacier, were not read "
        f"({result.archived:,}{f', {result.newly_archived:,} of them new' if is_new else ', all reported before'}): "
        f"{', '.join(names)}{more}. Restore those that you need with `aws s3api restore-object`, and load again: "
        "a load reads what was restored."
    )
