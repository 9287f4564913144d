"""Language model: answers chat through any endpoint compatible with OpenAI's chat/completions."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from retake_flow.errors import ResponderFailed
from retake_flow.flow import duration
from retake_flow.ports.responders import Answer, Batch, Responder
from retake_flow.redact import Secret, scrub
from retake_flow.responders import replies
from retake_flow.responders.env_secrets import variable
from retake_flow.responders.greeter import Greeter
from retake_flow.responders.http_client import Connection, Refused
from retake_flow.responders.prompt import messages, playbook
from retake_flow.responders.schema import THINKS
from retake_flow.responders.token_budget import Ledger, Limits, Use

MAX_TOKENS = 400
#: More than any answer uses; a larger report is not believed.
_MOST_TOKENS: Final = 100_000_000
#: Where models put what they think.
_THINKING: Final = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
#: Bytes of text that are one token at least; most are longer.
_BYTES_A_TOKEN: Final = 3
_THOUGHTS = re.compile(r"<(/?)think(?:ing)?>")
_FENCE: Final = "```"
_MOST_BLOCKS: Final = 20
_HINT = "the journal has what it said; look at the model's name, its persona and `max_tokens`"

Note = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its settings."""

    name: str
    persona: str = ""
    playbook: Sequence[str] = ()
    max_tokens: int = MAX_TOKENS
    temperature: float | None = None
    limits: Limits = field(default_factory=Limits)


@asynccontextmanager
async def open_responder(
    folder: Path,
    environment: Mapping[str, str],
    ledger: Ledger,
    transport: httpx.AsyncBaseTransport | None,
    settings: Mapping[str, Any],
    note: Note,
    allowed: Sequence[str] = (),
) -> AsyncIterator[LanguageModel]:
    """The model that a flow names, with its key from the environment; its playbook may also be in the allowed places.

    Raises:
        ResponderFailed: Its address, a variable or the playbook cannot be used.
    """
    section = settings["openai"]
    key = variable(environment, section["key_from"]) if "key_from" in section else None
    limits = section.get("limits", {})
    model = Model(
        section["model"],
        section.get("persona", ""),
        playbook(section, folder, allowed),
        section.get("max_tokens", MAX_TOKENS),
        section.get("temperature"),
        Limits.of(limits),
    )
    within = duration.seconds(settings.get("timeout", THINKS))
    instead = Greeter() if limits.get("then", "greeter") == "greeter" else None
    async with Connection(f"{section['url'].rstrip('/')}/chat/completions", within, transport) as connection:
        yield LanguageModel(connection, key, model, ledger, instead, note)


class LanguageModel:
    """Asks the model; a `retake_flow.ports.responders.Responder`.

    Args:
        instead: Answers when a limit is reached; None for no answer.
    """

    def __init__(
        self, connection: Connection, key: Secret | None, model: Model, ledger: Ledger, instead: Responder | None,
        note: Note,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._key = key
        self._model = model
        self._ledger = ledger
        self._instead = instead
        self._note = note
        self._longest = "max_tokens"

    async def respond(self, batch: Batch) -> Answer:
        """The model's replies to new messages, or those of the fallback when a limit is reached.

        Raises:
            ResponderFailed: It did not answer in time, or gave something else.
        """
        asked = messages(batch, self._model.persona, self._model.playbook)
        most = Use(_estimate(*(part["content"] for part in asked)), self._model.max_tokens)
        if self._model.limits.any and self._over(most):
            return await self._instead.respond(batch) if self._instead else Answer()
        value = await self._ask(asked, most)
        text = _text(value)
        silent = _why_silent(value, text)
        if silent:
            raise ResponderFailed(f"{self._model.name} gave no answer: {silent}", hint=_HINT)
        return self._answer(text, value)

    def _over(self, most: Use) -> bool:
        """Whether a limit is reached; the operator is notified once."""
        limit, amount = self._ledger.exceeded_limit(self._model.limits, most)
        if limit and self._ledger.should_report(limit):
            instead = "newcomers are greeted" if self._instead else "nobody answers"
            message = f"{self._model.name} no longer answers chat, {instead} instead; {amount}"
            self._note("notice", kind="tokens", message=message)
        return bool(limit)

    async def _ask(self, asked: list[dict[str, str]], most: Use) -> Mapping[str, Any]:
        """The model's response, with its tokens counted."""
        limits = self._model.limits
        # Counted before the answer: a process that dies meanwhile has used the tokens all the same.
        booking = self._ledger.book(limits, most) if limits.any else None
        try:
            value = await self._completion(asked)
        except Refused:
            if booking is not None:
                self._ledger.settle(booking, limits, Use(0, 0))
            raise
        use = _use(value) or Use(most.input, _estimate(_text(value)))
        if booking is not None:
            self._ledger.settle(booking, limits, use)
        self._note("responder_used", model=self._model.name, tokens=use.tokens, cost=round(limits.price(use), 6))
        return value

    async def _completion(self, asked: list[dict[str, str]]) -> Mapping[str, Any]:
        try:
            return await self._post(asked)
        except Refused as error:
            # Newer models use one name, most other servers the other.
            if self._longest == "max_completion_tokens" or "max_completion_tokens" not in error.message:
                raise
        self._longest = "max_completion_tokens"
        return await self._post(asked)

    async def _post(self, asked: list[dict[str, str]]) -> Mapping[str, Any]:
        body: dict[str, Any] = {"model": self._model.name, "messages": asked, self._longest: self._model.max_tokens}
        if self._model.temperature is not None:
            body["temperature"] = self._model.temperature
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key.reveal()}"}
        reply = await self._connection.post(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), headers)
        value = replies.parse(reply.body)
        if not isinstance(value, dict):
            message = f"{self._connection.host} answered {replies.excerpt(reply.body)}, which is no completion"
            raise ResponderFailed(message, hint="`url` is what comes before /chat/completions, often ending in /v1")
        if value.get("error") and not _choice(value):
            # Some gateways answer like this, with status 200, when the server behind them has not answered.
            raise Refused(f"{self._connection.host} answered with an error: {_words(value['error'])}")
        return value

    def _answer(self, text: str, value: Mapping[str, Any]) -> Answer:
        """Replies in the requested form, or a text that is one reply; never half of a JSON object."""
        bare = _without_reasoning(text)
        for candidate in (bare, *_fenced_blocks(bare), bare[bare.find("{") : bare.rfind("}") + 1]):
            answer = replies.find_answer(replies.parse(candidate.encode("utf-8", "replace")))
            if answer is not None:
                return Answer(answer.replies)  # viewers can make a model write anything, so it raises no events
        if bare.startswith(("{", "[", "```", "<think")) or '"replies"' in bare:
            cut = " (it was cut off at `max_tokens`)" if _choice(value).get("finish_reason") == "length" else ""
            quoted = replies.excerpt(bare.encode("utf-8", "replace"))
            raise ResponderFailed(f"{self._model.name} said {quoted}, which is no {replies.FORM}{cut}", hint=_HINT)
        return Answer((scrub(bare),))


