"""`retake-flow simulate`: a script in, one JSON object per line out, the same bytes each time."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_command import Command

_FLOW = """
flow: look
initial: look
states:
  look:
    do: retake.verification_status
    retry: {max: 3, interval: 1s}
    transitions: {done: rest, error: bad}
  rest: {set: {n: 1}, transitions: {go: good}}
  bad: {final: failed, reason: "{{ event.message }}"}
  good: {final: completed}
"""
_ON_AIR = """
retake.check_guide: unchanged
credentials.load: found
retake.verification_status: {value: {verified: true}}
studio.display: {after: 1s, value: {display: ":7"}}
studio.sound: ready
studio.window_manager: ready
studio.content: ready
retake.stream_key: {value: {key: live_0123456789}}
retake.start_stream: {value: {page: "https://retake.tv/owl", started_at: 0}}
retake.stop_stream: done
studio.encoder: {after: 2s}
retake.stream_status: {value: {is_live: true, viewers: 3}}
studio.thumbnail: done
chat.send: done
chat.respond: done
share.moltbook: skipped
studio.health: idle
studio.picture: idle
operator.tell: done
"""


def _files(folder: Path, *lines: str, flow: str = _FLOW, mocks: str = "{}") -> list[str]:
    (folder / "flow.yaml").write_text(flow)
    (folder / "script.jsonl").write_text("".join(line + "\n" for line in lines))
    (folder / "mocks.yaml").write_text(mocks)
    return ["simulate", "flow.yaml", "script.jsonl", "--mock", "mocks.yaml", "--start"]


def test_a_script_is_played_to_its_end(folder: Path, command: Command) -> None:
    """One object a line, and one for the start if asked for; how the run ends does not show in the exit code."""
    failed = '{"error": {"state": "look", "type": "unauthorized", "message": "no"}}'
    said = command(*_files(folder, failed, "", '{"advance": "1s"}'))
    assert (said.code, said.err) == (0, "")
    assert [record["ended"] for record in said.records] == [None, "failed", "failed"]
    without = command(*_files(folder, failed, "", '{"advance": "1s"}')[:-1])
    assert without.records == said.records[1:]


def test_an_event_that_nobody_expects_is_no_mistake_of_the_script(folder: Path, command: Command) -> None:
    """The run says what it expects, and goes on as if nothing had happened."""
    said = command(*_files(folder, '{"event": "other"}'))
    assert (said.code, said.records[-1]["configuration"]) == (0, ["look"])
    assert said.records[-1]["error"]["message"] == "'look' does not expect the event 'other'"


def test_a_bad_line_shows_in_the_exit_code(folder: Path, command: Command) -> None:
    """The line is told by its number, the rest is played, and the command ends with 2."""
    said = command(*_files(folder, "", '{"advance": "1s"}', "nonsense", '{"result": {"state": "look"}}'))
    assert said.code == 2
    assert [record.get("error", {}).get("line") for record in said.records] == [None, None, 3, None]
    assert said.records[-1]["configuration"] == ["rest"]


def test_mistakes_that_a_script_makes_up_for(folder: Path, command: Command) -> None:
    """An event that nothing raises, and so a state that no path leads to, can come about by the script."""
    _files(folder)
    (checked,) = command("check", "flow.yaml", "--json").records
    assert [problem["code"] for problem in checked["problems"]] == ["RF051"]
    said = command(*_files(folder, '{"result": {"state": "look"}}', '{"event": "go"}'))
    assert (said.code, said.records[-1]["ended"]) == (0, "completed")


def test_another_mistake_ends_it_before_it_begins(folder: Path, command: Command) -> None:
    """A flow that is invalid is not simulated; the exit code is 3."""
    said = command(*_files(folder, flow=_FLOW.replace("error: bad", "error: worse")))
    assert (said.code, said.out) == (3, "")
    assert "flow.yaml:8:38: RF020" in said.err


def test_standard_input_is_the_script(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a script, and with `-`, the lines come from standard input."""
    flow = _files(folder)[1]
    for arguments in ([], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"result": {"state": "look"}}')))
        assert command("simulate", flow, *arguments).records[-1]["configuration"] == ["rest"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "flow.yaml", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["simulate", "flow.yaml", "--mock", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["simulate", "flow.yaml", "--set", "x"], "--set takes NAME=VALUE, not 'x'"),
        (["simulate", "flow.yaml", "--set", "x=1"], "has no input 'x'"),
        (["simulate", "nowhere.yaml"], "there is no flow 'nowhere.yaml'"),
    ],
)
def test_what_cannot_be_read(folder: Path, command: Command, arguments: list[str], words: str) -> None:
    """Nothing is simulated then; the exit code is 2."""
    _files(folder)
    said = command(*arguments)
    assert (said.code, said.out) == (2, "")
    assert words in said.err


