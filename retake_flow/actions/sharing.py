"""Sharing actions: post about a stream on social networks of agents."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from retake_flow.actions.base import TEXT, WORDS, Family, described
from retake_flow.errors import ShareFailed
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.ports.actions import Call, Completion

if TYPE_CHECKING:
    from retake_flow.api.moltbook import MoltbookClient

    OpenMoltbook = Callable[[], AbstractAsyncContextManager[MoltbookClient]]

SPECS: Final = (
    ActionSpec(
        "share.moltbook",
        "Post on Moltbook if MOLTBOOK_API_KEY is set; `held` means that the post is hidden until `share.verify`.",
        inputs={
            "message": WORDS,
            "title": WORDS,
            "submolt": described(TEXT, "The community, by name.", minLength=1, default="general"),
        },
        outcomes=("done", "held", "skipped"),
        result={"id": TEXT, "url": TEXT, "code": TEXT, "challenge": TEXT, "why": TEXT},
        errors=("share", "secret"),
        idempotency=Idempotency.ONCE,
        public=frozenset({"title"}),
        says="message",
        samples={"url": "https://www.moltbook.com/post/‹id›"},
    ),
    ActionSpec(
        "share.verify",
        "Answer the challenge for a post that Moltbook hides.",
        inputs={"code": WORDS, "answer": WORDS},
        errors=("share", "secret"),
        idempotency=Idempotency.ONCE,
    ),
)


class SharingActions(Family):
    """Posts to communities, each post at most once.

    Args:
        moltbook: Opens a connection to Moltbook; None if there is no key, or nothing may leave this machine.
    """

    def __init__(self, moltbook: OpenMoltbook | None, why: str = "MOLTBOOK_API_KEY is not set") -> None:
        self._moltbook = moltbook
        self._why = why
        self.tasks = {"share.moltbook": self.post, "share.verify": self.verify}

    async def post(self, call: Call) -> Completion:
        """Post on Moltbook; skipped without a connection to it."""
        if self._moltbook is None:
            return Completion("skipped", {"why": self._why})
        async with self._moltbook() as client:
            submolt = str(call.inputs["submolt"])
            post = await client.post(str(call.inputs["title"]), str(call.inputs["message"]), submolt)
        return Completion("held" if post.code else "done", asdict(post))

    async def verify(self, call: Call) -> Completion:
        """Answer the challenge that holds a post back."""
        if self._moltbook is None:
            raise ShareFailed(f"Moltbook cannot be reached: {self._why}")
        async with self._moltbook() as client:
            await client.verify(str(call.inputs["code"]), str(call.inputs["answer"]))
        return Completion()
