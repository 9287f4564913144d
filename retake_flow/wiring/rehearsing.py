"""Rehearsing: runs a simulated retake.tv in a child process for one run, with its own credentials.

It may also answer programs and requests of the flow's own.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from retake_flow import private_file
from retake_flow.actions.lag import path_beside
from retake_flow.actions.own.request import Send
from retake_flow.actions.own.run_program import Programs
from retake_flow.addresses import is_loopback
from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.api.own_request import OwnRequest, send
from retake_flow.api.responses import Response
from retake_flow.errors import CredentialsError, RequestRefused, RetakeFlowError, StudioError, UsageError
from retake_flow.flow.load.functions import called_function
from retake_flow.ports.actions import Service
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Options, OwnAnswer
from retake_flow.settings import PYTHON, Settings
from retake_flow.studio import recordings
from retake_flow.studio.own_program import OwnProgram, ProgramResult
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessSpec
from retake_flow.tasks import beside

AGENT = "rehearsal-agent"
_KEPT = ".rehearsal.json"  # the platform's options, which it keeps up to date
_OWN = "credentials.json"
_LONG_ENOUGH = 2 * recordings.EVERY
Answers = Mapping[str, OwnAnswer]


@asynccontextmanager
async def rehearsal(
    launcher: Launcher, settings: Settings, folder: Path, options: Mapping[str, Any], resumed: bool = False
) -> AsyncIterator[Settings]:
    """A platform on this machine, and settings that make a run use it and nothing else.

    The real credentials are neither read nor sent. Unless the options name agents, there is one with credentials; an
    empty list makes the run register.

    Everything needed to resume, however this process ends, stays in the folder until `forget`.

    Args:
        launcher: Starts the platform.
        settings: The settings of this process.
        folder: The folder for recordings, thumbnails, the report, credentials and the platform's state.
        options: As in the rehearsal's options file; ignored when it is resumed.
        resumed: Whether to resume the rehearsal in the folder, with the same agents, credentials and posts, and with
            its remaining faults.

    Raises:
        UsageError: An option is unknown or not of its type. Or the folder cannot be used, or holds credentials that are
            not a rehearsal's, or another rehearsal that can be resumed, or nothing to resume.
        CredentialsError: The credentials of a resumed rehearsal can no longer be read.
        StudioError: The platform did not start.
    """
    agent = None
    if resumed:
        _require(folder)
    else:
        agent = _prepare(folder, options)
    address, can_go_on = _Address(), resumed
    try:
        async with launcher.process(_platform(folder), address.has_line, address.feed):
            _hand_over(folder / _OWN, address.origin, agent)
            can_go_on = True
            yield replace(settings, origin=address.origin, access_token=None, credentials=folder / _OWN)
    except BaseException:
        if not can_go_on:  # without a run, nothing could ever free the folder
            forget(folder)
        raise


@asynccontextmanager
async def scene_reporter(origin: str) -> AsyncIterator[Callable[[str], None]]:
    """A function that tells a rehearsed platform which scene viewers see, in the background and in order.

    If that fails, viewers do not react.
    """
    scenes: asyncio.Queue[str] = asyncio.Queue()

    async def tell() -> None:
        while True:
            body = json.dumps({"scene": await scenes.get()}).encode()
            with suppress(RetakeFlowError):
                await send(OwnRequest("POST", f"{origin}/_rehearsal/scene", body, private=True), timeout=5.0)

    async with beside(tell(), "scenes of a rehearsal"):
        yield scenes.put_nowait


def own_answers(folder: Path) -> Mapping[str, OwnAnswer]:
    """How programs and requests of the flow's own answer in the rehearsal that is kept in a folder."""
    return Options.from_json((folder / _KEPT).read_text(encoding="utf-8")).own


def agent_in(options: Mapping[str, Any]) -> str:
    """The name of the agent that a rehearsal with these options gives its run; "" when the run registers one."""
    match options.get("agents"):
        case None:
            return AGENT
        case [{"name": str(name)}, *_]:
            return name
    return ""


