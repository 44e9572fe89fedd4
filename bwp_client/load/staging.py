"""Stages objects in one process: fetches them, reads them, and writes their records in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

from bwp_client.errors import BwpError
from bwp_client.load.batch_writer import BatchWriter
from bwp_client.load.object_reader import ObjectReader
from bwp_client.load.prefetch import prefetched
from bwp_client.load.staged import StagedBatch, StagingJob, Unreadable
from bwp_client.sources.base import SourceObject


def stage(items: Iterable[SourceObject], job: StagingJob, name: str) -> Iterator[StagedBatch | Unreadable]:
    """Stage objects, and yield each batch once it is written, and each object that cannot be read.

    Args:
        items: The objects.
        job: How they are staged.
        name: The first part of the files' names, used by no other process.

    Raises:
        RuntimeError: The staging folder cannot be written.
    """
    reader, writer = ObjectReader(job), BatchWriter(job.folder, name)
    for item, fetched in prefetched(items, job.source):
        try:
            if isinstance(fetched, BwpError):
                raise fetched
            stream = job.source.open(item) if fetched is None else BytesIO(fetched)
            for result in reader.read(item, stream):
                writer.add(result)
                if writer.is_full:
                    yield writer.write()
        except BwpError as error:
            yield Unreadable(item, error)
    writer.add(reader.rest())
    if not writer.is_empty:
        yield writer.write()
