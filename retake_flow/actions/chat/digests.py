"""Digests: remembers many texts in little space, enough to recognise each."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable
from hashlib import blake2b


def digest_of(text: str) -> str:
    """A few letters that stand for a text."""
    return b64encode(_digest(text, 6)).decode()


class Digests:
    """The most recently added texts; the oldest are forgotten first.

    Args:
        width: Bytes per text: with n texts, another text counts as known by chance in n of 256^width cases.
        most: How many texts are remembered.
        kept: What `pack` returned, or the texts themselves.
    """

    def __init__(self, width: int, most: int, kept: object = "") -> None:
        self._width = width
        self._most = most
        self._digests: dict[bytes, None] = {}
        if isinstance(kept, str):
            self._unpack(kept)
        elif isinstance(kept, list | tuple):
            self.add(str(text) for text in kept)

    def __contains__(self, text: str) -> bool:
        return self._digest(text) in self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, texts: Iterable[str]) -> None:
        """Remember texts as the newest, even if they were known."""
        for text in texts:
            digest = self._digest(text)
            self._digests.pop(digest, None)
            self._digests[digest] = None
        while len(self._digests) > self._most:
            del self._digests[next(iter(self._digests))]

    def pack(self) -> str:
        """All of them packed into one text, from which they can be restored."""
        return b64encode(b"".join(self._digests)).decode()

    def _digest(self, text: str) -> bytes:
        return _digest(text, self._width)

    def _unpack(self, kept: str) -> None:
        try:
            data = b64decode(kept, validate=True)
        except (Error, ValueError):
            return  # written by an older version
        starts = range(0, len(data) - self._width + 1, self._width)
        self._digests = {data[start : start + self._width]: None for start in starts}


def _digest(text: str, width: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=width).digest()
