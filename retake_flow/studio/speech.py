"""Speech: a program turns text into sound, which is played on stream, one text at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from retake_flow.errors import NoVoice, ProcessFailed
from retake_flow.redact import require_no_secret
from retake_flow.sanitize import strip_controls
from retake_flow.settings import NETWORK, PYTHON
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import Launcher, lacking_hint
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.sound import SINK, SPEAKING, Sound

#: Reads the text literally: without `-m` it has no markup, and `-b 1` is UTF-8.
EMBEDDED: Final = ("espeak-ng", "-b", "1", "--stdin", "--stdout")
LONGEST_TEXT = 500  # characters, about 40 s
MOST_WAITING = 8
THINKS_WITHIN = 30.0  # seconds until the program has ended
PLAYS_WITHIN = 90.0  # seconds; more than the longest text takes, spoken slowly
LARGEST_SOUND = 32 * 1024 * 1024  # bytes; three minutes on CD

_HINT = "it reads the text on standard input and writes WAV to standard output, or plays it itself"


class Voice:
    """Speaks texts on stream, in the order of their arrival.

    Args:
        folder: Where the operator's program runs, and where a name with a `/` is looked up.
    """

    def __init__(
        self, launcher: Launcher, folder: Path, command: Sequence[str] = EMBEDDED, variables: Sequence[str] = ()
    ) -> None:
        self._launcher = launcher
        self._folder = folder
        self._argv = programs.command_in(folder, command)
        self._variables = (*NETWORK, *PYTHON, *variables)
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def is_installed(self) -> bool:
        """Whether the program and the player of its sound are installed."""
        return all(programs.find(name, self._launcher.environment) for name in (self._argv[0], "paplay"))

    async def speak(self, text: str, sound: Sound, captions: Callable[[str], None] = lambda text: None) -> None:
        """Speak a text, and return once it has been played.

        Args:
            text: An untrusted text: it is read literally, without control characters, and cut when it is very long.
            sound: The sound that it is played to.
            captions: Called with the text when it begins to play, and with "" when it has ended.

        Raises:
            SecretRefused: The text contains a secret.
            NoVoice: So many texts wait already that this one would come too late.
            MissingProgram: The program is not installed.
            ProcessFailed: The program failed, or the sound is gone.
            NotReady: The program took too long.
        """
        words = speakable(text)
        if not words:
            return
        require_no_secret("the text to speak", text)
        if self._waiting >= MOST_WAITING:
            raise NoVoice(f"{self._waiting} texts already wait to be spoken")
        self._waiting += 1
        try:
            async with self._turn:
                await self._say(words, sound, captions)
        finally:
            self._waiting -= 1

    async def _say(self, words: str, sound: Sound, captions: Callable[[str], None]) -> None:
        try:
            captions(words)  # it may play its sound itself
            wave = await self._synthesize(words, sound)
            if wave:
                captions(words)
                await self._play(wave, sound)
        finally:
            captions("")

    async def _synthesize(self, words: str, sound: Sound) -> bytes:
        spec = ProcessSpec(
            argv=self._argv,
            environment={**sound.environment, **SPEAKING},
            variables=self._variables,
            folder=self._folder,
            fed=True,
            hint=_HINT,
            grace=1.0,
        )
        return await self._run(spec, words.encode() + b"\n", THINKS_WITHIN)

    async def _play(self, wave: bytes, sound: Sound) -> None:
        heard = {**sound.environment, **SPEAKING}
        spec = ProcessSpec(argv=("paplay", f"--device={SINK}"), environment=heard, fed=True, grace=1.0)
        await self._run(spec, wave, PLAYS_WITHIN)

    async def _run(self, spec: ProcessSpec, given: bytes, within: float) -> bytes:
        """Run a program to its end with an input, and return its output."""
        done = await self._launcher.run(spec, within, given, LARGEST_SOUND)
        if done.status != 0:
            lacking = self._launcher.withheld_variables(spec, done.lines)
            raise ProcessFailed(done.ending, hint=lacking_hint(lacking) or spec.hint)
        return done.stdout


def speakable(text: str) -> str:
    """A text as it is spoken: on one line, without control characters, and limited in length."""
    # Phonemes in double brackets are the only markup that espeak-ng always reads.
    words = " ".join(strip_controls(text).replace("[[", "[ [").split())
    return words[:LONGEST_TEXT]
