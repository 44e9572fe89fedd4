"""What happens before the first visitor: warm imports, the sample data when nothing is configured, the address guard."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse

from bwp_client.errors import BwpError
from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE, Settings
from bwp_client.ui.jobs import JobStatus, jobs, yielding

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1
_sample_api: dict[str, str] = {}


def enrich_environment() -> dict[str, str]:
    """Give what `enrich` needs beyond the settings: for sample data, where the local API is."""
    return dict(_sample_api)


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Prepare the server, and end its children with it."""
    refuse_open_address()
    sample = asyncio.create_task(_sample()) if Settings.load().is_sample else None
    await asyncio.to_thread(_warm)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if sample is not None:
            sample.cancel()
            with suppress(asyncio.CancelledError):
                await sample


def refuse_open_address() -> None:
    """Refuse to serve beyond this machine without a login.

    Raises:
        SystemExit: The address is not a loopback one and `[auth]` is not configured.
    """
    address = st.get_option("server.address") or "0.0.0.0"  # noqa: S104 - Streamlit's own default
    try:
        is_local = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_local = False
    if not is_local and "auth" not in st.secrets:
        sys.stderr.write(
            f"Not started: server.address is {address}, which others can reach, and no login is configured. "
            "Set it to 127.0.0.1, or add [auth] to .streamlit/secrets.toml.\n"
        )
        raise SystemExit(2)


def _warm() -> None:
    """Import now what the first visitor would otherwise wait for."""
    import bwp_client.charts
    import bwp_client.metrics
    import bwp_client.ui.data  # noqa: F401


async def _sample() -> None:
    """Load the sample, serve its API, look its errors up: each a child process."""
    from bwp_client.warehouse import Warehouse, newest_run

    run = await asyncio.to_thread(newest_run, Warehouse(SAMPLE_WAREHOUSE))
    if run is None:
        jobs().start("load", SAMPLE_SOURCE)
        while (state := jobs().state("load")) is not None and state.status is JobStatus.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
    api = subprocess.Popen(  # noqa: ASYNC220 - starting it takes milliseconds
        [*yielding(), sys.executable, "-m", "bwp_client", "sandbox", "--port", "0", "--json", "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    try:
        assert api.stdout is not None
        line = await asyncio.to_thread(api.stdout.readline)
        if not line:
            log.error("The local Buy with Prime API did not start; sample errors can't be looked up.")
            return
        ready = json.loads(line)
        _sample_api.update(
            BWP_WAREHOUSE=SAMPLE_WAREHOUSE,
            BWP_API__ENDPOINT=ready["endpoint"],
            BWP_API__TOKEN_ENDPOINT=ready["token_endpoint"],
            BWP_API__CREDENTIALS='{"*": {"client_id": "sample", "client_secret": "sample"}}',
            BWP_API__REQUESTS_PER_SECOND="400",
            BWP_API__CONCURRENCY="8",
        )
        if run is None or run.kind != "enrich":
            jobs().start("enrich", environment=enrich_environment(), in_background=True)
        await asyncio.Event().wait()
    finally:
        # Its stdin closes, which ends it.
        if api.stdin is not None:
            api.stdin.close()
        if api.stdout is not None:
            api.stdout.close()
        api.terminate()
        api.wait()


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
