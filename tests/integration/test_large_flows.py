"""Flows that are made to take for ever or all memory: each command answers soon, with a result or with one message."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

#: Processor time and memory that a command may take: far more than it does, and far less than anything quadratic.
_SECONDS = 40
_MEMORY = 300  # MiB
_END = "  z: {final: ok}\n"
_HEAD = "flow: x\ninitial: s0\nstates:\n"


def chain(number: int, body: str = "wait: 1s, transitions: {done: NEXT}") -> str:
    """A flow of so many states, each of which leads to the next."""
    states = (f"  s{i}: {{{body.replace('NEXT', f's{i + 1}').replace('THIS', f's{i}')}}}\n" for i in range(number))
    return f"{_HEAD}{''.join(states)}  s{number}: {{final: ok}}\n"


def overlay(states: str) -> Mapping[str, str]:
    """An overlay on a flow of 5,000 states."""
    return {"flow.yaml": f"extends: base.yaml\nstates:\n{states}", "base.yaml": chain(5_000)}


def each(number: int, line: str) -> str:
    """So many lines."""
    return "".join(line.replace("#", str(i)) + "\n" for i in range(number))


#: A command that leaves behind how much memory it took; getrusage would begin with that of the process which forked it.
_COMMAND = """
import sys
from retake_flow.cli.main import main
try:
    sys.exit(main(sys.argv[1:]))
finally:
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    open("peak", "w").write(peak)
"""


def ran(folder: Path, files: Mapping[str, str], *arguments: str) -> tuple[int, list[str]]:
    """The exit code of a command and what it has said, which must not take long or much."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "said").open("wb+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "RETAKE_FLOW_CACHE": str(folder / "cache")},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS)),
        )
        process.wait()
        said.seek(0)
        text = said.read().decode()
    assert process.returncode >= 0, f"killed by signal {-process.returncode}: it went on and on"
    assert int((folder / "peak").read_text()) / 1024 < _MEMORY
    assert "defect" not in text
    return process.returncode, text.splitlines()


_DO = "do: retake.verification_status, transitions: {done: NEXT, error: s0}"
_INPUT = f"inputs: {{n: {{type: string, enum: [{', '.join(f'v{i}' for i in range(100_000))}]}}}}"
_KEYS = "".join(f", k{i}: 1" for i in range(20_000))
_LAUGHS = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20))


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"flow.yaml": chain(6_000)}, 0, "no mistakes"),
        ({"flow.yaml": chain(5_000, "always: NEXT")}, 0, "no mistakes"),
        ({"flow.yaml": chain(5_000, "wait: 1s, transitions: {done: nowhere_THIS}")}, 3, "5000 mistakes"),
        ({"flow.yaml": chain(5_000, "do: retake.frob, transitions: {done: NEXT}")}, 3, "5000 mistakes"),
        ({"flow.yaml": chain(2_000, _DO)}, 0, "1 warning"),
        ({"flow.yaml": f"flow: x\ninitial: z\nstates:\n  z: {{final: ok{_KEYS}}}\n"}, 3, "20000 mistakes"),
        ({"flow.yaml": f"flow: x\ninitial: z\n{_INPUT}\nstates:\n{_END}"}, 3, "1 mistake"),
        ({"flow.yaml": f"a0: &a0 [x, x]\n{_LAUGHS}flow: x\ninitial: z\nstates:\n{_END}"}, 3, "1 mistake"),
        ({"flow.yaml": "flow: x\ninitial: s\nstates: " + "{s: {initial: s, states: " * 5_000}, 3, "1 mistake"),
        ({"flow.yaml": "[" * 100_000}, 3, "1 mistake"),
        ({"flow.yaml": "# a comment\n" * 50_000 + f"flow: x\ninitial: z\nstates:\n{_END}"}, 0, "no mistakes"),
        ({"flow.yaml": f"flow: x\ninitial: z\nstates:\n{_END}  {'k' * 400_000}: {{final: ok}}\n"}, 3, "1 mistake"),
        ({"flow.yaml": f"flow: x\ndescription: {'k' * 900_000}\ninitial: z\nstates:\n{_END}"}, 0, "no mistakes"),
        ({"flow.yaml": "x" * 1_000_001}, 3, "1 mistake"),
        (overlay(each(5_000, "  n#: {wait: 1s, after: s#}")), 3, "1 mistake"),
        (overlay(each(5_000, "  q#: null")), 3, "5000 mistakes"),
        (overlay(each(5_000, "  q#: {timeout: 1s}")), 3, "5000 mistakes"),
        (overlay(each(4_999, "  s#: {transitions: {done: nowhere#}}")), 3, "4999 mistakes"),
        (overlay(each(5_000, "  a/b#: {wait: 1s}")), 3, "5000 mistakes"),
        (
            {
                "flow.yaml": f"rules: [r.yaml]\n{chain(100)}",
                "r.yaml": "rules: r\nevery_path:\n"
                + each(2_500, "  r#: {because: x, before: {enters: s9}, comes: {enters: s5}}"),
            },
            0,
            "no mistakes",
        ),
    ],
    ids=[
        *("states", "eventless", "targets", "actions", "routes", "keys", "enum", "laughs", "nested", "brackets"),
        *("comments", "key", "text", "large", "inserted", "removed", "unknown", "broken", "paths", "rules"),
    ],
)  # fmt: skip
def test_large_files_are_checked_in_proportion(tmp_path: Path, files: Mapping[str, str], code: int, said: str) -> None:
    """Thousands of states, mistakes, insertions and rules are answered; still larger ones get one clear message."""
    answered, lines = ran(tmp_path, files, "check", "flow.yaml")
    assert (answered, lines[-1]) == (code, f"flow.yaml: {said}")
    assert len(lines) <= 420


