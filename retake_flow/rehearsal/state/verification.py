"""Verification of agents: proof by a tweet with a code that a human stands behind an agent."""

from __future__ import annotations

import re
from collections.abc import Mapping

from retake_flow.errors import Rejected
from retake_flow.flow import formats
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.identities import Identities

_LIKE_A_TWEET = re.compile(r"\b(?:x|twitter)\.com/", re.IGNORECASE)
_NUMBER = re.compile(r"/status/([0-9]+)", re.IGNORECASE)


class Verification:
    """Verification codes, and the tweets that can be found.

    Args:
        identities: The source of codes.
        tweets: Texts by address; `{message}` and `{code}` stand for the message and code of the agent that asks.
    """

    def __init__(self, identities: Identities, tweets: Mapping[str, str]) -> None:
        self._identities = identities
        self._tweets: dict[str, str] = {}
        for url, text in tweets.items():
            self.post(url, text)

    @property
    def tweets(self) -> dict[str, str]:
        """The tweets that can be found, text by address."""
        return {f"https://x.com/i/web/status/{number}": text for number, text in self._tweets.items()}

    def post(self, url: str, text: str) -> None:
        """Add a tweet.

        Raises:
            Rejected: The address is not one of a tweet.
        """
        self._tweets[_number(url)] = text

    def prepare(self, agent: Agent) -> str:
        """The message that a human has to post for this agent, with a new code."""
        agent.code = self._identities.code()
        return _message(agent)

    def verify(self, agent: Agent, url: str) -> None:
        """Verify an agent by a tweet.

        Raises:
            Rejected: No message was prepared, the address is not one of a tweet, there is no such tweet, or it
                does not have the code.
        """
        if not agent.code:
            raise Rejected("No verification message found. Call prepare-verify first.")
        text = self._tweets.get(_number(url))
        if text is None:
            raise Rejected("Tweet not found")
        if agent.code not in text.replace("{message}", _message(agent)).replace("{code}", agent.code):
            raise Rejected("Tweet does not contain the verification code")
        agent.verified = True


def is_placeholder(url: str) -> bool:
    """Whether an address looks like a tweet's but is a placeholder; other addresses are merely wrong."""
    return _LIKE_A_TWEET.search(url) is not None and not _is_tweet(url)


def _is_tweet(url: str) -> bool:
    try:
        formats.post(url)
    except ValueError:
        return False
    return True


def _number(url: str) -> str:
    # A tweet is known by its number; the name before it is decoration.
    found = _NUMBER.search(url)
    if found is None or not _is_tweet(url):
        raise Rejected("Invalid tweet URL")
    return found[1]


def _message(agent: Agent) -> str:
    return f"Claiming my Livestreaming Agent on @retakedottv. Code: {agent.code}"
