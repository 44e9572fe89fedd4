"""Bodies of HTTP answers, read within a limit that counts the bytes received and the bytes that come out of them."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from zlib import _Decompress

MAX_ANSWER_BYTES: Final = 1 << 20
_ENCODING: Final = "content-encoding"
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


class BodyTooLargeError(httpx.ReadError):
    """A body is longer than an answer can be, as it was received or after decompression."""


class BodyEncodingError(httpx.DecodingError):
    """A body is compressed in a form that is not read, or its compressed data are damaged."""


async def bound_body(response: httpx.Response) -> None:
    """Limit the size of a body; an httpx event hook, called before the body is read.

    Answers are asked for without compression, but a server may send a single layer of gzip or zlib all the same. httpx
    would decompress whole chunks, each to a thousand times its size, before anything could count them.

    Raises:
        BodyEncodingError: The body is compressed in another form, or more than once.
    """
    assert isinstance(response.stream, httpx.AsyncByteStream)
    response.stream = _BoundedBody(response.stream, _decompressor(response.headers.pop(_ENCODING, "")))


def _decompressor(encodings: str) -> _Decompress | None:
    names = [name for part in encodings.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if not names:
        return None
    if len(names) == 1 and names[0] in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise BodyEncodingError("not asked for")


class _BoundedBody(httpx.AsyncByteStream):
    """A decompressed body. It raises `BodyTooLargeError` beyond the limit, and `BodyEncodingError` on damaged data."""

    def __init__(self, stream: httpx.AsyncByteStream, decompressor: _Decompress | None) -> None:
        self._stream: httpx.AsyncByteStream | None = stream
        self._decompressor = decompressor

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._stream is not None
        received = size = 0
        async for chunk in self._stream:
            received += len(chunk)
            block = self._decompress(chunk, MAX_ANSWER_BYTES - size + 1) if self._decompressor else chunk
            size += len(block)
            if max(received, size) > MAX_ANSWER_BYTES:
                raise BodyTooLargeError("too large")
            yield block
        if received and self._decompressor and not self._decompressor.eof:
            raise BodyEncodingError("cut")

    def _decompress(self, chunk: bytes, max_bytes: int) -> bytes:
        assert self._decompressor is not None
        try:
            block = self._decompressor.decompress(chunk, max_bytes)
        except zlib.error as error:
            raise BodyEncodingError("damaged") from error
        if self._decompressor.unused_data:
            raise BodyEncodingError("more data follow the compressed data")
        return block

    async def aclose(self) -> None:
        # The stream of httpx refers to its response, which refers to this object. Without the cycle, the response and its
        # body are freed at once, and not by a garbage collection that may be a hundred answers away.
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()
