"""Protocol: every call to retake.tv as a value. Nothing here sends anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from typing import Any, Final, Literal
from urllib.parse import quote

from retake_flow.addresses import API_PATH
from retake_flow.api.lenient_json import well_formed
from retake_flow.api.models import Registration
from retake_flow.errors import InputError, NoSession, NotPrepared, PlatformError, PostRefused, Rejected
from retake_flow.flow import formats
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import require_no_secret

STATUS_PACE = 3.0  # platform.md: stream/status every 3 s
MAX_COMMENTS = 100

Refusals = tuple[tuple[str, type[PlatformError]], ...]

# No document gives the statuses or the words; these are the guide's causes in their likely wordings.
# A missing part of the post comes first, since it may well be called "the verification message".
_POST_REFUSALS: Final[Refusals] = (
    ("contain", PostRefused),
    ("prepare-verify", NotPrepared),
    ("tweet", PostRefused),
    ("prepare", NotPrepared),
    ("verification message", NotPrepared),
    ("", PostRefused),
)


class Answer(Enum):
    """The form that the body of a successful answer must have."""

    JSON = "JSON"
    JSON_OR_NOTHING = "JSON, or empty where nothing in it is needed"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a multipart body."""

    name: str
    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One call.

    Attributes:
        path: The path from the origin, which begins with /api/v1 for all but the guide.
        deadline: The limit for the whole exchange, in seconds.
        meanings: Statuses with another meaning than usual for this call.
        refusals: Meanings of a refusal by the platform's words, if its status does not tell: the first entry whose
            text they contain counts, ignoring case.
    """

    method: Literal["GET", "POST"]
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    upload: Upload | None = None
    authenticated: bool = True
    repeatable: bool = True
    answer: Answer = Answer.JSON
    deadline: float = 20.0
    meanings: Mapping[int, type[PlatformError]] = field(default_factory=dict)
    refusals: Refusals = ()

    @property
    def call(self) -> str:
        """The call as the guide names it, such as `POST /agent/rtmp`."""
        return f"{self.method} {self.path.removeprefix(API_PATH)}"


def _agent(name: str, method: Literal["GET", "POST"] = "POST", **more: Any) -> Request:
    return Request(method, f"{API_PATH}/agent/{name}", **more)


def _users(how: str, wanted: str) -> Request:
    if not wanted.strip():
        raise InputError("a search needs a name")
    name = quote(well_formed(wanted.strip()), safe="")
    return Request("GET", f"{API_PATH}/users/{how}/{name}", authenticated=False)


#: Ask whether a person has vouched for the agent.
VERIFICATION_STATUS: Final = _agent("verification-status", "GET")
#: Request the text that a person has to post.
PREPARE_VERIFY: Final = _agent("prepare-verify")
#: Request a fresh stream key; the last one issued counts.
RTMP: Final = _agent("rtmp")
#: Open a stream session.
START_STREAM: Final = _agent("stream/start", repeatable=False, answer=Answer.JSON_OR_NOTHING)
#: Ask whether the stream is on air.
STREAM_STATUS: Final = _agent("stream/status", "GET")
#: Close the stream session; status 409 means that none is open.
STOP_STREAM: Final = _agent("stream/stop", answer=Answer.JSON_OR_NOTHING)
#: Request the version of the platform's guide.
SKILL: Final = Request("GET", "/skill.json", authenticated=False)
#: Fetch the platform's guide: a text for people, never executed.
GUIDE: Final = Request("GET", "/skill.md", authenticated=False, answer=Answer.TEXT)


def register(registration: Registration) -> Request:
    """Create an agent.

    Raises:
        InputError: The platform would refuse the registration.
    """
    problems = registration.problems()
    if problems:
        raise InputError(f"the agent cannot be registered like this: {'; '.join(problems)}")
    require_no_secret("the registration", *map(str, asdict(registration).values()))
    return _agent(
        "register", json=asdict(registration), authenticated=False, repeatable=False, meanings={409: Rejected}
    )


def verify(tweet_url: str) -> Request:
    """Submit a person's post.

    Raises:
        InputError: The address is not that of a post on X, or is the guide's placeholder.
    """
    try:
        url = formats.post(tweet_url)
    except ValueError as error:
        raise InputError(
            str(error),
            hint="open the post that a person has published, and copy its address: https://x.com/NAME/status/NUMBER",
        ) from None
    return _agent("verify", json={"tweet_url": url}, refusals=_POST_REFUSALS)


def update_thumbnail(image: bytes, content_type: str) -> Request:
    """Replace the picture of the stream.

    Raises:
        InputError: The picture is empty, or neither JPEG nor PNG.
    """
    extension = {"image/png": "png", "image/jpeg": "jpg"}.get(content_type)
    if not (image and extension):
        raise InputError(f"a thumbnail is a JPEG or PNG picture, and this is {len(image)} bytes of {content_type!r}")
    upload = Upload("image", f"thumbnail.{extension}", content_type, image)
    return _agent("update-thumbnail", upload=upload, answer=Answer.JSON_OR_NOTHING, deadline=60.0)


def send_chat(message: str, destination_user_id: str) -> Request:
    """Write into a chat.

    Raises:
        InputError: The text or the chat's user id is empty.
    """
    if not message.strip() or not destination_user_id:
        raise InputError("a chat message needs a text and the user id of the owner of the chat")
    require_no_secret("the chat message", message)
    # The guide's example repeats the access token in the body; the header is enough, so the body has none.
    body = {"message": well_formed(message), "destination_user_id": well_formed(destination_user_id)}
    return _agent("stream/chat/send", json=body, repeatable=False, answer=Answer.JSON_OR_NOTHING)


def comments(user_db_id: str, limit: int = 50, before_id: str | None = None) -> Request:
    """Read a page of chat: the newest, or the one before the message `before_id`.

    Raises:
        InputError: The chat's user id is empty, or the limit is not 1 to 100.
    """
    if not user_db_id or not 1 <= limit <= MAX_COMMENTS:
        raise InputError(f"reading a chat needs a user id and a limit of 1 to {MAX_COMMENTS}")
    params = {"userDbId": well_formed(user_db_id), "limit": str(limit)}
    if before_id:
        params["beforeId"] = well_formed(before_id)
    # Observed: 404 as well as 409 when no session is active.
    return _agent("stream/comments", "GET", params=params, meanings={404: NoSession})


def streamer(name: str) -> Request:
    """Look up the streamer of a name.

    Raises:
        InputError: The name is empty.
    """
    return _users("streamer", name)


def search_users(query: str) -> Request:
    """Search for all users with a name like this.

    Raises:
        InputError: The query is empty.
    """
    return _users("search", query)
