"""The specification of a report. Specification and input rows determine every byte of the report."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bwp_client.events import TaskKind
from bwp_client.ids import normal_id
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.reports.period import Period
from bwp_client.settings import Settings
from bwp_client.warehouse.product_names import name_of

_MAX_DAYS_OF_DAILY_BUCKETS = 92
_LIMITS = ("newest_event_at", "reaches_to", "purged_before")


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """The period, the filters, the as-of time, and every setting that influences the figures."""

    period: Period
    as_of: datetime
    task_kind: TaskKind = TaskKind.DELETION
    business_products: tuple[str, ...] | None = None
    codes: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    min_n: int = 20
    max_stale_hours: float = 48.0
    min_lookup_coverage: float = 0.9
    deadline_rule: str | dict[str, str] = "GDPR"
    timezone: str = "UTC"
    edition: int = 1
    """The number of the report among those of its period and as-of day; a fuller report of the same day gets the next."""
    replaces: str = ""
    """The key of the earlier, less full report whose place the report takes; empty without such a report."""

    @classmethod
    def from_settings(cls, period: Period, as_of: datetime, settings: Settings, **filters: Any) -> Self:
        """Return a specification with the current settings. The order of the filters' values and repetitions don't matter.

        Args:
            period: The period of the report.
            as_of: The moment whose state of the warehouse is reported.
            settings: The current settings.
            filters: Values of the fields `task_kind`, `business_products`, `codes` and `regions`.
        """
        return cls(
            period,
            as_of,
            min_n=settings.min_n,
            max_stale_hours=settings.report.max_stale_hours,
            min_lookup_coverage=settings.report.min_lookup_coverage,
            deadline_rule=settings.deadline_rule
            if isinstance(settings.deadline_rule, str)
            else {**settings.deadline_rule},
            timezone=settings.timezone,
            **filters,
        ).normalized()

    @property
    def filters(self) -> Filters:
        """The filters of the report for metrics."""
        return Filters(
            self.period.from_time, self.period.to_time, self.task_kind, self.business_products, self.codes, self.regions
        )

    @property
    def bucket(self) -> Bucket:
        """Days for periods of up to 92 days, weeks for longer ones, so that tables and charts stay readable."""
        return Bucket.DAY if self.period.days <= _MAX_DAYS_OF_DAILY_BUCKETS else Bucket.WEEK

    @property
    def report_name(self) -> str:
        """The task kind, with a digest of the other filters if there are any; the same for every period."""
        narrowed = [self.business_products, self.codes, self.regions]
        kind = self.task_kind.value.lower()
        if not any(narrowed):
            return kind
        return f"{kind}-{hashlib.sha256(json.dumps(narrowed).encode()).hexdigest()[:8]}"

    @property
    def series(self) -> str:
        """The report name and the period. `--catch-up` looks for series that were not published yet."""
        return f"{self.report_name}_{self.period.name}"

    @property
    def key(self) -> str:
        """The name of the publication: report name, period and as-of day, and its number if it is not the first."""
        edition = f"_{self.edition}" if self.edition > 1 else ""
        return f"{self.series}_as-of-{self.as_of_day}{edition}"

    @property
    def as_of_day(self) -> str:
        """The UTC day of the as-of time; midnight belongs to the day that ends."""
        return (self.as_of.astimezone(UTC) - timedelta(microseconds=1)).date().isoformat()

    def with_period(self, period: Period) -> ReportSpec:
        """Return the same specification for another period."""
        return replace(self, period=period)

    def normalized(self) -> Self:
        """Return the same specification with the values of each filter sorted, in the form of `normal_id`, and once each.

        Earlier versions published specifications in the order of the command line.
        """
        products = self.business_products and tuple(map(normal_id, self.business_products))
        return replace(self, business_products=_set(products), codes=_set(self.codes), regions=_set(self.regions))

    def question(self) -> dict[str, Any]:
        """Return the JSON object of everything that influences the figures except the data and the as-of time."""
        fields = replace(self.normalized(), edition=1, replaces="").as_json()
        del fields["as_of"]
        return fields

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that stands in the manifest."""
        fields = asdict(self)
        for name, default in (("edition", 1), ("replaces", "")):  # not in the manifests of earlier versions
            if fields[name] == default:
                del fields[name]
        fields["period"] = {
            "name": self.period.name,
            "from": self.period.from_time.isoformat(),
            "to": self.period.to_time.isoformat(),
        }
        return fields | {"as_of": self.as_of.isoformat(), "task_kind": self.task_kind.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read a specification from a manifest's JSON object.

        Raises:
            KeyError, TypeError, ValueError: The object is not a specification.
        """
        period = value["period"]
        tuples = {
            name: tuple(value[name]) if value[name] is not None else None
            for name in ("business_products", "codes", "regions")
        }
        return cls(
            **value
            | tuples
            | {
                "period": Period(
                    period["name"], datetime.fromisoformat(period["from"]), datetime.fromisoformat(period["to"])
                ),
                "as_of": datetime.fromisoformat(value["as_of"]),
                "task_kind": TaskKind(value["task_kind"]),
            }
        )


def _set(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return tuple(sorted(set(values))) if values else None


@dataclass(frozen=True, slots=True)
class WarehouseFacts:
    """The facts about the warehouse that a report states in addition to its input rows."""

    run_id: str
    run_finished_at: datetime
    versions: dict[str, int]
    events_not_yet_counted: int
    quarantined: int
    counted: dict[str, int]
    """Tasks of the period by outcome, counted in the outcomes table."""
    from_events: dict[str, int]
    """Tasks of the period by outcome, counted from the events that the outcomes table was computed from."""
    is_sample: bool
    product_names: dict[str, str]
    begins_at: datetime | None
    """The time of the earliest counted event. A purge names the reports that begin before its date."""
    guidance: dict[str, list[str]]
    """Class and next action by error code, as they were when the report was made."""
    newest_event_at: datetime | None = None
    """The newest counted event of all products that is not later than the run; None in reports of earlier versions too."""
    reaches_to: datetime | None = None
    """The time up to which the silence after the newest event is usual."""
    purged_before: datetime | None = None
    """Older data were purged; None before the first purge."""

    def reach_beyond(self, time: datetime) -> bool:
        """Return whether the data were read after a time, and the newest event came at that time or later."""
        return self.run_finished_at >= time and self.newest_event_at is not None and self.newest_event_at >= time

    def name(self, business_product_id: str) -> str:
        """Return a product's name; its ID if no name is known."""
        return name_of(business_product_id, self.product_names)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that stands in the manifest."""
        begins = self.begins_at and self.begins_at.isoformat()
        facts = asdict(self) | {"run_finished_at": self.run_finished_at.isoformat(), "begins_at": begins}
        for name in _LIMITS:  # left out where not known, so that a manifest without them is written as it was
            time = facts.pop(name)
            facts |= {} if time is None else {name: time.isoformat()}
        return facts

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read the facts from a manifest's JSON object.

        Raises:
            KeyError, TypeError, ValueError: The object does not hold these facts.
        """
        begins = value["begins_at"] and datetime.fromisoformat(value["begins_at"])
        finished = datetime.fromisoformat(value["run_finished_at"])
        limits = {name: datetime.fromisoformat(value[name]) for name in _LIMITS if name in value}
        return cls(**value | {"run_finished_at": finished, "begins_at": begins} | limits)
