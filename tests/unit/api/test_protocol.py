from __future__ import annotations

import pytest

from retake_flow.api import protocol
from retake_flow.api.models import Registration
from retake_flow.api.protocol import Request
from retake_flow.errors import InputError

OWL = Registration("Owl", "Night sky.", "https://example.com/o.png", "1" * 32, "OWL")
CALLS = [
    (protocol.register(OWL), "POST /agent/register"),
    (protocol.verification_status(), "GET /agent/verification-status"),
    (protocol.prepare_verify(), "POST /agent/prepare-verify"),
    (protocol.verify("https://x.com/owl/status/20"), "POST /agent/verify"),
    (protocol.rtmp(), "POST /agent/rtmp"),
    (protocol.start_stream(), "POST /agent/stream/start"),
    (protocol.stream_status(), "GET /agent/stream/status"),
    (protocol.update_thumbnail(b"png", "image/png"), "POST /agent/update-thumbnail"),
    (protocol.stop_stream(), "POST /agent/stream/stop"),
    (protocol.send_chat("hi", "user_a"), "POST /agent/stream/chat/send"),
    (protocol.comments("user_a"), "GET /agent/stream/comments"),
    (protocol.streamer("Owl"), "GET /users/streamer/Owl"),
    (protocol.search_users("Owl"), "GET /users/search/Owl"),
    (protocol.skill(), "GET /skill.json"),
    (protocol.guide(), "GET /skill.md"),
]


@pytest.mark.parametrize(("request_", "call"), CALLS)
def test_each_call_is_the_guides(request_: Request, call: str) -> None:
    """Each call has the method and path of the guide."""
    assert request_.call == call
    assert request_.path == call.split()[1] if "skill" in call else request_.path == f"/api/v1{call.split()[1]}"


def test_only_what_happens_once_is_not_repeatable() -> None:
    """Registering, starting and chatting would happen twice; all else may be asked again."""
    once = {request.call.split("/")[-1] for request, _ in CALLS if not request.repeatable}
    assert once == {"register", "start", "send"}


def test_only_public_calls_go_without_the_token() -> None:
    """The token goes with each call of an agent, and with nothing else."""
    public = {request.call for request, _ in CALLS if not request.authenticated}
    lookups = {"GET /users/streamer/Owl", "GET /users/search/Owl"}
    assert public == {"POST /agent/register", "GET /skill.json", "GET /skill.md"} | lookups


def test_bodies_are_the_guides() -> None:
    """The bodies have the documented fields and no more; the token is in none of them."""
    assert set(protocol.register(OWL).json or {}) == {
        "agent_name",
        "agent_description",
        "image_url",
        "wallet_address",
        "ticker",
    }
    assert protocol.send_chat("hi", "user_a").json == {"message": "hi", "destination_user_id": "user_a"}
    assert protocol.comments("user_a", 100, "c9").params == {"userDbId": "user_a", "limit": "100", "beforeId": "c9"}


@pytest.mark.parametrize(
    "url",
    [
        "https://x.com/owl_7/status/1890000000000000000",
        " https://twitter.com/owl/status/20?s=20 ",
        "https://mobile.x.com/owl/status/20/",
        "https://x.com/i/web/status/20",
    ],
)
def test_a_persons_post_may_be_handed_in(url: str) -> None:
    """Every way in which X writes the address of a post is taken, without the blanks around it."""
    assert protocol.verify(url).json == {"tweet_url": url.strip()}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "later",
        "https://twitter.com/username/status/1234567890",
        "https://x.com/username/status/123...",
        "https://x.com/owl/status/123...",
        "https://x.com/owl/status/1234567890",
        "https://x.com/owl",
        "http://x.com/owl/status/20",
        "https://x.com.evil.example/owl/status/20",
        "https://evil.example/?https://x.com/owl/status/20",
        "https://x.com/owl/status/<id>",
    ],
)
def test_a_placeholder_is_never_handed_in(url: str) -> None:
    """The guide's example addresses and whatever is no post never reach the platform."""
    with pytest.raises(InputError):
        protocol.verify(url)


def test_what_the_platform_would_refuse_is_not_asked() -> None:
    """Empty messages, pages past the limit and files that are no picture are refused here, with the reason."""
    for make in (
        lambda: protocol.send_chat(" ", "user_a"),
        lambda: protocol.send_chat("hi", ""),
        lambda: protocol.comments("", 50),
        lambda: protocol.comments("user_a", 101),
        lambda: protocol.comments("user_a", 0),
        lambda: protocol.update_thumbnail(b"", "image/png"),
        lambda: protocol.update_thumbnail(b"GIF89a", "image/gif"),
        lambda: protocol.register(Registration("", "", "", "", "")),
    ):
        with pytest.raises(InputError):
            make()


def test_half_characters_can_be_sent() -> None:
    """A text that is not valid Unicode, as programs may make by cutting one, is sent as far as it is."""
    assert protocol.send_chat("owl \ud83e", "user_a").json == {"message": "owl ?", "destination_user_id": "user_a"}
