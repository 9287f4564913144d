"""Makes hostile flows, overlays, expressions, patterns, rules and features, each from a seed and a number alone."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from startup import made

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load
from retake_flow.flow.text import yaml_source
from retake_flow.testing import phrasebook

#: What stands in the files beside the flow that nobody may be shown.
CANARY: Final = "canary-7d1f93ab"
#: The file beside the flow's folder that holds it, and the variable.
OUTSIDE: Final = "../outside/private.yaml"
VARIABLE: Final = "FUZZ_PRIVATE"
KINDS: Final = ("flow", "overlay", "expression", "pattern", "rules", "feature")
#: What a feature's folder holds that nobody may run, and the sign that it ran.
RAN: Final = "../ran"
PYTHON: Final = f"open({RAN!r}, 'w')\n"

_ROOT = Path(__file__).resolve().parents[1]
_NUMBERS = ("1e400", "-1e400", ".nan", ".inf", "-.inf", "-0", "-0.0", "1e15", "1e300", "1e-400", "0x10", "0o17", "017",
            "0b11", "1_000", "1:30", "190:20:30", "9" * 5000, "9" * 400, "9" * 29, "2.0", "2.5", "-1", "0", "1e19",
            "4294967296", "9223372036854775808", "1_0_0.5e3")  # fmt: skip
_TEXTS = ("", " ", "~", "null", "true", "x", "é\u0301", "\u202e", "\x1b[31m", "\x1b]0;t\x07", "\ud800"[:0], "😀" * 50,
          "{{", "}}", "{% if x %}", "{# #}", "{{ x }", "a/b/c", "..", "/", "\u2028", "k" * 5_000, "a\nb", "a: b: c",
          "30s", "1e400s", "9w" * 40, "٣s", "-5s", "nan", "1h 30m", "99999999999999s", OUTSIDE, "/etc/passwd",
          "~/.ssh/id_rsa", "/proc/self/environ", "/dev/zero", "file:///etc/passwd", "http://127.0.0.1:9/x", "=1+1",
          "#", "$ref", "%s%n", "`id`", "$(id)", "'", '"', "\\", "\0"[:0], VARIABLE, "retake.verification_status",
          "studio.display", "chat.respond", "go-live.yaml", "verify.yaml", "flow.yaml", "base.yaml",
          "program.run", "http.request", "os:system", "x:y", "20:00", "25:61", "Europe/Berlin", "../zone", "tip.*", "*",
          "0 20 * * 1-5", "* * 30 2 *", "99 * * * *", "*/0 * * * *")  # fmt: skip
_DIGITS = ("٣", "²", "1_0", "0", "-1", "nan", "inf", "1e9", "1e6", "99999", "10" * 40, "0.0001", "+5")
_WORDS = ("do", "with", "needs", "retry", "poll", "undo", "states", "initial", "wait", "final", "reason", "transitions",
          "activities", "timeout", "set", "every", "quiet", "delay", "raises", "to", "when", "max", "interval", "rate",
          "cap", "within", "until", "type", "default", "pattern", "items", "format", "enum", "value", "env", "file",
          "secret", "optional", "required", "ask", "flow", "message", "answer", "decisions", "remind", "escalate",
          "after", "before", "on_crash", "replace", "always", "entry", "exit", "raise", "tell", "history", "inputs",
          "events", "rules", "notify", "extends", "phrases", "version", "guide", "description", "<<", "state", "on",
          "reenter", "fails", "actions", "python", "command", "env_from", "lines", "url", "expect", "scenes",
          "scene", "cron", "zone", "missed", "at", "outcomes", "result", "idempotency",
          "minimum", "maxLength", "minItems", "allOf", "not", "$ref", "$schema")  # fmt: skip
_FILTERS = ("above(1)", "abs", "default('x')", "first", "float", "int", "int(base=36)", "join('-')", "join",
            "last", "length", "lower", "max", "min", "round(2)", "round(400)", "seconds", "string", "sum",
            "sum(start=[])", "title", "tojson", "trim", "trim('ab')", "truncate(5)", "truncate(99999999)",
            "unique", "upper", "select('a')", "select('a', 1)", "count('a')", "sort('a')", "count",
            "map('upper')", "list", "center(10**9)", "replace('a','aa')", "batch(1000000)",
            "indent(1000000)", "urlencode", "format(1)", "attr('x')", "wordwrap(1)", "xmlattr", "nosuch")  # fmt: skip
_NAMES = ("inputs.n", "inputs.t", "inputs.l", "inputs.m", "inputs.none", "outputs.a", "outputs.a.verified", "vars.x",
          "visits.a", "visits.a.b", "activities.x", "result", "result.verified", "event", "event.text", "event.kind",
          "run.id", "run.state", "now", "in('a')", "config", "self", "range(9)", "inputs.__class__")  # fmt: skip
_OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in", "is")
_PIECES = ("(a+)+", "(a|a)*", "(a*)*b", "^", "$", ".*", "[a-z]", "[^]", "[", "]", "(", ")", "{1000}", "{1000}{1000}",
           "{,5}", "{99999}", "(?=a)", "(?!a)", "(?<=a)", "(?P<n>a)", "(?P=n)", "\\1", "\\d+", "\\w*", "\\S{1,500}",
           "\\u0041", "\\u{110000}", "\\p{L}", "\\Z", "(?i)", "(?#c)", "|", "x" * 3_000, "\\", "😀", "(x+x+)+y", "\\b",
           "(?>a)", "(?(1)a)", "*", "+", "??", "[[:alpha:]]", "\\x00", "\n")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile input.

    Attributes:
        files: The texts of files, by their names; `flow.yaml` is the one that is looked at.
        commands: What is done with them, each as the arguments of `retake-flow`.
    """

    kind: str
    files: Mapping[str, str]
    commands: tuple[tuple[str, ...], ...]
    expressions: tuple[str, ...] = field(default=())

    @property
    def played(self) -> bool:
        """Whether scenarios are played, which takes as long as the scenarios do, up to a limit of their own."""
        return any({"test", "--gherkin", "--uncovered"}.intersection(command) for command in self.commands)


