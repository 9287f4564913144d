"""Preflight: tests the requirements of a flow on this machine before it uses a stream key and a session.

This includes programs and variables of the flow's own actions, which might otherwise fail after hours on air.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from retake_flow import __version__, network, os_errors
from retake_flow.actions.registry import CATALOGUE
from retake_flow.addresses import is_loopback
from retake_flow.errors import HostError, MissingProgram, NotReady, ResponderMissing, RetakeFlowError, SettingsError
from retake_flow.flow.action_spec import names_of, with_own
from retake_flow.flow.load.functions import called_function
from retake_flow.flow.model import Flow, performers
from retake_flow.responders import registry
from retake_flow.settings import Settings, program_environment, variables
from retake_flow.studio import display, programs
from retake_flow.studio.processes.launcher import Launcher

if TYPE_CHECKING:
    from retake_flow.studio.media import Media

_MOST_KEPT: Final = 16
_OWN: Final = ("program.run", "http.request")


async def require(flow: Flow, settings: Settings, *, rehearsed: bool) -> None:
    """Make sure that this machine can do what a flow needs.

    The abilities of programs are remembered as long as their files stay the same.

    Raises:
        MissingProgram: A program is not installed, or lacks a part.
        ResponderMissing: A part of a responder is missing.
        HostError: A place cannot be written, a display is open to other users, or there is no terminal or font.
        SettingsError: The environment's proxy or certificates cannot be used.
    """
    require_programs(flow)
    local = rehearsed or is_loopback(urlsplit(settings.origin).hostname)
    if not local:
        network.proxy_for(settings.origin)
        network.certificates()
    used = _actions(flow)
    if "studio.display" in used:
        require_folder(display.FOLDER, "no display can be opened")
        display.require_sockets()
        require_working_folder()
    if "studio.content" in used:
        require_terminal()
    if "studio.encoder" in used:
        await _require_parts("rtmp" if local else "rtmps", settings.cache_folder / "preflight.json")


def require_programs(flow: Flow) -> None:
    """Make sure that every program started by the flow's actions is installed, and that its responders exist.

    Raises:
        MissingProgram: Programs are not installed; the error names all of them, and the command that installs them.
        InputError: A file that the flow shows does not exist.
        ResponderMissing: A part of a responder is missing: a program, a function, a variable.
    """
    catalogue = with_own(flow, CATALOGUE)
    needed = {program for name in _actions(flow) for program in catalogue[name].programs}
    missing = [
        program
        for program in programs.PROGRAMS
        if program.when_used and program.name in needed and programs.find(program.name, program_environment()) is None
    ]
    if missing:
        names = ", ".join(program.name for program in missing)
        raise MissingProgram(f"not installed: {names}", hint=programs.install_command(missing))
    require_media(flow)
    around = Path(flow.file).parent, variables(), flow.sources.allowed
    lacking = (each for said in _responders(flow) for each in registry.missing(said, *around))
    _raise_all(lacking, ResponderMissing)


def require_media(flow: Flow) -> None:
    """Make sure that the files exist that the flow shows, as far as it names them before it runs.

    Raises:
        InputError: One does not exist, or the flow may not name it.
    """

    def media() -> Media:
        from retake_flow.studio.media import Media

        return Media(Path(flow.file).parent, tuple(flow.sources.allowed))

    for doing in flow.performers():
        if not doing.do.startswith("studio."):
            continue
        match doing.inputs:
            case {"folder": str(folder)} if "{{" not in folder:
                media().folder(folder)
            case {"files": [*files]} if all(isinstance(file, str) and "{{" not in file for file in files):
                media().files(files)


def _responders(flow: Flow) -> Iterator[Mapping[str, Any]]:
    """The responders of the flow, as far as it names them before it runs."""
    for doing in flow.performers():
        match doing.inputs:
            case {"responder": dict(said)}:
                yield said


def require_terminal() -> None:
    """Make sure that a pseudo terminal is available for the content window.

    Raises:
        HostError: There is none.
    """
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        raise os_errors.host_error(error, "no pseudo terminal can be opened") or HostError(
            f"there is no pseudo terminal for the content window: {error.strerror}",
            hint="run: mount -t devpts devpts /dev/pts",
        ) from None


def require_working_folder() -> None:
    """Make sure that there is a place for temporary files.

    Raises:
        HostError: There is none.
    """
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        raise HostError(
            f"no temporary file can be made: {error.strerror}", hint="export TMPDIR=/a/folder/that/can/be/written"
        ) from None
    require_folder(Path(folder), "the working folder cannot be made")


def require_folder(folder: Path, doing: str) -> None:
    """Make sure that a folder can be written, with a temporary file. `doing` names what fails otherwise.

    Raises:
        HostError: The folder cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        message = f"{doing}: {error.strerror}: {folder}"
        raise os_errors.host_error(error, doing) or HostError(message, hint=f"mkdir -p {folder}") from None


