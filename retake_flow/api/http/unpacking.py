"""Unpacking: decompresses an answer that came compressed unasked, never beyond its limit."""

from __future__ import annotations

import zlib
from typing import Final

#: gzip or zlib, as the data itself says.
_EITHER: Final = zlib.MAX_WBITS | 32
_KNOWN: Final = ("gzip", "x-gzip", "deflate")


class CannotUnpack(Exception):
    """A body is packed in a way that nobody asked for and that is not unpacked here."""


def decompress(body: bytes, encoding: str, most: int) -> tuple[bytes, bool]:
    """A body without its `Content-Encoding`, and whether it was cut off at `most` bytes.

    One layer of gzip is unpacked, since some servers send files as they are stored. Other or repeated
    compression is not.

    Raises:
        CannotUnpack: The body has such a compression, or is broken.
    """
    layers = [
        layer for layer in (part.strip().lower() for part in encoding.split(",")) if layer not in ("", "identity")
    ]
    if not layers:
        return body, False
    if layers[1:] or layers[0] not in _KNOWN:
        raise CannotUnpack(f"its encoding is {encoding[:60]!r}, which was not asked for")
    unpacking = zlib.decompressobj(_EITHER)
    try:
        text = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise CannotUnpack(f"it is no {layers[0]}: {error}") from None
    if not unpacking.eof and len(text) <= most:
        raise CannotUnpack("it breaks off")
    return text[:most], len(text) > most
