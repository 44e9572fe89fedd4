"""Bytes to records: compression, framing, wrappers, columnar reading."""
