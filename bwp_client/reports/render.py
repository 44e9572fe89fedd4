"""Renders a report as a self-contained HTML page, autoescaped, with a copy of Plotly, and readable without scripts.

The page's content security policy names its scripts by their digests. No other script can run, and the page can fetch
nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from bwp_client.metrics import METRICS, MetricName
from bwp_client.metrics.comparison import NOT_COMPARED, verdict
from bwp_client.metrics.extent_wording import sentence
from bwp_client.metrics.wording import TOO_FEW_TO_RATE, interval, percent, rate_with_interval
from bwp_client.reports.chart_figures import Figure
from bwp_client.reports.content import Content
from bwp_client.reports.formatting import format_table
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.reports.tables import TABLES, Section

TITLE = "Data deletion failures"
RETRIEVAL_TITLE = "Data retrieval failures"


def render_report(
    spec: ReportSpec,
    facts: WarehouseFacts,
    content: Content,
    figures: tuple[Figure, ...],
    code: dict[str, Any],
    reasons: tuple[str, ...],
) -> str:
    """Return the HTML page.

    Args:
        spec: The report.
        facts: The facts about the warehouse.
        content: The content of the report.
        figures: Its charts.
        code: The code that made the report, from `current_code`.
        reasons: The gate's reasons for refusing the report, if it is published by force; otherwise empty.
    """
    scripts = {"plotly": _asset("plotly-basic.min.js"), "js": _asset("report.js")}
    figures_json = _script_json(
        {item.name: {"light": json.loads(item.light), "dark": json.loads(item.dark)} for item in figures}
    )
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=TITLE if spec.task_kind.value == "DELETION" else RETRIEVAL_TITLE,
            spec=spec,
            facts=facts,
            content=content,
            code=code,
            reasons=reasons,
            filters=_filters(spec, facts),
            headline=_headline(content),
            sections=_sections(spec, facts, content, figures),
            definitions=[METRICS[table.meaning] for table in TABLES if table.meaning and table.name in content.tables],
            script_hashes=" ".join(f"'sha256-{_digest(text)}'" for text in scripts.values()),
            css=Markup(_asset("report.css")),  # noqa: S704 - our own files
            figures_json=Markup(figures_json),  # noqa: S704 - JSON in which no tag can stand
            **{name: Markup(text) for name, text in scripts.items()},  # noqa: S704 - our own files
        )
    )


def chart_page(figures: Mapping[str, str]) -> str:
    """Return an HTML page whose script puts a PNG of each chart into its document.

    Args:
        figures: Plotly JSON by the chart's name.
    """
    data = _script_json({name: json.loads(text) for name, text in figures.items()})
    return (
        _environment()
        .get_template("charts.html.j2")
        .render(
            figures_json=Markup(data),  # noqa: S704 - JSON in which no tag can stand
            plotly=Markup(_asset("plotly-basic.min.js")),  # noqa: S704 - our own file
            js=Markup(_asset("charts.js")),  # noqa: S704 - our own file
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bwp_client.reports", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["time"] = _time
    return environment


def _sections(
    spec: ReportSpec, facts: WarehouseFacts, content: Content, figures: tuple[Figure, ...]
) -> list[dict[str, Any]]:
    sections = []
    for section in Section:
        tables = [table for table in TABLES if table.section is section and table.name in content.tables]
        if tables:
            sections.append(
                {
                    "title": section.value,
                    "anchor": section.name.lower(),
                    "notes": _notes(section, spec, facts, content),
                    "tables": [
                        {
                            "name": table.name,
                            "title": table.title,
                            "columns": table.columns,
                            "when_empty": table.when_empty,
                            "shown": format_table(
                                table.arrange(content.tables[table.name]),
                                table.columns,
                                table.max_rows,
                                facts.name,
                                is_before_cut=content.not_compared is not None,
                            ),
                            "figures": [item for item in figures if item.after == table.name],
                        }
                        for table in tables
                    ],
                }
            )
    return sections


def _notes(section: Section, spec: ReportSpec, facts: WarehouseFacts, content: Content) -> list[str]:
    if section is Section.YEARLY and content.partial:
        return ["These figures are of a part of the year only.", *map(sentence, content.partial)]
    if section is Section.OPEN:
        return [_open_note(spec, content)]
    return _data_quality_notes(spec, facts, content) if section is Section.TRUST else []


def _open_note(spec: ReportSpec, content: Content) -> str:
    """Return a sentence that says how many of the open failures are of the period: the section counts all of them."""
    failed_at = content.tables[MetricName.OPEN_FAILURES.value]["failed_at"]
    of_period = int(failed_at.ge(spec.period.from_time).sum())
    return (
        f"Failures and requests of all time that are still open, not of this period only: {of_period:,} of the "
        f"{len(failed_at):,} open failures failed in this period."
    )


def _headline(content: Content) -> list[dict[str, str]]:
    row, coverage = content.headline, content.coverage
    compared = "" if pd.isna(row["difference"]) else f"{rate_with_interval(row, 'difference')}, {verdict(row)}"
    before = {
        "value": percent(row["previous_rate"]) if pd.notna(row["previous_rate"]) else TOO_FEW_TO_RATE,
        "detail": compared or f"n {row['previous_n']:,}",
    }
    failed_before = f"; {row['previous_failed']:,} in the period before"
    if content.not_compared:
        before, failed_before = {"value": NOT_COMPARED, "detail": content.not_compared}, ""
    is_rated = pd.notna(row["rate"])
    unrated = int(content.tables["not_rated"]["failed"].sum())
    not_rated = f"; {unrated:,} more without a rate" if unrated else ""
    return [
        {
            "name": "Failure rate",
            "value": percent(row["rate"]) if is_rated else TOO_FEW_TO_RATE,
            "detail": f"{interval(row['low'], row['high'])} (95 % interval), n {row['n']:,}"
            if is_rated
            else f"n {row['n']:,}",
        },
        {"name": "Period before", **before},
        {
            "name": "Failed tasks",
            "value": f"{row['failed']:,}",
            "detail": f"of {row['n']:,} finished{failed_before}{not_rated}",
        },
        {
            "name": "Reasons known",
            "value": percent(coverage["coverage"], 0) if coverage["failed"] else "–",
            "detail": f"{coverage['found']:,} of {coverage['failed']:,} failed tasks",
        },
    ]


def _data_quality_notes(spec: ReportSpec, facts: WarehouseFacts, content: Content) -> list[str]:
    notes = []
    if content.newest_event_at is not None:
        hours = (spec.as_of - content.newest_event_at).total_seconds() / 3600
        notes.append(
            f"The newest event came {hours:,.0f} h before the as-of time of this report; the limit is "
            f"{spec.max_stale_hours:,.0f} h."
        )
    if spec.period.to_time > facts.run_finished_at:
        notes.append("The period was still running when the data were read: its last figures are partial.")
    counted = facts.counted
    notes.append(
        f"The tables hold {counted['FAILED']:,} failed and {counted['COMPLETED']:,} completed tasks of the period; the "
        "events and the metrics give the same numbers."
        if counted == facts.from_events == content.outcomes
        else "The counts of this report differ from those of the tables."
    )
    notes.append(
        f"{facts.events_not_yet_counted:,} events were stored and not yet counted; {facts.quarantined:,} records could not "
        "be read and are in quarantine."
    )
    return notes


def _filters(spec: ReportSpec, facts: WarehouseFacts) -> list[str]:
    return [
        f"{name}: {', '.join(values)}"
        for name, values in (
            ("business products", [facts.name(item) for item in spec.business_products or ()]),
            ("failures with error codes", list(spec.codes or ())),
            ("regions", list(spec.regions or ())),
        )
        if values
    ]


def _script_json(value: Any) -> str:
    """Return JSON that can stand in a script element, because no character of it begins or ends a tag or a comment."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _time(time: datetime | None) -> str:
    if time is None:
        return "–"
    utc = time.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y %H:%M} UTC"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _asset(name: str) -> str:
    return files("bwp_client.reports").joinpath("template", name).read_text(encoding="utf-8").strip()
