"""The prompt on a real terminal: wrong answers, leaving it, answers from elsewhere, and secrets."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flow_processes import WITHIN, Home, at_home, command, waited

pytestmark = pytest.mark.real

POST = "https://x.com/owl/status/1860000000000000077"
PASSWORD = "open sesame 77"
ASKING = """\
flow: asking
initial: ask
states:
  ask:
    ask:
      message: |-
        Post this code:
            K7QX2M4P
      answer:
        url: {type: string, format: post}
    transitions: {answered: done}
  done: {final: completed, reason: "{{ outputs.ask.url }}"}
"""
HIDDEN = """\
flow: hidden
initial: ask
states:
  ask:
    ask:
      message: May I come in?
      answer:
        name: {type: string}
        password: {type: string, secret: true, minLength: 8}
    transitions: {answered: done}
  done: {final: completed, reason: "{{ outputs.ask.name }}"}
"""


class Terminal:
    """A program in a terminal of its own, and the person in front of it."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self.screen = ""
        self._seen = 0
        self._handle, inside = pty.openpty()
        termios.tcsetwinsize(inside, (40, 200))
        # A session of its own, so that the terminal is the one whose Ctrl-C it gets.
        self.process = subprocess.Popen(
            command(*arguments),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**home.environment, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=_controlling,
        )
        os.close(inside)

    def sees(self, text: str, within: float = WITHIN) -> None:
        """Wait until a text appears, behind what was seen before."""
        deadline = time.monotonic() + within
        while (at := self.screen.find(text, self._seen)) < 0:
            assert time.monotonic() < deadline, f"no {text!r} in {self.screen[self._seen :]!r}"
            assert self._read(0.2) is not None, f"it ended without {text!r}: {self.screen[self._seen :]!r}"
        self._seen = at + len(text)

    def types(self, text: str) -> None:
        """Type something."""
        os.write(self._handle, text.encode())

    def ends(self) -> int:
        """Wait for the end; gives the exit code."""
        deadline = time.monotonic() + WITHIN
        while self._read(0.2) is not None:
            assert time.monotonic() < deadline, self.screen
        return self.process.wait(WITHIN)

    @property
    def echoes(self) -> bool:
        """Whether what is typed shows."""
        return bool(termios.tcgetattr(self._handle)[3] & termios.ECHO)

    def close(self) -> None:
        """Take the terminal away."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._handle)

    def _read(self, wait: float) -> str | None:
        """What is written next, which may be nothing yet; None when nobody writes any more."""
        if not select.select([self._handle], [], [], wait)[0]:
            return ""
        try:
            new = os.read(self._handle, 65536).decode("utf-8", "replace")
        except OSError:  # nobody has the other side open any more
            return None
        self.screen += new
        return new or None


def _controlling() -> None:
    """Make standard input the terminal of this session."""
    os.close(os.open(os.ttyname(0), os.O_RDWR))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with nothing in it but two flows."""
    with at_home(tmp_path / "home") as made:
        (made.folder / "asking.yaml").write_text(ASKING)
        (made.folder / "hidden.yaml").write_text(HIDDEN)
        yield made


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """The terminals of a test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.fixture
def asked(home: Home, terminals: list[Terminal]) -> Terminal:
    """A terminal at which a run asks for the address of a post."""
    terminals.append(Terminal(home, "run", str(home.folder / "asking.yaml")))
    terminals[0].sees("K7QX2M4P")
    terminals[0].sees("url (")
    return terminals[0]


def _run(home: Home) -> str:
    return str(home.row()["id"])


def test_a_wrong_answer_is_refused_and_a_good_one_goes_on(home: Home, asked: Terminal) -> None:
    """The message is shown with its code; a text that is no address is refused with the reason, and asked for again."""
    asked.types("my post\n")
    asked.sees("! url")
    asked.sees("not the address of a post on X")
    asked.sees("url (")
    asked.types("\n")
    asked.sees("! url")
    asked.sees("url (")
    asked.types(f"{POST}\n")
    assert asked.ends() == 0
    assert home.journal()[-1]["reason"] == POST
    assert home.journal()[-1]["outcome"] == "completed"
    (answered,) = [record for record in home.journal() if record["event"] == "gate_answered"]
    assert answered["channel"] == "terminal"


@pytest.mark.parametrize("key", ["\x04", "\x03"], ids=["Ctrl-D", "Ctrl-C"])
def test_leaving_the_prompt_keeps_the_run(home: Home, asked: Terminal, key: str) -> None:
    """Ctrl-D and Ctrl-C leave with exit 4, and the commands that the terminal then shows go on with the run."""
    asked.types(key)
    assert asked.ends() == 4
    run = _run(home)
    assert f"retake-flow answer {run}" in asked.screen
    assert f"retake-flow resume {run}" in asked.screen
    assert home.row()["phase"] == "suspended"
    assert home.row()["holder_pid"] is None
    assert asked.echoes
    done = home.call("resume", run, "--answer", f"url={POST}", "--json")
    assert (done.code, done.records[-1]["reason"]) == (0, POST)


def test_a_run_that_was_left_asks_again_when_it_is_resumed(
    home: Home, asked: Terminal, terminals: list[Terminal]
) -> None:
    """`resume` at a terminal puts the same question, and takes the answer there."""
    asked.types("\x04")
    assert asked.ends() == 4
    again = Terminal(home, "resume", "last")
    terminals.append(again)
    again.sees("K7QX2M4P")
    again.sees("url (")
    again.types(f"{POST}\n")
    assert again.ends() == 0
    assert home.journal()[-1]["reason"] == POST


def test_a_second_process_may_answer_first(home: Home, asked: Terminal) -> None:
    """While the prompt waits, another process answers: the run goes on soon, with that answer."""
    asked.types("https://x.com/half")
    answered = home.call("answer", "last", f"url={POST}", "--json")
    assert answered.code == 0, str(answered)
    asked.sees("(command) answered")
    assert asked.ends() == 0
    taken = next(record for record in home.journal() if record["event"] == "gate_answered")
    given = datetime.fromisoformat(answered.records[0]["at"])
    assert -0.01 <= (datetime.fromisoformat(taken["t"]) - given).total_seconds() < 30
    assert home.journal()[-1]["reason"] == POST


def test_a_terminal_that_goes_away_keeps_the_run(home: Home, asked: Terminal) -> None:
    """Closing the window suspends the run as Ctrl-D does; no process stays behind."""
    asked.process.send_signal(signal.SIGHUP)
    assert asked.ends() == 4
    assert home.row()["phase"] == "suspended"


def test_a_secret_field_does_not_show(home: Home, terminals: list[Terminal]) -> None:
    """The text typed for a secret field shows nowhere: not on the terminal, not in the journal, not in any file."""
    terminal = Terminal(home, "run", str(home.folder / "hidden.yaml"))
    terminals.append(terminal)
    terminal.sees("name (")
    assert terminal.echoes
    terminal.types("ann\n")
    terminal.sees("password (")
    waited(lambda: not terminal.echoes, "the echo to be off")
    terminal.types("short\n")
    terminal.sees("! password")
    terminal.sees("password (")
    waited(lambda: not terminal.echoes, "the echo to be off again")
    terminal.types(f"{PASSWORD}\n")
    assert terminal.ends() == 0
    assert terminal.echoes
    assert home.journal()[-1]["reason"] == "ann"
    for text in [terminal.screen, *(text for _, text in home.texts())]:
        assert PASSWORD not in text
        assert "short" not in text.replace("too short", "").replace("shorter", "")


def test_a_prompt_that_is_left_restores_the_terminal(home: Home, terminals: list[Terminal]) -> None:
    """After Ctrl-C at a secret field the terminal echoes again."""
    terminal = Terminal(home, "run", str(home.folder / "hidden.yaml"))
    terminals.append(terminal)
    terminal.sees("name (")
    terminal.types("ann\n")
    terminal.sees("password (")
    waited(lambda: not terminal.echoes, "the echo to be off")
    terminal.types("\x03")
    assert terminal.ends() == 4
    assert terminal.echoes
