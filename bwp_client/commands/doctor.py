"""`doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from bwp_client.commands.options import JsonOption, WarehouseOption, warehouse_uri
from bwp_client.console import errors_as_exit_codes, print_json
from bwp_client.errors import ExitCode, UsageError


def doctor(
    what: Annotated[str, typer.Argument(help="`api`: credentials, target IDs, permission, version, clock.")],
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is set up wrong, each line with the fix."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.api.doctor import check_api
        from bwp_client.checks import as_json as checks_json
        from bwp_client.checks import as_text
        from bwp_client.enrich.todo import known_tasks
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        if what != "api":
            raise UsageError(f"doctor can't look at {what!r}. Nothing was checked. Say: doctor api.")
        settings = Settings.load()
        checks = check_api(settings.api, known_tasks(Warehouse(warehouse_uri(warehouse, settings))))
        if as_json:
            print_json(checks_json(checks))
        else:
            typer.echo(as_text(checks))
        if not all(check.ok for check in checks):
            raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))
