"""Apprise notifier: sends notices through Apprise, which supports more than a hundred services, within limits."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from retake_flow import network
from retake_flow.errors import NoticeFailed, SettingsError
from retake_flow.ports.notices import OPERATOR, Kind, Notice
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import MASK, Secret, bears_secret
from retake_flow.settings import equip_libraries
from retake_flow.tasks import run_in_thread

if TYPE_CHECKING:
    import apprise

#: The limit for one delivery, in seconds.
WITHIN = 20.0
_ADDRESS = re.compile(r"(?:(?P<who>[\w-]+)=)?(?P<url>(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://.+)")
_HIDDEN = "(left out, since it bears a secret)"
# The words that notify everybody on Discord, Slack, Mattermost, Matrix and Teams, and their forms of a mention.
_MENTION = re.compile(r"@(?:everyone|here|channel|all|room|team)\b|<(?=[@!#&])", re.IGNORECASE)
# Addresses hold tokens, and these loggers write addresses, or parts of them, into the log.
_TALKATIVE = ("apprise", "urllib3.connectionpool")
_LOOKS: Final[dict[Kind, str]] = {
    "reminder": "warning",
    "escalation": "warning",
    "trouble": "warning",
    "warning": "warning",
    "live": "success",
    "recovered": "success",
}
#: Bytes of an unpacked answer; services answer with a few hundred.
LONGEST_ANSWER: Final = 1 << 20
#: Seconds for the body of an answer.
_READ_WITHIN: Final = 15.0
_AT_ONCE: Final = 1024  # bytes; after each chunk, the size is checked


@dataclass(frozen=True, slots=True)
class AppriseNotifier:
    """One address, which receives the notices for its audience."""

    channel: str
    audience: str
    _service: apprise.Apprise = field(repr=False)
    _busy: threading.Lock = field(repr=False, default_factory=threading.Lock)

    async def send(self, notice: Notice) -> None:
        """Send a notice, as in the protocol. A service that hangs gets no more notices until it has finished."""
        if not self._busy.acquire(blocking=False):
            raise NoticeFailed(f"{self.channel} is still busy with an earlier notice")
        try:
            async with asyncio.timeout(WITHIN):
                taken = await run_in_thread(partial(self._deliver, notice), f"notice to {self.channel}")
        except TimeoutError:
            raise NoticeFailed(f"{self.channel} did not accept the notice within {WITHIN:g} s") from None
        except Exception as raised:  # its text may hold the address
            raise NoticeFailed(f"{self.channel} could not be notified: {type(raised).__name__}") from None
        if not taken:
            raise NoticeFailed(f"{self.channel} did not accept the notice")

    def _deliver(self, notice: Notice) -> bool | None:
        from apprise import NotifyFormat, NotifyType

        try:
            return self._service.notify(
                title=_sayable(notice.title),
                body=_sayable(notice.text or notice.title),
                notify_type=NotifyType(_LOOKS.get(notice.kind, "info")),
                body_format=NotifyFormat.TEXT,
            )
        finally:
            self._busy.release()


def _sayable(text: str) -> str:
    """The text without mentions. A text with a secret in it is left out, but the notice is still sent."""
    return without_mentions(_HIDDEN if bears_secret(text) else text)


def without_mentions(text: str) -> str:
    """The text without mentions: a viewer's words in a notice must not ring every phone of a team.

    This covers mentions of many, and the services' own form for one (`<@42>`). A name after an @ may have to be copied
    unchanged.
    """
    return _MENTION.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)


def notifiers(addresses: Sequence[Secret]) -> tuple[AppriseNotifier, ...]:
    """The channels to some addresses. This takes half a second when there are any.

    Args:
        addresses: Addresses in Apprise's form. `WHO=` before one assigns it to that audience; otherwise it is the
            operator's.

    Raises:
        SettingsError: Apprise does not know an address, or the environment's proxy cannot be used.
    """
    seen: Counter[str] = Counter()
    return tuple(_notifier(number, address.reveal(), seen) for number, address in enumerate(addresses, 1))


def host(address: Secret) -> str | None:
    """The host of an address; None when it names none."""
    parts = _ADDRESS.fullmatch(address.reveal())
    try:
        return urlsplit(parts["url"]).hostname if parts else None
    except ValueError:
        return None


def _notifier(number: int, address: str, seen: Counter[str]) -> AppriseNotifier:
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise _unusable(number, MASK)
    Secret(parts["url"])  # without its WHO= too, nobody may read it
    _require_way(host(Secret(parts["url"])) or "")
    service = _service(parts["url"])
    if service is None:
        raise _unusable(number, f"{parts['scheme']}://{MASK}")
    audience = parts["who"] or OPERATOR
    name = parts["scheme"].lower() + ("" if audience == OPERATOR else f" ({audience})")
    seen[name] += 1
    return AppriseNotifier(name if seen[name] == 1 else f"{name} {seen[name]}", audience, service)


def _require_way(to: str) -> None:
    """Make sure that a configured proxy can be used for a notice."""
    try:
        network.proxy_for(f"https://{to}")
    except SettingsError as error:
        if find_spec("socks") is None:
            raise SettingsError(error.message, hint="pip install pysocks, so that notices can use it") from None


def _service(url: str) -> apprise.Apprise | None:
    import apprise  # slow

    equip_libraries()
    limit_requests()
    for name in _TALKATIVE:
        logging.getLogger(name).disabled = True
    found = apprise.Apprise.instantiate(url)
    if found is None:
        return None
    if found.overflow_mode is apprise.OverflowMode.UPSTREAM:
        found.overflow_mode = apprise.OverflowMode.SPLIT  # a service always refuses a text that is too long for it
    service = apprise.Apprise()
    service.add(found)
    return service


def _unusable(number: int, shown: str) -> SettingsError:
    return SettingsError(
        f"address {number} for notices ({shown}) is not one that apprise knows",
        hint="write it as apprise does, for example discord://ID/TOKEN, or owner=mailto://… for another audience",
    )


def limit_requests() -> None:
    """Apply the limits to every answer that the library `requests` reads in this process.

    Apprise's services read whole answers, however long; there is no setting against it.
    """
    from requests import adapters, exceptions, sessions

    class Limited(adapters.HTTPAdapter):
        """Reads answers within the limits. A longer answer counts as a broken connection."""

        def build_response(self, req: Any, resp: Any) -> Any:
            stream = resp.stream

            def read_limited(amt: int = _AT_ONCE, decode_content: bool | None = None) -> Iterator[bytes]:
                late, read = time.monotonic() + _READ_WITHIN, 0
                for chunk in stream(min(amt, _AT_ONCE), decode_content=decode_content):
                    read += len(chunk)
                    if read > LONGEST_ANSWER or time.monotonic() > late:
                        resp.close()
                        raise exceptions.ConnectionError("the answer has no end")
                    yield chunk

            resp.stream = read_limited
            return super().build_response(req, resp)

    if vars(sessions)["HTTPAdapter"] is adapters.HTTPAdapter:
        vars(sessions)["HTTPAdapter"] = Limited
