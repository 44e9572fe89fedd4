"""docs/architecture.md describes the tree as it is: layers, packages, and every path and name that it mentions."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bwp_client"
# The generated part is left out: it holds the names of other projects too, and is compared with the code elsewhere.
TEXT = re.sub(
    r"<!-- generated: .*?<!-- end -->",
    "",
    (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"),
    flags=re.DOTALL,
)
MODULES = {path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"} | {
    path.parent.name for path in PACKAGE.glob("*/__init__.py")
}
CODE = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", TEXT, flags=re.DOTALL | re.MULTILINE))))
PATHS = [
    code
    for code in CODE
    if re.fullmatch(r"\w[\w./-]+", code) and ("/" in code or code.endswith((".py", ".md", ".toml")))
]
NAMES = [code for code in CODE if re.fullmatch(r"\w+(\.\w+)+", code) and code not in PATHS]


def test_the_picture_shows_the_layers_of_the_import_contract() -> None:
    picture = TEXT.partition("\n## The layers\n")[2].partition("```text\n")[2].partition("```")[0]
    drawn = [set(re.findall(r"\w+", re.match(r"\w+(?: · \w+)*", line)[0])) for line in picture.splitlines()]  # type: ignore[index]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn == [set(re.findall(r"\w+", layer)) for layer in layers]


def test_every_package_and_top_module_stands_in_the_table() -> None:
    table = TEXT.partition("\n## The packages\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == sorted(MODULES)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists() or (PACKAGE / path).exists() or (ROOT / "docs" / path).exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_module_and_function_exists(name: str) -> None:
    parts = name.split(".")
    assert parts[0] in MODULES
    found: object = importlib.import_module(f"bwp_client.{parts[0]}")
    for part in parts[1:]:
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(f"{found.__name__}.{part}")  # type: ignore[attr-defined]


@pytest.mark.parametrize("recipe", re.findall(r"^### (.+)$", TEXT, flags=re.MULTILINE))
def test_every_name_in_a_recipe_occurs_in_its_files(recipe: str) -> None:
    text = TEXT.partition(f"### {recipe}\n")[2]
    text = re.split(r"^##", text, maxsplit=1, flags=re.MULTILINE)[0]
    paths = [ROOT / path for path in re.findall(r"`((?:bwp_client|tests|docs|pages)/[\w./]*)`", text)]
    assert paths
    source = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
    source += "\n".join(
        child.read_text(encoding="utf-8") for path in paths if path.is_dir() for child in path.glob("*.py")
    )
    for name in re.findall(r"`([A-Za-z_]\w+)`", text):
        assert name in source, name