def _choice(value: Mapping[str, Any]) -> Mapping[str, Any]:
    match value:
        case {"choices": [dict() as choice, *_]}:
            return choice
    return {}


def _message(value: Mapping[str, Any]) -> Mapping[str, Any]:
    message = _choice(value).get("message")
    return message if isinstance(message, dict) else {}


def _text(value: Mapping[str, Any]) -> str:
    match _message(value).get("content"):
        case str(text):
            return text
        case [*parts]:
            return "".join(_part(part) for part in parts if isinstance(part, dict))
    return ""


def _part(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) and part.get("type", "text") in ("text", "output_text") else ""


def _without_reasoning(text: str) -> str:
    parts, at, begun = [], 0, None
    for mark in _THOUGHTS.finditer(text):
        if not mark[1] and begun is None:
            begun = mark.start()
        elif mark[1] and begun is not None:
            parts.append(text[at:begun])
            at, begun = mark.end(), None
    return "".join([*parts, text[at:]]).strip()


def _fenced_blocks(text: str) -> list[str]:
    """The content of a fenced block, JSON or not."""
    return [block.removeprefix("json").strip() for block in text.split(_FENCE)[1:-1:2][:_MOST_BLOCKS]]


def _why_silent(value: Mapping[str, Any], text: str) -> str:
    """Why a model gave no reply for chat; "" if it gave one."""
    choice, message = _choice(value), _message(value)
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        return "its provider's filter has withheld the answer (finish_reason: content_filter)"
    if _without_reasoning(text):
        return ""
    if not message:
        return f"the answer has no message ({replies.excerpt(json.dumps(value).encode())})"
    if message.get("refusal"):
        return f"it refuses to answer: {_words(message['refusal'])}"
    if reason == "length":
        return "its `max_tokens` were used up before it answered (finish_reason: length)"
    if message.get("tool_calls") or message.get("function_call"):
        return "it called a tool, but has none"
    if any(message.get(name) for name in _THINKING) or _THOUGHTS.search(text):
        return "it only reasoned and gave no answer"
    return f"its answer is empty (finish_reason: {_words(reason)})"


def _words(error: object) -> str:
    if isinstance(error, dict):
        error = next((error[name] for name in ("message", "code", "type") if error.get(name)), error)
    return replies.excerpt((error if isinstance(error, str) else json.dumps(error)).encode("utf-8", "replace"))


def _use(value: Mapping[str, Any]) -> Use | None:
    """The tokens used, if they are reported plausibly."""
    match value.get("usage"):
        case {"prompt_tokens": question, "completion_tokens": answer} if _is_count(question) and _is_count(answer):
            return Use(question, answer)
    return None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST_TOKENS


def _estimate(*texts: str) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in texts) // _BYTES_A_TOKEN + 1
