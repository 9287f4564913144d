"""The last door: nothing that people read bears a secret, as it is or encoded."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import urllib.parse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from retake_flow.addresses import RETAKE
from retake_flow.api.client import RetakeClient
from retake_flow.api.models import Registration
from retake_flow.api.moltbook import MoltbookClient
from retake_flow.errors import SecretRefused
from retake_flow.notices.apprise import AppriseNotifier
from retake_flow.ports.notices import Notice
from retake_flow.redact import Secret, bears_secret, require_no_secret
from retake_flow.responders.http_client import Connection
from retake_flow.run.records import record
from retake_flow.studio.speech import Voice
from retake_flow.studio.windows.xterm import StreamLog

TOKEN = "rtk_AbCdEf0123456789-xyZ"
KEY = "sk_live+0987/654321=Qq"
WORDS = "pässwörd-lang genug!"
KNOWN = (TOKEN, KEY, WORDS)

SHAPES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a sentence": "my key is {}.".format,
    "in capitals": str.upper,
    "split by blanks": " ".join,
    "split by line ends": "\n".join,
    "split by signs": "-".join,
    "split by nothing that is seen": "\u200b".join,
    "from behind": lambda text: text[::-1],
    "in percent signs": lambda text: urllib.parse.quote(text, safe=""),
    "in percent signs throughout": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "in percent signs twice": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "as character references": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "as named references": html.escape,
    "as escapes": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "as escapes in part": lambda text: f"\\u{ord(text[0]):04x}{text[1:]}",
    "as escapes in braces": lambda text: "".join(f"\\u{{{ord(sign):x}}}" for sign in text),
    "as octal escapes": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode("latin-1")),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "in base64 on short lines": lambda text: "\n".join(
        base64.b64encode(text.encode()).decode()[i : i + 8] for i in range(0, 40, 8)
    ),
    "in base32": lambda text: base64.b32encode(text.encode()).decode(),
    "in hexadecimal digits": lambda text: text.encode().hex(),
    "in hexadecimal digits with colons": lambda text: text.encode().hex(":").upper(),
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows three secrets."""
    monkeypatch.setattr("retake_flow.redact._seen", set())
    for text in KNOWN:
        Secret(text)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("secret", KNOWN)
def test_a_secret_is_known_in_every_shape(secret: str, shape: str) -> None:
    """Also with other text around it."""
    written = SHAPES[shape](secret)
    assert bears_secret(written)
    assert bears_secret(f"look: {written} and so on")


@pytest.mark.parametrize("before", ["x", "ab", "abc", "abcd", "abcde"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.b32encode])
def test_a_secret_within_something_encoded_is_known(before: str, encode: Callable[[bytes], bytes]) -> None:
    """Wherever the groups of bytes begin."""
    for secret in KNOWN:
        assert bears_secret(encode(f"{before}{secret}xyz".encode()).decode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "Welcome, mira! Good to have you here.",
        "rtk_of_another_9999",
        "AbCdEf and 0123456789",
        "pass 100%",
        "&#0; \\x0",
    ],
)
def test_other_texts_may_leave(text: str) -> None:
    """Also what looks like a secret and is none of ours."""
    assert not bears_secret(text)
    require_no_secret("the message", text)


@pytest.mark.parametrize(
    "text", ["\\uffffff", "\\u{ffffff}", "\\Uffffffff", "\\ud800", "&#xffffffff;", "%ff%fe", "\ud800"]
)
def test_an_escape_that_means_no_character_is_a_text_like_others(text: str) -> None:
    """Viewers may write it, and it stands in the prompt of a model then."""
    require_no_secret("the prompt", text, f"{text} {text}")


def test_an_ordinary_word_is_no_secret_to_look_for() -> None:
    """What is too short would keep ordinary sentences from leaving."""
    Secret("owls")
    assert not bears_secret("owls are birds")


