"""Prints a report's page to PDF and draws each chart as PNG by a Chromium browser; the style sheet sets the paper.

Chromium prints a page to PDF by itself, but has no option that saves a chart at a given size. So a script in
the chart page draws each chart as PNG into the document, and `--dump-dom` writes the document to standard output. Kaleido
would control the same browser, but brings packages of its own.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from bwp_client.reports.render import chart_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_BROWSER = "none"
_TIMEOUT_SECONDS = 120
_FLAGS = (
    "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--run-all-compositor-stages-before-draw",
)  # fmt: skip
_MIN_COLORS = 3
"""The number of colours of the simplest chart: ink, paper, and the colour of the data."""


@dataclass(frozen=True, slots=True)
class BrowserChoice:
    """The browser that makes the pictures."""

    path: str | None
    """None if no browser is to be used."""
    reason: str
    """The end of the sentence about the pictures: why there is no browser, or why another than the configured one is used."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The PDF and the PNGs of a report."""

    files: dict[str, bytes]
    """Content by path in the report's folder."""
    note: str
    """A sentence: the browser that made the pictures, or why there are no pictures."""
    faults: tuple[str, ...] = ()
    """The pictures that came out blank, each as `PATH is blank`."""


def find_browser(configured: str | None) -> BrowserChoice:
    """Return the browser to use: the configured browser, else one on the path; none if `none` is configured.

    Args:
        configured: The value of `BWP_REPORT__BROWSER`.
    """
    wanted = (configured or "").strip()
    if wanted.lower() == NO_BROWSER:
        return BrowserChoice(None, "BWP_REPORT__BROWSER is none.")
    missing = "the browser that BWP_REPORT__BROWSER names was not found" if wanted and not shutil.which(wanted) else ""
    path = next((path for name in (wanted, *BROWSERS) if name and (path := shutil.which(name))), None)
    if path is None:
        return BrowserChoice(None, f"{missing or 'no browser was found'}. Install chromium to get them.")
    return BrowserChoice(path, f"; {missing}." if missing else ".")


def take_pictures(page: Path, figures: Mapping[str, str], browser: BrowserChoice) -> Pictures:
    """Make a PDF of the page and a PNG of each chart.

    Args:
        page: The HTML page of the report.
        figures: Plotly JSON by the chart's name.
        browser: The browser, from `find_browser`.
    """
    if browser.path is None:
        return Pictures({}, f"PDF and PNG were not made: {browser.reason}")
    with TemporaryDirectory(prefix="bwp-pictures-") as folder:
        files: dict[str, bytes] = {}
        faults: list[str] = []
        pdf = _print_pdf(browser.path, page, Path(folder))
        if pdf is None:
            faults.append("report.pdf is blank")
        else:
            files["report.pdf"] = pdf
        charts = _draw_charts(browser.path, figures, Path(folder))
        for name in figures:
            if is_blank(charts.get(name)):
                faults.append(f"charts/{name}.png is blank")
            else:
                files[f"charts/{name}.png"] = charts[name]
        return Pictures(files, f"PDF and PNG were made by {_version(browser.path)}{browser.reason}", tuple(faults))


def is_blank(png: bytes | None) -> bool:
    """Return True if a PNG is missing, can't be decoded, or has too few colours for a chart."""
    if not png:
        return True
    try:
        with Image.open(io.BytesIO(png)) as image:
            rgb = image.convert("RGB")
            colors = rgb.getcolors(maxcolors=rgb.width * rgb.height)
    except (OSError, SyntaxError):
        return True
    return colors is not None and len(colors) < _MIN_COLORS


def _print_pdf(browser: str, page: Path, folder: Path) -> bytes | None:
    target = folder / "report.pdf"
    _run(browser, folder, f"--print-to-pdf={target}", "--no-pdf-header-footer", page.absolute().as_uri())
    if not target.is_file():
        return None
    pdf = target.read_bytes()
    if not pdf.startswith(b"%PDF") or b"/Page" not in pdf:
        return None
    # A constant of the same length replaces the creation time, so that equal pages give equal bytes.
    return re.sub(rb"/(CreationDate|ModDate) \(D:\d{14}", rb"/\1 (D:20000101000000", pdf)


def _draw_charts(browser: str, figures: Mapping[str, str], folder: Path) -> dict[str, bytes]:
    page = folder / "charts.html"
    page.write_text(chart_page(figures), encoding="utf-8")
    document = _run(browser, folder, "--dump-dom", page.absolute().as_uri())
    images = re.findall(r'<img id="picture-(\w+)" src="data:image/png;base64,([A-Za-z0-9+/=]+)"', document)
    return {name: base64.b64decode(text) for name, text in images}


def _run(browser: str, folder: Path, *arguments: str) -> str:
    # Chromium's sandbox does not start for the root user, as in a container.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return _output_of(browser, *_FLAGS, *sandbox, f"--user-data-dir={folder / 'profile'}", *arguments)


def _version(browser: str) -> str:
    return " ".join(_output_of(browser, "--version").split()) or Path(browser).name


def _output_of(*command: str) -> str:
    """Return the standard output of a command; empty if the command can't be started or does not end in time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
