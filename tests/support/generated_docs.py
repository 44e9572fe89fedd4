"""Writes the generated parts of the documentation from the code: `make docs`.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`. Everything else is written by hand.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from importlib.resources import files
from pathlib import Path

import typer.main
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from bwp_client.cli.app import app
from bwp_client.metrics import METRICS

DOCS = Path(__file__).parents[2] / "docs"
PACKAGE = DOCS.parent / "bwp_client"
GENERATED_FILES = (DOCS / "architecture.md", DOCS / "cli.md", DOCS / "metrics.md")
_WIDTH = 120
_HELP_WIDTH = 100
_PART = re.compile(r"(<!-- generated: (?P<name>.+?) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def commands() -> dict[str, TyperCommand | TyperGroup]:
    """Return every command by its full name, subcommands such as `report rebuild` too."""
    found = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found[name] = command
        if isinstance(command, TyperGroup):
            found |= {f"{name} {sub}": subcommand for sub, subcommand in command.commands.items()}
    return found


def generated_part(name: str) -> str:
    """Return the Markdown of one generated part.

    Raises:
        KeyError: No part has this name.
    """
    kind, _, subject = name.partition(" of ")
    if kind == "help":
        return _help(subject)
    if kind == "meaning":
        return textwrap.fill(" ".join(METRICS[subject].meaning.split()), _WIDTH)  # type: ignore[index]
    if name == "error codes":
        return _error_codes()
    if name == "modules":
        return _modules()
    raise KeyError(name)


def with_generated_parts(text: str) -> str:
    """Return a page with its generated parts written anew."""
    return _PART.sub(lambda part: f"{part[1]}\n{generated_part(part['name'])}\n\n{part[3]}", text)


def generated_names(text: str) -> set[str]:
    """Return the names of a page's generated parts."""
    return {part["name"] for part in _PART.finditer(text)}


def _help(command: str) -> str:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="bwp", terminal_width=_HELP_WIDTH)
    assert shown.exit_code == 0, shown.output
    return f"```text\n{shown.stdout.strip()}\n```"


def _error_codes() -> str:
    table = tomllib.loads(files("bwp_client.metrics").joinpath("error_codes.toml").read_text(encoding="utf-8"))
    rows = [f"| `{entry['code']}` | {_cell(entry['class'])} | {_cell(entry['action'])} |" for entry in table["codes"]]
    return "\n".join(["| code | class | next action |", "|---|---|---|", *rows])


def _modules() -> str:
    """Return a table of every module with the first sentence of its docstring, modules of a package side by side."""
    rows = ["| module | purpose |", "|---|---|"]
    for path in sorted(PACKAGE.rglob("*.py"), key=lambda path: (path.parent != PACKAGE, path.parent, path)):
        if path.name != "__init__.py":
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            rows.append(f"| `{path.relative_to(PACKAGE)}` | {_cell(docstring.split(chr(10) * 2)[0])} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for page in GENERATED_FILES:
        page.write_text(with_generated_parts(page.read_text(encoding="utf-8")), encoding="utf-8")