def test_what_is_refused_is_named_and_not_shown() -> None:
    """The error says where it would have gone, and what to do."""
    with pytest.raises(SecretRefused, match="the chat message contains a secret") as raised:
        require_no_secret("the chat message", "hello", f"it is {TOKEN}")
    assert TOKEN not in f"{raised.value.message} {raised.value.hint}"
    assert raised.value.kind == "secret"


# --- every way out ----------------------------------------------------------------------------------------------


def _platform(call: Callable[[RetakeClient], Coroutine[Any, Any, object]]) -> None:
    async def make() -> None:
        async with RetakeClient(RETAKE, Secret("rtk_of_owl"), transport=httpx.MockTransport(_nobody)) as client:
            await call(client)

    asyncio.run(make())


def _chat(text: str) -> None:
    _platform(lambda client: client.send_chat(text, "u1"))


def _profile(text: str) -> None:
    key = "7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2"
    _platform(lambda client: client.register(Registration("owl", text, "https://owl.example/o.png", key, "OWL")))


def _moltbook(text: str) -> None:
    async def post() -> None:
        async with MoltbookClient(Secret("moltbook_key_of_owl"), transport=httpx.MockTransport(_nobody)) as client:
            await client.post("hello", text, "general")

    asyncio.run(post())


def _screen(text: str, folder: Path) -> None:
    StreamLog(folder / "log").append(text)


def _voice(text: str, folder: Path) -> None:
    asyncio.run(Voice(cast("Any", None), folder).speak(text, cast("Any", None)))


def _service(text: str) -> None:
    async def post() -> None:
        async with Connection("https://owl.example/chat", 5.0, httpx.MockTransport(_nobody)) as connection:
            await connection.post(json.dumps({"text": text}, ensure_ascii=False).encode(), {})

    asyncio.run(post())


def _nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError("it was sent")


@pytest.mark.parametrize(
    "shape", ["as it is", "in base64", "in percent signs", "split by blanks", "in hexadecimal digits"]
)
@pytest.mark.parametrize("secret", KNOWN)
def test_no_way_out_takes_a_secret(secret: str, shape: str, tmp_path: Path) -> None:
    """Chat, profile, posts, screen, voice, and what services of others are asked."""
    text = f"look: {SHAPES[shape](secret)}"
    for send in (_chat, _profile, _moltbook, _service):
        with pytest.raises(SecretRefused):
            send(text)
    for show in (_screen, _voice):
        with pytest.raises(SecretRefused):
            show(text, tmp_path)
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.parametrize("shape", ["as it is", "in base64"])
def test_a_notice_comes_without_its_secret(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is about is told all the same."""
    taken: list[dict[str, Any]] = []

    class Service:
        def notify(self, **notice: Any) -> bool:
            taken.append(notice)
            return True

    notifier = AppriseNotifier("test", "operator", cast("Any", Service()))
    asyncio.run(notifier.send(Notice("trouble", "owl: trouble", f"the key is {SHAPES[shape](TOKEN)}")))
    assert taken[0]["title"] == "owl: trouble"
    assert taken[0]["body"] == "(left out, since it bears a secret)"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "event", ["say_requested", "said", "event_raised", "event_refused", "gate_answered", "action_started"]
)
def test_no_journal_keeps_a_secret_that_somebody_typed(event: str, shape: str) -> None:
    """`say`, `send` and `answer`, and what a flow makes of them: in no form, at no depth, and not in a name either."""
    for secret in KNOWN:
        text = SHAPES[shape](secret)
        kept = record(event, 1.0, text=text, inputs={"message": [text], text: 1}, reason="well")
        assert not bears_secret(json.dumps(kept, ensure_ascii=False)), kept
        assert text not in json.dumps(kept, ensure_ascii=False)
        assert kept["reason"] == "well"


def test_what_bears_no_secret_stays_in_the_journal() -> None:
    """Of a sentence with a secret as it is, the rest can be read."""
    kept = record("said", 1.0, text=f"my key is {TOKEN}.", how=["voice"], by="ann")
    assert (kept["text"], kept["how"], kept["by"]) == ("my key is •••.", ["voice"], "ann")
