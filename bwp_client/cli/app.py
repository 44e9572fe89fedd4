"""The command line. It is the interface for scripts and tests, and for the pages, which start all work through it."""

import typer

from bwp_client.cli.check import check_command
from bwp_client.cli.doctor import doctor_command
from bwp_client.cli.enrich import enrich_command
from bwp_client.cli.import_requests import import_command
from bwp_client.cli.load import load_command
from bwp_client.cli.metric import metric_command
from bwp_client.cli.report import report_app
from bwp_client.cli.sample import sample_command, sandbox_command
from bwp_client.cli.warehouse import maintain_command, purge_command, quarantine_command, status_command

app = typer.Typer(
    help="See how often Buy with Prime data deletions fail, why, and which are about to be late.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("load")(load_command)
app.command("enrich")(enrich_command)
app.command("metric")(metric_command)
app.command("check")(check_command)
app.command("status")(status_command)
app.command("doctor")(doctor_command)
app.command("quarantine")(quarantine_command)
app.command("maintain")(maintain_command)
app.command("purge")(purge_command)
app.command("sample")(sample_command)
app.command("sandbox")(sandbox_command)
app.add_typer(report_app, name="report")
app.command("import")(import_command)
