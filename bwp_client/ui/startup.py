"""What happens before the first visitor: warm imports, the sample data when nothing is configured, the address guard."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse

from bwp_client.errors import BwpError
from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE, Settings
from bwp_client.ui.jobs import JobStatus, jobs
from bwp_client.ui.login import is_configured
from bwp_client.ui.sample_api import sample_api
from bwp_client.workarounds import send_without_delay

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1


def enrich_environment(settings: Settings) -> dict[str, str]:
    """Give what `enrich` needs beyond the settings: for sample data, where the local API is.

    Raises:
        UsageError: The local API did not start.
    """
    return sample_api().environment() if settings.is_sample else {}


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Prepare the server, and end its children with it."""
    is_sample = _settings_or_exit().is_sample
    refuse_open_address(has_login=_login_or_exit())
    send_without_delay()
    if is_sample and not _has_sample():
        jobs().start("load", SAMPLE_SOURCE)  # meanwhile this process imports
    tasks = [asyncio.create_task(_warm())]
    if is_sample:
        tasks.append(asyncio.create_task(_sample(after=tasks[0])))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sample_api().stop()
        jobs().forget()
        gc.unfreeze()


def _settings_or_exit() -> Settings:
    try:
        return Settings.load()
    except BwpError as error:
        sys.stderr.write(f"Not started: {error}\n")
        raise SystemExit(2) from None


def _login_or_exit() -> bool:
    """Decide whether there is a login; it never falls open afterwards."""
    try:
        return is_configured()
    except BwpError as error:
        sys.stderr.write(f"Not started: {error}\n")
        raise SystemExit(2) from None


def refuse_open_address(*, has_login: bool) -> None:
    """Refuse to serve beyond this machine without a login.

    Raises:
        SystemExit: The address is not a loopback one and `[auth]` is not configured.
    """
    address = st.get_option("server.address") or "0.0.0.0"  # noqa: S104 - Streamlit's own default
    try:
        is_local = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_local = False
    if not is_local and not has_login:
        sys.stderr.write(
            f"Not started: server.address is {address}, which others can reach, and no login is configured. "
            "Set it to 127.0.0.1, or add [auth] to .streamlit/secrets.toml.\n"
        )
        raise SystemExit(2)


def _has_sample() -> bool:
    return Path(SAMPLE_WAREHOUSE, "runs").exists()


async def _warm() -> None:
    """Import and read what the first visitor needs while the browser still fetches the page's frame."""
    await asyncio.to_thread(_import)
    await asyncio.to_thread(_read)
    # Nothing of what is imported is garbage, and looking through it takes 50 ms after every run.
    gc.collect()
    gc.freeze()


def _import() -> None:
    import bwp_client.charts
    import bwp_client.metrics
    import bwp_client.ui.data  # noqa: F401


def _read() -> None:
    """Read the newest snapshot; what is wrong with it, the page itself says."""
    from bwp_client.ui.data import current_snapshot

    with suppress(BwpError):
        current_snapshot(Settings.load())
    import scipy.stats  # noqa: F401 - what looks for changes imports it, which takes half a second


async def _sample(after: asyncio.Task[None]) -> None:
    """Load the sample, then look its errors up; whatever is done already is left as it is."""
    await after
    from bwp_client.warehouse import Warehouse, newest_run

    run = await asyncio.to_thread(newest_run, Warehouse(SAMPLE_WAREHOUSE))
    if run is None:
        if jobs().state("load") is None:  # an earlier one was cut off
            jobs().start("load", SAMPLE_SOURCE)
        while (state := jobs().state("load")) is not None and state.status is JobStatus.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
    if run is None or run.kind != "enrich":
        environment = await asyncio.to_thread(sample_api().environment)
        jobs().start("enrich", environment=environment, in_background=True)


async def readyz(_request: Request) -> JSONResponse:
    """Say whether there is data to show; nothing of it."""
    from bwp_client.ui.data import warehouse_in_use
    from bwp_client.warehouse import newest_run

    try:
        run = await asyncio.to_thread(newest_run, warehouse_in_use(Settings.load()))
    except BwpError:
        return JSONResponse({"ready": False}, status_code=503)
    return JSONResponse({"ready": run is not None}, status_code=200 if run is not None else 503)


def log_error(error: Exception) -> None:
    """Log a fault on a page; Streamlit shows its own box, without details."""
    log.error("A page failed: %s", type(error).__name__, exc_info=error)
