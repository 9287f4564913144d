"""Identity: which retake.tv account a run acts as, and whether credentials belong to it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from enum import Enum, auto
from urllib.parse import urlsplit

from retake_flow.addresses import is_loopback
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret


@dataclass(frozen=True, slots=True)
class Identity:
    """An account, as far as it is known; "" stands for unknown values.

    Attributes:
        name: The agent's name; before registration, the requested name.
        user_db_id: The platform's id for it.
        fingerprint: The fingerprint of the access token, which does not reveal it; "" before there is a token.
        source: Where the token comes from or will be kept: a file's path or the name of a variable.
        platform: The origin of the platform that has the account.
    """

    name: str = ""
    user_db_id: str = ""
    fingerprint: str = ""
    source: str = ""
    platform: str = ""

    @property
    def label(self) -> str:
        """The agent's name for people."""
        if self.name or self.user_db_id:
            return self.name or f"the agent {self.user_db_id}"
        return f"the agent of {self.source}" if self.source else "an agent without a known name"

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys unique to this account on this machine: two accounts that share a key are the same."""
        file = "" if self.fingerprint else self.source
        return self.shared_keys + ((f"{self.platform} file {file}",) if file else ())

    @property
    def shared_keys(self) -> tuple[str, ...]:
        """Those of its keys that mean the same on every machine."""
        known = {"user": self.user_db_id, "name": self.name.casefold(), "token": self.fingerprint}
        return tuple(f"{self.platform} {kind} {value}" for kind, value in known.items() if value)


#: An identity of which nothing is known yet.
NOBODY = Identity()


class Match(Enum):
    """Whether a found account is the one that a run acts as."""

    SAME = auto()
    CLAIMED = auto()  # same name or id, but another token
    UNKNOWN = auto()  # only the platform knows
    OTHER = auto()


def fingerprint(token: Secret | None) -> str:
    """A value that distinguishes access tokens without revealing them."""
    if not token:
        return ""
    return hashlib.sha256(b"retake-flow account\0" + token.reveal().encode()).hexdigest()[:16]


def match(kept: Identity, found: Identity) -> Match:
    """Whether a found account is the one that a run acts as."""
    if not same_platform(kept, found):
        return Match.OTHER
    if not kept.fingerprint and kept.source and kept.source == found.source:
        return Match.SAME  # it had no token yet, and its token was to be kept here
    if kept.fingerprint == found.fingerprint:
        return Match.SAME if kept.fingerprint or not kept.source else Match.OTHER
    if not found.fingerprint:
        return Match.OTHER
    for mine, theirs in ((kept.user_db_id, found.user_db_id), (kept.name.casefold(), found.name.casefold())):
        if mine and theirs:
            return Match.CLAIMED if mine == theirs else Match.OTHER
    if kept.fingerprint or kept.user_db_id:
        return Match.UNKNOWN
    if kept.source:
        return Match.OTHER
    return Match.UNKNOWN if kept.name else Match.SAME


def is_confirmed(kept: Identity, told: Identity) -> bool:
    """Whether an account is a run's, given its `user_db_id` from the platform."""
    return kept.fingerprint in ("", told.fingerprint) or kept.user_db_id in ("", told.user_db_id)


def merge(kept: Identity, found: Identity) -> Identity:
    """An account extended with newly found data."""
    return replace(
        found,
        name=found.name or kept.name,
        user_db_id=found.user_db_id or kept.user_db_id,
        fingerprint=found.fingerprint or kept.fingerprint,
        platform=kept.platform or found.platform,
    )


def same_platform(one: Identity, other: Identity) -> bool:
    """Whether two accounts may be on the same platform; a local one may have a different port each time."""
    local = all(is_loopback(urlsplit(each.platform).hostname) for each in (one, other))
    return one.platform == other.platform or local or "" in (one.platform, other.platform)
