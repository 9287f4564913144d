"""Credentials file: the access token, which is only issued once, and the account's other fields.

The fields are the guide's, and `issued_by`: the origin that issued the token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from retake_flow import private_file
from retake_flow.addresses import RETAKE
from retake_flow.api.models import Account, Registration, is_plain
from retake_flow.errors import CredentialsError
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret, scrub
from retake_flow.settings import TOKEN_VARIABLE

_DEFAULT_PORTS = {"https": 443, "http": 80}


def normalize(url: str) -> str:
    """The origin in one spelling (`https://retake.tv`), so that two can be compared.

    Raises:
        CredentialsError: The URL is not an http(s) origin, or has a path, a user or a query.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not bare:
        raise CredentialsError(
            f"{scrub(url)!r} is not an origin that could issue a token", hint="an origin looks like https://retake.tv"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


# Learnt from the platform after an agent's registration.
_LEARNT = ("user_db_id", "token_address", "token_ticker")
_ROOM = 4096  # bytes that have to be free before a registration

# The plain-text fields of the file, and their names here.
_TEXTS = {
    "agent_name": "agent_name",
    "agent_id": "agent_id",
    "userDbId": "user_db_id",
    "wallet_address": "wallet_address",
    "ticker": "ticker",
    "token_address": "token_address",
    "token_ticker": "token_ticker",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An agent's identity on retake.tv. Unknown fields are "".

    Attributes:
        access_token: The access token, which authenticates.
        issued_by: The only origin it may be sent to.
        token_in_file: The token that the file keeps when `access_token` comes from the environment; None when the
            file has none. Saving never writes a token of the environment into the file.
        of_file: The file's contents if they are not `believed`: they may be another agent's.
        unknown: Fields of the file that this program does not know; they are kept.
        unusable: Why the file is left alone when `access_token` comes from the environment; "" when it is not.
    """

    access_token: Secret
    agent_name: str = ""
    agent_id: str = ""
    user_db_id: str = ""
    wallet_address: str = ""
    ticker: str = ""
    token_address: str = ""
    token_ticker: str = ""
    issued_by: str = RETAKE
    from_environment: bool = False
    token_in_file: Secret | None = None
    of_file: Credentials | None = field(default=None, repr=False)
    unknown: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unusable: str = ""


def credentials_of(account: Account, registration: Registration, issued_by: str) -> Credentials:
    """The credentials of an agent just registered at the origin `issued_by`.

    Later facts, such as the token after the first stream, are added by `dataclasses.replace`.
    """
    return Credentials(
        access_token=account.access_token,
        agent_name=registration.agent_name,
        agent_id=account.agent_id,
        user_db_id=account.user_db_id,
        wallet_address=account.wallet_address or registration.wallet_address,
        ticker=registration.ticker,
        token_address=account.token_address,
        token_ticker=account.token_ticker,
        issued_by=normalize(issued_by),
    )


def load(path: Path, token_from_environment: Secret | None = None) -> Credentials | None:
    """Read the credentials.

    Args:
        path: The credentials file. An empty file counts as none: it can be mounted before there is a token.
        token_from_environment: Takes precedence over the token of the file. All else still comes from the file, unless
            the file cannot be used.

    Returns:
        None when there is neither a file nor a token.

    Raises:
        CredentialsError: The token in the environment is invalid. Or there is none there, and the file can be read by
            others, is not what the guide describes, or has no token.
    """
    if token_from_environment is None:
        return _from_file(path)
    if not is_plain(token_from_environment.reveal()):
        raise CredentialsError(
            f"{TOKEN_VARIABLE} contains white space or characters that no token has",
            hint=f"export it as it was issued, or unset {TOKEN_VARIABLE} to use the one in {path}",
        )
    try:
        found = _from_file(path, token_from_environment)
    except CredentialsError as error:
        return Credentials(token_from_environment, from_environment=True, unusable=error.message)
    return found or Credentials(token_from_environment, from_environment=True)


def _from_file(path: Path, token_from_environment: Secret | None = None) -> Credentials | None:
    content = private_file.read(path)
    return parse(content, path, token_from_environment) if content and content.strip() else None


def parse(content: bytes, path: Path, token_from_environment: Secret | None = None) -> Credentials:
    """Read the content of a credentials file.

    `path` is the file, for messages; the token is as for `load`.

    Raises:
        CredentialsError: It is not what the guide describes, or has no token.
    """
    data = _parse(content, path)
    stored = _token(data, path)
    token = token_from_environment or stored
    if token is None:
        raise CredentialsError(
            f"{path} has no access_token",
            hint="put it back from a copy, or set RETAKE_ACCESS_TOKEN; it is never issued twice",
        )
    return Credentials(
        access_token=token,
        issued_by=normalize(_text(data, "issued_by", path) or RETAKE),
        from_environment=bool(token_from_environment),
        token_in_file=stored if token_from_environment else None,
        of_file=None,
        unknown={name: value for name, value in data.items() if name not in {*_TEXTS, "access_token", "issued_by"}},
        **{attribute: _text(data, name, path) for name, attribute in _TEXTS.items()},
    )


def trusted_fields(found: Credentials) -> Credentials:
    """The fields that can be trusted to be the token's agent's: of a file with another token, only `issued_by`."""
    if found.token_in_file in (None, found.access_token):
        return found
    return Credentials(found.access_token, issued_by=found.issued_by, from_environment=True, of_file=found)


def save(path: Path, credentials: Credentials) -> None:
    """Save the credentials so that a crash leaves the old file or the new one, readable by their owner alone.

    A file that holds another token or account, or nothing readable, is kept beside it under a numbered name.

    Raises:
        CredentialsError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link to the file stays a link
    content = dumps(credentials).encode()
    with _writing(path):
        _keep_aside(target, credentials)
        private_file.replace(target, content)


def update(path: Path, learnt: Credentials) -> None:
    """Update an agent's file with what was learnt; does nothing without a file, or if it is now another agent's.

    Raises:
        CredentialsError: The file cannot be read or written.
    """
    found = load(path, learnt.access_token if learnt.from_environment else None)
    if found is None or found.unusable or not path.exists():
        return
    if (found.access_token, found.token_in_file) != (learnt.access_token, learnt.token_in_file):
        return
    changed = merge(found, learnt)
    if changed != found:
        save(path, changed)


def merge(found: Credentials, learnt: Credentials) -> Credentials:
    """The credentials, updated with what was learnt about the agent."""
    return replace(found, **{name: getattr(learnt, name) or getattr(found, name) for name in _LEARNT})


def require_place(path: Path) -> None:
    """Make sure that credentials could be saved, before a token is requested that is only issued once.

    It is tried the same way as a real save, so that a mount, a full disk or another user's folder shows.

    Raises:
        CredentialsError: Credentials could not be saved.
    """
    target = Path(os.path.realpath(path))
    with _writing(path):
        if target.exists():
            old = target.read_bytes()
            private_file.replace(target, old)
            if not old.strip():
                return
        # The present file would be kept next to the new one.
        trial = target.with_name(f".{target.name}.trial")
        try:
            private_file.replace(trial, bytes(_ROOM))
        finally:
            trial.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CredentialsError(
            f"the credentials cannot be written to {path}: {error.strerror or error}",
            hint="make the folder writable and see that its disk is not full, or name another file with "
            "RETAKE_CREDENTIALS",
        ) from error


def dumps(credentials: Credentials) -> str:
    """The content of a credentials file, with the token."""
    return json.dumps(_fields(credentials), indent=2) + "\n"


def _fields(credentials: Credentials) -> dict[str, Any]:
    token = credentials.token_in_file if credentials.from_environment else credentials.access_token
    known = {name: getattr(credentials, attribute) for name, attribute in _TEXTS.items()}
    return {
        **({"access_token": token.reveal()} if token else {}),
        **known,
        "issued_by": credentials.issued_by,
        **credentials.unknown,
    }


def _keep_aside(target: Path, credentials: Credentials) -> None:
    try:
        old = target.read_bytes()
    except FileNotFoundError:
        return
    ours = {credentials.access_token, credentials.token_in_file, None}
    if not old.strip():
        return
    try:
        found = _parse(old, target)
        if _token(found, target) in ours and _text(found, "userDbId", target) in ("", credentials.user_db_id):
            return
    except CredentialsError:
        pass  # not readable by us, so all the more a reason to keep it
    number = 1
    while (aside := target.with_name(f"{target.name}.{number}")).exists():
        number += 1
    private_file.replace(aside, old)


def _parse(content: bytes, path: Path) -> Mapping[str, Any]:
    hint = "it is left as it is: correct it, or move it away to register anew"
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise CredentialsError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}", hint=hint) from None
    except (ValueError, RecursionError):
        raise CredentialsError(f"{path} is not JSON in UTF-8", hint=hint) from None
    if not isinstance(data, dict):
        raise CredentialsError(f"{path} is not a JSON object", hint=hint)
    return data


def _token(data: Mapping[str, Any], path: Path) -> Secret | None:
    token = Secret(_text(data, "access_token", path).strip())
    if token and not is_plain(token.reveal()):
        raise CredentialsError(f"{path}: access_token contains white space or characters that no token has")
    return token or None


def _text(data: Mapping[str, Any], name: str, path: Path) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise CredentialsError(f"{path}: {name} is not a string")
    return value
