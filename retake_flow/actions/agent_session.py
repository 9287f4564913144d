"""Agent session: the agent's credentials and the client that uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from retake_flow.actions.account_match import identity_of, resumable_identity, wrong_account
from retake_flow.actions.lag import LagFile
from retake_flow.actions.liveness import Liveness, Push, watch_announcements
from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.api.models import STATUS_PACE, StreamStatus
from retake_flow.backoff import Backoff
from retake_flow.errors import CredentialsError
from retake_flow.ports.responders import OpenRealtime
from retake_flow.redact import Secret
from retake_flow.run.identity import NOBODY, Identity, Match, is_confirmed, match, merge

_LONGEST_CALL = 0.5  # seconds; a slower call was an exception
#: Seconds before writing is tried again for a token that could not be written anywhere.
_SAVE_AGAIN = Backoff(1.0, rate=5.0, cap=30.0)

if TYPE_CHECKING:  # HTTP is slow to import, and is not needed before the first call
    from retake_flow.api.client import RetakeClient

    MakeClient = Callable[[Secret | None, str], RetakeClient]


class Access:
    """The credentials of one run and the client that uses them; new credentials get a new client.

    Args:
        token: The token from the environment, if any.
        origin: Where the platform is.
        make_client: Makes a client for a token and the origin that issued it.
        note: Writes a record, such as a notice that the file could not be written.
        refuge: A folder of the program's own for a token that is given only once and cannot be written to the file.
        identity: The account that the run acts as, as far as known.
        learnt: Called when more of the account is known; may refuse it by raising a CredentialsError.

    Attributes:
        liveness: Finds out when the platform shows the push.
    """

    def __init__(
        self,
        path: Path,
        token: Secret | None,
        origin: str,
        make_client: MakeClient,
        note: Callable[..., None] = lambda *_, **__: None,
        refuge: Path | None = None,
        realtime: OpenRealtime | None = None,
        identity: Identity = NOBODY,
        learnt: Callable[[Identity], None] = lambda identity: None,
    ) -> None:
        self.origin = origin
        self.liveness = Liveness(LagFile(path, origin), note)
        self._realtime = realtime
        self._identity = identity
        self._learnt = learnt
        self._refused: Secret | None = None
        self._path = path
        self._note = note
        self._refuge = None if refuge is None else refuge / f"credentials-{blake2b(bytes(path)).hexdigest()[:8]}.json"
        self._unkept = False
        self._reported: set[str] = set()
        self._token = token
        self._make_client = make_client
        self._credentials: Credentials | None = None
        self._clients: dict[Secret | None, RetakeClient] = {}
        self._status_turn = asyncio.Lock()
        self._status_next = 0.0
        self._status: StreamStatus | None = None

    def load(self) -> Credentials | None:
        """Read the credentials; None if there are none. Data that could not be saved is kept.

        Raises:
            WrongAccount: They do not belong to the run's account.
        """
        found = self._read()
        if found is not None:
            account = self._identity_of(found)
            verdict = match(self._identity, account)
            if verdict in (Match.OTHER, Match.UNKNOWN) or found.access_token == self._refused:
                raise wrong_account(self._identity, account)
            if verdict is Match.SAME:
                self._adopt(merge(self._identity, account))
        self._credentials = found
        return found

    async def reload(self) -> Credentials | None:
        """Read the credentials again; ask the platform if they do not name an account.

        Raises:
            WrongAccount: They do not belong to the run's account; the previous credentials stay in use.
        """
        found = self._read()
        if found is not None:
            self._adopt(await self._checked_identity(self._identity, found))
        self._credentials = found
        return found

    async def check_identity(self, kept: Identity, subject: str) -> Identity:
        """The account of the current credentials, if it is the run's account.

        Raises:
            WrongAccount: It is not.
        """
        return await self._checked_identity(kept, self._read(), subject)

    def identity_here(self) -> Identity:
        """The account of the current credentials."""
        return self._identity_of(self._read())

    async def _checked_identity(self, kept: Identity, found: Credentials | None, subject: str = "this run") -> Identity:
        return await resumable_identity(kept, self._identity_of(found), partial(self._user_id_of, found), subject)

    def _read(self) -> Credentials | None:
        before, found = self._credentials, credentials.load(self._path, self._token)
        if found is None and self._refuge is not None:
            found = credentials.load(self._refuge)
        if found is None:
            return None
        if found.unusable:
            self._tell_once(
                "credentials_unused", f"{found.unusable}; the token of RETAKE_ACCESS_TOKEN is used without it"
            )
        found = credentials.trusted_fields(found)
        if before is not None and found.access_token == before.access_token:
            found = credentials.merge(found, before)
        return found

    def _identity_of(self, found: Credentials | None) -> Identity:
        return identity_of(found, self._path, self.origin)

    @property
    def credentials(self) -> Credentials:
        """The credentials.

        Raises:
            CredentialsError: There are none.
        """
        found = self._credentials or self.load()
        if found is None:
            raise CredentialsError("there are no credentials yet", hint="register the agent first")
        return found

    def require_place(self) -> None:
        """Make sure that new credentials could be saved.

        Raises:
            CredentialsError: They could not.
        """
        credentials.require_place(self._path)

    async def save(self, new: Credentials) -> None:
        """Save new credentials to disk before anything else: a token is given only once.

        If the file cannot be written, they go to the refuge and the operator is notified. If that cannot be written
        either, the write is retried until one of the two succeeds.
        """
        self._credentials = new
        await self._save_eventually(new)
        self._adopt(self._identity_of(new))

    async def _save_eventually(self, new: Credentials) -> None:
        for failures in count(1):
            if self._try_save(new):
                return
            await asyncio.sleep(_SAVE_AGAIN.wait(failures))

    def _try_save(self, new: Credentials) -> bool:
        try:
            credentials.save(self._path, new)
        except CredentialsError as error:
            return self._save_elsewhere(new, error)
        return True

    def _save_elsewhere(self, new: Credentials, error: CredentialsError) -> bool:
        once = f"the access token of {new.agent_name}, which is given only once, "
        try:
            if self._refuge is None:
                raise error
            credentials.save(self._refuge, new)
        except CredentialsError:
            where = "is only in the memory of this process. Do not end it; writing is retried until it succeeds"
            self._tell_once("token_unsaved", f"{error.message}; {once}{where} ({error.hint})")
            return False
        self._tell_once(
            "token_elsewhere", f"{error.message}; {once}is in {self._refuge} instead: move it to {self._path}"
        )
        return True

    def learn(self, *, user_db_id: str = "", token_address: str = "", token_ticker: str = "") -> None:
        """Save the platform's data about the agent, if there is any; a token alone creates no file.

        Data that cannot be written stays in memory. This is reported once, and the write is retried with the next data.

        Raises:
            WrongAccount: The token does not belong to the run's account.
        """
        known = self.credentials
        if known.of_file is not None and user_db_id and known.of_file.user_db_id == user_db_id:
            known = known.of_file  # the same agent with a new token
        changed = replace(
            known,
            user_db_id=user_db_id or known.user_db_id,
            token_address=token_address or known.token_address,
            token_ticker=token_ticker or known.token_ticker,
        )
        if user_db_id:
            self._confirm(changed)
        self._unkept = self._unkept or changed != known
        self._credentials = changed
        if self._unkept:
            self._keep(changed)

    def _confirm(self, named: Credentials) -> None:
        """Accept the account that the platform has named, if it is the run's."""
        account = self._identity_of(named)
        if not is_confirmed(self._identity, account):
            self._credentials, self._refused = None, named.access_token
            raise wrong_account(self._identity, account)
        self._adopt(merge(self._identity, account))

    def _adopt(self, identity: Identity) -> None:
        if identity != self._identity:
            self._learnt(identity)
            self._identity = identity

    def _keep(self, learnt: Credentials) -> None:
        try:
            credentials.update(self._path, learnt)
            self._unkept = False
        except CredentialsError as error:
            kept = "details from retake.tv are remembered for this run only"
            self._tell_once("credentials_unwritten", f"{error.message}; {kept}")

    def _tell_once(self, kind: str, message: str) -> None:
        if kind not in self._reported:
            self._reported.add(kind)
            self._note("notice", kind=kind, message=message)

    def client(self, anonymous: bool = False) -> RetakeClient:
        """The client with the agent's token, or one without a token.

        Raises:
            CredentialsError: There is no token.
        """
        token = None if anonymous else self.credentials.access_token
        issued_by = self.origin if anonymous else self.credentials.issued_by
        return self._client_for(token, issued_by)

    def _client_for(self, token: Secret | None, issued_by: str) -> RetakeClient:
        if token not in self._clients:
            self._clients[token] = self._make_client(token, issued_by)
        return self._clients[token]

    async def status(self) -> StreamStatus:
        """The stream status, polled no more often than the guide allows, across all callers."""
        self._status, asked, answered = await self._ask_status(self.client)
        status = self._status
        self.liveness.add_look(status.is_live, status.uptime_seconds, asked, answered)
        self.learn(user_db_id=status.user_db_id, token_address=status.token_address)
        return status

    async def status_when_live(self) -> StreamStatus:
        """The stream status, polled when the current push should be live.

        While the status may not be polled again, the list of live agents counts as well; all other fields stay as they
        were.
        """
        listed = await self.liveness.due(self._status_next)
        if listed and self._status is not None and asyncio.get_running_loop().time() < self._status_next:
            self._status = replace(self._status, is_live=True, uptime_seconds=0)
            return self._status
        return await self.status()

    async def _user_id_of(self, found: Credentials | None) -> str:
        if found is None:
            return ""
        status, _, _ = await self._ask_status(lambda: self._client_for(found.access_token, found.issued_by))
        return status.user_db_id

    async def _ask_status(self, client: Callable[[], RetakeClient]) -> tuple[StreamStatus, float, float]:
        """The stream status of a client's token, and when it was requested and received, in the loop's time."""
        async with self._status_turn:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(self._status_next - loop.time())
            asked = loop.time()
            try:
                status = await client().stream_status()
            finally:
                answered = loop.time()
                self._status_next = answered + STATUS_PACE
            return status, asked, answered

    @property
    def status_next(self) -> float:
        """When the stream status may be polled again, in the loop's time."""
        return self._status_next

    @asynccontextmanager
    async def push(self) -> AsyncIterator[Push]:
        """The lifetime of one encoder.

        While the agent's lag is unknown, or the stream status was polled just now, all other signs of being live are
        watched.
        """
        user_id = self._credentials.user_db_id if self._credentials else ""

        async def is_listed() -> bool:
            return any(user.user_id == user_id for user in await self.client(anonymous=True).public.live_users())

        def moments() -> Iterator[float]:
            return self.liveness.moments(push, self._status_next)

        async with AsyncExitStack() as stack:
            push = stack.enter_context(self.liveness.push(self._call_takes()))
            known = bool(self.liveness.earlier)
            if user_id and not (known and self._status_next <= asyncio.get_running_loop().time()):
                realtime = None if known else self._realtime
                await stack.enter_async_context(watch_announcements(push, user_id, is_listed, moments, realtime))
            yield push

    def _call_takes(self) -> float:
        """How long a call with a new connection takes, in seconds."""
        took = (client.first_took for client in self._clients.values())
        return min(max((each for each in took if each is not None), default=0.0), _LONGEST_CALL)

    @property
    def audience(self) -> dict[str, int]:
        """The number of viewers and the uptime that the platform reported last; empty before the first poll."""
        if self._status is None:
            return {}
        return {"viewers": self._status.viewers, "uptime_seconds": self._status.uptime_seconds}

    @property
    def server_time(self) -> float | None:
        """A lower bound of the platform's time; None before the first response with a date."""
        ahead = self.client().clock.ahead
        return None if ahead is None else asyncio.get_running_loop().time() + ahead

    def keep_pace(self) -> None:
        """Assume that an earlier process, now dead, polled the stream status just before."""
        self._status_next = asyncio.get_running_loop().time() + STATUS_PACE

    async def user_id(self) -> str:
        """The agent's userDbId; taken from the stream status if only a token is known.

        Raises:
            CredentialsError: The platform does not give it.
        """
        if not self.credentials.user_db_id:
            await self.status()
        if not self.credentials.user_db_id:
            raise CredentialsError("the agent's userDbId is not known", hint="add userDbId to the credentials file")
        return self.credentials.user_db_id

    async def close(self) -> None:
        """Close all connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.__aexit__(None, None, None)
