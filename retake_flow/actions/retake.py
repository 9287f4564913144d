"""Retake actions: calls to retake.tv."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from math import inf
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from retake_flow.actions.base import (
    AGAIN,
    AGAIN_SLOWLY,
    CALLED,
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    WHO_AM_I,
    Family,
    described,
)
from retake_flow.errors import CredentialsError, GuideUnkept, InDoubt, InputError, NoSession, PlatformError
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.ports.actions import Call, Completion

if TYPE_CHECKING:  # `check` reads the specs, and waits for none of these
    from retake_flow.actions.agent_session import Access
    from retake_flow.api.credentials import Credentials
    from retake_flow.api.guides import Guides

SPECS: Final = (
    ActionSpec(
        "retake.check_guide",
        "Compare the version of the platform's guide with the one the flow was written for; keep a changed guide.",
        inputs={"written_for": described(TEXT, "The version; by default the flow's `guide`.")},
        optional=frozenset({"written_for"}),
        outcomes=("unchanged", "changed"),
        result={"version": TEXT, "written_for": TEXT, "path": TEXT, "summary": TEXT},
        errors=CALLED,
        retry=AGAIN,
        requests=("GET /skill.json",),
        occasional={"GET /skill.md": "when the text of that version is not kept yet"},
    ),
    ActionSpec(
        "credentials.load",
        "Read the access token from RETAKE_ACCESS_TOKEN or the credentials file.",
        outcomes=("found", "missing"),
        result={"agent_name": TEXT, "user_db_id": TEXT, "issued_by": TEXT},
        errors=("credentials",),
    ),
    ActionSpec(
        "retake.register",
        "Register the agent's account, once, and save its credentials at once.",
        inputs={
            "agent_name": described(TEXT, "Unique; letters, digits, space, dash, underscore."),
            "agent_description": TEXT,
            "image_url": described(TEXT, "Public address of a square JPEG or PNG."),
            "wallet_address": described(TEXT, "A Solana public key in base58."),
            "ticker": described(TEXT, "At most 10 characters."),
        },
        public=frozenset({"agent_name", "agent_description", "image_url", "wallet_address", "ticker"}),
        result={"agent_name": TEXT, "agent_id": TEXT, "user_db_id": TEXT},
        errors=(*CALLED, "input", "in_doubt", "secret"),
        retry=AGAIN,
        idempotency=Idempotency.VERIFY,
        requests=("POST /agent/register",),
    ),
    ActionSpec(
        "retake.verification_status",
        "Get whether a person has vouched for the agent.",
        result={"verified": FLAG},
        errors=CALLED,
        retry=AGAIN,
        requests=("GET /agent/verification-status",),
    ),
    ActionSpec(
        "retake.prepare_verify",
        "Get the exact text that a person has to post to vouch for the agent.",
        result={"message": TEXT},
        errors=CALLED,
        retry=AGAIN,
        requests=("POST /agent/prepare-verify",),
        samples={"message": "Claiming my Livestreaming Agent on @retakedottv. Code: ‹code›"},
    ),
    ActionSpec(
        "retake.verify",
        "Submit the post of the person who vouches for the agent.",
        inputs={"tweet_url": described(TEXT, "The address of the post on X.", format="post")},
        result={"verified": FLAG},
        errors=(*CALLED, "input", "not_prepared", "post_refused"),
        retry=AGAIN,
        idempotency=Idempotency.VERIFY,
        requests=("POST /agent/verify",),
        occasional={"GET /agent/verification-status": "after an error"},
    ),
    ActionSpec(
        "retake.stream_key",
        "Fetch a fresh stream key; needed before every push.",
        result={"url": TEXT, "key": TEXT, "push_url": TEXT},
        secrets=frozenset({"key", "push_url"}),
        errors=CALLED,
        retry=AGAIN,
        requests=("POST /agent/rtmp",),
    ),
    ActionSpec(
        "retake.start_stream",
        "Open the stream session, and save the address of the agent's token once it is known.",
        result={"started_at": NUMBER, "page": TEXT, "token_address": TEXT, "ticker": TEXT},
        errors=CALLED,
        retry=AGAIN,
        idempotency=Idempotency.ONCE,
        requests=("POST /agent/stream/start",),
        samples={"page": "https://retake.tv/‹agent_name›"},
    ),
    ActionSpec(
        "retake.stream_status",
        "Get whether the stream is on air, and the number of viewers.",
        inputs={
            "await_live": described(
                FLAG,
                "Wait until a new push should be live: as long as earlier streams of the "
                "agent took, or until another sign from the platform.",
                default=False,
            )
        },
        result={"is_live": FLAG, "viewers": COUNT, "uptime_seconds": COUNT, "user_db_id": TEXT, "token_address": TEXT},
        pace=(3.0, inf),
        errors=CALLED,
        retry=AGAIN_SLOWLY,
        requests=("GET /agent/stream/status",),
        samples={"viewers": 3},
    ),
    ActionSpec(
        "retake.measure_lag",
        "Measure the time from the first frames until the stream was live, so that the next one is checked in time.",
        result={
            "after": described(
                NUMBER, "The last time at which it was not live yet, in seconds after the first frames."
            ),
            "by": described(NUMBER, "The first time at which it was live; both are 0 if unknown."),
            "looks": described(COUNT, "The number of requests."),
        },
        occasional={"GET /agent/stream/status": "three times at most, while the lag is not known well"},
    ),
    ActionSpec(
        "retake.stop_stream",
        "Close the stream session, if it is open.",
        result={"status": TEXT, "duration_seconds": COUNT, "viewers": COUNT},
        errors=CALLED,
        retry=AGAIN,
        requests=("POST /agent/stream/stop",),
        samples={"status": "stopped"},
    ),
    ActionSpec(
        "retake.comments",
        "Read what others wrote in a chat, the agent's own or another's, without answering it.",
        inputs={
            "of": described(TEXT, "A userDbId; by default the agent's own."),
            "after": described(TEXT, "The `cursor` of an earlier call; only newer messages are read."),
            "since": described(NUMBER, "Only messages after this time (epoch seconds)."),
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
            "words": {"type": "array", "items": TEXT, "default": [], "description": "Words to look for."},
        },
        optional=frozenset({"of", "after", "since"}),
        result={
            "messages": {"type": "array", "items": {"type": "object"}},
            "count": described(COUNT, "The number of messages found; `messages` has the newest of them."),
            "unanswered": described(COUNT, "The number of them after the agent's last message."),
            "mentions": described(COUNT, "The number of them that contain one of the `words`."),
            "own_at": described(NUMBER, "The time of the agent's last message there; 0 if there is none."),
            "cursor": TEXT,
            "summary": described(TEXT, "The last messages with one of the `words`, otherwise the last of all."),
        },
        errors=CALLED,
        retry=AGAIN_SLOWLY,
        requests=("GET /agent/stream/comments",),
        occasional={"GET /chat/": "when no session is active", **WHO_AM_I},
    ),
)

_MEASURED = 3  # polls; each halves the possible range of the lag, which is one second at first


class RetakeActions(Family):
    """Calls retake.tv on behalf of the agent."""

    def __init__(self, access: Access, now: Callable[[], float]) -> None:
        self._access = access
        self._now = now
        self.tasks = {
            "credentials.load": self.load_credentials,
            "retake.measure_lag": self.measure_lag,
            "retake.prepare_verify": self.prepare_verify,
            "retake.register": self.register,
            "retake.start_stream": self.start_stream,
            "retake.stop_stream": self.stop_stream,
            "retake.stream_key": self.stream_key,
            "retake.stream_status": self.stream_status,
            "retake.verification_status": self.verification_status,
            "retake.verify": self.verify,
        }
        self.checks = {"retake.register": self.was_registered, "retake.verify": self.was_verified}

    async def load_credentials(self, call: Call) -> Completion:
        """Read the credentials."""
        found = await self._access.reload()
        if found is None:
            return Completion("missing")
        value = {"agent_name": found.agent_name, "user_db_id": found.user_db_id, "issued_by": found.issued_by}
        return Completion("found", value)

    async def register(self, call: Call) -> Completion:
        """Create the account; the response is saved to disk before anything else happens."""
        from retake_flow.api.credentials import credentials_of
        from retake_flow.api.models import Registration

        wanted = Registration(
            **{name: str(call.inputs.get(name) or "").strip() for name in Registration.__dataclass_fields__}
        )
        problems = wanted.problems()
        if problems:
            raise InputError(
                "the agent cannot be registered: " + "; ".join(problems), hint="set them with --set NAME=…"
            )
        self._access.require_place()
        try:
            account = await self._access.client(anonymous=True).register(wanted)
        except PlatformError as error:
            # Behind a gateway that gave up, a server may still be working; after any other response it is not.
            if error.unsure and 200 <= error.status < 500:
                error.unsure = await self._exists(wanted.agent_name) is not False
            raise
        new = credentials_of(account, wanted, self._access.origin)
        await self._access.save(new)
        return Completion(value=_identity(new))

    async def _exists(self, name: str) -> bool | None:
        """Whether a name is taken; None if that cannot be found out."""
        with suppress(PlatformError):
            return await self._access.client(anonymous=True).public.user_exists(name)
        return None

    async def was_registered(self, call: Call) -> Completion | None:
        """Find out whether a registration succeeded when its process died.

        Raises:
            InDoubt: The name is taken and the token is not here.
            PlatformError: This cannot be found out.
        """
        name = str(call.inputs.get("agent_name") or "").strip()
        try:
            found = self._access.load()
            if found is not None and _is_kept(found) and found.agent_name.casefold() in ("", name.casefold()):
                return Completion(value=_identity(found))
            if not name or not await self._access.client(anonymous=True).public.user_exists(name):
                return None
        except (PlatformError, CredentialsError) as error:
            raise error.with_prefix(f"it is not known whether {name!r} was registered") from None
        raise InDoubt(
            f"an agent named {name!r} is registered, but its token is not on this machine",
            hint="if its credentials are kept elsewhere, put them back; a token is never issued twice, so without it "
            "the agent needs another name",
        )

    async def prepare_verify(self, call: Call) -> Completion:
        """Request the text to post; the one requested last counts."""
        return Completion(value={"message": await self._access.client().prepare_verify()})

    async def verify(self, call: Call) -> Completion:
        """Submit a post. If the agent is verified after an error, by any post, the action succeeds."""
        client = self._access.client()
        try:
            return Completion(value={"verified": await client.verify(str(call.inputs["tweet_url"]))})
        except PlatformError:
            with suppress(PlatformError):
                if await client.verification_status():
                    return Completion(value={"verified": True})
            raise

    async def was_verified(self, call: Call) -> Completion | None:
        """Find out whether the agent is verified, after a process died while submitting a post.

        Raises:
            PlatformError: This cannot be found out.
        """
        try:
            verified = await self._access.client().verification_status()
        except (PlatformError, CredentialsError) as error:
            raise error.with_prefix("it is not known whether the agent is verified") from None
        return Completion(value={"verified": True}) if verified else None

    async def verification_status(self, call: Call) -> Completion:
        """Ask whether the agent is verified."""
        return Completion(value={"verified": await self._access.client().verification_status()})

    async def stream_key(self, call: Call) -> Completion:
        """Fetch a fresh stream key."""
        target = await self._access.client().rtmp()
        return Completion(value={"url": target.url, "key": target.key, "push_url": target.push_url})

    async def start_stream(self, call: Call) -> Completion:
        """Open the session; earlier chat messages are history."""
        started_at = self._now()
        token = await self._access.client().start_stream()
        self._access.learn(token_address=token.token_address, token_ticker=token.ticker)
        page = f"{self._access.origin}/{quote(self._access.credentials.agent_name)}"
        about = {"token_address": token.token_address, "ticker": token.ticker}
        return Completion(value={"started_at": started_at, "page": page, **about})

    async def stream_status(self, call: Call) -> Completion:
        """Poll the stream status, at once or when the stream should be live."""
        access = self._access
        status = await (access.status_when_live() if call.inputs["await_live"] else access.status())
        return Completion(
            value={
                "is_live": status.is_live,
                "viewers": status.viewers,
                "uptime_seconds": status.uptime_seconds,
                "user_db_id": status.user_db_id,
                "token_address": self._access.credentials.token_address,
            }
        )

    async def measure_lag(self, call: Call) -> Completion:
        """Poll a few more times, when the uptime is most informative; failed polls are ignored."""
        import asyncio

        liveness, looks = self._access.liveness, 0
        with suppress(PlatformError):
            while looks < _MEASURED and (at := liveness.is_informative(self._access.status_next)) is not None:
                await asyncio.sleep(at - asyncio.get_running_loop().time())
                looks += 1
                await self._access.status()
        lag = liveness.lag
        after, by = (0.0, 0.0) if lag is None else (round(lag.after, 3), round(lag.by, 3))
        return Completion(value={"after": after, "by": by, "looks": looks})

    async def stop_stream(self, call: Call) -> Completion:
        """Close the session; one that is not there counts as closed."""
        try:
            return Completion(value=asdict(await self._access.client().stop_stream()))
        except NoSession:
            return Completion(value={"status": "stopped", "duration_seconds": 0, "viewers": 0})
        except PlatformError as error:
            raise error.with_prefix("the stream session could not be closed and may still be open") from None


def _identity(agent: Credentials) -> dict[str, str]:
    return {"agent_name": agent.agent_name, "agent_id": agent.agent_id, "user_db_id": agent.user_db_id}


def _is_kept(found: Credentials) -> bool:
    # A token in the environment is no sign of a registration, whose token goes to the file.
    return not found.from_environment or found.token_in_file is not None


class GuideActions(Family):
    """Checks whether the guide is still the version that the flow was written for.

    Args:
        written_for: The version that the flow was written for.
    """

    def __init__(self, access: Access, written_for: str, guides: Guides, now: Callable[[], float]) -> None:
        self._access = access
        self._written_for = written_for
        self._guides = guides
        self._now = now
        self.tasks = {"retake.check_guide": self.check}

    async def check(self, call: Call) -> Completion:
        """Compare versions as versions; a guide is kept as a text for people and never acted on."""
        from retake_flow.api.guides import same

        client, guides = self._access.client(anonymous=True), self._guides
        written_for = str(call.inputs.get("written_for") or self._written_for)
        version = await guides.look_up_version(client, self._now())
        value = {"version": version, "written_for": written_for, "path": "", "summary": ""}
        if not written_for or same(version, written_for):
            with suppress(PlatformError, GuideUnkept):  # kept for a later comparison; nothing depends on it now
                value["path"] = str(await guides.fetch_text(client, version))
            return Completion("unchanged", value)
        where = "in no file"
        try:  # the change must be reported in any case
            value["path"] = str(await guides.fetch_text(client, version))
            where = f"in {value['path']}"
        except PlatformError as error:
            where = f"not available ({error.message})"
        except GuideUnkept:
            pass
        changed = guides.difference(guides.before(version, written_for), version)
        value["summary"] = changed.summary if changed else "There is no earlier text to compare it with."
        message = (
            f"the platform's guide is now version {version}; this flow was written for {written_for}. "
            f"{value['summary']} `retake-flow guide --diff` shows it; its text is {where}"
        )
        return Completion("changed", value, notes=[("notice", {"kind": "guide_changed", "message": message})])
