"""Whether an account that was found is the one that a run acts as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retake_flow.redact import Secret
from retake_flow.run.identity import NOBODY, Identity, Match, fingerprint, is_confirmed, match, merge

RETAKE = "https://retake.tv"
OWL = Identity("owl", "user_owl", "f0", "/owl.json", RETAKE)
WREN = Identity("wren", "user_wren", "f1", "/wren.json", RETAKE)
UNREGISTERED = Identity("owl", source="/owl.json", platform=RETAKE)
TOKEN_ALONE = Identity(fingerprint="f0", source="RETAKE_ACCESS_TOKEN", platform=RETAKE)
OF_0_1 = Identity("owl")


@pytest.mark.parametrize(
    ("kept", "found", "verdict"),
    [
        (OWL, OWL, Match.SAME),
        (OWL, replace(OWL, source="/elsewhere.json"), Match.SAME),
        (OWL, replace(OWL, name="Owl, renamed"), Match.SAME),
        (OWL, replace(OWL, name="", user_db_id=""), Match.SAME),
        (OWL, WREN, Match.OTHER),
        (OWL, replace(WREN, source="/owl.json"), Match.OTHER),
        (OWL, replace(WREN, name="owl"), Match.OTHER),
        (OWL, replace(OWL, fingerprint="f2"), Match.CLAIMED),
        (OWL, replace(OWL, fingerprint="f2", name="renamed"), Match.CLAIMED),
        (OWL, Identity("OWL", "", "f2", "/owl.json", RETAKE), Match.CLAIMED),
        (OWL, Identity("", "", "f2", "/owl.json", RETAKE), Match.UNKNOWN),
        (OWL, UNREGISTERED, Match.OTHER),
        (OWL, replace(OWL, platform="http://127.0.0.1:80"), Match.OTHER),
        (TOKEN_ALONE, OWL, Match.SAME),
        (TOKEN_ALONE, WREN, Match.UNKNOWN),
        (TOKEN_ALONE, UNREGISTERED, Match.OTHER),
        (UNREGISTERED, UNREGISTERED, Match.SAME),
        (UNREGISTERED, OWL, Match.SAME),
        (UNREGISTERED, replace(OWL, name="Owl 2"), Match.SAME),
        (UNREGISTERED, replace(OWL, source="/moved.json"), Match.CLAIMED),
        (UNREGISTERED, WREN, Match.OTHER),
        (UNREGISTERED, replace(TOKEN_ALONE, fingerprint="f1"), Match.OTHER),
        (UNREGISTERED, replace(UNREGISTERED, source="/wren.json"), Match.OTHER),
        (OF_0_1, OWL, Match.CLAIMED),
        (OF_0_1, WREN, Match.OTHER),
        (OF_0_1, TOKEN_ALONE, Match.UNKNOWN),
        (replace(OF_0_1, user_db_id="user_owl"), TOKEN_ALONE, Match.UNKNOWN),
        (OF_0_1, UNREGISTERED, Match.SAME),
        (NOBODY, WREN, Match.SAME),
    ],
)
def test_an_account_is_recognised(kept: Identity, found: Identity, verdict: Match) -> None:
    """The token proves it, an id or a name claims it; what has neither in common is another one or unknown."""
    assert match(kept, found) is verdict


def test_a_platform_on_this_machine_may_have_another_port() -> None:
    """A rehearsal that goes on is served elsewhere; the real platform is never taken for one."""
    local = replace(OWL, platform="http://127.0.0.1:8080")
    assert match(local, replace(OWL, platform="http://localhost:9090")) is Match.SAME
    assert match(local, OWL) is Match.OTHER


def test_what_the_platform_tells_settles_it() -> None:
    """A token that is the run's may turn out to be another user's than a file said; another token may not."""
    assert is_confirmed(OWL, replace(OWL, user_db_id="user_corrected"))
    assert is_confirmed(OWL, replace(OWL, fingerprint="f2"))
    assert is_confirmed(TOKEN_ALONE, OWL)
    assert not is_confirmed(OWL, replace(OWL, fingerprint="f2", user_db_id="user_wren"))


def test_what_was_known_is_not_forgotten() -> None:
    """A file with a token alone takes no name away; a new token and its place are taken over."""
    bare = Identity("", "", "f2", "/new.json", "http://127.0.0.1:1")
    assert merge(OWL, bare) == Identity("owl", "user_owl", "f2", "/new.json", RETAKE)


def test_accounts_share_a_key_when_they_are_one() -> None:
    """A name in any case, an id and a token each stand for the account; a file does so before there is a token."""
    assert set(OWL.keys) & set(TOKEN_ALONE.keys)
    assert set(OWL.keys) & set(Identity("OWL", platform=RETAKE).keys)
    assert set(OWL.keys) & set(UNREGISTERED.keys)
    assert set(UNREGISTERED.keys) & set(replace(UNREGISTERED, name="").keys)
    assert not set(OWL.keys) & set(WREN.keys)
    assert not set(OWL.keys) & set(replace(WREN, source="/owl.json").keys)
    assert not set(OWL.keys) & set(replace(OWL, platform="http://127.0.0.1:80").keys)


def test_a_fingerprint_tells_tokens_apart_and_nothing_of_them() -> None:
    """It is short, the same each time, and has no part of the token in it."""
    one, other = Secret("rtk_owl_owl_owl"), Secret("rtk_owl_owl_owm")
    assert fingerprint(one) == fingerprint(Secret("rtk_owl_owl_owl")) != fingerprint(other)
    assert "owl" not in fingerprint(one)
    assert fingerprint(None) == fingerprint(Secret("")) == ""


@pytest.mark.parametrize(
    ("identity", "label"),
    [
        (OWL, "owl"),
        (replace(OWL, name=""), "the agent user_owl"),
        (TOKEN_ALONE, "the agent of RETAKE_ACCESS_TOKEN"),
        (NOBODY, "an agent without a known name"),
    ],
)
def test_an_agent_is_called_by_what_is_known(identity: Identity, label: str) -> None:
    """By its name, or else by what a person can look up."""
    assert identity.label == label
