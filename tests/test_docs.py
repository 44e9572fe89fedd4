"""What the docs name exists, and what exists is in the docs."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import streamlit.config
import typer
import typer.main

from bwp_client.cli.app import app
from bwp_client.events import QuarantineReason
from bwp_client.metrics import METRICS, MetricName
from bwp_client.metrics.guidance import built_in_guidance
from bwp_client.warehouse import TABLES, Run, Warehouse
from bwp_client.warehouse.snapshot import Snapshot

ROOT = Path(__file__).parents[1]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_every_command_and_its_options_are_documented() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f"| `{name}" in CLI, name
        for option in command.params:
            for spelling in option.opts:
                if spelling.startswith("--") and not getattr(option, "hidden", False):
                    assert spelling in CLI, (name, spelling)


def test_every_metric_has_a_file_a_meaning_and_a_place_in_the_docs() -> None:
    folder = ROOT / "bwp_client" / "metrics" / "sql"
    files = {path.stem for path in folder.glob("*.sql") if not path.name.startswith("_")}
    assert {spec.sql for spec in METRICS.values()} == {f"{name}.sql" for name in files}
    documented = set(re.findall(r"^\| `(\w+)` \| [a-z]", CLI, flags=re.MULTILINE)) & {*files, *MetricName}
    assert files == set(MetricName) == set(METRICS) == documented


def test_the_docs_and_the_pages_say_the_same_of_each_number() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)\n\n`(\w+)`\.\n\n((?:.+\n)+)", text, flags=re.MULTILINE)
    said = {name: (title, " ".join(meaning.split())) for title, name, meaning in sections}
    assert said == {name: (metric.title, " ".join(metric.meaning.split())) for name, metric in METRICS.items()}


def test_every_setting_of_the_docs_is_one() -> None:
    from bwp_client.settings import Settings

    for name in set(re.findall(r"`BWP_(\w+?)`", CLI)):
        first, *rest = name.lower().split("__")
        field = Settings.model_fields[first]
        if rest:
            assert rest[0] in field.annotation.model_fields, name  # type: ignore[union-attr]


def test_every_table_is_documented() -> None:
    text = (ROOT / "docs" / "warehouse.md").read_text(encoding="utf-8").partition("\n## Snapshot\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == {name.value for name in TABLES}


def test_every_summary_of_a_snapshot_and_its_columns_are_documented() -> None:
    text = (
        (ROOT / "docs" / "warehouse.md")
        .read_text(encoding="utf-8")
        .partition("\n## Snapshot\n")[2]
        .partition("\n## ")[0]
    )
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", text, flags=re.MULTILINE)
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
    text = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8").partition("## What is quarantined")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == {reason.value for reason in QuarantineReason}


def test_the_hidden_streamlit_option_still_exists_and_is_off() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["postScriptGC"] is False
    assert "runner.postScriptGC" in streamlit.config._config_options_template


def test_every_code_with_guidance_has_a_class_and_an_action() -> None:
    table = built_in_guidance().by_code
    assert {"ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND", "(uncoded)", "(not looked up)", "*"} <= set(table)
    assert all(item.code_class and item.action for item in table.values())


def test_no_deprecated_streamlit_width_argument_is_left() -> None:
    for path in [*ROOT.glob("pages/*.py"), *ROOT.glob("bwp_client/ui/**/*.py")]:
        assert "use_container_width" not in path.read_text(encoding="utf-8"), path
