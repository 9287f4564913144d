"""Agents of a machine: a folder with the credentials file of each, `AGENT.json`.

The folder may be an ordinary one, systemd's for credentials, or a mounted Secret of Kubernetes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.errors import CredentialsError
from retake_flow.quick_dataclasses import dataclass
from retake_flow.settings import TOKEN_VARIABLE

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_SUFFIX: Final = ".json"
#: With which systemd prefixes the files of `LoadCredential=agents:/FOLDER`.
_LOADED: Final = "agents_"
_TAKES: Final = "pipe the output of `agents export`, or a credentials file, into it"
_AS_ONE: Final = (TOKEN_VARIABLE, "MOLTBOOK_API_KEY")


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent whose credentials a machine has.

    Attributes:
        found: Its credentials; None when they cannot be used.
    """

    name: str
    path: Path
    found: Credentials | None = None
    trouble: str = ""


def agents_in(folder: Path) -> list[Agent]:
    """The agents of a folder, by name, each with the reason if its credentials cannot be used.

    Raises:
        CredentialsError: The folder cannot be read.
    """
    try:
        files = sorted(os.listdir(folder))
    except OSError as error:
        hint = "name the folder with --agents or RETAKE_FLOW_AGENTS"
        raise CredentialsError(f"the agents in {folder} cannot be read: {error.strerror}", hint=hint) from error
    # Kubernetes keeps its own links and folders in a mounted Secret, whose names begin with dots.
    return list(_check_each(folder / file for file in files if file.endswith(_SUFFIX) and not file.startswith(".")))


def _check_each(files: Iterator[Path]) -> Iterator[Agent]:
    first: dict[str, str] = {}
    for path in files:
        name = agent_of(path)
        try:
            require_name(name)
            found = credentials.load(path)
        except CredentialsError as error:
            yield Agent(name, path, trouble=error.message)
            continue
        if found is None:
            yield Agent(name, path, trouble=f"{path} is empty: the agent is not registered yet")
        elif (other := first.setdefault(found.access_token.reveal(), name)) != name:
            yield Agent(name, path, trouble=f"{path} is the same agent as {other}{_SUFFIX}")
        else:
            yield Agent(name, path, found)


def files_by_name(agents: Iterable[Agent]) -> dict[str, str]:
    """The file of each agent that can be used, by the file's name and by the agent's own."""
    usable = [(agent.name, agent.found.agent_name) for agent in agents if agent.found is not None]
    return {own: name for name, own in usable if own} | {name: name for name, _ in usable}


def agent_of(path: Path) -> str:
    """The name of the agent of a credentials file in a folder."""
    return path.name.removesuffix(_SUFFIX).removeprefix(_LOADED)


def file_of(folder: Path, name: str) -> Path:
    """The credentials file of an agent, whether it exists or not.

    Raises:
        CredentialsError: The name cannot be used for an agent's file.
    """
    require_name(name)
    loaded = folder / f"{_LOADED}{name}{_SUFFIX}"
    return loaded if loaded.exists() else folder / f"{name}{_SUFFIX}"


def require_name(name: str) -> None:
    """Make sure that a name can be used for an agent's file.

    Raises:
        CredentialsError: It cannot.
    """
    if not _NAME.fullmatch(name) or name.startswith(_LOADED):
        raise CredentialsError(
            f"{name!r} cannot be the name of an agent's file",
            hint="use 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends; "
            f"no name begins with {_LOADED}",
        )


def environment_as(folder: Path, name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that acts as one agent: with its credentials and no others.

    Raises:
        CredentialsError: The name cannot be used for an agent's file.
    """
    kept = {variable: value for variable, value in environment.items() if variable not in _AS_ONE}
    return {**kept, "RETAKE_CREDENTIALS": str(file_of(folder, name))}


def dump(agents: Mapping[str, Path]) -> dict[str, str]:
    """The contents of credentials files, tokens included, by the names of agents.

    Raises:
        CredentialsError: One cannot be used.
    """
    contents = {}
    for name, path in agents.items():
        if (found := credentials.load(path)) is None:
            raise CredentialsError(f"there are no credentials in {path}", hint="`retake-flow agents` lists the agents")
        contents[name] = credentials.dumps(found)
    return contents


def parse(content: bytes, name: str = "") -> dict[str, Credentials]:
    """Read what `agents export` wrote, or one credentials file.

    `name` is the name of the agent, for a credentials file; by default that in it.

    Raises:
        CredentialsError: It is neither, or a name cannot be used for an agent's file.
    """
    source = Path("standard input")
    if not content.strip():
        raise CredentialsError("standard input is empty", hint="check why the command before the pipe printed nothing")
    try:
        data: Any = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise CredentialsError("standard input is not JSON in UTF-8", hint=_TAKES) from None
    exported = data.get("agents") if isinstance(data, dict) else None
    found: dict[str, Any] = exported if isinstance(exported, dict) else {name or _file_name(data): data}
    if not all(isinstance(value, dict) for value in found.values()):
        raise CredentialsError("standard input is not a JSON object of an agent", hint=_TAKES)
    read = {}
    for each, value in found.items():
        require_name(each)
        read[each] = credentials.parse(json.dumps(value).encode(), source)
    return read


def _file_name(data: Any) -> str:
    """The file name for an agent's name."""
    given = data.get("agent_name") if isinstance(data, dict) else None
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(given or "")).strip("._-")[:63]


def put(folder: Path, name: str, new: Credentials, *, replace: bool) -> str:
    """Save the credentials of an agent in a folder; known data about the same agent there is kept.

    The folder is created with mode 0700 when it is missing. With `replace`, those of another account stay beside them
    under a numbered name.

    Returns:
        `added`, `updated`, `replaced` or `kept`.

    Raises:
        CredentialsError: The file holds another account, another file holds this one, or one cannot be read or written.
    """
    path = file_of(folder, name)
    if (there := _name_of(folder, new)) not in ("", name):
        raise CredentialsError(f"it is {there} in {folder} already", hint=f"import it as {there}, or remove that file")
    try:
        old = credentials.load(path)
    except CredentialsError:
        if not replace:
            raise
        old = None
    if old is not None and _is_same(old, new):
        changed = dataclasses.replace(credentials.merge(old, new), access_token=new.access_token)
        if changed == old:
            return "kept"
        credentials.save(path, changed)
        return "updated"
    if old is not None and not replace:
        raise CredentialsError(
            f"{path} belongs to another account", hint="add --replace; the old file is kept next to it"
        )
    credentials.save(path, new)
    return "added" if old is None else "replaced"


def _name_of(folder: Path, wanted: Credentials) -> str:
    """The name under which a folder has usable credentials of an account; "" if it has none."""
    found = agents_in(folder) if folder.is_dir() else []
    return next((each.name for each in found if each.found is not None and _is_same(each.found, wanted)), "")


def _is_same(one: Credentials, other: Credentials) -> bool:
    """Whether credentials are of one account: by its id, or by its token if one id is unknown."""
    if one.issued_by != other.issued_by:
        return False
    if one.user_db_id and other.user_db_id:
        return one.user_db_id == other.user_db_id
    return one.access_token == other.access_token
