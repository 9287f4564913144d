"""Account match: recognises a run's account in the current credentials."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from retake_flow.addresses import RETAKE
from retake_flow.api.credentials import Credentials
from retake_flow.errors import PlatformError, WrongAccount
from retake_flow.run.identity import Identity, Match, fingerprint, match, merge, same_platform
from retake_flow.settings import TOKEN_VARIABLE


def identity_of(found: Credentials | None, path: Path, origin: str) -> Identity:
    """The account that credentials belong to."""
    file = str(path.absolute())
    if found is None:
        return Identity(source=file, platform=origin)
    source = TOKEN_VARIABLE if found.from_environment else file
    return Identity(found.agent_name, found.user_db_id, fingerprint(found.access_token), source, origin)


async def resumable_identity(
    kept: Identity, found: Identity, ask: Callable[[], Awaitable[str]], subject: str = "this run"
) -> Identity:
    """The account as which a run may be resumed, with everything known of it by now.

    Args:
        kept: The account that the run acts as.
        found: The current credentials.
        ask: Asks the platform for the userDbId of the token that was found.
        subject: The run's name in messages.

    Raises:
        WrongAccount: The credentials belong to another agent, or nothing shows that they do not.
    """
    verdict = match(kept, found)
    if verdict is Match.SAME:
        return merge(kept, found)
    if verdict is Match.OTHER or (verdict is Match.UNKNOWN and not kept.user_db_id):
        raise wrong_account(kept, found, subject)
    if not kept.user_db_id:
        return merge(kept, found)
    user_id, trouble = "", ""
    try:
        user_id = await ask()
    except PlatformError as error:
        trouble = f" ({error.message})"
    if user_id and user_id != kept.user_db_id:
        raise wrong_account(kept, replace(found, user_db_id=user_id), subject)
    if not user_id and verdict is Match.UNKNOWN:
        raise wrong_account(kept, found, subject, trouble)
    # A name alone is no proof: until the platform confirms it, the account's known token stays.
    return merge(kept, replace(found, user_db_id=user_id)) if user_id else kept


def wrong_account(kept: Identity, found: Identity, subject: str = "this run", trouble: str = "") -> WrongAccount:
    """The error for credentials that are not the run's own; it says how to set the right ones."""
    acts = f"{subject} acts as {kept.label}"
    if not same_platform(kept, found):
        way = "unset RETAKE_API_URL" if kept.platform == RETAKE else f"set RETAKE_API_URL={kept.platform}"
        return WrongAccount(f"{acts} on {kept.platform}, and the platform here is {found.platform}", hint=way)
    if not found.fingerprint:
        why = f"there are no credentials of that agent in {found.source}"
    elif (found.name or found.user_db_id) and found.label != kept.label:
        why = f"the token in {found.source} is that of {found.label}"
    else:
        why = f"nothing shows that the token in {found.source} is that of the same agent{trouble}"
    return WrongAccount(f"{acts}, and {why}", hint=_way_back(kept, found))


def _way_back(kept: Identity, found: Identity) -> str:
    if kept.source == TOKEN_VARIABLE:
        way = f"set {TOKEN_VARIABLE} to the token that it began with"
    elif kept.source:
        way = f"set RETAKE_CREDENTIALS={shlex.quote(kept.source)}"
    else:
        way = f"name the credentials file of {kept.label} with RETAKE_CREDENTIALS"
    if found.source == TOKEN_VARIABLE != kept.source:
        way = f"unset {TOKEN_VARIABLE} and {way}"
    return f"{way}; for another agent, start another run"
