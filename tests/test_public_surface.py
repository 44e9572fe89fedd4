"""What the package exports is what its documentation lists."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bwp_client

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


def test_the_exported_names_are_the_documented_names() -> None:
    documented = re.findall(r"^- `(\w+)`: ", bwp_client.__doc__ or "", re.MULTILINE)
    assert sorted(documented) == sorted(bwp_client.__all__)


@pytest.mark.parametrize("name", bwp_client.__all__)
def test_each_exported_name_can_be_imported(name: str) -> None:
    assert getattr(bwp_client, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bwp_client.nothing


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_public_names_only(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "bwp_client"]
    assert imports
    assert {alias.name for node in imports for alias in node.names} <= set(bwp_client.__all__)


def test_the_package_is_imported_without_pandas() -> None:
    code = "import sys, bwp_client; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
