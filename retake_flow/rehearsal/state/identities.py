"""People, ids, tokens and keys: unique, and drawn from an injected source of randomness."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from retake_flow.redact import Secret

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Person:
    """An author: a viewer or an agent."""

    user_id: str
    name: str
    wallet_address: str
    fid: int


class Identities:
    """Generates everything that must be unique on one platform.

    Args:
        part: The number of this part of the rehearsal; each part has its own comment ids.
    """

    def __init__(self, rng: Random, part: int = 1) -> None:
        self._rng = rng
        self._given: set[str] = set()
        self._viewers: dict[str, Person] = {}
        self._comments = 96 + (part - 1) * 1_000_000  # 96: so that the ids soon go from two digits to three

    def id(self, kind: str) -> str:
        """A new id, such as `session_k3v…`."""
        return self._draw(f"{kind}_", 12, _ALPHABET)

    def access_token(self) -> Secret:
        """A new access token."""
        return Secret(self._draw("rtk_", 40, _ALPHABET))

    def stream_key(self) -> Secret:
        """A new stream key."""
        return Secret(self._draw("sk_", 32, _ALPHABET))

    def address(self) -> str:
        """A new address on Solana."""
        return self._draw("", 44, BASE58)

    def code(self) -> str:
        """A new verification code."""
        return self._draw("", 8, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    def comment(self, *, documented: bool) -> str:
        """A new comment id, in the form of the shape."""
        if documented:
            return self.id("comment")
        self._comments += 1
        return str(self._comments)

    def person(self, name: str, user_id: str = "", wallet_address: str = "") -> Person:
        """A new person."""
        fid = self._rng.randrange(1_000, 1_000_000)
        return Person(user_id or self.id("user"), name, wallet_address or self.address(), fid)

    def viewer(self, name: str) -> Person:
        """The viewer with this name, the same one each time."""
        if name not in self._viewers:
            self._viewers[name] = self.person(name)
        return self._viewers[name]

    def _draw(self, prefix: str, length: int, alphabet: str) -> str:
        while True:
            text = prefix + "".join(self._rng.choices(alphabet, k=length))
            if text not in self._given:
                self._given.add(text)
                return text
