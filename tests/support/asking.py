"""A warehouse with events and what a test needs to enrich it; its tables are read without the product's own queries."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
from pydantic import SecretStr

from bwp_client.api import BuyWithPrimeClient
from bwp_client.enrich import EnrichOptions, EnrichProgress, EnrichResult, Seams, enrich
from bwp_client.settings import ApiCredential, Settings
from bwp_client.warehouse import TableName, Warehouse
from support.sandbox import RunningSandbox

START = datetime(2026, 4, 2, 12, tzinfo=UTC)
ANY = {"*": ApiCredential(client_id="any", client_secret=SecretStr("the-secret"))}
REAL_PRODUCT = "bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10"


@dataclass
class Shop:
    """A warehouse with events, and what a test needs to enrich it."""

    warehouse: Warehouse
    now: datetime = START
    progress: list[EnrichProgress] = field(default_factory=list)

    def enrich(
        self,
        url: str,
        *,
        credentials: dict[str, ApiCredential] | None = None,
        concurrency: int = 8,
        requests_per_second: float = 2_000.0,
        deadline_rule: Any = "GDPR",
        **more: Any,
    ) -> EnrichResult:
        """Run `enrich` in this shop.

        Args:
            url: The address of the API.
            credentials: By business product; any credential by default.
            concurrency: The most calls in flight.
            requests_per_second: The highest rate of calls.
            deadline_rule: The law, or a law by business product.
            more: Fields of `EnrichOptions` and `Seams`, and `on_progress`.
        """
        api = {
            "endpoint": f"{url}/graphql",
            "token_endpoint": f"{url}/token",
            "credentials": ANY if credentials is None else credentials,
            "requests_per_second": requests_per_second,
            "concurrency": concurrency,
        }
        on_progress = more.pop("on_progress", self.progress.append)
        seams = {name: more.pop(name) for name in [*more] if name in Seams.__dataclass_fields__}
        return enrich(
            self.warehouse,
            Settings(api=api, deadline_rule=deadline_rule),
            EnrichOptions(**more),
            seams=Seams(**{"clock": lambda: self.now} | seams),
            on_progress=on_progress,
        )

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Query the newest versions of the tables in plain SQL."""
        connection = duckdb.connect()
        connection.execute("set TimeZone = 'UTC'")
        for table in (TableName.LOOKUPS, TableName.OUTCOMES):
            connection.register(table.value, self.warehouse.handle(table).to_pyarrow_table())
        return connection.execute(sql, parameters).fetchall()


def event(
    number: int, outcome: str, *, product: str = REAL_PRODUCT, day: int = 1, task: str | None = None
) -> dict[str, Any]:
    task_id = task or f"{number:08x}-0000-4000-8000-000000000000"
    return {
        "version": "0",
        "id": f"{number:08x}-{day:04x}-4000-8000-{'1' if outcome == 'FAILED' else '2'}00000000000",
        "detail-type": f"PERSONAL_DATA_DELETION_TASK_{outcome}",
        "source": "aws.partner/buywithprime/example-store-events",
        "account": "123456789012",
        "time": f"2026-03-{day:02d}T09:00:00Z",
        "region": "us-east-1",
        "resources": [f"businessProduct/{product}/personalDataDeletionTask/{task_id}"],
        "detail": {},
    }


def asked_about(sandbox: RunningSandbox) -> int:
    return sum(line["path"] == "/graphql" for line in sandbox.log)


def impatient(*arguments: Any, **more: Any):
    """Make a client that never waits between attempts."""

    async def no_sleep(_seconds: float) -> None:
        return None

    return BuyWithPrimeClient(*arguments, **more, sleep=no_sleep, jitter=lambda _low, _high: 0.0)


def eager(*arguments: Any, **more: Any):
    """Make a client that waits a twentieth of the longest time between attempts."""
    return BuyWithPrimeClient(*arguments, **more, jitter=lambda _low, high: high / 20)
