"""Own messages: recognises the agent's messages in a chat, in any form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.dedup import Way
from retake_flow.actions.chat.recently_sent import Sent, SentMessages, traits
from retake_flow.api.chat import ChatMessage, is_own
from retake_flow.run.records import Record

_TWICE: Final = 2  # an author who repeats the agent's latest words this often is the agent
_RETURNS: Final = 4  # after this many unrecognised echoes in a row, echoes count as the agent's
_EARLY, _PROMPT = 2.0, 2.5  # seconds; no person answers this fast every time
_PROMPT_UNDATED = 10.0  # seconds, if only the reading shows when a message arrived
_MOST_KEYS, _MOST_COINCIDENCES = 60, 1_000
_CREDIBLE = 60.0  # seconds; chat is read every few seconds, so a new message cannot be dated longer ago


class OwnMessages:
    """Recognises the agent's messages: by id, user id, wallet, name in any spelling, or by having just sent them.

    Each sent message is recognised once, so a viewer who repeats it later is not the agent. An author who posts such
    messages twice is the agent under an unknown name or id, and counts as such from then on. As a last resort, if
    something unknown comes back right after each message, that is the agent too. So the agent never talks to itself
    without end.

    Attributes:
        sent: The agent's latest messages.
    """

    def __init__(self, access: Access, now: Callable[[], float]) -> None:
        self.sent = SentMessages(now)
        self._access = access
        self._now = now
        self._keys: dict[str, None] = {}
        self._coincidences: dict[str, int] = {}
        self._told_by_id = False  # whether the chat contains the agent's own user id
        self._mirrored = False  # whether every echo counts, no matter who its author is
        self._learnt: list[str] = []
        self._restored = False

    def restore(self, kept: Mapping[str, Any], journal: Callable[[], Iterable[Record]]) -> None:
        """Restore the knowledge of earlier processes; only the first call does."""
        if not self._restored:
            self._restored = True
            self._know(kept.get("keys", ()))
            self.sent.recall(journal(), self._access.credentials.user_db_id)
            self.sent.restore_seen(kept.get("seen", ()))

    def snapshot(self) -> dict[str, Any]:
        """The state for the next process, as plain data."""
        return {"keys": list(self._keys), "seen": self.sent.seen_lately}

    def take_learnt(self) -> list[str]:
        """The names under which the agent was recognised since the last call."""
        learnt, self._learnt = self._learnt, []
        return learnt

    def sift(self, messages: Sequence[tuple[Way, ChatMessage]], ahead: float | None) -> list[bool]:
        """Whether each message of the agent's chat is its own.

        Args:
            messages: The messages read, oldest first, each with how it arrived.
            ahead: How many seconds the platform's clock is ahead of the run's time; None if unknown.
        """
        # Certain matches come first: another author of the same words is then known not to be the agent.
        own = [self._is_certain(way, message, ahead) for way, message in messages]
        for at, (way, message) in enumerate(messages):
            own[at] = own[at] or self._is_repeated(way, message, ahead) or self._comes_back(message, ahead)
        return own

    def is_author(self, message: ChatMessage) -> bool:
        """Whether the agent is known to be the author of a message."""
        known = self._access.credentials
        return is_own(message, known.user_db_id, known.agent_name, known.wallet_address) or any(
            key in self._keys for key in _keys(message)
        )

    def _is_certain(self, way: Way, message: ChatMessage, ahead: float | None) -> bool:
        by_id = bool(message.author_user_id) and message.author_user_id == self._access.credentials.user_db_id
        known = by_id or self.is_author(message)
        sent = self.sent.find(way, message, ahead) if known else self.sent.find_by_id(message)
        if sent is not None:
            self._see(sent, way, message)
        if by_id or (sent is not None and not known):
            self._told_by_id = self._told_by_id or by_id
            self._know(traits(message))
        return known or sent is not None

    def _is_repeated(self, way: Way, message: ChatMessage, ahead: float | None) -> bool:
        """Whether a message repeats what was just sent, by an author not known to be the agent."""
        if message.author_user_id and self._told_by_id:
            return False
        sent = self.sent.find(way, message, ahead)
        if sent is None:
            return False
        first = not sent.ways
        self._see(sent, way, message)
        for key in _keys(message) if first else ():
            self._coincidences[key] = self._coincidences.pop(key, 0) + 1
            if self._coincidences[key] == _TWICE:
                self._learn(message)
        _forget(self._coincidences, _MOST_COINCIDENCES)
        return True

    def _see(self, sent: Sent, way: Way, message: ChatMessage) -> None:
        sent.see(way, message)
        self._mirrored = False

    def _comes_back(self, message: ChatMessage, ahead: float | None) -> bool:
        """Whether a message completes a row of messages that each came right after a sent one."""
        who = set(traits(message)) or {""}
        sent = self._said_before(message, who, ahead)
        if sent is None:
            return False
        sent.returned |= who
        lately = self.sent.unseen_messages[-_RETURNS:]
        if not self._mirrored and len(lately) == _RETURNS and all(each.returned for each in lately):
            always = set.intersection(*(each.returned for each in lately)) - {""}
            if always & who:
                self._learn(message)
                return True
            self._mirrored = not always
            if self._mirrored:
                self._learnt.append("")
        return self._mirrored

    def _said_before(self, message: ChatMessage, who: set[str], ahead: float | None) -> Sent | None:
        """The agent's message right before another one, if it has had no echo from that author yet, or from anyone."""
        if not message.is_message:
            return None
        at, early, prompt = self._now(), 0.0, _PROMPT_UNDATED
        written = self.sent.time_written(message, ahead)
        if written is not None and at - written < _CREDIBLE:
            at, early, prompt = written, _EARLY, _PROMPT
        right_before = (
            e for e in reversed(self.sent.unseen_messages) if e.began - early <= at <= (e.ended or at) + prompt
        )
        return next((e for e in right_before if not (e.returned if self._mirrored else e.returned & who)), None)

    def _know(self, keys: Iterable[str]) -> None:
        """Recognise the agent by these keys from now on; the most recent are kept."""
        for key in keys:
            self._keys.pop(key, None)
            self._keys[key] = None
        _forget(self._keys, _MOST_KEYS)

    def _learn(self, message: ChatMessage) -> None:
        self._know(traits(message))
        self._learnt.append(message.author_name or message.wallet or message.author_user_id or "")


def _forget(remembered: dict[str, Any], most: int) -> None:
    while len(remembered) > most:
        del remembered[next(iter(remembered))]


def _keys(message: ChatMessage) -> list[str]:
    """The keys that identify the author of a message: the user id if there is one, else wallet and name."""
    keys = traits(message)
    return keys[:1] if message.author_user_id else keys
