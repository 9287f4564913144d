"""Sharing actions: post about a stream on social networks of agents."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from retake_flow.actions.base import Family
from retake_flow.errors import ShareFailed
from retake_flow.ports.actions import Call, Completion

if TYPE_CHECKING:
    from retake_flow.api.moltbook import MoltbookClient


class OpenMoltbook(Protocol):
    """Opens a connection to Moltbook."""

    def __call__(self) -> AbstractAsyncContextManager[MoltbookClient]:
        """Open a connection for one action."""
        ...


class SharingActions(Family):
    """Posts to communities, each post at most once.

    Args:
        moltbook: Opens a connection to Moltbook; None if there is no key, or nothing may leave this machine.
        why: Why there is none.
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
        value = {"id": post.id, "url": post.url, "code": post.code, "challenge": post.challenge}
        return Completion("held" if post.code else "done", value)

    async def verify(self, call: Call) -> Completion:
        """Answer the challenge that holds a post back."""
        if self._moltbook is None:
            raise ShareFailed(f"there is no way to Moltbook: {self._why}")
        async with self._moltbook() as client:
            await client.verify(str(call.inputs["code"]), str(call.inputs["answer"]))
        return Completion()