@pytest.mark.parametrize("command", ["plan", "graph", "show-flow", "simulate", "paths", "init"])
def test_every_command_answers_about_a_large_flow(tmp_path: Path, command: str) -> None:
    """A chain of 1,000 states, and one of as many mistakes."""
    arguments = ("init", "made", "--extends", "flow.yaml") if command == "init" else (command, "flow.yaml")
    inputs = "inputs: {n: {type: string, default: x}}\n"
    code, lines = ran(tmp_path, {"flow.yaml": inputs + chain(1_000)}, *arguments)
    assert code == 0, lines
    wrong = inputs + chain(1_000, "wait: 1s, transitions: {done: nowhere_THIS}")
    assert ran(tmp_path, {"flow.yaml": wrong}, *arguments)[0] == (0 if command == "show-flow" else 3)


_DOUBLING = "'x'" + "|tojson" * 35


@pytest.mark.parametrize(
    "expression",
    [
        _DOUBLING,
        "inputs.t" + "|tojson" * 35,
        "inputs.t|string|tojson|upper" + "|tojson|lower" * 16,
        "[[inputs.t] + [inputs.t]]" + "|tojson" * 30,
    ],
)
@pytest.mark.parametrize("command", ["plan", "plan --all-paths", "graph", "simulate", "check", "paths"])
def test_an_expression_that_doubles_hangs_no_command(tmp_path: Path, command: str, expression: str) -> None:
    """As a duration, a variable and a guard; the message says where it cannot be evaluated."""
    quoted = f'"{{{{ {expression} }}}}"'
    text = f"""\
flow: x
initial: a
inputs: {{t: {{type: string, default: '"'}}}}
states:
  a:
    wait: {quoted}
    set: {{v: {quoted}}}
    transitions: {{done: [{{when: "{expression} == 'x'", to: z}}, {{to: z}}]}}
{_END}"""
    name, *options = command.split()
    code, lines = ran(tmp_path, {"flow.yaml": text}, name, "flow.yaml", *options)
    assert code in (0, 3), lines
    if command == "plan":
        assert any("longer than" in line or "processes too much" in line for line in lines), lines


_PLACES = (
    "a: {wait: VALUE, transitions: {done: z}}",
    "a: {timeout: VALUE, transitions: {timeout: z}}",
    "a: {do: retake.verification_status, retry: {max: VALUE}, transitions: {done: z, error: z}}",
    "a: {do: retake.verification_status, retry: {max: 2, cap: VALUE, rate: VALUE}, transitions: {done: z, error: z}}",
    "a: {do: retake.verification_status, poll: {every: VALUE, until: 'false'}, transitions: {done: z, error: z}}",
    "a: {ask: {message: m, remind: [VALUE], timeout: VALUE}, transitions: {answered: z, timeout: z}}",
    "a: {activities: {b: {do: retake.verification_status, every: VALUE, delay: VALUE}}, transitions: {stop: z}}",
    "a: {entry: {raise: {event: e, after: VALUE}}, transitions: {e: z}}",
    "a: {wait: 1s, set: {n: VALUE}, transitions: {done: [{when: vars.n > 1, to: z}, {to: z}]}}",
    "a: {wait: 1s, transitions: {done: [{when: 'visits.a < VALUE', to: z}, {to: z}]}}",
)
_NUMBERS = (
    *("1e400", "-1e400", ".nan", ".inf", "-.inf", "-0", "-0.0", "1e-400", "1e300", "0x10", "0o17", "017", "1_000"),
    *(
        "1:30",
        "190:20:30",
        "9" * 5_000,
        "9" * 400,
        "2.0",
        "1e19",
        "9223372036854775808",
        "'1e400'",
        "'٣s'",
        "'9w9w9w9w'",
    ),
)


@pytest.mark.parametrize("value", _NUMBERS, ids=lambda value: value[:12])
def test_no_number_is_a_defect(tmp_path: Path, value: str) -> None:
    """Numbers of every kind, wherever one is read in a flow: taken, or a mistake with its place."""
    program = "import sys\nfrom retake_flow.cli.main import main\nfor words in sys.argv[1:]: main(words.split())\n"
    names = []
    for number, place in enumerate(_PLACES):
        names.append(f"f{number}.yaml")
        text = f"flow: x\ninitial: a\nstates:\n  {place.replace('VALUE', value)}\n{_END}"
        (tmp_path / names[-1]).write_text(text, encoding="utf-8")
    declared = ("default: VALUE", "default: 1, minimum: VALUE", "default: 1, maxLength: VALUE", "value: VALUE",
                "default: 1, enum: [1, VALUE]", "default: 1, multipleOf: VALUE")  # fmt: skip
    for number, schema in enumerate(declared):
        names.append(f"i{number}.yaml")
        head = f"flow: x\ninitial: z\ninputs: {{n: {{type: number, {schema.replace('VALUE', value)}}}}}\nstates:\n"
        (tmp_path / names[-1]).write_text(head + _END, encoding="utf-8")
    commands = [
        f"{command} {name}" for name in names for command in ("check", "graph", "plan", "simulate", "show-flow")
    ]
    given = [f"plan i1.yaml --set n={value.strip(chr(39))}", f"simulate f0.yaml --set n={value.strip(chr(39))}"]
    played = subprocess.run(
        [sys.executable, "-c", program, *commands, *given],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        env={**os.environ, "RETAKE_FLOW_CACHE": str(tmp_path / "cache")},
    )
    said = (played.stdout + played.stderr).decode(errors="replace")
    assert played.returncode == 0, said[-500:]
    assert "defect" not in said
    assert "Traceback" not in said
