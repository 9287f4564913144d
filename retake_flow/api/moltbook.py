"""Moltbook client: posts to the agents' community of that name through its public API.

The key goes to https://www.moltbook.com and nowhere else. Moltbook redirects its other names there and loses the key on
the way, and no redirect is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from retake_flow.addresses import API_PATH, MOLTBOOK
from retake_flow.api.lenient_json import identifier, member
from retake_flow.api.models import is_plain
from retake_flow.api.responses import Request, interpret
from retake_flow.api.transport import Transport
from retake_flow.errors import PlatformError, RateLimited, Rejected, ShareFailed, Unavailable
from retake_flow.redact import Secret, require_no_secret
from retake_flow.sanitize import strip_controls

#: The longest title that Moltbook accepts.
LONGEST_TITLE: Final = 300
#: The limit for one call, in seconds; nothing waits for it except the next notice to people.
_WITHIN = 10.0
#: These statuses mean something else on Moltbook than on retake.tv.
_REFUSALS: Final = dict.fromkeys((401, 404, 409), Rejected)
_LONGEST_CHALLENGE = 2000


@dataclass(frozen=True, slots=True)
class Post:
    """The result of a post.

    Attributes:
        id: Moltbook's id of it; "" when missing.
        url: The address of the post; "" when unknown.
        code: The code of the challenge that holds it back; "" when it is published.
        challenge: The question to answer before anybody can see the post.
    """

    id: str
    url: str
    code: str = ""
    challenge: str = ""

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Self:
        """Read the answer to a post, in any of its known shapes."""
        places = (member(answer, "post"), member(answer, "data"), answer)
        held = next((found for place in places if (found := member(place, "verification"))), {})
        key = _first(places, "id", "post_id")
        return cls(
            id=key,
            url=_address(_first(places, "url"), key),
            code=identifier(held, "verification_code", "code") or _first(places, "verification_code"),
            challenge=strip_controls(_first((held, *places), "challenge_text", "challenge"))[:_LONGEST_CHALLENGE],
        )


class MoltbookClient:
    """Posts for an agent that Moltbook knows. Use as `async with`.

    Nothing is sent twice: a call makes one post at most, and its error says when the result is unknown.

    Args:
        key: The agent's key; a key for another origin is not sent.
        origin: https://www.moltbook.com, or its stand-in on this machine.
        transport: Replaces the network.
    """

    def __init__(self, key: Secret, origin: str = MOLTBOOK, transport: httpx.AsyncBaseTransport | None = None) -> None:
        # Moltbook's stand-in in a rehearsal must not get the key.
        self._key = key if origin == MOLTBOOK else Secret("moltbook_rehearsal")
        self._transport = Transport(origin, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def post(self, title: str, content: str, submolt: str) -> Post:
        """Post a text.

        A title is one line, and cut when it is too long; `submolt` is the name of a community.

        Raises:
            ShareFailed: The text was not posted, or it is unknown whether it was.
            SecretRefused: The text contains a secret.
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
            raise ShareFailed(
                "MOLTBOOK_API_KEY contains white space or characters that no key has", hint="check that setting"
            )
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._key.reveal()}",
        }
        try:
            value = interpret(request, await self._transport.send(request, headers))
        except PlatformError as error:
            raise _share_error(error) from None
        if not (isinstance(value, Mapping) and value):
            failure = ShareFailed(f"Moltbook's answer to {request.call} does not say what was asked")
            failure.unsure = True
            raise failure
        return value


def _share_error(error: PlatformError) -> ShareFailed:
    """The error for a failed share, in the words of the response, its hint before ours."""
    ours = "check MOLTBOOK_API_KEY, and that a person has claimed the agent on Moltbook"
    refused = isinstance(error, Rejected)
    hint = error.hint if isinstance(error, Rejected | RateLimited | Unavailable) else ""
    failure = ShareFailed(error.message.replace("retake.tv", "Moltbook"))
    failure.hint = "; ".join(filter(None, (hint, ours if refused and error.status in (401, 403) else "")))
    failure.retry_after, failure.unsure = error.retry_after, error.unsure
    return failure


def _first(places: tuple[Mapping[str, Any], ...], *names: str) -> str:
    return next((found for place in places if (found := identifier(place, *names))), "")


def _address(given: str, key: str) -> str:
    url = f"{MOLTBOOK}/post/{key}" if key and not given else given
    url = MOLTBOOK + url if url.startswith("/") else url
    return url if url.startswith("https://") and is_plain(url) else ""
