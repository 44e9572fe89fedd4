"""The command line: the contract for tests, scripts and the pages, which start all work through it."""

from __future__ import annotations

import typer

from bwp_client.cli.check import check
from bwp_client.cli.doctor import doctor
from bwp_client.cli.enrich import enrich
from bwp_client.cli.import_requests import import_
from bwp_client.cli.load import load
from bwp_client.cli.metric import metric
from bwp_client.cli.report import report
from bwp_client.cli.sample import sample, sandbox
from bwp_client.cli.warehouse import maintain, purge, quarantine, status

app = typer.Typer(
    help="See how often Buy with Prime data deletions fail, why, and which are about to be late.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (load, enrich, metric, check, status, doctor, quarantine, maintain, purge, sample, sandbox):
    app.command()(command)
app.add_typer(report, name="report")
app.command("import")(import_)
