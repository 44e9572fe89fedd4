"""Start and end of the server: address guard, warm-up, sample data when nothing is configured, readiness."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Condition
from typing import Any, Final

import streamlit as st
from cachetools import TTLCache, cached
from starlette.requests import Request
from starlette.responses import JSONResponse

from bwp_client.errors import BwpError
from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE, Settings
from bwp_client.ui.first_page import draw_first_page
from bwp_client.ui.jobs import is_running, jobs
from bwp_client.ui.login import is_configured
from bwp_client.ui.login_claims import needed_token
from bwp_client.ui.login_sessions import new_login
from bwp_client.ui.sample_api import sample_api
from bwp_client.ui.text_of_strangers import (
    log_failed_downloads_in_one_line,
    log_failed_logins_in_one_line,
    log_requests_without_queries,
)
from bwp_client.workarounds import (
    accept_large_headers,
    ask_no_host_for_own_address,
    reset_widgets_with_forged_values,
    send_without_delay,
    shrink_logins,
)

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.1
_READY_SECONDS: Final = 2


def enrich_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that `enrich` needs beyond the settings: for sample data, those of the local API.

    Raises:
        UsageError: The local API did not start.
    """
    return sample_api().environment() if settings.is_sample else {}


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Prepare the server before its first visitor, and end its child processes with it.

    Raises:
        SystemExit: The settings or the secrets can't be read, or others could reach the server without a login.
    """
    is_sample, has_login = _settings_and_login()
    refuse_open_address(has_login=has_login)
    send_without_delay()
    accept_large_headers()
    ask_no_host_for_own_address()
    log_requests_without_queries()
    log_failed_downloads_in_one_line()
    reset_widgets_with_forged_values(_log_forged_value)
    if has_login:
        log_failed_logins_in_one_line()
        shrink_logins(_token_to_store)
    if is_sample and not _has_sample():
        jobs().start("load", SAMPLE_SOURCE)  # runs while this process imports
    tasks = [asyncio.create_task(_warm_up())]
    if is_sample:
        tasks.append(asyncio.create_task(_prepare_sample(after=tasks[0])))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sample_api().stop()
        jobs().remove_files()
        gc.unfreeze()


def _log_forged_value() -> None:
    log.warning("A browser sent a value that no page sends; the value was ignored.")


def _token_to_store(token: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored of the token of a person who signs in: the needed claims, and those of a new login."""
    needed = needed_token(token)
    return {**needed, "userinfo": {**needed["userinfo"], **new_login()}} if token.get("userinfo") else needed


def _settings_and_login() -> tuple[bool, bool]:
    """Return whether the pages show sample data, and whether there is a login; it stays for as long as the server runs."""
    try:
        return Settings.load().is_sample, is_configured()
    except BwpError as error:
        sys.stderr.write(f"Not started: {error}\n")
        raise SystemExit(2) from None


def refuse_open_address(*, has_login: bool) -> None:
    """Refuse to serve other machines without a login.

    Raises:
        SystemExit: The address is not a loopback address and `[auth]` is not configured.
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


async def _warm_up() -> None:
    """Do what the first visitor would wait for: import the libraries, read the snapshot, and draw the overview."""
    gc.disable()  # a search for garbage finds none in modules, but takes longer with each of them
    try:
        await asyncio.to_thread(_import_libraries_of_data)
        await asyncio.gather(asyncio.to_thread(_import_other_libraries), asyncio.to_thread(_read_snapshot))
        await draw_first_page()
        gc.freeze()  # what is imported is not searched after every run either
    finally:
        gc.enable()


def _import_libraries_of_data() -> None:
    import bwp_client.ui.data  # noqa: F401


def _import_other_libraries() -> None:
    import scipy.stats  # noqa: F401 - slow to import, and change points need it

    import bwp_client.charts  # noqa: F401


def _read_snapshot() -> None:
    from bwp_client.ui.data import current_snapshot

    with suppress(BwpError):  # the page says what is wrong
        current_snapshot(Settings.load())


async def _prepare_sample(after: asyncio.Task[None]) -> None:
    """Load the sample and look up its errors; steps that an earlier server finished are left out."""
    await after
    from bwp_client.warehouse import Warehouse, newest_run

    run = await asyncio.to_thread(newest_run, Warehouse(SAMPLE_WAREHOUSE))
    if run is None:
        if jobs().state("load") is None:  # the load of an earlier server was killed
            jobs().start("load", SAMPLE_SOURCE)
        while is_running(jobs().state("load")):  # noqa: ASYNC110 - a process has no event to wait for
            await asyncio.sleep(_POLL_SECONDS)
    if run is None or run.kind != "enrich":
        environment = await asyncio.to_thread(sample_api().environment)
        jobs().start("enrich", environment=environment, in_background=True)


async def readyz(_request: Request) -> JSONResponse:
    """Answer whether there is data to show, and nothing about it."""
    is_ready = await asyncio.to_thread(_is_ready)
    return JSONResponse({"ready": is_ready}, status_code=200 if is_ready else 503)


def _is_ready() -> bool:
    from bwp_client.ui.data import warehouse_in_use

    try:
        return _has_run(warehouse_in_use(Settings.load()).uri)
    except BwpError:
        return False


@cached(TTLCache(maxsize=1, ttl=_READY_SECONDS), condition=Condition())
def _has_run(uri: str) -> bool:
    """Return whether a warehouse has a run; it is read once in two seconds, because everybody may ask."""
    from bwp_client.warehouse import Warehouse, newest_run

    try:
        return newest_run(Warehouse(uri)) is not None
    except BwpError:
        return False
