"""Publishes the outcomes of started tasks as the partner does: PutPartnerEvents to an EventBridge endpoint."""

import asyncio
from typing import Any, Final

from bwp_client.sandbox.api.started_tasks import StartedTasks

_AT_ONCE: Final = 20
_REGION: Final = "us-east-1"


class Publisher:
    """Tells an endpoint of each outcome once; what it does not take is tried again with the next request."""

    def __init__(self, started_tasks: StartedTasks, endpoint: str | None) -> None:
        """Take what there will be to tell, and whom.

        Args:
            started_tasks: The started tasks.
            endpoint: Where EventBridge is; None to tell nobody.
        """
        self._started_tasks = started_tasks
        self._endpoint = endpoint
        self._lock = asyncio.Lock()
        self._client: Any = None

    async def publish(self) -> int:
        """Publish what has become due; give how many events were taken."""
        if self._endpoint is None:
            return 0
        taken = 0
        async with self._lock:
            due = self._started_tasks.due()
            for at in range(0, len(due), _AT_ONCE):
                batch = due[at : at + _AT_ONCE]
                failed = await asyncio.to_thread(self._put, [task.as_entry() for task in batch])
                for task, is_failed in zip(batch, failed, strict=True):
                    task.is_published = not is_failed
                taken += failed.count(False)
        return taken

    def _put(self, entries: list[dict[str, Any]]) -> list[bool]:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        if self._client is None:
            self._client = boto3.Session().client("events", endpoint_url=self._endpoint, region_name=_REGION)
        try:
            answer = self._client.put_partner_events(Entries=entries)
        except (BotoCoreError, ClientError):
            return [True] * len(entries)
        return ["ErrorCode" in one for one in answer["Entries"]]
