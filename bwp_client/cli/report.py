"""`report`, `report rebuild`, `report compare`, `report log`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, note, print_json
from bwp_client.cli.options import (
    BusinessProductOption,
    CodeOption,
    JsonOption,
    NotifyOption,
    RegionOption,
    TaskKindOption,
    WarehouseOption,
    not_empty,
    notice_destinations,
    selection,
    warehouse_uri,
)
from bwp_client.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from bwp_client.reports.rebuild import RebuildResult
    from bwp_client.reports.verify_result import Verification
    from bwp_client.settings import Settings

OutOption = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="URI",
        callback=not_empty,
        help="The folder or s3:// prefix of published reports. The default is $BWP_REPORT__OUT, else ./reports.",
    ),
]

report_app = typer.Typer(help="Publish a report; rebuild, compare and list published reports.")


@report_app.callback(invoke_without_command=True)
def report_command(
    context: typer.Context,
    period: Annotated[
        str,
        typer.Option(
            help="The period: last-week, last-month, last-quarter, last-year, 2026-W47, 2026-10, 2026-Q3, 2026 or "
            "2026-10-05..2026-10-18."
        ),
    ] = "last-week",
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="Use only the data known by then. The default is now.")
    ] = None,
    catch_up: Annotated[
        int,
        typer.Option(min=0, max=10_000, help="Publish this many earlier periods too, where no report was published."),
    ] = 0,
    task_kind: TaskKindOption = "DELETION",
    business_product: BusinessProductOption = None,
    code: CodeOption = None,
    region: RegionOption = None,
    out: OutOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish a refused report anyway, with the reasons on page one.")
    ] = False,
    notify: NotifyOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a report of a period, unless it was published before or the data are not good enough."""
    if context.invoked_subcommand is not None:
        return
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.cli.report_publisher import Publisher, print_results
        from bwp_client.reports.outbox import Outbox
        from bwp_client.reports.period import Period
        from bwp_client.reports.period_note import describe_period
        from bwp_client.reports.spec import ReportSpec
        from bwp_client.reports.store import open_store
        from bwp_client.settings import Settings

        settings = Settings.load()
        signing_key = _signing_key(settings)  # a key that can't be used ends the command before any work
        uri = warehouse_uri(warehouse, settings)
        destinations = notice_destinations(notify, settings, uri, as_json=as_json)
        moment, counted_from, is_exact_time = _moment(as_of)
        chosen = selection(task_kind, business_product, region, code)
        first = ReportSpec.from_settings(Period.parse(period, counted_from), moment, settings, **chosen)
        if described := describe_period(period, counted_from, settings.timezone):
            note(described, as_json=as_json)
        store = open_store(out or settings.reports_uri)
        outbox = Outbox(store, destinations, "report")
        try:
            publisher = Publisher(
                store, outbox, settings, uri, signing_key, force=force, waits_for_data=catch_up > 0,
                is_exact_time=is_exact_time, as_json=as_json,
            )  # fmt: skip
            results = publisher.make_due(first, catch_up)
            outbox.send_earlier()
            print_results(results, outbox, as_json=as_json)
        finally:
            for message in outbox.messages:
                note(message, as_json=as_json)


def _signing_key(settings: "Settings") -> "Ed25519PrivateKey | None":
    """Return the key that signs reports; None if none is configured."""
    if not settings.report.signing_key:
        return None
    from bwp_client.reports.signing import private_key

    return private_key(settings.report.signing_key.get_secret_value())


def _moment(text: str | None) -> tuple[datetime, datetime, bool]:
    """Return the time that `--as-of` names; a date means the end of that UTC day, but never later than now.

    Returns:
        The time, the time on whose day `last-week` is counted, and whether the user named the time exactly. A date means the
        same week on that day and later, and its time is exact once the day is over.
    """
    from bwp_client.time_ranges import period_end, period_start

    now = datetime.now(UTC)
    if text is None:
        return now, now, False
    start, end = period_start(text), period_end(text)
    if start > now:
        raise UsageError(f"--as-of {text[:40]!r} lies in the future. Nothing was made.")
    return min(end, now), start, end <= now


