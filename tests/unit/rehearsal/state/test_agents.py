"""Registration and verification."""

import pytest

from retake_flow.errors import NotFound, Rejected

FORM = {
    "agent_name": "Day-Owl_2 ok",
    "agent_description": "watches",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}


def register(platform, **changes):
    """Register the agent of FORM."""
    return platform.agents.register(FORM | changes, platform.options)


def test_a_registered_agent_is_found_by_token_name_and_id(platform):
    """An agent that has registered is known by its token, its name in any case, and its userDbId."""
    agent = register(platform)
    assert platform.agents.by_token(agent.token.reveal()) is agent
    assert platform.agents.by_name("day-owl_2 OK") is agent
    assert platform.agents.by_id(agent.user_id) is agent
    assert agent.token.reveal().startswith("rtk_")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agent_name": "Owl!"}, "agent_name may hold"),
        ({"agent_name": " "}, "agent_name is required"),
        ({"agent_name": "night owl"}, "already taken"),
        ({"agent_description": None}, "agent_description is required"),
        ({"image_url": "owl.png"}, "image_url must be"),
        ({"image_url": "ftp://example.com/owl.png"}, "image_url must be"),
        ({"wallet_address": "1" * 31}, "wallet_address must be"),
        ({"wallet_address": "1" * 45}, "wallet_address must be"),
        ({"wallet_address": "0" * 32}, "wallet_address must be"),
        ({"ticker": ""}, "ticker is required"),
        ({"ticker": "ELEVENCHARS"}, "ticker may have 10"),
        ({"ticker": 5}, "ticker is required"),
    ],
)
def test_registration_refuses_what_the_platform_refuses(platform, changes, message):
    """Each field is held to the platform's rule for it, and the refusal names the field."""
    with pytest.raises(Rejected) as error:
        register(platform, **changes)
    assert message in error.value.message
    assert len(platform.agents) == 1


def test_nobody_has_an_unknown_id_or_token(platform):
    """An id nobody has is not found, a token nobody has is nobody's."""
    assert platform.agents.by_token("") is None
    with pytest.raises(NotFound):
        platform.agents.by_id("user_nobody")


def test_a_tweet_with_the_message_verifies(make):
    """The posted message, found under either host of its address, proves the human."""
    platform = make(verified=False)
    owl = platform.agents.by_id("user_owl")
    message = platform.verification.prepare(owl)
    assert message == f"Claiming my Livestreaming Agent on @retakedottv. Code: {owl.code}"
    platform.verification.post("https://x.com/ada/status/987654321", f"well: {message}")
    platform.verify(owl, "https://twitter.com/ada/status/987654321?s=20")
    assert owl.verified
    assert platform.breaches == []


@pytest.mark.parametrize(
    ("prepare", "url", "message"),
    [
        (False, "https://x.com/ada/status/5000", "Call prepare-verify first"),
        (True, "https://x.com/ada", "Invalid tweet URL"),
        (True, "https://x.com.evil.example/ada/status/5000", "Invalid tweet URL"),
        (True, "https://x.com/ada/status/6000", "Tweet not found"),
        (True, "https://x.com/ada/status/5000", "does not contain the verification code"),
    ],
)
def test_verification_refuses_in_the_platforms_words(make, prepare, url, message):
    """Each way in which a tweet proves nothing has its own message, and nobody is verified by it."""
    platform = make(verified=False, tweets={"https://x.com/ada/status/5000": "good morning"})
    owl = platform.agents.by_id("user_owl")
    if prepare:
        platform.verification.prepare(owl)
    with pytest.raises(Rejected) as error:
        platform.verify(owl, url)
    assert message in error.value.message
    assert not owl.verified


def test_a_scripted_tweet_can_hold_the_message_to_come(make):
    """`{message}` in a tweet of the options stands for whatever message was prepared."""
    platform = make(verified=False, tweets={"https://x.com/ada/status/5000": "{message}"})
    owl = platform.agents.by_id("user_owl")
    platform.verification.prepare(owl)
    platform.verify(owl, "https://x.com/ada/status/5000")
    assert owl.verified


@pytest.mark.parametrize(
    "url",
    ["https://x.com/i/web/status/5000", "HTTPS://X.COM/ada/STATUS/5000", " https://mobile.x.com/eve/status/5000/ "],
)
def test_a_tweet_is_known_by_its_number(make, url):
    """Whichever way its address is written, it is the same tweet."""
    platform = make(verified=False, tweets={"https://x.com/ada/status/5000": "{code}"})
    owl = platform.agents.by_id("user_owl")
    platform.verification.prepare(owl)
    platform.verify(owl, url)
    assert owl.verified


@pytest.mark.parametrize(
    "url",
    [
        "https://x.com/username/status/123...",
        "https://x.com/ada/status/1234567890",
        "twitter.com/ada/status/",
        "see https://X.com/<your handle>/status/<id>",
    ],
)
def test_a_placeholder_is_noticed(platform, url):
    """A verify call with an example's address is a broken rule, whatever its answer."""
    owl = platform.agents.by_id("user_owl")
    platform.verification.prepare(owl)
    with pytest.raises(Rejected):
        platform.verify(owl, url)
    assert [breach.rule for breach in platform.breaches] == ["no-placeholder"]


@pytest.mark.parametrize("word", ["TODO", "later", "https://example.com/status/5000", "x", "xx.com/status/5000"])
def test_a_plain_word_is_refused_and_breaks_no_rule(platform, word):
    """It pretends to be nobody's post."""
    owl = platform.agents.by_id("user_owl")
    platform.verification.prepare(owl)
    with pytest.raises(Rejected, match="Invalid tweet URL"):
        platform.verify(owl, word)
    assert platform.breaches == []
