"""The documentation names what exists in the code, and everything that exists is documented."""

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit.config
from pydantic import BaseModel
from support.events import many, write
from support.generated_docs import DOCS, GENERATED_FILES, commands, generated_names, with_generated_parts

from bwp_client import METRICS, MetricName, open_snapshot, run_metric
from bwp_client.errors import ExitCode
from bwp_client.events import QuarantineReason
from bwp_client.load import load
from bwp_client.metrics.filters import filters_between
from bwp_client.metrics.guidance import built_in_guidance
from bwp_client.settings import Settings
from bwp_client.sources import open_source
from bwp_client.warehouse import TABLES, Run, Warehouse
from bwp_client.warehouse.snapshot import Snapshot

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "notebooks" / "README.md", *sorted(DOCS.glob("*.md"))]
WIDTH = 120


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return the text between a heading and the next heading of its level or above."""
    level, _, _ = title.partition(" ")
    following = text.partition(f"\n{title}\n")[2]
    return re.split(rf"^#{{1,{len(level)}}} ", following, maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """Return the code in the first cell of every table row."""
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", GENERATED_FILES, ids=lambda page: page.name)
def test_the_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == with_generated_parts(text), "the code has changed: run `make docs`"


def test_every_command_is_documented_with_its_help_and_an_example() -> None:
    text = read("cli.md")
    headings = re.findall(r"^###? (.+)$", text, flags=re.MULTILINE)
    others = {"Exit codes", "Filters", "Settings"}
    assert set(headings) - others == set(commands())
    assert generated_names(text) == {f"help of {name}" for name in commands()}
    for name in commands():
        assert re.search(rf"^bwp {name}\b", text, flags=re.MULTILINE), name


def test_every_command_line_of_the_docs_is_understood() -> None:
    known = {
        name: {spelling for item in command.params for spelling in item.opts} for name, command in commands().items()
    }
    seen = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"(?<![\w/])(?:bwp|-m bwp_client|bin/bwp) ([^\n`#]+)", text):
            words = line.split()
            name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
            if name is None:
                continue
            options = {word for word in words if word.startswith("--")}
            assert options <= known[name] | {"--help"}, (page.name, line)
            seen += 1
    assert seen > 20


def test_the_exit_codes_are_documented() -> None:
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", read("cli.md"), flags=re.MULTILINE)
    assert {name: int(code) for code, name in rows} == {code.name: code.value for code in ExitCode}


def _settings(model: type[BaseModel], prefix: str = "BWP_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def test_every_setting_is_documented_and_no_other() -> None:
    documented = first_cells(section(read("cli.md"), "## Settings"))
    assert sorted(documented) == sorted(_settings(Settings))


def test_every_setting_that_a_page_mentions_exists() -> None:
    settings = set(_settings(Settings))
    for page in PAGES:
        named = set(re.findall(r"BWP_[A-Z0-9_]*[A-Z]", page.read_text(encoding="utf-8")))
        assert named <= settings, page.name


def test_every_metric_has_a_file_a_meaning_and_a_section() -> None:
    folder = ROOT / "bwp_client" / "metrics" / "sql"
    files = {path.stem for path in folder.glob("*.sql") if not path.name.startswith("_")}
    assert {spec.sql for spec in METRICS.values()} == {f"{name}.sql" for name in files}
    sections = re.findall(
        r"^## (.+)\n\n`(\w+)`\n\n<!-- generated: meaning of (\w+) -->", read("metrics.md"), flags=re.MULTILINE
    )
    assert {name: title for title, name, _ in sections} == {name.value: spec.title for name, spec in METRICS.items()}
    assert all(name == meaning for _, name, meaning in sections)
    assert files == {name.value for name in MetricName} == {name for _, name, _ in sections}


def test_every_column_of_a_metric_is_documented(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    write(tmp_path / "source" / "events.json", many(40, step=timedelta(hours=6)))
    load(Warehouse(str(tmp_path / "warehouse")), open_source(str(tmp_path / "source")))
    snapshot = open_snapshot(tmp_path / "warehouse")
    span = snapshot.span()
    assert span
    filters = filters_between(None, None, data_end=span[1])
    text = read("metrics.md")
    for name, spec in METRICS.items():
        columns = re.search(r"^Columns: ((?:.+\n)+)", section(text, f"## {spec.title}"), flags=re.MULTILINE)
        assert columns, name
        documented = re.findall(r"`(\w+)`", columns[1])
        assert documented == list(run_metric(snapshot, name, filters).columns), name


def test_every_table_and_column_is_documented() -> None:
    text = read("warehouse.md")
    assert set(first_cells(section(text, "## Tables"))) == {name.value for name in TABLES}
    for name, spec in TABLES.items():
        documented = first_cells(section(text, f"### {name.value}"))
        assert documented == spec.schema.names, name


def test_every_summary_of_a_snapshot_and_its_columns_are_documented() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| (.+) \|$", section(read("warehouse.md"), "## Snapshot"), flags=re.MULTILINE
    )
    now = datetime.now(UTC)
    run = Run(kind="load", source="", started_at=now, finished_at=now, counts={})
    columns = Snapshot(Warehouse("empty"), run, rows={}).rows(
        "select table_name, column_name from information_schema.columns order by table_name, ordinal_position"
    )
    found: dict[str, list[str]] = {}
    for table, column in columns:
        found.setdefault(table, []).append(column)
    summaries = {table: names for table, names in found.items() if table not in set(TABLES)}
    assert {table: re.findall(r"`(\w+)`", names) for table, names in rows} == summaries


def test_every_reason_for_quarantine_is_documented() -> None:
    documented = first_cells(section(read("loading.md"), "## What is quarantined"))
    assert set(documented) == {reason.value for reason in QuarantineReason}


def test_every_code_with_guidance_has_a_class_and_an_action() -> None:
    guidance = built_in_guidance().by_code
    assert {"ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND", "(uncoded)", "(not looked up)", "*"} <= set(guidance)
    assert all(item.code_class and item.action for item in guidance.values())


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), (page.name, target)
            if anchor:
                assert anchor in _anchors(found), (page.name, target)


def test_pages_are_wrapped_at_one_width() -> None:
    for page in PAGES:
        in_code = False
        for line in page.read_text(encoding="utf-8").splitlines():
            in_code ^= line.lstrip().startswith("```")
            if not in_code and not line.startswith("|") and " " in line[:WIDTH]:
                assert len(line) <= WIDTH, (page.name, line)


def test_the_hidden_streamlit_option_still_exists_and_is_off() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["postScriptGC"] is False
    assert "runner.postScriptGC" in streamlit.config._config_options_template


def test_no_deprecated_streamlit_width_argument_is_left() -> None:
    for path in [*ROOT.glob("pages/*.py"), *ROOT.glob("bwp_client/ui/**/*.py")]:
        assert "use_container_width" not in path.read_text(encoding="utf-8"), path


def test_the_event_that_the_docs_show_is_stored(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8")
    (tmp_path / "event.json").write_text(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0], encoding="utf-8")
    result = load(Warehouse(str(tmp_path / "w")), open_source(str(tmp_path / "event.json")))
    assert (result.read, result.stored) == (1, 1)
