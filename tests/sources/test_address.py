"""An address is parsed once, and opens the source that it names."""

from pathlib import Path

import pytest

from bwp_client.errors import UsageError
from bwp_client.sources import FileSource, S3Source, Scheme, SourceAddress, open_source


@pytest.mark.parametrize(
    ("text", "scheme", "rest"),
    [
        ("folder/a.json", Scheme.PATH, "folder/a.json"),
        ("", Scheme.PATH, ""),
        ("file:///tmp/a%20b", Scheme.FILE, "/tmp/a%20b"),
        ("s3://bucket/pre/fix", Scheme.S3, "bucket/pre/fix"),
        ("archive://events", Scheme.ARCHIVE, "events"),
        ("sample://", Scheme.SAMPLE, ""),
        ("ftp://host/x", Scheme.UNKNOWN, "host/x"),
        ("://x", Scheme.UNKNOWN, "x"),
        ("a path://x", Scheme.UNKNOWN, "x"),
    ],
)
def test_an_address_is_its_scheme_and_what_follows(text: str, scheme: Scheme, rest: str) -> None:
    address = SourceAddress.parse(text)
    assert (address.text, address.scheme, address.rest) == (text, scheme, rest)


def test_the_address_of_an_archive_parses_to_itself() -> None:
    assert SourceAddress.parse("archive://events") == SourceAddress.of_archive("events")


def test_a_source_is_opened_by_its_scheme(tmp_path: Path) -> None:
    assert isinstance(open_source(str(tmp_path)), FileSource)
    assert isinstance(open_source(tmp_path.as_uri()), FileSource)
    assert isinstance(open_source("s3://bucket/prefix"), S3Source)
    for text in ("ftp://host/x", "archive://events", "sample://"):
        with pytest.raises(UsageError, match=f"'{text.partition('://')[0]}://' is not a source we read"):
            open_source(text)
