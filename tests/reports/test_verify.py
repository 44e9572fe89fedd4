"""Every change of a published report is found and named: of a file, and of a field of its manifest."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.forging import at, forge, forge_field, manifest_of, set_at, write_manifest
from support.reports import make_warehouse, report_json, run, run_json, steady

from bwp_client.reports.published_report import open_published
from bwp_client.reports.verify_files import examine

RATE = "failure_rate.csv"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a published report."""
    folder = tmp_path_factory.mktemp("original")
    make_warehouse(folder, *steady())
    return folder / "reports" / report_json(folder)["key"]


@pytest.fixture
def report(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the report in a folder of the same name."""
    return shutil.copytree(original, tmp_path / original.name)


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def problems(folder: Path, *options: str) -> str:
    """Return what `report rebuild` says of a report that was changed."""
    done = run(folder.parent, "report", "rebuild", folder, *options, allowed=(0, 1, 2, 4))
    assert done.exit_code == 1, done.output
    assert "every byte the same" not in done.stdout.partition("made again")[0]
    return done.stdout


def change_page(report: Path) -> None:
    replace_in(report / "report.html", "5.0 %", "1.2 %")


def change_table(report: Path) -> None:
    replace_in(report / "tables" / RATE, "10,", "1,")


def remove_page(report: Path) -> None:
    (report / "report.html").unlink()


def remove_inputs(report: Path) -> None:
    shutil.rmtree(report / "inputs")


def add_file(report: Path) -> None:
    (report / "tables" / "more.csv").write_text("a\n1\n")


def change_figures(report: Path) -> None:
    forge_field(report, lambda value: value["figures"].update(rate=0.001))


def change_statement(report: Path) -> None:
    forge_field(report, lambda value: value.update(says=["Failure rate 0.1 %."]))


def change_counts(report: Path) -> None:
    forge_field(report, lambda value: value["facts"]["counted"].update(FAILED=1))


def change_row_count(report: Path) -> None:
    forge_field(report, lambda value: value["files"]["inputs/outcomes.parquet"].update(rows=1))


CHANGES = {
    change_page: "CHANGED: report.html",
    change_table: "CHANGED: tables/failure_rate.csv",
    remove_page: "MISSING: report.html",
    remove_inputs: "MISSING: inputs/outcomes.parquet",
    add_file: "FOREIGN: tables/more.csv",
    change_figures: "manifest.json: figures.rate",
    change_statement: "manifest.json: says[0]",
    change_counts: "manifest.json: facts.counted.FAILED",
    change_row_count: "manifest.json: files.inputs/outcomes.parquet.rows",
}


@pytest.mark.parametrize("change", CHANGES)
def test_rebuild_names_what_was_changed_after_publication(report: Path, change: Callable[[Path], None]) -> None:
    change(report)
    assert CHANGES[change] in problems(report)


def test_a_table_that_was_forged_with_its_digest_is_found_without_rendering(report: Path) -> None:
    path = f"tables/{RATE}"
    forge(report, path, (report / path).read_bytes().replace(b"10,", b"1,"))
    assert f"DIFFERS from what the rows give: {path}" in problems(report, "--verify")


def test_a_page_that_was_forged_with_its_digest_is_found_by_rebuilding(report: Path) -> None:
    forge(report, "report.html", (report / "report.html").read_bytes().replace(b"5.0 %", b"1.2 %"))
    assert run_json(report, "report", "rebuild", report, "--verify", "--json")["is_equal"]
    assert "DIFFERS from what the rows give: report.html" in problems(report)


def test_a_report_that_was_not_changed_is_verified_without_a_warehouse(report: Path) -> None:
    found = run_json(report, "report", "rebuild", report, "--verify", "--json", BWP_WAREHOUSE=str(report / "none"))
    assert (found["is_equal"], found["same_code"], found["signature"]) == (True, True, "not signed")
    assert found["files_read"] == len(manifest_of(report)["files"])
    assert not (report / "none").exists()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each leaf of a JSON value; an empty list or object is a leaf."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [leaf for name, item in items for leaf in leaves(item, (*path, name))]
    yield from below or [path]


def objects(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each object and list in a JSON value."""
    if isinstance(value, dict | list):
        yield path
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from objects(item, (*path, name))


def name_of(path: tuple[Any, ...]) -> str:
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")


def other(value: Any) -> Any:
    """Return another value of the same type; for a number the same number of another type."""
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return float(value)
    return value + 0.5 if isinstance(value, float) else f"{value}x" if isinstance(value, str) else [1]


def is_named(report: Path, path: tuple[Any, ...]) -> bool:
    """Return whether the field, or the file whose entry it is, is named."""
    found, _ = examine(open_published(str(report)))
    if path[0] == "files" and len(path) > 1:
        return path[1] in {*found.changed, *found.missing, *found.foreign} or any(
            item.startswith(f"files.{path[1]}") for item in found.fields
        )
    return any(
        item == name_of(path) or item.startswith((f"{name_of(path)}.", f"{name_of(path)}[")) for item in found.fields
    )


def test_each_field_of_the_manifest_that_is_changed_removed_or_added_is_named(report: Path) -> None:
    forge(report, "report.html", b"a small page, because it is read each time")
    value = manifest_of(report)
    unnamed = []
    for path in leaves(value):
        changed, removed = copy.deepcopy(value), copy.deepcopy(value)
        at(changed, path[:-1])[path[-1]] = other(at(value, path))
        del at(removed, path[:-1])[path[-1]]
        for attempt, forged in (("changed", changed), ("removed", removed)):
            write_manifest(report, forged)
            if not is_named(report, path):
                unnamed.append((attempt, name_of(path)))
    for path in objects(value):
        added = copy.deepcopy(value)
        holder = at(added, path)
        name = len(holder) if isinstance(holder, list) else "added"
        holder.append("added") if isinstance(holder, list) else holder.update(added="added")
        write_manifest(report, added)
        if not is_named(report, (*path, name)):
            unnamed.append(("added", name_of((*path, name))))
    assert unnamed == []


def test_each_file_that_is_changed_removed_or_added_is_named(report: Path) -> None:
    paths = [path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()]
    assert set(paths) == {*manifest_of(report)["files"], "manifest.json"}
    for path in sorted(set(paths) - {"manifest.json"}):
        content = (report / path).read_bytes()
        for changed in (content[:-1], content + b"\n", b""):
            (report / path).write_bytes(changed)
            assert examine(open_published(str(report)))[0].changed == [path]
        (report / path).unlink()
        assert examine(open_published(str(report)))[0].missing == [path]
        (report / path).write_bytes(content)
    for path in ("added.html", "tables/added.csv", "a/b/added", ".hidden", "manifest.json.sig", "log/x.json"):
        (report / path).parent.mkdir(parents=True, exist_ok=True)
        (report / path).write_bytes(b"")
        assert examine(open_published(str(report)))[0].foreign == [path]
        (report / path).unlink()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="line ends"),
        pytest.param(lambda text: json.dumps(json.loads(text)).encode(), id="indentation"),
        pytest.param(lambda text: text.replace(b'"key":', b'"key": "other",\n  "key":', 1), id="a key twice"),
    ],
)
def test_a_manifest_of_another_form_is_named(report: Path, text: Callable[[bytes], bytes]) -> None:
    path = report / "manifest.json"
    path.write_bytes(text(path.read_bytes()))
    assert "manifest.json: the text is not in the form in which manifests are written" in problems(report, "--verify")


