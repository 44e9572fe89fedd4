"""Publishes the outcomes of started tasks, by PutPartnerEvents to an EventBridge endpoint, as the partner does."""

import asyncio
from typing import Any, Final

from bwp_client.sandbox.api.started_tasks import StartedTasks

_MAX_ENTRIES: Final = 20
_REGION: Final = "us-east-1"


class Publisher:
    """Publishes each outcome once; outcomes that the endpoint refuses are tried again with the next request."""

    def __init__(self, started_tasks: StartedTasks, endpoint: str | None) -> None:
        """Make a publisher.

        Args:
            started_tasks: The started tasks.
            endpoint: The EventBridge endpoint; None to publish nothing.
        """
        self._started_tasks = started_tasks
        self._endpoint = endpoint
        self._lock = asyncio.Lock()
        self._client: Any = None

    async def publish(self) -> int:
        """Publish the due outcomes, and return the number that the endpoint accepted."""
        if self._endpoint is None:
            return 0
        accepted = 0
        async with self._lock:
            due = self._started_tasks.due()
            for first in range(0, len(due), _MAX_ENTRIES):
                batch = due[first : first + _MAX_ENTRIES]
                failed = await asyncio.to_thread(self._put, [task.as_entry() for task in batch])
                for task, is_failed in zip(batch, failed, strict=True):
                    task.is_published = not is_failed
                accepted += failed.count(False)
        return accepted

    def _put(self, entries: list[dict[str, Any]]) -> list[bool]:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = boto3.Session().client("events", endpoint_url=self._endpoint, region_name=_REGION)
            answer = self._client.put_partner_events(Entries=entries)
        except (BotoCoreError, ClientError):
            return [True] * len(entries)
        return ["ErrorCode" in entry for entry in answer["Entries"]]
