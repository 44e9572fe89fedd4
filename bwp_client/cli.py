"""The command line: the contract for tests, scripts and the pages, which start all work through it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bwp_client.console import Progress, errors_as_exit_codes, note, print_json
from bwp_client.errors import ExitCode, MixedDataError, SettingsError, SourceNotFoundError, UsageError

if TYPE_CHECKING:
    from bwp_client.load_counts import LoadProgress, LoadResult
    from bwp_client.settings import Settings
    from bwp_client.sources import Source

SAMPLE_EVENTS = 50_000
SAMPLE_SEED = 7
RETAIN_HOURS = 7 * 24
SAMPLE_NAMES_FILE = "product-names.json"

app = typer.Typer(
    help="See how often Buy with Prime data deletions fail, why, and which are about to be late.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

WarehouseOption = Annotated[
    str | None,
    typer.Option("--warehouse", metavar="URI", help="Folder or s3:// prefix; $BWP_WAREHOUSE or ./warehouse."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; progress as JSON lines on stderr.")
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First UTC day, or a timestamp.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, or where to stop.")]


def _warehouse_uri(option: str | None, settings: Settings) -> str:
    from bwp_client.settings import DEFAULT_WAREHOUSE

    return option or settings.warehouse or (settings.warehouse_uri if settings.source else DEFAULT_WAREHOUSE)


@app.command()
def load(
    source: Annotated[str | None, typer.Argument(help="A path, s3://bucket/prefix or sample://; $BWP_SOURCE.")] = None,
    from_: FromOption = None,
    to: ToOption = None,
    reread: Annotated[bool, typer.Option(help="Read objects again that were read before.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load events: each record is stored, duplicate, ignored or quarantined, and the counts add up."""
    with errors_as_exit_codes(as_json=as_json):
        if source:
            _prepare_workers(source)
        from bwp_client.settings import Settings

        settings = Settings.load()
        named = source or settings.source
        if named is None:
            raise UsageError(
                "Nothing was loaded: no source is given. Name a path or s3://bucket/prefix, or set BWP_SOURCE; "
                "sample:// loads sample data."
            )
        opened, label, uri = _open(named, warehouse, settings)
        from bwp_client.load import load as run_load
        from bwp_client.times import period_end, period_start
        from bwp_client.warehouse import Warehouse

        with Progress(as_json=as_json) as progress:

            def report(state: LoadProgress) -> None:
                progress(state.bytes_done, state.bytes_total, _load_text(state))

            result = run_load(
                Warehouse(uri),
                opened,
                label=label,
                window_from=period_start(from_) if from_ else None,
                window_to=period_end(to) if to else None,
                reread=reread,
                on_progress=report,
            )
        _tell_load(result, uri, as_json=as_json, empty=not any(True for _ in opened.objects()))


def _open(named: str, warehouse: str | None, settings: Settings) -> tuple[Source, str, str]:
    """Give the source, how runs name it, and the warehouse it goes to; sample data has one place of its own."""
    from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE
    from bwp_client.sources import FileSource, open_source

    if not named.startswith(SAMPLE_SOURCE):
        opened = open_source(named)
        return opened, opened.label, _warehouse_uri(warehouse, settings)
    if warehouse is not None and Path(warehouse).absolute() != Path(SAMPLE_WAREHOUSE).absolute():
        raise MixedDataError(f"Nothing was loaded: sample:// always goes to {SAMPLE_WAREHOUSE}. Leave --warehouse out.")
    return FileSource(str(_sample_folder())), SAMPLE_SOURCE, SAMPLE_WAREHOUSE


def _prepare_workers(named: str) -> None:
    """Where much may be to read, let workers get ready while this process still imports."""
    from bwp_client.sources import FileSource
    from bwp_client.sources.workers import is_large, prepare

    if named.startswith("s3://"):
        prepare("boto3.session", "obstore.auth.boto3", "obstore.store")
    elif "://" not in named and is_large(FileSource(named).objects()):
        prepare()


