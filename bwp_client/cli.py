"""The command line: the contract for tests, scripts and the pages, which start all work through it."""

from __future__ import annotations

import typer

from bwp_client.commands.care import maintain, purge, quarantine, status
from bwp_client.commands.check import check
from bwp_client.commands.doctor import doctor
from bwp_client.commands.enrich import enrich
from bwp_client.commands.load import load
from bwp_client.commands.metric import metric
from bwp_client.commands.report import report
from bwp_client.commands.requests import import_
from bwp_client.commands.sample import sample, sandbox

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
