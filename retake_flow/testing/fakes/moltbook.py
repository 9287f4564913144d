"""A fake Moltbook without a network: it accepts posts, holds them back, delays and fails as configured."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from retake_flow.api.moltbook import MoltbookClient
from retake_flow.redact import Secret

#: The agent's key for Moltbook.
KEY = "moltbook_sk_rehearsed_owl"
_CODE = "moltbook_verify_1"


@dataclass
class Moltbook(httpx.AsyncBaseTransport):
    """A community, as the client's transport.

    Attributes:
        takes: Delay of each answer, in seconds.
        answers: Answers in place of accepting a post, in turn; an exception is an error of the network.
        challenge: The challenge to answer before a post is visible; "" for none.
        solution: The right answer to the challenge.
        posts: All posts, held back or not.
        seen: The visible posts.
        requests: All requests.
    """

    takes: float = 0.0
    answers: list[httpx.Response | Exception] = field(default_factory=list)
    challenge: str = ""
    solution: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def client(self) -> MoltbookClient:
        """A client that sends its requests here."""
        return MoltbookClient(Secret(KEY), transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        await asyncio.sleep(self.takes)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        form = json.loads(await request.aread())
        return self._on_verify(form) if request.url.path.endswith("/verify") else self._on_post(form)

    def _on_post(self, form: dict[str, Any]) -> httpx.Response:
        self.posts.append(form)
        key = f"post-{len(self.posts)}"
        if not self.challenge:
            self.seen.append(form)
            return httpx.Response(201, json={"success": True, "post": {"id": key, "url": f"/post/{key}"}})
        held = {"verification_code": _CODE, "challenge_text": self.challenge}
        post = {"id": key, "verification_status": "pending", "verification": held}
        return httpx.Response(201, json={"success": True, "post": post})

    def _on_verify(self, form: dict[str, Any]) -> httpx.Response:
        if form != {"verification_code": _CODE, "answer": self.solution}:
            return httpx.Response(400, json={"success": False, "error": "Incorrect answer"})
        self.seen = list(self.posts)
        return httpx.Response(200, json={"success": True})
