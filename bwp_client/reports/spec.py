"""What a report was asked: all that, with its input rows, decides every byte of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bwp_client.events import TaskKind
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.reports.period import Period
from bwp_client.settings import Settings
from bwp_client.warehouse.product_names import name_of

_MAX_DAYS_BY_DAY = 92


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """A period, filters, the moment it was asked as of, and the settings that bear on the answer."""

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

    @classmethod
    def from_settings(cls, period: Period, as_of: datetime, settings: Settings, **filters: Any) -> Self:
        """Put a spec with the settings as they are now."""
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
        )

    @property
    def filters(self) -> Filters:
        """The same as the filters of every metric."""
        return Filters(
            self.period.from_time, self.period.to_time, self.task_kind, self.business_products, self.codes, self.regions
        )

    @property
    def bucket(self) -> Bucket:
        """How time is grouped: the finest that reads well on a page."""
        return Bucket.DAY if self.period.days <= _MAX_DAYS_BY_DAY else Bucket.WEEK

    @property
    def report_name(self) -> str:
        """Which report it is: what stays the same from one period to the next."""
        narrowed = [self.business_products, self.codes, self.regions]
        kind = self.task_kind.value.lower()
        if not any(narrowed):
            return kind
        return f"{kind}-{hashlib.sha256(json.dumps(narrowed).encode()).hexdigest()[:8]}"

    @property
    def series(self) -> str:
        """Report and period: what catching up looks for."""
        return f"{self.report_name}_{self.period.name}"

    @property
    def key(self) -> str:
        """Report, period and as-of day: one publication each."""
        return f"{self.series}_as-of-{self.as_of_day}"

    @property
    def as_of_day(self) -> str:
        """The UTC day as of which it was asked; midnight belongs to the day that ends."""
        return (self.as_of.astimezone(UTC) - timedelta(microseconds=1)).date().isoformat()

    def with_period(self, period: Period) -> ReportSpec:
        """Ask the same about another period."""
        return replace(self, period=period)

    def as_json(self) -> dict[str, Any]:
        """Give it as the manifest holds it."""
        fields = asdict(self)
        fields["period"] = {
            "name": self.period.name,
            "from": self.period.from_time.isoformat(),
            "to": self.period.to_time.isoformat(),
        }
        return fields | {"as_of": self.as_of.isoformat(), "task_kind": self.task_kind.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read it from a manifest.

        Raises:
            KeyError, TypeError, ValueError: It is none.
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


@dataclass(frozen=True, slots=True)
class WarehouseFacts:
    """What is known of the warehouse beside its rows: which run was read, and what it had not counted."""

    run_id: str
    run_finished_at: datetime
    versions: dict[str, int]
    events_not_yet_counted: int
    quarantined: int
    counted: dict[str, int]
    """Tasks of the period by outcome, counted in the tables themselves."""
    from_events: dict[str, int]
    """The same, counted anew from the events that those tables were made of."""
    is_sample: bool
    product_names: dict[str, str]
    begins_at: datetime | None
    """The first event whose task the rows count: what a purge asks about."""
    guidance: dict[str, list[str]]
    """Class and next action by error code, as the files said then."""

    def name(self, business_product_id: str) -> str:
        """Give a product's name."""
        return name_of(business_product_id, self.product_names)

    def as_json(self) -> dict[str, Any]:
        """Give them as the manifest holds them."""
        begins = self.begins_at and self.begins_at.isoformat()
        return asdict(self) | {"run_finished_at": self.run_finished_at.isoformat(), "begins_at": begins}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read them from a manifest.

        Raises:
            KeyError, TypeError, ValueError: They are none.
        """
        begins = value["begins_at"] and datetime.fromisoformat(value["begins_at"])
        finished = datetime.fromisoformat(value["run_finished_at"])
        return cls(**value | {"run_finished_at": finished, "begins_at": begins})