@pytest.mark.parametrize(
    "change",
    [
        set_at(("question", "timezone"), "Nowhere/Land"),
        set_at(("question", "min_n"), "many"),
        set_at(("question", "period", "to"), "2026-13-01T00:00:00+00:00"),
        set_at(("facts", "versions"), "none"),
        set_at(("facts", "guidance"), {"ORDERS_NOT_CLOSED": 1}),
        set_at(("figures",), []),
        set_at(("files", "report.html"), "none"),
    ],
)
def test_a_manifest_with_values_of_other_types_is_no_fault_of_ours(report: Path, change: Callable[[Any], None]) -> None:
    forge_field(report, change)
    for options in ([], ["--verify"]):
        done = run(report.parent, "report", "rebuild", report, *options, allowed=(1,))
        assert "fault of ours" not in done.output


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", "[" * 100_000, '{"a": 1}'])
def test_a_file_that_is_no_manifest_at_all_is_wrong_usage(report: Path, text: str) -> None:
    (report / "manifest.json").write_text(text)
    for options in ([], ["--verify"]):
        done = run(report.parent, "report", "rebuild", report, *options, allowed=(0, 1, 2, 4))
        assert done.exit_code == 2
        assert "Nothing was changed." in done.stderr


def test_a_report_that_was_forced_before_its_data_were_there_is_verified(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    made = report_json(tmp_path, "--catch-up", "1", "--force")
    assert any("too early" in reason for reason in made["reasons"])
    assert run_json(tmp_path, "report", "rebuild", made["manifest"], "--verify", "--json")["is_equal"]
