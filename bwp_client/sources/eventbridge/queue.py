"""The queue that a replay arrives in: receive, keep from coming twice, delete, give back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from bwp_client.errors import BwpError, TransientRemoteError
from bwp_client.sources.eventbridge.aws_clients import THREADS, queue_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

MOST_A_CALL = 10
DELETE_ATTEMPTS = 5
_STATE = "What was stored stays, and what was not comes again."


@dataclass(frozen=True, slots=True)
class Message:
    """One message as received; its handle serves to delete it until it becomes visible again."""

    message_id: str
    handle: str
    body: str


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue's approximate counts."""

    visible: int
    not_visible: int
    delayed: int


class Queue:
    """One queue; safe to use from several threads."""

    def __init__(self, sqs: SQSClient, url: str, on_received: Callable[[list[Message]], None]) -> None:
        """Take what is told of messages in the very thread that received them, so that a stop loses sight of none."""
        self._sqs = sqs
        self._url = url
        self._on_received = on_received
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bwp-queue")

    def close(self) -> None:
        """End the threads; what they wait for is given up."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def receive(self, *, wait_seconds: int) -> list[Message]:
        """Give up to ten messages, waiting for the first.

        Raises:
            BwpError: The queue can't be read.
        """
        with queue_errors("ReceiveMessage", self._url, _STATE):
            answer = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=MOST_A_CALL, WaitTimeSeconds=wait_seconds
            )
        messages = [Message(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in answer.get("Messages", [])]
        self._on_received(messages)
        return messages

    def receive_many(self, *, wait_seconds: int) -> list[Message]:
        """Ask several times at once; nothing is no sign that the queue is empty."""
        return [
            one
            for batch in self._pool.map(lambda _: self.receive(wait_seconds=wait_seconds), range(THREADS))
            for one in batch
        ]

    def delete(self, messages: Iterable[Message]) -> int:
        """Delete messages, those again that AWS could not delete at first; give how many were.

        One that can't be deleted comes once more, and is a duplicate then.

        Raises:
            RemoteError: The queue refused.
        """
        return sum(self._pool.map(self._delete, _batches(messages)))

    def _delete(self, messages: tuple[Message, ...]) -> int:
        left = dict(enumerate(messages))
        for _ in range(DELETE_ATTEMPTS):
            with queue_errors("DeleteMessage", self._url, _STATE):
                answer = self._sqs.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[{"Id": str(place), "ReceiptHandle": one.handle} for place, one in left.items()],
                )
            failed = {int(one["Id"]) for one in answer.get("Failed", []) if not one["SenderFault"]}
            lost = {int(one["Id"]) for one in answer.get("Failed", [])} - failed
            left = {place: one for place, one in left.items() if place in failed}
            if not left:
                return len(messages) - len(lost)
        raise TransientRemoteError(
            f"{len(left)} messages could not be deleted from {self._url}. {_STATE} Load again later."
        )

    def hide(self, messages: Iterable[Message], seconds: int) -> None:
        """Let messages come again only after so many seconds; 0 gives them back at once.

        Raises:
            RemoteError: The queue refused.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="bwp-visibility") as pool:
            for _ in pool.map(lambda batch: self._hide(batch, seconds), _batches(messages)):
                pass

    def _hide(self, messages: tuple[Message, ...], seconds: int) -> None:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(place), "ReceiptHandle": one.handle, "VisibilityTimeout": seconds}
            for place, one in enumerate(messages)
        ]
        with queue_errors("ChangeMessageVisibility", self._url, _STATE):
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def depth(self) -> Depth:
        """Give the approximate counts, which may be wrong until a minute after the last send.

        Raises:
            RemoteError: The queue refused.
        """
        with queue_errors("GetQueueAttributes", self._url, _STATE):
            told = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        return Depth(
            int(told["ApproximateNumberOfMessages"]),
            int(told["ApproximateNumberOfMessagesNotVisible"]),
            int(told.get("ApproximateNumberOfMessagesDelayed", 0)),
        )


class Keeper:
    """Keeps messages from coming twice: while they are held, their visibility timeout is prolonged."""

    def __init__(self, sqs: SQSClient, url: str, visibility_seconds: int) -> None:
        self.queue = Queue(sqs, url, self._hold)
        self._seconds = visibility_seconds
        self._lock = threading.Lock()
        self._held: dict[str, Message] = {}
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Prolong from a thread while the block runs; at its end what is still held is given back."""
        thread = threading.Thread(target=self._prolong, name="bwp-visibility", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self.queue.close()
            with suppress(BwpError):  # they come by themselves after their timeout
                self.queue.hide(self._held.values(), 0)

    def _hold(self, messages: Iterable[Message]) -> None:
        """Hold messages; one that came again is held by its newest handle."""
        with self._lock:
            self._held.update((one.message_id, one) for one in messages)

    def let_go(self, messages: Iterable[Message]) -> None:
        """Hold messages no more, for they were deleted."""
        with self._lock:
            for one in messages:
                self._held.pop(one.message_id, None)

    def _prolong(self) -> None:
        wait: Callable[[float], bool] = self._stop.wait
        while not wait(self._seconds / 3):
            with self._lock:
                held = list(self._held.values())
            with suppress(BwpError):  # tried again at the next turn; at worst a message comes twice
                self.queue.hide(held, self._seconds)


def _batches(messages: Iterable[Message]) -> Iterator[tuple[Message, ...]]:
    coming = iter(messages)
    while batch := tuple(islice(coming, MOST_A_CALL)):
        yield batch
