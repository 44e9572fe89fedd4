"""Sample data, and a local API that knows their tasks: `sample`, `sandbox`."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bwp_client.cli.console import Progress, errors_as_exit_codes, note, print_json
from bwp_client.cli.options import JsonOption, no_nan
from bwp_client.errors import SettingsError, UsageError

SAMPLE_EVENTS = 50_000
SAMPLE_SEED = 7
SAMPLE_NAMES_FILE = "product-names.json"


def sample_command(
    events: Annotated[int, typer.Option(min=1, max=100_000_000, help="The number of records to write.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="The folder to write to; it must not hold sample files.")],
    seed: Annotated[
        int, typer.Option(min=0, help="The seed of the random numbers: the same seed gives the same events.")
    ] = SAMPLE_SEED,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="The last UTC day of the sample. The default is today; before 06:00 UTC it is yesterday.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write realistic sample events to files."""
    with errors_as_exit_codes(as_json=as_json):
        from dataclasses import asdict

        from bwp_client.addresses import local_path
        from bwp_client.sandbox.sample.writer import write_sample

        folder = local_path(out, "the folder of the sample")
        try:
            last = date.fromisoformat(until) if until else _last_day()
            with Progress(as_json=as_json) as progress:
                summary = write_sample(
                    folder,
                    events=events,
                    seed=seed,
                    until=last,
                    on_progress=lambda done: progress(done, events, f"{done:,} records written"),
                )
        except OverflowError:
            raise UsageError(f"--until {until!r} is too far from today. Choose a day of these years.") from None
        except (ValueError, FileExistsError) as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise UsageError(
                f"{folder} can't be written ({error.strerror}). Choose another folder with --out."
            ) from error
        if as_json:
            print_json(asdict(summary))
        else:
            note(f"Wrote {summary.records:,} records in {summary.files:,} files to {out}.")


def sandbox_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free port.")] = 8765,
    latency_ms: Annotated[
        float, typer.Option(min=0.0, callback=no_nan, help="The time that each answer takes, in milliseconds.")
    ] = 0.0,
    throttle_per_second: Annotated[
        float, typer.Option(min=0.0, callback=no_nan, help="The most requests answered in a second; 0 for no limit.")
    ] = 0.0,
    token_seconds: Annotated[
        float, typer.Option(min=0.0, callback=no_nan, help="The lifetime of a token, in seconds.")
    ] = 900.0,
    error_rate: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, callback=no_nan, help="The share of requests that end in a fault, from 0 to 1."),
    ] = 0.0,
    events_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Publish the outcomes of started tasks to EventBridge at this address."),
    ] = None,
    exit_with_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve a local Buy with Prime API that knows the tasks of the sample data."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.sandbox.api.behaviour import Behaviour
        from bwp_client.sandbox.api.server import serve
        from bwp_client.settings import absolute_address

        if events_endpoint is not None:
            try:
                absolute_address(events_endpoint)
            except ValueError as error:
                raise UsageError(f"--events-endpoint is {error}. Nothing was started.") from None

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

        behaviour = Behaviour(
            latency_ms=latency_ms,
            throttle_per_second=throttle_per_second,
            token_seconds=token_seconds,
            error_rate=error_rate,
            events_endpoint=events_endpoint,
        )
        try:
            serve(behaviour, port=port, on_ready=ready, exit_with_stdin=exit_with_stdin)
        except OSError as error:
            raise SettingsError(
                f"Port {port} can't be used ({error.strerror}). Nothing was started; --port 0 takes a free one."
            ) from error


def _last_day() -> date:
    """Return the newest day on which a sample can end without events in the future."""
    from bwp_client.sandbox.sample.calendar import LAST_HOUR_UTC

    return (datetime.now(UTC) - timedelta(hours=LAST_HOUR_UTC)).date()


def sample_folder() -> Path:
    """Return the folder of the sample events, beside the tables that they are loaded into; write them on first use."""
    from bwp_client.sandbox.sample.catalog import PRODUCT_NAMES
    from bwp_client.sandbox.sample.writer import write_sample
    from bwp_client.settings import SAMPLE_WAREHOUSE

    home = Path(SAMPLE_WAREHOUSE)
    folder, partial = home / "source", home / "source.partial"
    if not folder.exists():
        if partial.exists():
            for left in partial.iterdir():
                left.unlink()
        home.mkdir(parents=True, exist_ok=True)
        (home / SAMPLE_NAMES_FILE).write_text(json.dumps(PRODUCT_NAMES), encoding="utf-8")
        write_sample(partial, events=SAMPLE_EVENTS, seed=SAMPLE_SEED, until=_last_day())
        partial.rename(folder)
    return folder
