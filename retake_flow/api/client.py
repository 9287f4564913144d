"""retake.tv client: one method per call, typed answers, and errors that say who is at fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self, TypeVar

import httpx

from retake_flow.addresses import RETAKE
from retake_flow.api import protocol
from retake_flow.api.chat import Page, read_comments
from retake_flow.api.credentials import normalize
from retake_flow.api.lenient_json import as_object, identifier, member, required_flag, required_text, text
from retake_flow.api.models import (
    Account,
    Registration,
    StopSummary,
    StreamStatus,
    StreamTarget,
    StreamToken,
    is_plain,
)
from retake_flow.api.protocol import Answer, Request
from retake_flow.api.public import Public
from retake_flow.api.public_models import is_among, is_named
from retake_flow.api.responses import ServerClock, interpret
from retake_flow.api.transport import Transport
from retake_flow.errors import CredentialsError, Intercepted, NotFound, PlatformError, Redirected, UnexpectedAnswer
from retake_flow.redact import Secret

T = TypeVar("T")


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

    @property
    def origin(self) -> str:
        """The origin of all calls, to which a token from `register` is bound."""
        return self._origin

    async def register(self, registration: Registration) -> Account:
        """Create the agent, once. Never sent twice: a lost answer would leave an agent without its token."""
        return await self._read(protocol.register(registration), Account.parse)

    async def verification_status(self) -> bool:
        """Whether a person has vouched for the agent."""
        return _read_verified(await self._call(protocol.VERIFICATION_STATUS))

    async def prepare_verify(self) -> str:
        """The text that the person who vouches has to post, word for word."""
        answer = as_object(await self._call(protocol.PREPARE_VERIFY), "the verification")
        return required_text(answer, "verification_message", "the verification")

    async def verify(self, tweet_url: str) -> bool:
        """Submit a person's post, and return whether the agent is now verified.

        Raises:
            InputError: The address is not that of a post; nothing was sent.
            NotPrepared: No message was prepared before.
            PostRefused: The platform does not find the post, or the code in it.
        """
        return _read_verified(await self._call(protocol.verify(tweet_url)))

    async def rtmp(self) -> StreamTarget:
        """The destination for the video, with a fresh key."""
        return StreamTarget.parse(await self._call(protocol.RTMP))

    async def start_stream(self) -> StreamToken:
        """Open the session, and return the agent's token."""
        return await self._read(protocol.START_STREAM, StreamToken.parse)

    async def stream_status(self) -> StreamStatus:
        """Whether the stream is on air, and its viewers."""
        return StreamStatus.parse(await self._call(protocol.STREAM_STATUS))

    async def update_thumbnail(self, image: bytes, content_type: str = "image/png") -> str:
        """Replace the picture of the stream, and return its address; "" if the platform does not give it."""
        answer = await self._call(protocol.update_thumbnail(image, content_type))
        return "" if answer is None else text(as_object(answer, "the thumbnail"), "thumbnail_url")

    async def stop_stream(self) -> StopSummary:
        """Close the session. `NoSession` means that none was open, so it is closed in any case."""
        return StopSummary.parse(await self._call(protocol.STOP_STREAM))

    async def send_chat(self, message: str, destination_user_id: str) -> str | None:
        """Write into a chat, once, and return the id of the message if the platform gives it."""
        return await self._read(protocol.send_chat(message, destination_user_id), _message_id)

    async def comments(self, user_db_id: str, limit: int = 50, before_id: str | None = None) -> Page:
        """A page of chat, oldest first: the newest, or the one before the message `before_id`."""
        return await read_comments(await self._call(protocol.comments(user_db_id, limit, before_id)))

    async def user_exists(self, name: str) -> bool:
        """Whether anybody on the platform has this name, ignoring case; needs no token."""
        try:
            if is_named(await self._call(protocol.streamer(name)), name):
                return True
        except NotFound:
            pass  # perhaps a user who has never streamed
        try:
            return is_among(await self._call(protocol.search_users(name)), name)
        except NotFound:
            return False

    async def guide_version(self) -> str:
        """The version of the platform's guide."""
        return required_text(as_object(await self._call(protocol.SKILL), "its guide"), "version", "its guide")

    async def guide(self) -> str:
        """The platform's guide, a text for people."""
        return str(await self._call(protocol.GUIDE))

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
