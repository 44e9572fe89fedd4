"""Pictures of a report, where a Chromium is present: a PDF of the page, and a PNG of each chart."""

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
SECONDS = 120
_FLAGS = (
    "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--run-all-compositor-stages-before-draw",
)  # fmt: skip
_FEWEST_COLORS = 3
"""A chart that was drawn has ink, paper and at least one colour more."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was made, or why nothing was."""

    made: dict[str, bytes]
    """Contents by path below the report."""
    said: str
    faults: tuple[str, ...] = ()
    """Pictures that a browser should have made and that can't be shown to anybody."""


def find_browser(configured: str | None) -> str | None:
    """Give the browser to use; none when there is none, or when none is wanted."""
    if configured == NO_BROWSER:
        return None
    return next((found for name in (configured, *BROWSERS) if name and (found := shutil.which(name))), None)


def take_pictures(page: Path, figures: Mapping[str, str], browser: str | None) -> Pictures:
    """Make a PDF of the page and a PNG of each chart.

    Args:
        page: The report.
        figures: Plotly JSON by name.
        browser: From `find_browser`.
    """
    if browser is None:
        return Pictures({}, "PDF and PNG were not made: no browser was found. Install chromium to get them.")
    with TemporaryDirectory(prefix="bwp-pictures-") as folder:
        faults: list[str] = []
        made: dict[str, bytes] = {}
        pdf = _pdf(browser, page, Path(folder))
        if pdf is None:
            faults.append("report.pdf is blank")
        else:
            made["report.pdf"] = pdf
        drawn = _charts(browser, figures, Path(folder))
        for name in figures:
            if is_blank(drawn.get(name)):
                faults.append(f"charts/{name}.png is blank")
            else:
                made[f"charts/{name}.png"] = drawn[name]
        return Pictures(made, f"PDF and PNG were made by {_version(browser)}.", tuple(faults))


def is_blank(png: bytes | None) -> bool:
    """Tell whether a picture shows nothing: not there, not readable, or hardly a colour in it."""
    if not png:
        return True
    try:
        with Image.open(io.BytesIO(png)) as image:
            small = image.convert("RGB")
            colors = small.getcolors(maxcolors=small.width * small.height)
    except (OSError, SyntaxError):
        return True
    return colors is not None and len(colors) < _FEWEST_COLORS


def _pdf(browser: str, page: Path, folder: Path) -> bytes | None:
    target = folder / "report.pdf"
    _run(browser, folder, f"--print-to-pdf={target}", "--no-pdf-header-footer", page.absolute().as_uri())
    if not target.is_file():
        return None
    text = target.read_bytes()
    if not text.startswith(b"%PDF") or b"/Page" not in text:
        return None
    # The time of printing, by one of the same length: the same page gives the same bytes.
    return re.sub(rb"/(CreationDate|ModDate) \(D:\d{14}", rb"/\1 (D:20000101000000", text)


def _charts(browser: str, figures: Mapping[str, str], folder: Path) -> dict[str, bytes]:
    page = folder / "charts.html"
    page.write_text(chart_page(figures), encoding="utf-8")
    dumped = _run(browser, folder, "--dump-dom", page.absolute().as_uri())
    found = re.findall(r'<img id="picture-(\w+)" src="data:image/png;base64,([A-Za-z0-9+/=]+)"', dumped)
    return {name: base64.b64decode(text) for name, text in found}


def _run(browser: str, folder: Path, *arguments: str) -> str:
    # Chromium's own sandbox can't be had by root, as in a container.
    unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        done = subprocess.run(
            [browser, *_FLAGS, *unboxed, f"--user-data-dir={folder / 'profile'}", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _version(browser: str) -> str:
    try:
        done = subprocess.run(
            [browser, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Path(browser).name
    return " ".join(done.stdout.decode("utf-8", "replace").split()) or Path(browser).name