def forget(folder: Path) -> None:
    """Remove the data for resuming a rehearsal that is over for good: its credentials and its platform's tokens.

    Recordings, thumbnails and reports stay. Credentials that are not a rehearsal's stay too.
    """
    private_file.remove(folder / _KEPT)
    private_file.remove(path_beside(folder / _OWN))
    for file in (folder / _OWN, *folder.glob(f"{_OWN}.*")):
        if _is_a_rehearsals(file):
            private_file.remove(file)


async def report(launcher: Launcher, folder: Path) -> dict[str, Any]:
    """The report of a finished rehearsal, with the real contents of its recordings (by ffprobe).

    For a resumed rehearsal it is the last part; the others are beside it as `report-1.json`, …

    Raises:
        StudioError: There is no report: the rehearsal did not end cleanly.
    """
    try:
        answer: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StudioError(f"the rehearsal left no report in {folder}") from None
    if not answer["ended"]:
        raise StudioError(f"the rehearsal did not end cleanly; {folder / 'report.json'} says how far it got")
    for recorded in answer["recordings"]:
        if recorded["path"] and recorded["frames"]:
            try:
                recorded |= await _inspect(launcher, Path(recorded["path"]))
            except RetakeFlowError as error:
                recorded["problem"] = error.message
    return answer


async def _inspect(launcher: Launcher, path: Path) -> dict[str, Any]:
    """The contents of a recording, and its contact sheet if it is long enough for one."""
    video = await recordings.probe(launcher, path)
    seen: dict[str, Any] = {"video": asdict(video)}
    if video.duration_seconds >= _LONG_ENOUGH:
        with suppress(RetakeFlowError):
            seen["contact_sheet"] = str(await recordings.draw_sheet(launcher, path, video.duration_seconds))
    return seen


