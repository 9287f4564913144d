"""Secrets on their way to people: none reaches the platform's chat, in any text of a flow or a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, RetakeTv, at_home, retake_tv, write_credentials

TOKEN = "rtk_last_door_0123456789abcdef"
KEY = "brain-key-0123456789-abcdef"
FLOW = """
flow: door
initial: verified
inputs: {{given: {{type: string, {where}}}}}
states:
  verified:
    do: retake.verification_status
    transitions: {{done: [{{when: result.verified, to: live}}, {{to: broken}}], error: broken}}
  live:
    initial: key
    transitions: {{error: broken, stop: over}}
    states:
      key: {{do: retake.stream_key, transitions: {{done: session}}}}
      session: {{do: retake.start_stream, undo: retake.stop_stream, transitions: {{done: said}}}}
      said: {{do: chat.send, with: {{message: "{message}"}}, transitions: {{done: rest, error: rest}}}}
      rest: {{wait: {rest}, transitions: {{done: over}}}}
  over: {{final: completed}}
  broken: {{final: failed, reason: "{{{{ event.message|default('not verified') }}}}"}}
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RetakeTv]:
    """A platform that knows the agent."""
    agent = {"name": "owl", "token": TOKEN, "user_id": "user_owl"}
    with retake_tv(tmp_path / "tv", {"agents": [agent], "viewers": []}) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, platform: RetakeTv) -> Iterator[Home]:
    """The agent's home."""
    file = tmp_path / "home" / "owl.json"
    settings = {"RETAKE_API_URL": platform.address, "RETAKE_CREDENTIALS": str(file), "BRAIN_KEY": KEY}
    with at_home(file.parent, **settings) as made:
        write_credentials(file, "owl", TOKEN, platform.address)
        yield made


def letters(text: str) -> str:
    """A text as far as it is the same with blanks in it."""
    return "".join(text.split())


def posted(platform: RetakeTv) -> list[str]:
    """The messages of the agent, without blanks."""
    return [letters(each["text"]) for each in platform.agent("owl")["chat"]]


def written(home: Home, message: str, where: str = "default: x", rest: str = "0s") -> str:
    """A flow that says something in chat."""
    file = home.folder / "door.yaml"
    file.write_text(FLOW.format(message=message, where=where, rest=rest))
    return str(file)


@pytest.mark.parametrize(
    ("message", "where", "secret"),
    [
        ("{{ inputs.given }}", "env: BRAIN_KEY", KEY),
        ("{{ inputs.given|join(' ') }}", "env: BRAIN_KEY", KEY),
        ("My key is {{ inputs.given|upper|lower }}!", "env: BRAIN_KEY", KEY),
        ("{{ inputs.given }}", "file: owl.json", TOKEN),
        ("{{ outputs.key.push_url|join(' ') }}", "default: x", "sk_"),
    ],
)
def test_no_flow_says_a_secret(home: Home, platform: RetakeTv, message: str, where: str, secret: str) -> None:
    """Read from a variable or a file, or fetched from the platform; as it is, or split by blanks."""
    done = home.call("run", written(home, message, where))
    assert not [text for text in posted(platform) if letters(secret) in text]
    assert "secret" in done.out + done.err or "credentials" in done.out + done.err
    assert secret not in (done.out + done.err).replace("sk_•", "")


@pytest.mark.parametrize(
    "sentence", ["{{ outputs.stream_key.key }}", "Key: {{ outputs.stream_key }}", "{{ inputs.word }}"]
)
@pytest.mark.parametrize("where", ["greetings", "thanks"])
def test_no_greeter_is_given_a_secret_to_say(home: Home, sentence: str, where: str) -> None:
    """Its public sentences are checked before anything runs, as the flow's own messages are."""
    overlay = home.folder / "owl.yaml"
    overlay.write_text(
        "extends: go-live.yaml\ninputs: {word: {type: string, secret: true, env: BRAIN_KEY}}\n"
        "states: {broadcast/pushing/on_air: {activities: {chat: {with: {responder: {greeter: "
        f"{{{where}: ['{sentence}']}}}}}}}}}}}}}}\n"
    )
    refused = home.call("check", str(overlay))
    assert refused.code == 3, refused
    assert "RF090" in refused.out


@pytest.mark.parametrize("text", [TOKEN, " ".join(TOKEN), f"look: {TOKEN[:15]} {TOKEN[15:]}"])
def test_no_person_says_a_secret_by_mistake(home: Home, platform: RetakeTv, text: str) -> None:
    """A text for the chat of a live run is compared with the secrets that the run knows."""
    running = home.start("run", written(home, "Hello", rest="1h"))
    running.until("state_entered", state="live/rest")
    said = home.call("say", running.run, text, "--chat")
    assert said.code != 0, said
    assert home.call("stop", running.run).code == 0
    running.finish()
    assert not [each for each in posted(platform) if letters(TOKEN) in each]
    assert "Hello" in posted(platform)
