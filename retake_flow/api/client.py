"""retake.tv client: one method per call, typed answers, and errors that say who is at fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Literal, Self, TypeVar

import httpx

from retake_flow.addresses import API_PATH, RETAKE
from retake_flow.api.chat import Page, read_comments
from retake_flow.api.credentials import normalize
from retake_flow.api.lenient_json import as_object, identifier, member, required_flag, required_text, text, well_formed
from retake_flow.api.models import (
    Account,
    Registration,
    StopSummary,
    StreamStatus,
    StreamTarget,
    StreamToken,
    is_plain,
)
from retake_flow.api.public import Public
from retake_flow.api.responses import Answer, Refusals, Request, ServerClock, Upload, interpret, parse_json
from retake_flow.api.transport import Transport
from retake_flow.errors import (
    CredentialsError,
    InputError,
    Intercepted,
    NoSession,
    NotPrepared,
    PlatformError,
    PostRefused,
    Redirected,
    Rejected,
    UnexpectedAnswer,
)
from retake_flow.flow import formats
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret, require_no_secret

T = TypeVar("T")
MAX_COMMENTS: Final = 100

# No document gives the statuses or the words; these are the guide's causes in their likely wordings.
# A missing part of the post comes first, since it may well be called "the verification message".
POST_REFUSALS: Final[Refusals] = (
    ("contain", PostRefused),
    ("prepare-verify", NotPrepared),
    ("tweet", PostRefused),
    ("prepare", NotPrepared),
    ("verification message", NotPrepared),
    ("", PostRefused),
)
#: The request for the version of the platform's guide.
GUIDE_VERSION: Final = Request("GET", "/skill.json", authenticated=False)


def _agent(name: str, method: Literal["GET", "POST"] = "POST", **more: Any) -> Request:
    return Request(method, f"{API_PATH}/agent/{name}", **more)


class RetakeClient:
    """Calls retake.tv. Use as `async with`; safe for concurrent calls.

    The access token goes to the origin that issued it and nowhere else: no redirect is followed, no netrc of the
    environment is used, and a proxy is a tunnel that sees nothing of it.

    Every call is one request; the caller decides whether and when to retry. It raises `Unreachable` without an answer,
    and the `PlatformError` that an error answer stands for.

    Args:
        transport: Replaces the network.

    Attributes:
        clock: The platform's clock, compared with the event loop's.
    """

    def __init__(
        self,
        origin: str,
        token: Secret | None = None,
        *,
        issued_by: str = RETAKE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._origin = normalize(origin)
        self._issued_by = normalize(issued_by)
        self._token = token
        self._transport = Transport(self._origin, transport)
        self.public = Public(self._call)
        self.clock = ServerClock()

    @property
    def first_took(self) -> float | None:
        """How long the first answered call took, in seconds, including its connection; None before."""
        return self._transport.first_took

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def register(self, registration: Registration) -> Account:
        """Create the agent, once. Never sent twice: a lost answer would leave an agent without its token.

        Raises:
            InputError: The platform would refuse the registration; nothing was sent.
        """
        problems = registration.problems()
        if problems:
            raise InputError(f"the agent cannot be registered like this: {'; '.join(problems)}")
        form = asdict(registration)
        require_no_secret("the registration", *map(str, form.values()))
        request = _agent("register", json=form, authenticated=False, repeatable=False, meanings={409: Rejected})
        return await self._read(request, Account.parse)

    async def verification_status(self) -> bool:
        """Whether a person has vouched for the agent."""
        return _read_verified(await self._call(_agent("verification-status", "GET")))

    async def prepare_verify(self) -> str:
        """The text that the person who vouches has to post, word for word."""
        answer = as_object(await self._call(_agent("prepare-verify")), "the verification")
        return required_text(answer, "verification_message", "the verification")

    async def verify(self, tweet_url: str) -> bool:
        """Submit a person's post, and return whether the agent is now verified.

        Raises:
            InputError: The address is not that of a post, or is the guide's placeholder; nothing was sent.
            NotPrepared: No message was prepared before.
            PostRefused: The platform does not find the post, or the code in it.
        """
        try:
            url = formats.post(tweet_url)
        except ValueError as error:
            raise InputError(
                str(error),
                hint="open the post that a person has published, and copy its address: "
                "https://x.com/NAME/status/NUMBER",
            ) from None
        return _read_verified(await self._call(_agent("verify", json={"tweet_url": url}, refusals=POST_REFUSALS)))

    async def rtmp(self) -> StreamTarget:
        """The destination for the video, with a fresh key; the last one issued counts."""
        return StreamTarget.parse(await self._call(_agent("rtmp")))

    async def start_stream(self) -> StreamToken:
        """Open the session, and return the agent's token."""
        request = _agent("stream/start", repeatable=False, answer=Answer.JSON_OR_NOTHING)
        return await self._read(request, StreamToken.parse)

    async def stream_status(self) -> StreamStatus:
        """Whether the stream is on air, and its viewers."""
        return StreamStatus.parse(await self._call(_agent("stream/status", "GET")))

    async def update_thumbnail(self, image: bytes, content_type: str = "image/png") -> str:
        """Replace the picture of the stream, and return its address; "" if the platform does not give it.

        Raises:
            InputError: The picture is empty, or neither JPEG nor PNG; nothing was sent.
        """
        extension = {"image/png": "png", "image/jpeg": "jpg"}.get(content_type)
        if not (image and extension):
            raise InputError(
                f"a thumbnail is a JPEG or PNG picture, and this is {len(image)} bytes of {content_type!r}"
            )
        upload = Upload("image", f"thumbnail.{extension}", content_type, image)
        request = _agent("update-thumbnail", upload=upload, answer=Answer.JSON_OR_NOTHING, deadline=60.0)
        answer = await self._call(request)
        return "" if answer is None else text(as_object(answer, "the thumbnail"), "thumbnail_url")

    async def stop_stream(self) -> StopSummary:
        """Close the session. `NoSession` means that none was open, so it is closed in any case."""
        return StopSummary.parse(await self._call(_agent("stream/stop", answer=Answer.JSON_OR_NOTHING)))

    async def send_chat(self, message: str, destination_user_id: str) -> str | None:
        """Write into a chat, once, and return the id of the message if the platform gives it.

        Raises:
            InputError: The text or the chat's user id is empty; nothing was sent.
        """
        if not message.strip() or not destination_user_id:
            raise InputError("a chat message needs a text and the user id of the owner of the chat")
        require_no_secret("the chat message", message)
        # The guide's example repeats the access token in the body; the header is enough, so the body has none.
        body = {"message": well_formed(message), "destination_user_id": well_formed(destination_user_id)}
        request = _agent("stream/chat/send", json=body, repeatable=False, answer=Answer.JSON_OR_NOTHING)
        return await self._read(request, _message_id)

    async def comments(self, user_db_id: str, limit: int = 50, before_id: str | None = None) -> Page:
        """A page of chat, oldest first: the newest, or the one before the message `before_id`.

        Raises:
            InputError: The chat's user id is empty, or the limit is not 1 to 100; nothing was sent.
        """
        if not user_db_id or not 1 <= limit <= MAX_COMMENTS:
            raise InputError(f"reading a chat needs a user id and a limit of 1 to {MAX_COMMENTS}")
        params = {"userDbId": well_formed(user_db_id), "limit": str(limit)}
        if before_id:
            params["beforeId"] = well_formed(before_id)
        # Observed: 404 as well as 409 when no session is active.
        request = _agent("stream/comments", "GET", params=params, meanings={404: NoSession})
        return await read_comments(await self._call(request))

    async def guide_version(self) -> str:
        """The version of the platform's guide."""
        return required_text(as_object(await self._call(GUIDE_VERSION), "its guide"), "version", "its guide")

    async def guide(self) -> str:
        """The platform's guide: a text for people, never executed."""
        return str(await self._call(Request("GET", "/skill.md", authenticated=False, answer=Answer.TEXT)))

    async def _read(self, request: Request, read: Callable[[object], T]) -> T:
        """Make a call that must not be repeated, and read its answer."""
        answer = await self._call(request)
        try:
            return read(answer)
        except UnexpectedAnswer as error:
            error.unsure = True
            raise

    async def _call(self, request: Request) -> object:
        response = await self._transport.send(request, self._headers(request))
        now = asyncio.get_running_loop().time()
        try:
            value = interpret(request, response)
        except PlatformError as error:
            if not isinstance(error, Intercepted | Redirected):  # their clock is not the platform's
                self.clock.observe(response.headers, now)
            raise
        self.clock.observe(response.headers, now)
        return value

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Accept": "*/*" if request.answer is Answer.TEXT else "application/json"}
        if request.authenticated:
            headers["Authorization"] = f"Bearer {self._permitted_token(request).reveal()}"
        if request.json is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _permitted_token(self, request: Request) -> Secret:
        if not self._token:
            raise CredentialsError(
                f"{request.call} needs an access token, and there is none",
                hint="set RETAKE_ACCESS_TOKEN, or register the agent",
            )
        if self._origin != self._issued_by:
            raise CredentialsError(
                f"the access token was issued by {self._issued_by} but the request goes to {self._origin} "
                f"({request.call}); it was not sent",
                hint="unset RETAKE_API_URL, or use the credentials that belong to it (RETAKE_CREDENTIALS)",
            )
        # httpx's error for a header that it cannot send contains the value.
        if not is_plain(self._token.reveal()):
            raise CredentialsError("the access token contains white space or characters that no token has")
        return self._token


def _read_verified(answer: object) -> bool:
    return required_flag(as_object(answer, "the verification"), "verified", "the verification")


def _message_id(answer: object) -> str | None:
    # Undocumented, so any of the names that ids have elsewhere on the platform, at the top or one level down.
    data = as_object(answer, "the chat message") if isinstance(answer, dict) else {}
    places = (data, member(data, "message"), member(data, "comment"), member(data, "data"))
    found = (identifier(place, "_id", "chat_event_id", "id", "message_id", "messageId") for place in places)
    return next((key for key in found if key), None)


# --- without a token ------------------------------------------------------------------------------------------

_REACHED_WITHIN = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Connectivity:
    """How retake.tv can be reached.

    Attributes:
        version: The version of the platform's guide; "" when missing.
        ahead: How far this machine's clock is ahead of the platform's, in seconds, to half a second; None when the
            platform does not give the time.
        proxy: The proxy that it came through; "" for none.
    """

    status: int
    seconds: float
    version: str
    ahead: float | None
    proxy: str


async def check_connectivity(origin: str, transport: httpx.AsyncBaseTransport | None = None) -> Connectivity:
    """Request the version of the platform's guide, once.

    Raises:
        PlatformError: There was no answer, or one that points elsewhere.
        SettingsError: The environment's proxy or certificates cannot be used.
    """
    way = Transport(origin, transport)
    loop = asyncio.get_running_loop()
    began = loop.time()
    request = replace(GUIDE_VERSION, deadline=_REACHED_WITHIN)
    try:
        answer = await way.send(request, {"Accept": "application/json"})
    finally:
        await way.close()
    if 300 <= answer.status < 400:
        interpret(request, answer)
    took, clock = loop.time() - began, ServerClock()
    clock.observe(answer.headers, loop.time())
    # `Date` has whole seconds, and was written at some moment of the call.
    ahead = None if clock.ahead is None else time.time() - loop.time() - (clock.ahead + 0.5 + took / 2)
    return Connectivity(answer.status, took, _version(answer.body), ahead, way.proxy)


def _version(body: bytes) -> str:
    try:
        value = parse_json(body)
    except ValueError:
        return ""
    return text(value, "version") if isinstance(value, Mapping) else ""