def case(seed: int, number: int) -> Case:
    """The case of a number: always the same."""
    random = Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    files = _MAKERS[kind](random)
    expressions: tuple[str, ...] = ()
    if kind == "expression":
        expressions = tuple(_expression(random, 5) for _ in range(5))
    return Case(kind, files, _commands(random, files), expressions)


def _commands(random: Random, files: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    flow = "flow.yaml"
    given = ("--set", f"n={_scalar(random)}")
    others = (
        ("plan", flow), ("plan", flow, "--json"), ("plan", flow, "--all-paths"), ("plan", flow, *given),
        ("graph", flow, "--format", "mermaid"), ("graph", flow, "--format", "dot", "--rules"),
        ("graph", flow, "--folded"), ("paths", flow, "--gherkin"),
        ("show-flow", flow), ("show-flow", flow, "--json"), ("paths", flow),
        ("simulate", flow, "script.jsonl", "--start"), ("simulate", flow, "script.jsonl", *given),
        ("init", "made", "--extends", flow, "--force"), ("plan", flow, "--assume", f"a={_scalar(random)}"),
    )  # fmt: skip
    if "x.feature" in files:
        others = (
            ("test", flow, "x.feature", "--json"), ("test", flow, "."), ("test", flow, "x.feature", *given),
            ("test", flow, "x.feature", "-k", str(_scalar(random)), "--coverage", "full"),
            ("paths", flow, "--uncovered", "x.feature"), ("paths", flow, "--gherkin", "--json", *given),
        )  # fmt: skip
    how = random.choice((("--json",), ("--format", "sarif"), ("--format", "github"), (), ()))
    return (("check", *how, flow), random.choice(others))


# --- flows --------------------------------------------------------------------------------------------------------


def _samples() -> tuple[list[str], list[str]]:
    """The texts of flows and of rules: those that are shipped and those of the documents."""
    flows = [path.read_text(encoding="utf-8") for path in sorted((_ROOT / "flows").glob("*.yaml"))]
    rules = [path.read_text(encoding="utf-8") for path in sorted((_ROOT / "flows" / "rules").glob("*.yaml"))]
    for document in sorted((_ROOT / "docs").rglob("*.md")):
        for block in re.findall(r"^```yaml\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S):
            data = yaml_source.parse(block, "sample").data
            if isinstance(data, dict) and "flow" in data:
                flows.append(block)
            elif isinstance(data, dict) and "every_path" in data:
                rules.append(block)
    return flows, rules


_FLOWS, _RULES = _samples()
_SMALL = [text for text in _FLOWS if len(text) < 2_500]
_STEPS = phrasebook.steps()


@cache
def _good() -> list[str]:
    """The small flows without a mistake."""
    loaded = {text: load(text.encode(), "flow.yaml") for text in _SMALL}
    return [text for text, each in loaded.items() if each.flow is not None and not check(each, CATALOGUE)]


def _flow(random: Random) -> dict[str, str]:
    draw = random.random()
    if draw < 0.02:
        text = _monster(random)
    elif draw < 0.35:
        text = _garbled(random, random.choice(_FLOWS if draw < 0.08 else _SMALL))
    else:
        text = _written(random, _mutated(random, _data(random.choice(_FLOWS if draw < 0.45 else _SMALL))))
    return {"flow.yaml": text, "base.yaml": random.choice(_SMALL), "script.jsonl": _script(random)}


def _overlay(random: Random) -> dict[str, str]:
    base = random.choice(_SMALL)
    known = _data(base)
    changes: dict[str, Any] = {"extends": "base.yaml"}
    for path in random.sample(_places(known) or [("states",)], k=min(len(_places(known)), random.randint(1, 4))):
        _put(changes, path, _scalar(random) if random.random() < 0.6 else _value(random, 3))
    states = changes.setdefault("states", {})
    if isinstance(states, dict) and random.random() < 0.3:
        names = list(known.get("states") or {"a": None})
        for _ in range(random.choice((1, 3, 150))):
            anchor: Any = random.choice(names)
            if random.random() < 0.3:
                anchor = {"state": anchor, "on": random.choice(("done", "error", _scalar(random)))}
            new = {"wait": "1s", random.choice(("before", "after", "replace")): anchor}
            states[f"{random.choice(('', 'a/', names[0] + '/'))}n{random.randint(0, 99)}"] = new
    if random.random() < 0.1:
        changes["extends"] = random.choice(_TEXTS)
    text = _written(random, _mutated(random, changes) if random.random() < 0.3 else changes)
    return {"flow.yaml": text, "base.yaml": base, "script.jsonl": _script(random)}


def _of_expressions(random: Random) -> dict[str, str]:
    state = {
        "do": "retake.verification_status",
        "set": {"x": "{{ " + _expression(random, 4) + " }}"},
        "transitions": {"done": [{"when": _expression(random, 4), "to": "b"}, {"to": "b"}], "error": "b"},
    }
    wait = "{{ " + _expression(random, 3) + " }}"
    data = {**_frame(random), "states": {"a": state, "b": {"wait": wait, "transitions": {"done": "z"}}, **_END}}
    return {"flow.yaml": _written(random, data), "script.jsonl": _script(random)}


def _of_patterns(random: Random) -> dict[str, str]:
    pattern = "".join(random.choices(_PIECES, k=random.randint(1, 6)))
    declared: dict[str, Any] = {
        "type": "string",
        "pattern": pattern,
        "default": random.choice("ax") * random.choice((1, 30, 4_000)),
    }
    if random.random() < 0.3:
        declared = {"type": "array", "items": {"type": "string", "pattern": pattern}, "default": ["a" * 40] * 50}
    ask = {"message": "?", "answer": {"f": {"type": "string", "pattern": pattern}}}
    states = {"a": {"ask": ask, "transitions": {"answered": "z"}}, **_END}
    answer = {"answer": {"gate": "a", "fields": {"f": "a" * random.choice((30, 4_000)) + "!"}}}
    data = {"flow": "x", "inputs": {"n": declared}, "initial": "a", "states": states}
    return {"flow.yaml": _written(random, data), "script.jsonl": json.dumps(answer) + "\n" + _script(random)}


def _of_rules(random: Random) -> dict[str, str]:
    rules_text = random.choice(_RULES)
    known = _data(rules_text)
    rules = (
        _written(random, _mutated(random, known))
        if random.random() < 0.8
        else _garbled(random, _written(random, known))
    )
    if random.random() < 0.05:
        rule = random.choice(list(_data(rules_text)["every_path"].values()))
        rules = _written(random, {"rules": "many", "every_path": {f"r{i}": rule for i in range(300)}})
    flow = _data(random.choice(_SMALL))
    flow["rules"] = ["r.yaml"] if random.random() < 0.9 else [random.choice(_TEXTS)]
    return {
        "flow.yaml": _written(random, flow),
        "r.yaml": rules,
        "base.yaml": random.choice(_SMALL),
        "script.jsonl": "",
    }


def _of_features(random: Random) -> dict[str, str]:
    known = random.choice(_good())
    data = _data(known)
    names = [*(data.get("states") or ()), "a"]
    flow = known if random.random() < 0.7 else _written(random, _mutated(random, data))
    scenarios = [_scenario(random, number, names) for number in range(random.choice((1, 2, 4)))]
    text = f"Feature: {random.choice(_TEXTS)[:1_000]}\n" + "".join(scenarios)
    python = dict.fromkeys(("conftest.py", "test_x.py", "__init__.py", "x.py"), PYTHON)
    configuration = {"pytest.ini": "[pytest]\naddopts = -p x\npython_files = *.py\n"}
    feature = _garbled(random, text) if random.random() < 0.15 else text
    base = {"base.yaml": random.choice(_SMALL), "script.jsonl": _script(random)}
    return {**base, **python, **configuration, "flow.yaml": flow, "x.feature": feature}


def _scenario(random: Random, number: int, names: Sequence[str]) -> str:
    rehearsed = random.random() < 0.2
    begin = "When the agent goes live" if rehearsed else "When the flow is run"
    steps = random.choices([step for step in _STEPS if rehearsed or not step.topic.startswith("Rehearsed")], k=4)
    steps = [begin, *(_changed(random, step.example, names) for step in steps), "Then the run goes on"]
    if random.random() < 0.8:
        steps.sort(key=lambda step: ("Given", "When", "Then").index(step.split()[0]))
    else:
        random.shuffle(steps)
    return f"  Scenario: {number} {random.choice(_TEXTS)[:1_000]}\n" + "".join(f"    {step}\n" for step in steps)


def _changed(random: Random, step: str, names: Sequence[str]) -> str:
    """A step of the documents with other names, and now and then with other numbers and texts in it."""
    step = re.sub("credentials|encoder|approve|tip|broadcast/pushing/on_air", lambda found: random.choice(names), step)
    if random.random() < 0.4:
        step = re.sub(r"\d[\d.]*", lambda found: random.choice((*_NUMBERS, *_DIGITS)), step, count=1)
    if random.random() < 0.1:
        step = re.sub(r'"[^"]*"', lambda found: f'"{_scalar(random)}"', step)
    return step


_MAKERS: Final[Mapping[str, Callable[[Random], dict[str, str]]]] = {
    "flow": _flow,
    "overlay": _overlay,
    "expression": _of_expressions,
    "pattern": _of_patterns,
    "rules": _of_rules,
    "feature": _of_features,
}
_END: Final = {"z": {"final": "completed"}}


def _frame(random: Random) -> dict[str, Any]:
    inputs = {
        "n": {"type": "number", "default": 3},
        "t": {"type": "string", "default": random.choice(_TEXTS[:20])},
        "l": {"type": "array", "default": [1, 2.5, "x"] * random.choice((1, 500))},
        "m": {"type": "object", "default": {"a": {"b": [None, True]}}},
    }
    return {"flow": "x", "initial": "a", "inputs": inputs}


def _monster(random: Random) -> str:
    """A flow that is large in one way."""
    size = random.randint(50, 400)
    many = "".join(f"  s{i}: {{wait: 1s, transitions: {{done: s{i + 1}}}}}\n" for i in range(size))
    chain = f"flow: x\ninitial: s0\nstates:\n{many}  s{size}: {{final: ok}}\n"
    values, keys = (", ".join(f"v{i}{colon}" for i in range(size * 20)) for colon in ("", ": 1"))
    aliases = "".join(f"a{i}: &a{i} [*a{i - 1 if i else ''}, *a{i - 1 if i else ''}]\n" for i in range(size // 8))
    short = "flow: x\ninitial: z\nstates: {z: {final: ok"
    return random.choice((
        made(size),
        chain,
        chain.replace("done: s", "done: q"),
        chain.replace("wait: 1s", "wayt: 1s"),
        chain.replace("wait: 1s, transitions: {done:", "always: {to:"),
        "flow: x\ninitial: s\nstates: " + "{s: {initial: s, states: " * size + "{s: {final: ok}}" + "}}" * size,
        short + "}}\ninputs: {n: {type: string, default: v1, enum: [" + values + "]}}\n",
        "a: &a [x, x]\n" + aliases,
        "# x\n" * size * 50 + short + "}}\n",
        short + ", " + keys + "}}\n",
    ))  # fmt: skip


# --- values -------------------------------------------------------------------------------------------------------


def _scalar(random: Random) -> Any:
    draw = random.random()
    if draw < 0.25:
        return random.choice(_NUMBERS)
    if draw < 0.5:
        return random.choice(_TEXTS)
    if draw < 0.65:
        return random.choice((None, True, False, 0, -1, 3, 2.0, 1e308, 10**29))
    if draw < 0.8:
        return "{{ " + _expression(random, 3) + " }}"
    return random.choice(_WORDS) if draw < 0.9 else _expression(random, 3)


def _value(random: Random, depth: int) -> Any:
    draw = random.random()
    if depth == 0 or draw < 0.5:
        return _scalar(random)
    if draw < 0.75:
        return [_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return {random.choice(_WORDS): _value(random, depth - 1) for _ in range(random.randint(0, 4))}


def _expression(random: Random, depth: int) -> str:
    draw = random.random()
    if depth == 0 or draw < 0.2:
        return random.choice((*_NAMES, *_NUMBERS[:18], "'x'", "''", "[]", "true", "none", "[1, 'a', [2]]", "{'a': 1}"))
    inner = _expression(random, depth - 1)
    if draw < 0.45:
        return inner + "".join(f"|{name}" for name in random.choices(_FILTERS, k=random.choice((1, 1, 2, 4))))
    if draw < 0.5:
        return inner + f"|{random.choice(_FILTERS)}" * random.choice((35, 200))
    if draw < 0.75:
        return f"{inner} {random.choice(_OPERATORS)} {_expression(random, depth - 1)}"
    brackets = random.choice((1, 1, 1, 30, 500))
    return random.choice((
        "(" * brackets + inner + ")" * brackets, f"[{inner}, {inner}]", f"{{'k': {inner}}}", f"{inner}[{inner}]",
        f"{inner}[::{inner}]", f"{inner} if {inner} else {inner}", f"not {inner}", f"-{inner}", f"{inner}.a.b",
        f"{inner} is {random.choice(('defined', 'none', 'string', 'sequence', 'nosuch'))}", f"{inner}({inner})",
    ))  # fmt: skip


def _data(text: str) -> Any:
    return copy.deepcopy(yaml_source.parse(text, "sample").data)


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [each for key, item in inner for each in ((*path, key), *_places(item, (*path, key)))]


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def _put(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        inner = data.setdefault(str(step), {})
        if not isinstance(inner, dict):
            return
        data = inner
    data[str(path[-1])] = value


def _mutated(random: Random, data: Any) -> Any:
    """Data with a few values taken away, doubled, put elsewhere, or made others."""
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        known = _places(data)
        if not known:
            return data
        path = random.choice(known)
        owner, key = _at(data, path[:-1]), path[-1]
        match random.randint(0, 5):
            case 0:
                del owner[key]
            case 1 if isinstance(owner, dict):
                owner[str(_scalar(random))[:200]] = copy.deepcopy(owner[key])
            case 2 if isinstance(owner, dict):
                owner[random.choice(_WORDS)] = _value(random, 2)
            case 3:
                owner[key] = copy.deepcopy(_at(data, random.choice(known)))
            case 4:
                owner[key] = _value(random, 3)
            case _:
                owner[key] = _scalar(random)
    return data


def _written(random: Random, data: Any) -> str:
    """Data as YAML, which JSON is; numbers of the grammar stand there without quotation marks now and then."""
    text = json.dumps(data, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.7:
        for number in _NUMBERS:
            text = text.replace(f'"{number}"', number)
    return text + "\n"


def _garbled(random: Random, text: str) -> str:
    """A text with parts of some lines replaced."""
    lines = text.splitlines()
    for _ in range(random.randint(1, 4)):
        number = random.randrange(len(lines))
        start = random.randint(0, 40)
        instead = str(
            random.choice((_scalar(random), random.choice("{}[]:,&*!|>'\"%@`#-\t~."), "*a", "&a ", "!!python/x "))
        )
        lines[number] = lines[number][:start] + instead + lines[number][start + random.randint(0, 15) :]
    return "\n".join(lines) + "\n"


def _script(random: Random) -> str:
    return "".join(json.dumps(_line(random)) + "\n" for _ in range(random.randint(0, 4)))


def _line(random: Random) -> Any:
    event, outcome = (random.choice((word, "stop", _scalar(random))) for word in ("chat.tip", "done"))
    return random.choice((
        {"advance": _scalar(random)},
        {"event": event, "data": {"n": _value(random, 2)}},
        {"result": {"state": "a", "outcome": outcome, "value": _value(random, 3)}},
        {"error": {"state": "a", "type": random.choice(("http", "network")), "status": _scalar(random)}},
        {"answer": {"gate": "a", "fields": {"f": _scalar(random)}}},
        _value(random, 2),
    ))  # fmt: skip
