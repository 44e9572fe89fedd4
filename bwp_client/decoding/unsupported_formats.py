"""Formats of objects that are not read: recognised by their first bytes, so that the quarantine can name them."""

from __future__ import annotations

import codecs
import re

_MAGICS = {
    b"\x82SNAPPY\0": "compressed as snappy in the format of snappy-java (xerial)",
    b"\x04\x22\x4d\x18": "compressed as lz4",
    b"\x02\x21\x4c\x18": "compressed as lz4",
    b"\xfd7zXZ\0": "compressed as xz",
    b"\x5d\0\0": "compressed as lzma",
    b"LZIP\x01": "compressed as lzip",
    b"\x89LZO\0": "compressed as lzop",
    b"\x1f\x9d": "compressed by compress (.Z)",
    b"x\x01": "compressed as zlib",
    b"x\x9c": "compressed as zlib",
    b"x\xda": "compressed as zlib",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"Obj\x01": "an Avro file",
    b"SEQ\x06": "a Hadoop sequence file",
    b"\xff\xfe\0\0": "text in UTF-32",
    b"\0\0\xfe\xff": "text in UTF-32",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_ORC = re.compile(rb"ORC.*[\0-\x08\x0e-\x1f]", re.DOTALL)
"""Text may begin with these letters, but has no control characters."""
_SHORT = 2
"""The length of a mark with which damaged text may begin, too."""
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x1f]")
_LITERAL_BYTES = 60
_JSON_STARTS = b"{["
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


def unsupported_format(head: bytes) -> str | None:
    """Return what an object with these first bytes is, if it is in a known format that is not read."""
    for magic, name in _MAGICS.items():
        if head.startswith(magic) and not (len(magic) <= _SHORT and _is_text(head[len(magic) :])):
            return name
    if _BZIP2.match(head):
        return "compressed as bzip2"
    if _ORC.match(head):
        return "an ORC file"
    for code_bytes, name in ((4, "text in UTF-32"), (2, "text in UTF-16")):
        columns = [head[index::code_bytes] for index in range(code_bytes)]
        if _is_utf_16_or_32(columns) or _is_utf_16_or_32(columns[::-1]):
            return name
    return "compressed as snappy without framing" if _is_raw_snappy(head) else None


def _is_text(data: bytes) -> bool:
    """Return whether bytes are text in UTF-8, of which the last character may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return bool(text) and not _CONTROLS.search(text)


def _is_utf_16_or_32(columns: list[bytes]) -> bool:
    """Return whether the first bytes of all codes are JSON text, perhaps after white space, and all others are zero."""
    letters, *others = columns
    if len(others[-1]) <= 2 or any(map(any, others)):
        return False
    text = letters.lstrip(_SPACE)
    is_printable = text.translate(None, _SPACE).decode("latin-1").isprintable()
    return is_printable and (not text or text[0] in _JSON_STARTS)


def _is_raw_snappy(head: bytes) -> bool:
    """Recognise raw snappy of JSON: the length of the text, as a number of several bytes, and a literal that opens it."""
    if head.startswith(_BOM):
        return False
    position = 0
    while position < len(head) and head[position] & 0x80:
        position += 1
    tag = head[position + 1 : position + 2]
    if not 0 < position < 5 or not tag or tag[0] & 3:
        return False
    # The length of a literal follows its tag, in one to four bytes, if the tag has no room for it.
    start = position + 2 + max(0, (tag[0] >> 2) - _LITERAL_BYTES + 1)
    return head[start : start + 1] != b"" and head[start] in _JSON_STARTS
