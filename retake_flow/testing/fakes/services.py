"""A fake web service and language model without a network: they answer chat and fail as configured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

_USED = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}


@dataclass
class Service(httpx.AsyncBaseTransport):
    """Answers the requests that a flow's `http` and `openai` responders make.

    Attributes:
        answers: Its replies by text.
        thinks: Delay of each answer, in seconds.
        refusals: Answers that come first instead, in turn.
        requests: All requests.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    thinks: float = 0.0
    refusals: list[httpx.Response] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        await asyncio.sleep(self.thinks)
        if self.refusals:
            return _unread(self.refusals.pop(0))
        texts = [message["text"] for message in _messages(request)]
        answer = {"replies": [self.answers[text] for text in texts if text in self.answers]}
        if not request.url.path.endswith("/chat/completions"):
            return _unread(httpx.Response(200, json=answer))
        said = {"message": {"role": "assistant", "content": json.dumps(answer)}}
        return _unread(httpx.Response(200, json={"choices": [said], "usage": _USED}))

    @property
    def questions(self) -> list[tuple[str, str]]:
        """The author and text of each message that it was asked about."""
        return [(message["author"], message["text"]) for request in self.requests for message in _messages(request)]


class Keys(Mapping[str, str]):
    """An environment in which every key is set: to a signing key or a password."""

    def __getitem__(self, name: str) -> str:
        return "whsec_a2V5LW9mLWEtcmVoZWFyc2FsLWZvci1ub2JvZHk="

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def _messages(request: httpx.Request) -> list[dict[str, Any]]:
    body = json.loads(request.content)
    found: list[dict[str, Any]]
    if request.url.path.endswith("/chat/completions"):
        found = json.loads(body["messages"][1]["content"])["new"]
    else:
        found = body["messages"]
    return found


def _unread(made: httpx.Response) -> httpx.Response:
    """A response as it comes from the network, not yet read."""
    return httpx.Response(made.status_code, headers=made.headers, stream=httpx.ByteStream(made.content))
