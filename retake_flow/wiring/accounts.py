"""Accounts: finds the account of a run at its start, recognises it at a resume, and locks it while the run streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retake_flow.actions.account_match import identity_of, wrong_account
from retake_flow.actions.agent_session import Access
from retake_flow.api.agents_folder import agent_of
from retake_flow.errors import AccountInUse, CredentialsError, WrongAccount
from retake_flow.flow.model import Flow
from retake_flow.ports.responders import OpenRealtime
from retake_flow.ports.runs import Stored
from retake_flow.redact import Secret
from retake_flow.run.identity import NOBODY, Identity
from retake_flow.run.run import Run
from retake_flow.settings import TOKEN_VARIABLE, Settings
from retake_flow.store.account_lock import AccountLock as AccountLock

if TYPE_CHECKING:
    from retake_flow.api.client import RetakeClient

#: Actions that end another stream of the same account.
_STREAMING = frozenset({"retake.stream_key", "retake.start_stream"})
_REGISTERING = frozenset({"retake.register"})
#: The families of actions that need an account.
_AS_AGENT = ("credentials.", "retake.", "chat.")
#: The time that a process has to release its account after its run was taken, in seconds.
_LETTING_GO = 10.0


def access(
    settings: Settings,
    identity: Identity = NOBODY,
    learnt: Callable[[Identity], None] = lambda identity: None,
    note: Callable[..., None] = lambda *_, **__: None,
    realtime: OpenRealtime | None = None,
) -> Access:
    """The credentials of these settings, and the client that uses them; arguments as for `Access`."""

    def client(token: Secret | None, issued_by: str) -> RetakeClient:
        from retake_flow.api.client import RetakeClient

        return RetakeClient(settings.origin, token, issued_by=issued_by)

    where = (settings.credentials, settings.access_token, settings.origin)
    return Access(*where, client, note, settings.state_folder, realtime, identity, learnt)


def identity_here(settings: Settings, inputs: Mapping[str, Any]) -> Identity:
    """The account of a run that starts now; if the credentials cannot be read, only their location.

    The inputs may name the agent to register.
    """
    try:
        found = access(settings).identity_here()
    except CredentialsError:
        found = identity_of(None, settings.credentials, settings.origin)
    return found if found.fingerprint else replace(found, name=str(inputs.get("agent_name") or ""))


async def check_identity(stored: Stored, flow: Flow | None, settings: Settings) -> Identity:
    """The account with which a run resumes, if this process has its credentials.

    A rehearsal keeps its own credentials. A run that never had any and cannot get any by itself needs none.

    Raises:
        WrongAccount: The credentials are another agent's.
        CredentialsError: The credentials cannot be read, and the run has an account.
    """
    run = stored.run
    if run.rehearsal:
        return run.identity
    registers = flow is not None and _uses(flow, _REGISTERING)
    kept, had = run.identity, bool(run.identity.fingerprint)
    if kept == NOBODY:
        kept, had = _of_first_version(stored, alone=flow is not None and (registers or not acts_as_agent(flow)))
    here = access(settings)
    try:
        found = here.identity_here()
        if (agent := _submitted_for(stored)) and agent not in (found.name, agent_of(Path(found.source))):
            raise wrong_account(replace(kept, name=agent), found, run.id)
        if had and not found.fingerprint:
            raise wrong_account(kept, found, run.id)
        if not (found.fingerprint or registers):
            return run.identity
        return await here.check_identity(kept, run.id)
    except WrongAccount:
        raise
    except CredentialsError:
        if had:
            raise
        return run.identity
    finally:
        await here.close()


def _submitted_for(stored: Stored) -> str:
    """The agent that a run was submitted for where its account was not known; "" once it is, or for any."""
    identity = stored.run.identity
    return stored.agent if identity.platform and identity == Identity(platform=identity.platform) else ""


def _of_first_version(stored: Stored, alone: bool) -> tuple[Identity, bool]:
    """The account of a run of version 0.1, which stored none, from its outputs, and whether it had one.

    A name may stand alone: that of an agent not yet registered, or in a flow that does nothing as an agent.
    """
    loaded: Mapping[str, Any] = {}
    for value in stored.run.outputs.values():
        if isinstance(value, Mapping) and {"agent_name", "user_db_id"} <= value.keys():
            loaded = value
    name, user_db_id = stored.agent or str(loaded.get("agent_name", "")), str(loaded.get("user_db_id", ""))
    source = TOKEN_VARIABLE if loaded and not (name or user_db_id) else ""
    return Identity(name, user_db_id, source=source), bool(loaded or (name and not alone))


def lock_of(run: Run, settings: Settings) -> AccountLock:
    """The lock of a run's account, not held yet. A rehearsal has its own platform and needs none."""
    return AccountLock(() if run.rehearsal else settings.lock_folders, run.id, settings.store)


def hold(lock: AccountLock, flow: Flow, identity: Identity) -> None:
    """Hold the account of a run that streams. Runs that do not stream may use it too.

    Raises:
        AccountInUse: Another run streams as the account.
    """
    if goes_live(flow):
        lock.hold(identity)


def shared_account(flow: Flow | None, identity: Identity, rehearsal: str) -> Identity:
    """The account that a run holds on all hosts that share its store; an empty one if it does not stream."""
    return identity if flow is not None and goes_live(flow) and not rehearsal else NOBODY


async def take_over(lock: AccountLock, flow: Flow, identity: Identity, run: str) -> None:
    """Hold the account of a run that was taken from a process, which gets a moment to release it.

    Raises:
        AccountInUse: Another run streams as the account.
    """
    deadline = time.monotonic() + _LETTING_GO
    while True:
        try:
            return hold(lock, flow, identity)
        except AccountInUse as error:
            if error.run != run or error.store:
                raise
            if time.monotonic() >= deadline:
                return None  # that process hangs, and still locks the account against others
        await asyncio.sleep(0.1)


def goes_live(flow: Flow) -> bool:
    """Whether a flow may put its agent on air."""
    return _uses(flow, _STREAMING)


def acts_as_agent(flow: Flow) -> bool:
    """Whether a flow does anything as an agent."""
    return any(action.startswith(_AS_AGENT) for action in _performed_actions(flow))


def _uses(flow: Flow, actions: Collection[str]) -> bool:
    return not _performed_actions(flow).isdisjoint(actions)


def _performed_actions(flow: Flow) -> set[str]:
    return {doing.do for doing in flow.performers()}
