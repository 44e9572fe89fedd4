"""What anybody may write into a request is no part of the server's log."""

import io
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.browser import ROOT, link_app, start_app, wait_for_server
from support.ports import free_port
from support.waiting import WAIT_SECONDS, wait_until

from bwp_client.ui.text_of_strangers import log_requests_without_queries


def test_a_changed_config_does_not_let_streamlit_log_requests(tmp_path: Path) -> None:
    """Streamlit reads its configuration again when the file changes, and then sets up the loggers of its server."""
    config = tmp_path / ".streamlit" / "config.toml"
    config.parent.mkdir()
    config.write_text((ROOT / ".streamlit" / "config.toml").read_text())
    (config.parent / "secrets.toml").write_text('[auth]\nredirect_uri = "http://127.0.0.1:1/oauth2callback"\n')
    link_app(tmp_path)
    port, log = free_port(), tmp_path / "server.log"
    address = f"http://127.0.0.1:{port}"
    server = start_app(tmp_path, port, log, BWP_WAREHOUSE=str(tmp_path / "w"))
    try:
        wait_for_server(server, port, log)
        other_form = '[logger]\nmessageFormat = "OTHER FORM %(message)s"'
        config.write_text(config.read_text().replace("[logger]", other_form))

        def is_read_again() -> bool:
            httpx.get(f"{address}/oauth2callback?code=A-CODE&state=x")
            return "OTHER FORM" in log.read_text()

        wait_until(is_read_again, log.read_text)
        httpx.get(f"{address}/tasks?q=A-SEARCH")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(WAIT_SECONDS)
    assert "A-CODE" not in log.read_text()
    assert "A-SEARCH" not in log.read_text()


@pytest.fixture
def logged() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=["uvicorn.access", "uvicorn.error"])
def logger(request: pytest.FixtureRequest, logged: io.StringIO) -> Iterator[logging.Logger]:
    """Return a logger of a server that logs requests, as `uvicorn app:app` does."""
    found = logging.getLogger(request.param)
    state = found.handlers[:], found.filters[:], found.level, found.disabled
    found.handlers, found.disabled = [logging.StreamHandler(logged)], False
    found.setLevel(logging.INFO)
    yield found
    found.handlers, found.filters, level, found.disabled = state
    found.setLevel(level)


def test_other_servers_log_requests_without_their_queries(logger: logging.Logger, logged: io.StringIO) -> None:
    log_requests_without_queries()
    logger.info('%s - "%s %s HTTP/%s" %d', "192.0.2.1:5", "GET", "/oauth2callback?code=A-CODE&state=x?", "1.1", 302)
    logger.info('%s - "WebSocket %s" [accepted]', ("192.0.2.1", 5), "/_stcore/stream?A-CODE")
    logger.info("Is this a question? Yes.")
    assert "A-CODE" not in logged.getvalue()
    assert '"GET /oauth2callback HTTP/1.1" 302' in logged.getvalue()
    assert "Is this a question? Yes." in logged.getvalue()
