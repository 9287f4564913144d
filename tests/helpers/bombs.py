"""Compressed bodies that unpack to 64 MiB, made when a test first wants them: each worker imports all tests."""

from __future__ import annotations

import gzip
import zlib
from functools import cache


@cache
def bomb(encoding: str) -> bytes:
    """One of these encodings: `gzip`, `deflate`, `gzip, gzip`; any other is that of gzip."""
    if encoding == "deflate":
        return zlib.compress(bytes(64 << 20))
    packed = gzip.compress(bytes(64 << 20))
    return gzip.compress(packed) if encoding == "gzip, gzip" else packed