def _sample_folder() -> Path:
    """Generate the sample events once, beside the tables they are loaded into."""
    from bwp_client.sandbox.catalog import PRODUCT_NAMES
    from bwp_client.sandbox.sample import write_sample
    from bwp_client.settings import SAMPLE_WAREHOUSE

    home = Path(SAMPLE_WAREHOUSE)
    folder, partial = home / "source", home / "source.partial"
    if not folder.exists():
        if partial.exists():
            for left in partial.iterdir():
                left.unlink()
        home.mkdir(parents=True, exist_ok=True)
        (home / SAMPLE_NAMES_FILE).write_text(json.dumps(PRODUCT_NAMES), encoding="utf-8")
        write_sample(partial, events=SAMPLE_EVENTS, seed=SAMPLE_SEED, until=datetime.now(UTC).date())
        partial.rename(folder)
    return folder


def _load_text(state: LoadProgress) -> str:
    return f"{state.objects_done} of {state.objects_total} objects, {state.read:,} records"


def _tell_load(result: LoadResult, uri: str, *, as_json: bool, empty: bool) -> None:
    if as_json:
        print_json(result.as_json())
    else:
        note(
            f"Read {result.read:,} records of {result.objects:,} objects into {uri}: {result.stored:,} stored, "
            f"{result.duplicate:,} duplicate, {result.ignored:,} ignored, {result.quarantined:,} quarantined"
            + (f"; {result.outside_window:,} outside the window." if result.outside_window else ".")
        )
    if empty:
        note(f"Needs attention: {result.source} holds no objects. Check the path or prefix.")
    if result.quarantined:
        note(
            f"Needs attention: {result.quarantined:,} records could not be read and are in quarantine with their "
            "reasons; the data health page lists them."
        )
    if empty or result.quarantined:
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


