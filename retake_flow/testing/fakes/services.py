"""Fake services without a network or a program: a responder, a web service and language model, Moltbook, notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from retake_flow.api.moltbook import MoltbookClient
from retake_flow.errors import NoticeFailed, ResponderFailed
from retake_flow.ports.notices import OPERATOR, Notice
from retake_flow.ports.responders import Answer, Batch, OpenResponder
from retake_flow.redact import Secret
from retake_flow.responders import greeter
from retake_flow.responders.schema import OUTSIDE

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
    """An environment in which every variable is a valid signing key and password."""

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


@dataclass(slots=True)
class RecordingNotifier:
    """A channel that keeps its notices.

    Attributes:
        audience: The audience that it reaches.
        fails: How many notices fail before the first that arrives.
        notices: The notices that arrived.
    """

    audience: str = OPERATOR
    fails: int = 0
    notices: list[Notice] = field(default_factory=list)

    @property
    def channel(self) -> str:
        """Its name in the journal."""
        return f"test ({self.audience})"

    async def send(self, notice: Notice) -> None:
        """Deliver a notice, or fail."""
        if self.fails:
            self.fails -= 1
            raise NoticeFailed(f"{self.channel} did not accept the notice")
        self.notices.append(notice)


@dataclass
class FakeResponder:
    """Answers chat in place of a flow's responder; a `retake_flow.ports.responders.Responder`.

    Attributes:
        answers: Its replies by text.
        events: The events that it raises by text, with their data.
        thinks: Delay for each batch, in seconds.
        failures: How often it fails before its first answer.
        chokes: A text on which it always fails.
        silence: Its reply to silence, "" for none.
        asked: The batches that it got.
        open: How many instances are open.
        opened_as: The settings that flows gave it.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    thinks: float = 0.0
    failures: int = 0
    chokes: str = ""
    silence: str = ""
    asked: list[Batch] = field(default_factory=list)
    open: int = 0
    opened_as: list[Mapping[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def serve(self, settings: Mapping[str, Any], note: Callable[..., None]) -> AsyncIterator[FakeResponder]:
        """Open it, as a flow does."""
        self.open += 1
        self.opened_as.append(settings)
        try:
            yield self
        finally:
            self.open -= 1

    async def respond(self, batch: Batch) -> Answer:
        """Reply to each message."""
        self.asked.append(batch)
        await asyncio.sleep(self.thinks)
        texts = [message.text for message in batch.messages]
        if self.failures or self.chokes in texts:
            self.failures = max(0, self.failures - 1)
            raise ResponderFailed("brain ended with status 1 before it answered")
        if batch.occasion == "silence":
            return Answer((self.silence,) if self.silence else ())
        return Answer(
            tuple(self.answers[text] for text in texts if text in self.answers),
            events=tuple(self.events[text] for text in texts if text in self.events),
        )


def standing_in(brain: FakeResponder) -> dict[str, OpenResponder]:
    """The fake in place of every responder except the greeter, which is real."""
    return {"greeter": greeter.open_responder, **dict.fromkeys(OUTSIDE, brain.serve)}