def _prepare(folder: Path, options: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Prepare a folder for a new rehearsal, and return the run's agent."""
    agents = options.get("agents", [_new_agent()])
    Options.from_mapping({**options, "agents": agents})
    own = folder / _OWN
    if own.exists() and not _is_a_rehearsals(own):
        raise UsageError(
            f"{own} holds credentials that are not a rehearsal's", hint="name another folder with --folder"
        )
    if (folder / _KEPT).exists():
        raise UsageError(
            f"{folder} holds the rehearsal of a run that has not ended",
            hint="resume, stop or kill that run (`retake-flow runs` lists it), or name another folder with --folder",
        )
    try:
        private_file.own_folder(folder)
        forget(folder)
        private_file.replace(folder / _KEPT, json.dumps({**options, "agents": agents}).encode())
    except OSError as error:
        raise UsageError(
            f"the rehearsal cannot use the folder {folder}: {error.strerror}", hint="name a folder of your own"
        ) from None
    return agents[0] if agents else None


def _require(folder: Path) -> None:
    if not (folder / _KEPT).exists():
        raise UsageError(
            f"the rehearsal cannot continue: nothing of it is left in {folder}",
            hint="its folder was moved or deleted, or it has ended; start a new run",
        )


def _hand_over(own: Path, origin: str, agent: Mapping[str, str] | None) -> None:
    """Give the run its credentials for the platform, whose address differs each time."""
    known = credentials.load(own)
    if known is not None:
        credentials.save(own, replace(known, issued_by=origin))
    elif agent is not None:
        credentials.save(own, _credentials(agent, origin))


def _is_a_rehearsals(file: Path) -> bool:
    """Whether a file holds credentials issued by a platform on this machine."""
    try:
        known = credentials.load(file)
    except CredentialsError:
        return False
    return known is not None and is_loopback(urlsplit(known.issued_by).hostname)


def _platform(folder: Path) -> ProcessSpec:
    kept = str(folder / _KEPT)
    command = (
        sys.executable,
        "-m",
        "retake_flow",
        "rehearsal",
        "--json",
        "--folder",
        str(folder),
        "--options",
        kept,
        "--keep",
        kept,
    )
    return ProcessSpec(argv=command, variables=PYTHON, detached=True, ready_within=60.0, grace=10.0)


def _origin(line: bytes) -> str:
    """The address from the platform's first line, which may be an error instead."""
    said = json.loads(line)
    if "api_url" not in said:
        raise StudioError(f"the rehearsal did not start: {said.get('message', 'it gave no address')}")
    return str(said["api_url"])


def _new_agent() -> dict[str, str]:
    token, user_id = f"rtk_rehearsal_{secrets.token_hex(16)}", f"user_{secrets.token_hex(6)}"
    return {"name": AGENT, "token": token, "user_id": user_id}


def _credentials(agent: Mapping[str, str], origin: str) -> Credentials:
    return Credentials(
        access_token=Secret(agent["token"]),
        agent_name=agent["name"],
        user_db_id=agent.get("user_id", ""),
        issued_by=origin,
    )


class _Address:
    """The address that a rehearsed platform says in its first line."""

    def __init__(self) -> None:
        self.origin = ""
        self._heard = b""
        self._whole = asyncio.Event()

    def feed(self, data: bytes) -> None:
        if not self._whole.is_set():
            self._heard += data
            if b"\n" in self._heard:
                self._whole.set()

    async def has_line(self, process: Process) -> None:
        """The probe: ready once there is a line, which may be an error instead."""
        await self._whole.wait()
        self.origin = _origin(self._heard.split(b"\n", 1)[0])


class RehearsedPrograms:
    """Programs answered by the rehearsal, by the name in `command`.

    The others are run by `programs`; without it, they succeed at once.

    Attributes:
        answered: The programs that were answered, when none is run; otherwise empty, since a run may last for weeks.
    """

    def __init__(self, answers: Answers, programs: Programs | None = None) -> None:
        self.answered: list[OwnProgram] = []
        self._answers = answers
        self._programs = programs

    async def run(self, program: OwnProgram, timeout: float) -> ProgramResult:
        """End as the rehearsal says, or run."""
        answer = self._answer(program)
        if answer is None and self._programs is not None:
            return await self._programs.run(program, timeout)
        answer = answer or OwnAnswer()
        said = f"{program.label} ended with status {answer.status or 0}"
        lines = f"; its last lines: {answer.error}" if answer.error else ""
        return ProgramResult(answer.status or 0, answer.output.encode(), said + lines)

    def listen(self, program: OwnProgram, hear: Callable[[bytes], None]) -> AbstractAsyncContextManager[Service]:
        """Write the lines that the rehearsal says, and go on; or run."""
        answer = self._answer(program)
        if answer is None and self._programs is not None:
            return self._programs.listen(program, hear)
        return _speaking(answer or OwnAnswer(), hear)

    def _answer(self, program: OwnProgram) -> OwnAnswer | None:
        if self._programs is None:
            self.answered.append(program)
        return self._answers.get(called_function(program.command) or program.command[0])


@asynccontextmanager
async def _speaking(answer: OwnAnswer, hear: Callable[[bytes], None]) -> AsyncIterator[Service]:
    for line in answer.output.encode().splitlines():  # of bytes, which ends lines as those of a pipe end
        hear(line)
    yield _Silent()


class _Silent:
    value: Mapping[str, Any] = {}

    async def wait(self) -> str:
        """Never end."""
        await asyncio.Event().wait()
        return ""


async def _send_here(request: OwnRequest, timeout: float) -> Response:
    """Send a request to this machine."""
    if not is_loopback(urlsplit(request.url).hostname):
        raise RequestRefused(
            f"{request.label}: a rehearsal asks nobody beyond this machine",
            hint="say how it answers under `own` in --rehearsal-options",
        )
    return await send(request, timeout)


def sender(answers: Answers, send: Send = _send_here) -> Send:
    """Answers requests as the rehearsal says; `send` sends the others."""

    async def answer_or_send(request: OwnRequest, timeout: float) -> Response:
        answer = answers.get(request.url.partition("?")[0])
        if answer is None:
            return await send(request, timeout)
        return Response(answer.status or 200, {}, answer.output.encode())

    return answer_or_send
