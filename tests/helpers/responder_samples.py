"""What the tests of responders share: batches, and web services that answer within the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from retake_flow.ports.responders import Batch, Message

MESSAGE = Message("1", "mira", "user_7", "hi €", "2026-01-01T00:00:00.000Z", "message", newcomer=True)
BATCH = Batch((MESSAGE,), "Night Owl", stream={"viewers": 3})


class Service(httpx.MockTransport):
    """Answers requests in turn as it is told to, the last answer for all later ones.

    Attributes:
        requests: Those that came.
    """

    def __init__(self, *answers: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        super().__init__(self._answered)
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def _answered(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        made = answer(request) if callable(answer) else answer
        body = made.stream if not hasattr(made, "_content") else httpx.ByteStream(made.content)
        return httpx.Response(made.status_code, headers=made.headers, stream=body)

    @property
    def bodies(self) -> list[Any]:
        """What was posted."""
        return [json.loads(request.content) for request in self.requests]


def completion(text: Any, usage: Any = None, **choice: Any) -> httpx.Response:
    """What a language model answers."""
    value = {"choices": [{"message": {"role": "assistant", "content": text}, **choice}]}
    return httpx.Response(200, json=value if usage is None else {**value, "usage": usage})
