"""Records that AWS services write beside events into the same bucket or queue: known by name, and counted as ignored."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from bwp_client.event_fields import Field, text


class _Fields(msgspec.Struct, gc=False, rename="camel"):
    event_source: Field = UNSET
    event_version: Field = UNSET
    event_name: Field = UNSET
    s3: Field = UNSET
    test_event: Field = msgspec.field(name="Event", default=UNSET)
    source_bucket: Field = UNSET
    file_format: Field = UNSET
    files: Field = UNSET
    bucket: Field = UNSET
    key: Field = UNSET
    storage_class: Field = msgspec.field(name="storage_class", default=UNSET)
    last_modified_date: Field = msgspec.field(name="last_modified_date", default=UNSET)
    digest_start_time: Field = UNSET
    digest_s3_bucket: Field = msgspec.field(name="digestS3Bucket", default=UNSET)


_decoder = msgspec.json.Decoder(_Fields)


def service_record_name(record: bytes | memoryview) -> str | None:
    """Return the name of a record of S3 notifications, S3 Inventory or CloudTrail; None for anything else.

    Args:
        record: A JSON object.
    """
    fields = _decoder.decode(record)
    source = text(fields.event_source)
    if fields.event_version is not UNSET and fields.event_name is not UNSET and isinstance(source, str):
        if source == "aws:s3" and fields.s3 is not UNSET:
            return "S3 notification"
        if source.endswith(".amazonaws.com"):
            return "CloudTrail record"
    if text(fields.test_event) == "s3:TestEvent":
        return "s3:TestEvent"
    if UNSET not in (fields.source_bucket, fields.file_format, fields.files):
        return "S3 Inventory manifest"
    if UNSET not in (fields.bucket, fields.key) and (fields.storage_class, fields.last_modified_date) != (UNSET, UNSET):
        return "S3 Inventory entry"
    if UNSET not in (fields.digest_start_time, fields.digest_s3_bucket):
        return "CloudTrail digest"
    return None