@report_app.command("rebuild")
def rebuild_command(
    manifest: Annotated[
        str, typer.Argument(help="The manifest.json of a report, its folder, or its ZIP file; may be on s3://.")
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", callback=not_empty, help="Write the rebuilt files to this new or empty folder."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Verify digests, signature and figures only; render nothing, need no warehouse."),
    ] = False,
    public_key: Annotated[
        str | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            callback=not_empty,
            help="The public key that verifies the signature. The default is $BWP_REPORT__PUBLIC_KEY.",
        ),
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a report and rebuild it from its own rows; compare these with the tables where their history still exists."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.reports.published_report import open_published
        from bwp_client.settings import Settings

        if verify and out:
            raise UsageError("--verify writes nothing, so it takes no --out. Nothing was read. Leave one of them out.")
        settings = Settings.load()
        key = _public_key(public_key, settings)
        result: Verification | RebuildResult
        if verify:
            from bwp_client.reports.verify import verify as verify_report

            result = verify_report(open_published(manifest), key)
        else:
            from bwp_client.addresses import local_path
            from bwp_client.reports.rebuild import rebuild
            from bwp_client.warehouse import Warehouse

            folder = local_path(out, "the folder of rebuilt files") if out else None
            result = rebuild(open_published(manifest), Warehouse(warehouse_uri(warehouse, settings)), folder, key)
        if as_json:
            print_json(result.as_json())
        else:
            typer.echo(result.as_text())
        if not result.is_equal:
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _public_key(option: str | None, settings: "Settings") -> "Ed25519PublicKey | None":
    """Return the key that verifies signatures: of the option, else of the settings, else the one of our own signing key."""
    if given := option or settings.report.public_key:
        from bwp_client.reports.signing import public_key

        return public_key(given, "--public-key" if option else "BWP_REPORT__PUBLIC_KEY")
    signing = _signing_key(settings)
    return signing.public_key() if signing else None


@report_app.command("compare")
def compare_command(
    a: Annotated[str, typer.Argument(help="The manifest.json of a report, its folder, or its ZIP file.")],
    b: Annotated[str, typer.Argument(help="The manifest.json of another report, its folder, or its ZIP file.")],
    as_json: JsonOption = False,  # noqa: ARG001 - the output is always JSON
) -> None:
    """Print the differences between two reports as JSON."""
    with errors_as_exit_codes(as_json=True):
        from bwp_client.reports.compare import compare
        from bwp_client.reports.published_report import open_published

        print_json(compare(open_published(a), open_published(b)))


@report_app.command("log")
def log_command(out: OutOption = None, as_json: JsonOption = False) -> None:
    """List every attempt to publish a report, and every notice that was stored until its delivery, newest first."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.reports.attempts import PUBLISHED, read_attempts
        from bwp_client.reports.earlier_reports import replacements
        from bwp_client.reports.manifest import LOG_FOLDER
        from bwp_client.reports.notice_log import NoticeLog
        from bwp_client.reports.store import open_store
        from bwp_client.settings import Settings

        store = open_store(out or Settings.load().reports_uri)
        log = NoticeLog(store)
        found, damaged = read_attempts(store)
        replaced = replacements(store)
        for attempt in found:
            if attempt["state"] in PUBLISHED and attempt["key"] in replaced:
                attempt["replaced_by"] = replaced[attempt["key"]]
        notices = [stored.as_json() for stored in log.notices()[::-1]]
        for name in damaged:
            note(
                f"Needs attention: {store.uri}/{LOG_FOLDER}/{name} is no entry of the log. Move it away.",
                as_json=as_json,
            )
        for name in sorted(log.damaged):
            note(f"Needs attention: the notice {name} can't be read.", as_json=as_json)
        if as_json:
            print_json({"attempts": found, "notices": notices})
            return
        for attempt in found:
            typer.echo(f"{attempt['started_at'][:19]}Z  {attempt['state']:<18}  {attempt['key']}")
            for reason in attempt["reasons"]:
                typer.echo(f"    {reason}")
            if "replaced_by" in attempt:
                typer.echo(f"    Replaced by {attempt['replaced_by']}.")
        for notice in notices:
            typer.echo(f"{notice['created_at'][:19]}Z  notice {notice['state']}  {notice['title']}")
            if notice["problem"]:
                typer.echo(f"    Tries: {notice['tries']:,}. The last: {notice['problem']}.")
