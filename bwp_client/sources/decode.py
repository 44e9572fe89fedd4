"""From an object's raw bytes to blocks of JSON text: gzip is known by its first bytes, never by the name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from isal import isal_zlib

RAW_BYTES = 1024 * 1024
BLOCK_BYTES = 4 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
_PADDING = b"\0"
"""Zero bytes after a gzip member are allowed."""


class CutShortError(Exception):
    """The compressed stream ended, or broke, before its end; all blocks before were given."""


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Give the object's text in blocks of at most 4 MiB; several gzip members in a row are one text.

    Raises:
        CutShortError: The gzip stream is cut or damaged; what came before it was given.
    """
    head = stream.read(RAW_BYTES)
    if head.startswith(_GZIP_MAGIC):
        yield from _gunzip(head, stream)
        return
    while head:
        yield head
        head = stream.read(BLOCK_BYTES)


def _gunzip(raw: bytes, stream: BinaryIO) -> Iterator[bytes]:
    member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    while raw:
        try:
            text = member.decompress(raw, BLOCK_BYTES)
        except isal_zlib.error as error:  # type: ignore[misc]
            raise CutShortError(str(error)) from error
        if text:
            yield text
        if member.eof:
            raw = member.unused_data.lstrip(_PADDING)
            while not raw:
                raw = stream.read(RAW_BYTES)
                if not raw:
                    return
                raw = raw.lstrip(_PADDING)
            member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
            continue
        raw = member.unconsumed_tail or stream.read(RAW_BYTES)
    if not member.eof:
        raise CutShortError("the gzip stream ended before its end marker")
