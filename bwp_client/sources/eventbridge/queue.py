"""The SQS queue that a replay is sent to: receive messages, extend their visibility timeouts, delete or release them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from bwp_client.errors import BwpError, TransientRemoteError
from bwp_client.sources.eventbridge.aws_clients import THREADS, queue_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

BATCH_MESSAGES = 10
"""The most messages that SQS takes or returns in a call."""
DELETE_ATTEMPTS = 5
_STATE = "Stored events are unchanged; the other messages will be received again."


@dataclass(frozen=True, slots=True)
class Message:
    """A received message. Its handle is valid for deletion until the message becomes visible again."""

    message_id: str
    handle: str
    body: str


@dataclass(frozen=True, slots=True)
class Depth:
    """The approximate numbers of messages in a queue."""

    visible: int
    not_visible: int
    delayed: int


class Queue:
    """An SQS queue; safe to use from several threads."""

    def __init__(
        self, sqs: SQSClient, url: str, visibility_seconds: int, on_received: Callable[[list[Message]], None]
    ) -> None:
        """Open a queue.

        Args:
            sqs: The SQS client.
            url: The queue's URL.
            visibility_seconds: How long a received message is hidden from other receivers, whatever the queue's default.
            on_received: Called with each received batch, in the receiving thread and before the batch is returned, so
                that a shutdown can release every message.
        """
        self._sqs = sqs
        self._url = url
        self._visibility_seconds = visibility_seconds
        self._on_received = on_received
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bwp-queue")

    def close(self) -> None:
        """End the threads, and cancel the calls that have not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def receive(self, *, wait_seconds: int) -> list[Message]:
        """Return up to ten messages; wait for the first of them.

        Raises:
            BwpError: The queue can't be read.
        """
        with queue_errors("ReceiveMessage", self._url, _STATE):
            response = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH_MESSAGES,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=self._visibility_seconds,
            )
        messages = [
            Message(message["MessageId"], message["ReceiptHandle"], message["Body"])
            for message in response.get("Messages", [])
        ]
        self._on_received(messages)
        return messages

    def receive_many(self, *, wait_seconds: int) -> list[Message]:
        """Return the messages of several concurrent calls. An empty list does not mean that the queue is empty."""
        batches = self._pool.map(lambda _: self.receive(wait_seconds=wait_seconds), range(THREADS))
        return [message for batch in batches for message in batch]

    def delete(self, messages: Iterable[Message]) -> int:
        """Delete messages, with a retry of those that AWS failed to delete.

        Returns:
            The number of deleted messages. A message that can't be deleted is received again, as a duplicate.

        Raises:
            RemoteError: The queue refused or failed.
        """
        return sum(self._pool.map(self._delete, _batches(messages)))

    def _delete(self, messages: tuple[Message, ...]) -> int:
        remaining = dict(enumerate(messages))
        for _ in range(DELETE_ATTEMPTS):
            with queue_errors("DeleteMessage", self._url, _STATE):
                response = self._sqs.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message.handle} for index, message in remaining.items()
                    ],
                )
            failed = {int(entry["Id"]): entry["SenderFault"] for entry in response.get("Failed", [])}
            remaining = {index: message for index, message in remaining.items() if failed.get(index) is False}
            if not remaining:
                return len(messages) - len(failed)  # these handles have expired
        raise TransientRemoteError(
            f"{len(remaining)} messages could not be deleted from {self._url}. {_STATE} Load again later."
        )

    def set_visibility(self, messages: Iterable[Message], seconds: int) -> None:
        """Hide messages from other receivers for a number of seconds; 0 releases them at once.

        Raises:
            RemoteError: The queue refused or failed.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="bwp-visibility") as pool:
            for _ in pool.map(lambda batch: self._set_visibility(batch, seconds), _batches(messages)):
                pass

    def _set_visibility(self, messages: tuple[Message, ...], seconds: int) -> None:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(index), "ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
            for index, message in enumerate(messages)
        ]
        with queue_errors("ChangeMessageVisibility", self._url, _STATE):
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def depth(self) -> Depth:
        """Return the approximate numbers of messages, which may be wrong for a minute after the last message arrived.

        Raises:
            RemoteError: The queue refused or failed.
        """
        with queue_errors("GetQueueAttributes", self._url, _STATE):
            attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        return Depth(
            int(attributes["ApproximateNumberOfMessages"]),
            int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        )


class VisibilityExtender:
    """Extends the visibility timeouts of received messages until they are deleted, so that no message is received twice."""

    def __init__(self, sqs: SQSClient, url: str, visibility_seconds: int) -> None:
        self.queue = Queue(sqs, url, visibility_seconds, self._hold)
        self._seconds = visibility_seconds
        self._lock = threading.Lock()
        self._extending = threading.Lock()
        """Held while timeouts are extended; a message that was given back meanwhile would be hidden again."""
        self._held: dict[str, tuple[Message, float]] = {}
        """Each received message without its body, by ID, and the monotonic time at which it was received."""
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Extend timeouts from a thread while the block runs; release the messages still held at its end."""
        thread = threading.Thread(target=self._extend, name="bwp-visibility", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self.queue.close()
            self._release([message for message, _ in self._held.values()])

    def _hold(self, messages: Iterable[Message]) -> None:
        """Hold messages; for a message that was received again, the newest handle is used."""
        now = time.monotonic()
        with self._lock:
            self._held.update((message.message_id, (replace(message, body=""), now)) for message in messages)

    def forget(self, messages: Iterable[Message]) -> None:
        """Stop holding messages that were deleted."""
        with self._lock:
            for message in messages:
                self._held.pop(message.message_id, None)

    def give_back(self, messages: list[Message]) -> None:
        """Stop holding messages, and make them visible to other receivers at once."""
        with self._extending:
            self.forget(messages)
        self._release(messages)

    def _release(self, messages: list[Message]) -> None:
        with suppress(BwpError):  # the messages become visible after their timeout anyway
            self.queue.set_visibility(messages, 0)

    def _extend(self) -> None:
        wait: Callable[[float], bool] = self._stop.wait
        while not wait(self._seconds / 3):
            until = time.monotonic() - self._seconds / 3  # a younger message has its turn next time
            with self._extending:
                with self._lock:
                    held = [message for message, received_at in self._held.values() if received_at <= until]
                with suppress(BwpError):  # the next turn tries again; at worst a message is received twice
                    self.queue.set_visibility(held, self._seconds)


def _batches(messages: Iterable[Message]) -> Iterator[tuple[Message, ...]]:
    iterator = iter(messages)
    while batch := tuple(islice(iterator, BATCH_MESSAGES)):
        yield batch