async def _require_parts(scheme: str, kept: Path) -> None:
    """Make sure that ffmpeg has its parts, and that there are fonts, unless this is already known."""
    starts = Launcher("preflight", variables())
    now = _identity(scheme, starts)
    known = _load_known(kept)
    if now in known:
        return
    from retake_flow.studio.encoding import capability

    tries = (
        capability.require_capture(starts),
        capability.require_sending(starts, scheme),
        capability.require_fonts(starts),
    )
    found = [error for error in await asyncio.gather(*tries, return_exceptions=True) if error is not None]
    for error in found:
        if not isinstance(error, NotReady):  # a slow machine must not keep a run from starting
            raise error
    if found:
        return
    with suppress(OSError):  # a cache that cannot be written is ignored
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([*known, now][-_MOST_KEPT:]), encoding="utf-8")


def _identity(scheme: str, starts: Launcher) -> str:
    """The key of the present programs and of the abilities that they are tested for."""
    parts = [__version__, scheme, starts.environment.get("FONTCONFIG_FILE", "")]
    for name in ("ffmpeg", "fc-list"):
        with suppress(OSError):
            if path := programs.find(name, starts.environment):
                status = path.stat()
                parts += [str(path.resolve()), str(status.st_size), str(status.st_mtime_ns)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _load_known(kept: Path) -> list[str]:
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return known if isinstance(known, list) else []


def _actions(flow: Flow) -> set[str]:
    """The names of the actions that a flow performs."""
    return {doing.do for doing in flow.performers()}


def require_own(flow: Flow) -> None:
    """Make sure that what a flow's own actions need is there.

    What is given by an expression is not known yet. A state that routes `error.missing_program` or `error.settings`
    expects that it may be missing.

    Raises:
        MissingProgram: Programs are missing, or are none.
        SettingsError: Variables are not set.
        HostError: Both.
    """
    _raise_all(_lacking_own(flow), HostError)


def _raise_all(lacking: Iterable[RetakeFlowError], mixed: type[RetakeFlowError]) -> None:
    """Raise errors, if any, as one: of their class, or of the class `mixed` if they differ."""
    errors = list({(each.message, each.hint): each for each in lacking}.values())
    if len(errors) == 1:
        raise errors[0]
    if errors:
        kinds = {type(each) for each in errors}
        lines = (f"{each.message} ({each.hint})" if each.hint else each.message for each in errors)
        raise (kinds.pop() if len(kinds) == 1 else mixed)("\n".join(lines))


def _lacking_own(flow: Flow) -> Iterator[RetakeFlowError]:
    for state in flow.states.values():
        routed = {route for around in flow.around(state.path) for route in around.routes}
        for doing in performers(state):
            *_, (do, given) = names_of(flow, doing.do, doing.inputs)
            if do not in _OWN:
                continue
            for error in (*_missing_program(flow, given), *_missing_variables(given)):
                if not any(route.endswith(f"error.{error.kind}") for route in routed):
                    yield type(error)(f"{doing.key}: {error.message}", hint=error.hint)


def _missing_program(flow: Flow, given: Mapping[str, Any]) -> Iterator[RetakeFlowError]:
    match given.get("command"):
        case [str(name), *_] as command if not called_function(command):
            try:
                programs.require(
                    str((Path(flow.file).parent / name).absolute()) if "/" in name else name, program_environment()
                )
            except MissingProgram as error:
                yield error


def _missing_variables(given: Mapping[str, Any]) -> Iterator[RetakeFlowError]:
    maps = [each for each in (given.get("env_from"), given.get("headers_from")) if isinstance(each, Mapping)]
    for name in (*(name for each in maps for name in each.values()), given.get("secret_from")):
        if isinstance(name, str) and not variables().get(name, "").strip():
            yield SettingsError(f"the variable {name} is not set", hint=f"export {name}=…")