@app.command()
def enrich(
    limit: Annotated[int | None, typer.Option(min=1, help="Ask about at most so many tasks.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after so many minutes.")] = None,
    completed: Annotated[bool, typer.Option(help="Ask about completed tasks too, for their submission dates.")] = False,
    retry_failed: Annotated[bool, typer.Option(help="Ask again where an earlier lookup ended for good.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask Buy with Prime why failed tasks failed."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.enrich import enrich as run_enrich
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        settings = Settings.load()
        with Progress(as_json=as_json) as progress:
            result = run_enrich(
                Warehouse(_warehouse_uri(warehouse, settings)),
                settings,
                limit=limit,
                max_minutes=max_minutes,
                completed=completed,
                retry_failed=retry_failed,
                on_progress=lambda state: progress(
                    state.done, state.total, f"{state.done:,} of {state.total:,} tasks looked up"
                ),
            )
        if as_json:
            print_json(result.as_json())
        else:
            note(
                f"Asked about {result.asked:,} tasks: {result.found:,} found, {result.pending:,} pending, "
                f"{result.not_found:,} not found, {result.denied:,} denied, {result.failed:,} failed; "
                f"{result.not_asked:,} not asked."
            )
        if result.denied or result.failed:
            note(
                f"Needs attention: {result.denied:,} lookups were denied and {result.failed:,} failed; status says why."
            )
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


@app.command()
def metric(
    name: Annotated[str, typer.Argument(help="failure_rate, error_codes, …")],
    from_: FromOption = None,
    to: ToOption = None,
    task_kind: Annotated[str, typer.Option(help="DELETION or RETRIEVAL.")] = "DELETION",
    business_product: Annotated[list[str] | None, typer.Option(help="Only this business product; may repeat.")] = None,
    code: Annotated[list[str] | None, typer.Option(help="Only failures with this error code; may repeat.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may repeat.")] = None,
    by: Annotated[str, typer.Option(help="hour, day, week or month.")] = "day",
    format_: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a metric over the given period; the last 28 days of data when none is given."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.events import TaskKind
        from bwp_client.export import to_csv, to_rows
        from bwp_client.metrics import Bucket, run_metric
        from bwp_client.metrics.filters import filters_between
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.snapshot import Snapshot

        settings = Settings.load()
        shape = "json" if as_json else format_
        if shape not in {"table", "csv", "json"}:
            raise UsageError(f"--format {shape!r} is none of table, csv, json. Nothing was computed.")
        snapshot = Snapshot.newest(Warehouse(_warehouse_uri(warehouse, settings)))
        filters = filters_between(
            from_,
            to,
            data_end=(snapshot.span() or (None, datetime.now(UTC)))[1],
            task_kind=_choice(TaskKind, "--task-kind", task_kind.upper()),
            business_products=tuple(business_product) if business_product else None,
            codes=tuple(code) if code else None,
            regions=tuple(region) if region else None,
        )
        frame = run_metric(snapshot, name, filters, bucket=_choice(Bucket, "--by", by.lower()), min_n=settings.min_n)
        if shape == "json":
            print_json(to_rows(frame))
        elif shape == "csv":
            typer.echo(to_csv(frame), nl=False)
        else:
            typer.echo(frame.to_string(index=False) if len(frame) else "No tasks in this period.")


def _choice(choices: Any, option: str, text: str) -> Any:
    try:
        return choices(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is none of {', '.join(choices)}. Nothing was computed.") from None


@app.command()
def status(warehouse: WarehouseOption = None, as_json: JsonOption = False) -> None:
    """Say what is in the warehouse and what needs attention."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.settings import Settings
        from bwp_client.status import status_of
        from bwp_client.warehouse import Warehouse

        state = status_of(Warehouse(_warehouse_uri(warehouse, Settings.load())))
        if as_json:
            print_json(state.as_json())
        else:
            typer.echo(state.as_text())


class QuarantineAction(StrEnum):
    """What to do with the quarantine."""

    LIST = "list"
    RETRY = "retry"


@app.command()
def quarantine(
    action: Annotated[QuarantineAction, typer.Argument(help="Show what could not be read, or read it again.")],
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 200,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show quarantined records, or read them again after a fix and store what can be read now."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.quarantine import quarantined, retry
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        target = Warehouse(_warehouse_uri(warehouse, Settings.load()))
        if action is QuarantineAction.LIST:
            rows = quarantined(target, limit=limit)
            if as_json:
                print_json([row | {"seen_at": row["seen_at"].isoformat()} for row in rows])
            else:
                for row in rows:
                    typer.echo(
                        f"{row['seen_at']:%Y-%m-%d %H:%M}  {row['reason']}  {row['source_uri']} at {row['offset']}"
                    )
                    typer.echo(f"    {row['excerpt']}")
            return
        with Progress(as_json=as_json) as progress:
            done = retry(
                target, on_progress=lambda state: progress(state.bytes_done, state.bytes_total, _load_text(state))
            )
        if as_json:
            print_json(done.as_json())
        else:
            note(
                f"Of {done.records:,} records in quarantine, {done.resolved:,} were taken out "
                f"({done.stored:,} events stored), {done.still_refused:,} were refused again, "
                f"{done.out_of_reach:,} can't be read any more."
            )
        if done.still_refused or done.out_of_reach:
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


@app.command()
def maintain(
    rebuild: Annotated[bool, typer.Option(help="Compute the outcomes anew from all events.")] = False,
    retain_hours: Annotated[int, typer.Option(min=1, help="How long replaced files stay for readers.")] = RETAIN_HOURS,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the outcomes up to date, compact small files, and delete what no reader needs any more."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.maintenance import maintain as run_maintain

        target = Warehouse(_warehouse_uri(warehouse, Settings.load()))
        if not target.exists():
            raise SourceNotFoundError(f"{target.uri} holds nothing yet. Load events first.")
        result = run_maintain(target, rebuild=rebuild, retain_hours=retain_hours)
        if as_json:
            print_json(result.as_json())
            return
        note("The outcomes are up to date.")
        for table, files in result.compacted.items():
            note(f"Compacted {table}: {files['files_before']:,} files are {files['files_after']:,} now.")
        note(f"Deleted {result.deleted_files:,} files that no reader needs any more.")


@app.command()
def purge(
    before: Annotated[str, typer.Option(metavar="DATE", help="The first UTC day that is kept.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove older data physically and for good: no later load brings it back."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.settings import Settings
        from bwp_client.times import day_start
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.purge import purge as run_purge

        target = Warehouse(_warehouse_uri(warehouse, Settings.load()))
        result = run_purge(
            target,
            day_start(before),
            dry_run=dry_run,
            on_plan=lambda plan: note(f"To remove: {plan.as_text()}.") if not as_json else None,
        )
        if as_json:
            print_json(result.as_json())
        elif not dry_run:
            note(f"Removed: {result.as_text()}. {result.deleted_files:,} files were deleted.")
        if result.unfinished_files:
            note(
                f"Needs attention: {result.unfinished_files:,} young files of {target.uri} belong to no commit; a load is "
                "writing them, or was killed, and they may hold older data. Run purge again in an hour: it deletes them."
            )
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


@app.command()
def sample(
    events: Annotated[int, typer.Option(min=1, max=100_000_000, help="Records to write.")],
    out: Annotated[Path, typer.Option(help="A folder without sample files.")],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same events.")] = SAMPLE_SEED,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day; today.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write realistic sample events."""
    with errors_as_exit_codes(as_json=as_json):
        from dataclasses import asdict

        from bwp_client.sandbox.sample import write_sample

        try:
            last = date.fromisoformat(until) if until else datetime.now(UTC).date()
            with Progress(as_json=as_json) as progress:
                summary = write_sample(
                    out,
                    events=events,
                    seed=seed,
                    until=last,
                    on_progress=lambda done: progress(done, events, f"{done:,} records written"),
                )
        except (ValueError, FileExistsError) as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise UsageError(f"{out} can't be written ({error.strerror}). Choose another folder with --out.") from error
        if as_json:
            print_json(asdict(summary))
        else:
            note(f"Wrote {summary.records:,} records in {summary.files:,} files to {out}.")


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    latency_ms: Annotated[float, typer.Option(min=0.0, help="How long each answer takes.")] = 0.0,
    throttle_per_second: Annotated[float, typer.Option(min=0.0, help="Requests it takes a second; 0 for all.")] = 0.0,
    token_seconds: Annotated[float, typer.Option(min=0.0, help="How long a token lives.")] = 900.0,
    error_rate: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of requests that end in a fault.")] = 0.0,
    exit_with_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve a local Buy with Prime API that knows every sample task."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.sandbox.knobs import Knobs
        from bwp_client.sandbox.server import serve

        def ready(chosen: int) -> None:
            endpoint, token_endpoint = (f"http://127.0.0.1:{chosen}/{path}" for path in ("graphql", "token"))
            if as_json:
                print_json({"endpoint": endpoint, "token_endpoint": token_endpoint})
            else:
                note(
                    f"A local Buy with Prime API for sample tasks. To use it:\n  export BWP_API__ENDPOINT={endpoint}\n"
                    f"  export BWP_API__TOKEN_ENDPOINT={token_endpoint}\n"
                    """  export BWP_API__CREDENTIALS='{"*": {"client_id": "sample", "client_secret": "sample"}}'"""
                )

        knobs = Knobs(
            latency_ms=latency_ms,
            throttle_per_second=throttle_per_second,
            token_seconds=token_seconds,
            error_rate=error_rate,
        )
        try:
            serve(knobs, port=port, on_ready=ready, exit_with_stdin=exit_with_stdin)
        except OSError as error:
            raise SettingsError(
                f"Port {port} can't be used ({error.strerror}). Nothing was started; --port 0 takes a free one."
            ) from error