def test_inputs_are_set(folder: Path, command: Command) -> None:
    """As with `run`."""
    flow = "flow: f\ninputs: {long: {type: string, format: duration}}\ninitial: a\nstates:\n"
    flow += '  a: {wait: "{{ inputs.long }}", transitions: {done: b}}\n  b: {final: completed}\n'
    said = command(*_files(folder, '{"advance": "3s"}', flow=flow), "--set", "long=3s")
    assert said.records[-1]["ended"] == "completed"


def test_twelve_hours_on_air(folder: Path, command: Command) -> None:
    """go-live.yaml with all its actions mocked: on air after some seconds, off after twelve hours, in no time."""
    files = _files(folder, '{"advance": "10s"}', '{"advance": "12h"}', mocks=_ON_AIR)
    began = time.process_time()
    said = command("simulate", "go-live.yaml", *files[2:])
    assert time.process_time() - began < 60
    start, on_air, end = said.records
    assert start["entered"][:3] == ["check_guide", "credentials", "verification"]
    assert on_air["configuration"] == ["broadcast/pushing/on_air/asking"]
    assert (end["ended"], end["exited"][-1]) == ("completed", "broadcast")
    assert "live_0123456789" not in said.out


def test_the_examples_of_the_document(folder: Path, command: Command) -> None:
    """Byte for byte what docs/simulation.md shows, and its mocks take go-live.yaml on air, twice."""
    text = (Path(__file__).parents[4] / "docs" / "simulation.md").read_text(encoding="utf-8")
    flow, mocks = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    script, shown = re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)
    said = command(*_files(folder, *script.splitlines(), flow=flow)[:-1])
    assert (said.code, said.out) == (0, shown)
    files = _files(folder, '{"advance": "10s"}', '{"advance": "1h"}', '{"event": "stop"}', mocks=mocks)
    _, first, second, end = command("simulate", "go-live.yaml", *files[2:]).records
    on_air = "broadcast/pushing/on_air/asking"
    assert [seen["configuration"] for seen in (first, second)] == [[on_air], [on_air]]
    assert second["vars"]["trouble"] == "it lost the connection"
    assert end["ended"] == "completed"


def test_the_same_bytes_each_time(folder: Path) -> None:
    """Neither chance nor the order of sets shows: also spread retries and events at one time come out the same."""
    failed = '{"error": {"state": "look", "type": "http", "status": 503}}'
    command = [sys.executable, "-m", "retake_flow", *_files(folder, failed, '{"advance": "3s"}', '{"event": "x"}')]
    written = {
        subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            timeout=120,
            check=False,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(written) == 1
    assert len(written.pop().splitlines()) == 4


def test_ctrl_c_ends_it(folder: Path) -> None:
    """Also amid a long way: the exit code is 130, and nothing is said."""
    flow = "flow: f\ninitial: a\nstates: {a: {wait: 5ms, transitions: {done: a}}, b: {final: completed}}\n"
    command = [sys.executable, "-m", "retake_flow", *_files(folder, '{"advance": "5000h"}', flow=flow)[:3], "--start"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert (*program.communicate(timeout=120), program.returncode) == ("", "", 130)


def test_ctrl_c_while_it_waits_for_a_line(folder: Path) -> None:
    """Pressed twice, as a terminal and a wrapper both pass it on: the exit code is 130, and nothing is said."""
    command = [sys.executable, "-m", "retake_flow", *_files(folder)[:2], "--start"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for _ in range(3):
        with subprocess.Popen(command, cwd=folder, text=True, **pipes) as program:
            assert program.stdout is not None
            assert program.stdout.readline()
            for _ in range(200):
                program.send_signal(signal.SIGINT)
            assert (*program.communicate(timeout=120), program.returncode) == ("", "", 130)


def test_ctrl_c_is_as_before_when_it_has_ended(folder: Path, command: Command) -> None:
    """Whoever calls the command in their own process can be interrupted afterwards."""
    before = signal.getsignal(signal.SIGINT)
    assert command(*_files(folder)).code == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_it_answers_line_by_line(folder: Path) -> None:
    """A program can talk with it: each line is answered before the next is written."""
    command = [sys.executable, "-m", "retake_flow", *_files(folder)[:2]]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as talk:
        assert talk.stdin is not None
        assert talk.stdout is not None
        talk.stdin.write('{"result": {"state": "look"}}\n')
        assert json.loads(talk.stdout.readline())["configuration"] == ["rest"]
        talk.stdin.write('{"event": "go"}\n')
        assert json.loads(talk.stdout.readline())["ended"] == "completed"
        talk.stdin.close()
        assert talk.wait(timeout=120) == 0
