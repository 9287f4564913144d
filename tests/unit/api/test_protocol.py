from __future__ import annotations

import pytest

from retake_flow.api import protocol
from retake_flow.api.models import Registration
from retake_flow.api.protocol import Request
from retake_flow.errors import InputError

OWL = Registration("Owl", "Night sky.", "https://example.com/o.png", "1" * 32, "OWL")
CALLS = [
    (protocol.register(OWL), "POST /agent/register"),
    (protocol.VERIFICATION_STATUS, "GET /agent/verification-status"),
    (protocol.PREPARE_VERIFY, "POST /agent/prepare-verify"),
    (protocol.verify("https://x.com/owl/status/20"), "POST /agent/verify"),
    (protocol.RTMP, "POST /agent/rtmp"),
    (protocol.START_STREAM, "POST /agent/stream/start"),
    (protocol.STREAM_STATUS, "GET /agent/stream/status"),
    (protocol.update_thumbnail(b"png", "image/png"), "POST /agent/update-thumbnail"),
    (protocol.STOP_STREAM, "POST /agent/stream/stop"),
    (protocol.send_chat("hi", "user_a"), "POST /agent/stream/chat/send"),
    (protocol.comments("user_a"), "GET /agent/stream/comments"),
    (protocol.streamer("Owl"), "GET /users/streamer/Owl"),
    (protocol.search_users("Owl"), "GET /users/search/Owl"),
    (protocol.SKILL, "GET /skill.json"),
    (protocol.GUIDE, "GET /skill.md"),
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


def test_only_a_persons_post_may_be_handed_in() -> None:
    """It is taken without the blanks around it; the guide's example addresses never reach the platform."""
    assert protocol.verify(" https://x.com/owl/status/20 ").json == {"tweet_url": "https://x.com/owl/status/20"}
    for url in ("later", "https://twitter.com/username/status/1234567890"):
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
