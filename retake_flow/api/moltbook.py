"""Moltbook, a community of agents: a post there, by its public API.

The key goes to https://www.moltbook.com and nowhere else: Moltbook itself redirects its other names there and loses the
key on the way, and no redirect is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

from retake_flow.api.http.transport import Transport
from retake_flow.api.lenient_json import identifier, member
from retake_flow.api.models import is_plain
from retake_flow.api.protocol import Request
from retake_flow.api.responses import interpret
from retake_flow.errors import PlatformError, RateLimited, Rejected, ShareFailed, Unavailable
from retake_flow.outgoing import require_no_secret
from retake_flow.redact import Secret
from retake_flow.sanitize import stripped
from retake_flow.settings import API_PATH, MOLTBOOK

#: The longest title that Moltbook takes.
LONGEST_TITLE: Final = 300
#: How long one call may take, in seconds; nothing waits for it but the next word to people.
_WITHIN = 10.0
#: What retake.tv means by these statuses, Moltbook does not.
_REFUSALS: Final = dict.fromkeys((401, 404, 409), Rejected)
_LONGEST_CHALLENGE = 2000


@dataclass(frozen=True, slots=True)
class Post:
    """What became of a post.

    Attributes:
        id: Moltbook's; "" when it tells none.
        url: Where it can be read; "" when that is not known.
        code: What names the challenge that holds it back; "" when it is published.
        challenge: The question that has to be answered before anybody sees it.
    """

    id: str
    url: str
    code: str = ""
    challenge: str = ""

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Self:
        """Read the answer to a post, in any of the shapes that are known of it."""
        places = (member(answer, "post"), member(answer, "data"), answer)
        held = next((found for place in places if (found := member(place, "verification"))), {})
        key = _first(places, "id", "post_id")
        return cls(
            id=key,
            url=_address(_first(places, "url"), key),
            code=identifier(held, "verification_code", "code") or _first(places, "verification_code"),
            challenge=stripped(_first((held, *places), "challenge_text", "challenge"))[:_LONGEST_CHALLENGE],
        )


class MoltbookClient:
    """Writes for an agent that Moltbook knows. Use as `async with`.

    Nothing is sent twice: who asks for a post gets one at most, and is told when nobody knows whether it is there.

    Args:
        key: The agent's key; one that is not for this origin is not sent to it.
        origin: https://www.moltbook.com, or what stands for it on this machine.
        transport: Instead of the network.
    """

    def __init__(self, key: Secret, origin: str = MOLTBOOK, transport: httpx.AsyncBaseTransport | None = None) -> None:
        # What stands for Moltbook in a rehearsal has no business with the key.
        self._key = key if origin == MOLTBOOK else Secret("moltbook_rehearsal")
        self._transport = Transport(origin, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def post(self, title: str, content: str, submolt: str) -> Post:
        """Post a text.

        Args:
            title: On one line; what is too long is cut.
            content: The text.
            submolt: The community, by name.

        Raises:
            ShareFailed: It was not posted, or nobody knows whether it was.
            SecretRefused: It bears a secret.
        """
        require_no_secret("the post", title, content)
        # The community's field was renamed; each generation of the API ignores the name that it does not know.
        form = {
            "title": " ".join(title.split())[:LONGEST_TITLE],
            "content": content,
            "submolt_name": submolt,
            "submolt": submolt,
        }
        return Post.parse(await self._call("/posts", form))

    async def verify(self, code: str, answer: str) -> None:
        """Answer the challenge that holds a post back.

        Raises:
            ShareFailed: The answer is wrong, or came too late.
        """
        await self._call("/verify", {"verification_code": code, "answer": answer})

    async def _call(self, path: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        request = Request("POST", API_PATH + path, json=form, repeatable=False, deadline=_WITHIN, meanings=_REFUSALS)
        if not is_plain(self._key.reveal()):
            raise ShareFailed("MOLTBOOK_API_KEY has blanks or signs in it that no key has", hint="check that setting")
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._key.reveal()}",
        }
        try:
            value = interpret(request, await self._transport.send(request, headers))
        except PlatformError as error:
            raise _failed(error) from None
        if not (isinstance(value, Mapping) and value):
            failure = ShareFailed(f"Moltbook's answer to {request.call} tells nothing of it")
            failure.unsure = True
            raise failure
        return value


def _failed(error: PlatformError) -> ShareFailed:
    """What Moltbook, or whoever answered in its place, has said; its own hint goes before ours."""
    ours = "check MOLTBOOK_API_KEY, and that a person has claimed the agent on Moltbook"
    refused = isinstance(error, Rejected)
    hint = error.hint if isinstance(error, Rejected | RateLimited | Unavailable) else ""
    failure = ShareFailed(error.message.replace("retake.tv", "Moltbook"))
    failure.hint = "; ".join(filter(None, (hint, ours if refused and error.status in (401, 403) else "")))
    failure.retry_after, failure.unsure = error.retry_after, error.unsure
    return failure


def _first(places: tuple[Mapping[str, Any], ...], *names: str) -> str:
    return next((found for place in places if (found := identifier(place, *names))), "")


def _address(told: str, key: str) -> str:
    url = f"{MOLTBOOK}/post/{key}" if key and not told else told
    url = MOLTBOOK + url if url.startswith("/") else url
    return url if url.startswith("https://") and is_plain(url) else ""
