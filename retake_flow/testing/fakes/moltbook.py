"""Moltbook without a network: it takes posts, holds them back, takes its time and fails as it is told to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from retake_flow.api.moltbook import MoltbookClient
from retake_flow.redact import Secret

#: The agent's key there.
KEY = "moltbook_sk_rehearsed_owl"
_CODE = "moltbook_verify_1"


@dataclass
class Moltbook(httpx.AsyncBaseTransport):
    """A community, as the client's transport.

    Attributes:
        takes: How long it takes for an answer, in seconds.
        answers: What it answers instead of taking a post, in turn; an exception is what the network does.
        challenge: What has to be answered before a post is seen; "" when nothing has to.
        solution: The right answer to that.
        posts: What was posted, held back or not.
        seen: The posts that can be seen.
        requests: All that it was sent.
    """

    takes: float = 0.0
    answers: list[httpx.Response | Exception] = field(default_factory=list)
    challenge: str = ""
    solution: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def opened(self) -> MoltbookClient:
        """A client that comes here."""
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
        return self._verified(form) if request.url.path.endswith("/verify") else self._posted(form)

    def _posted(self, form: dict[str, Any]) -> httpx.Response:
        self.posts.append(form)
        key = f"post-{len(self.posts)}"
        if not self.challenge:
            self.seen.append(form)
            return httpx.Response(201, json={"success": True, "post": {"id": key, "url": f"/post/{key}"}})
        held = {"verification_code": _CODE, "challenge_text": self.challenge}
        post = {"id": key, "verification_status": "pending", "verification": held}
        return httpx.Response(201, json={"success": True, "post": post})

    def _verified(self, form: dict[str, Any]) -> httpx.Response:
        if form != {"verification_code": _CODE, "answer": self.solution}:
            return httpx.Response(400, json={"success": False, "error": "Incorrect answer"})
        self.seen = list(self.posts)
        return httpx.Response(200, json={"success": True})
