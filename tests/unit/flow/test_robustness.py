"""Whatever stands in a file, checking it gives problems and nothing else, and soon."""

from __future__ import annotations

import copy
import json
import re
import string
from time import process_time
from typing import Any

import pytest
from flow_samples import CATALOGUE, GO_LIVE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retake_flow.actions.registry import CATALOGUE as REAL
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Problem, errors
from retake_flow.flow.diagram import graphviz, mermaid
from retake_flow.flow.diagram.diagram import diagram
from retake_flow.flow.load.load import load
from retake_flow.flow.model import CompositeState, FinalState
from retake_flow.flow.text import yaml_source
from retake_flow.flow.text.bundle import Find

_WORDS = st.sampled_from([
    "do", "with", "needs", "retry", "poll", "undo", "states", "initial", "wait", "final", "reason", "transitions",
    "activities", "timeout", "set", "every", "quiet", "delay", "raises", "to", "when", "max", "interval", "rate",
    "cap", "within", "until", "a", "b", "a.work", "a.say", "s.program", "done", "error", "stop", "true", "1s", "3",
    "type", "default", "pattern", "items", "format", "duration", "string", "array", "{{vars.x}}",
    "{{result.a|default(1)}}", "vars.x>1", "inputs.a", "$ref", "#", "allOf", "minLength", "enum",
    "ask", "flow", "message", "answer", "decisions", "remind", "escalate", "after", "on_crash", "secret", "optional",
    "answered", "decision", "post", "retry", "verify", "fail", "verify.yaml", "f.yaml", ".", "..", "/", "\x00",
])  # fmt: skip
_SCALARS = st.one_of(
    _WORDS, st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=8)
)
_DATA = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4), max_leaves=25
)
_STATES = st.dictionaries(st.sampled_from(["a", "b", "c", "done"]), _DATA, min_size=1, max_size=4)
_LINES = GO_LIVE.read_text(encoding="utf-8").splitlines()


def checked(content: bytes, find: Find | None = None) -> tuple[Problem, ...]:
    """The problems of a file, which must be found within two seconds."""
    began = process_time()  # not of the clock on the wall, which other tests slow down
    answer = load(content, "f.yaml", find=find)
    found = check(answer, CATALOGUE)
    if answer.flow is not None and not found:
        drawn = diagram(answer.flow)
        graphviz.dot(drawn)
        mermaid.mermaid(drawn)
    assert process_time() - began < 10
    for problem in found:
        lines = len(content.decode(errors="replace").splitlines()) + 1
        assert 1 <= problem.position.line <= (lines if problem.position.file == "f.yaml" else 1000)
        assert problem.position.column >= 1
        assert problem.message
    return found


def written(data: Any) -> bytes:
    """Data as YAML, which JSON is."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")


_TEXTS = st.text(alphabet=string.printable + "äß😀\u2028", max_size=200)


@settings(max_examples=100)
@given(_TEXTS.map(str.encode) | st.binary(max_size=300))
def test_any_file_is_a_flow_or_has_problems(content: bytes) -> None:
    """No text and no bytes are a flow by chance, and none breaks the check."""
    assert checked(content)


@settings(max_examples=100)
@given(states=_STATES, inputs=_DATA, initial=_SCALARS)
def test_any_structure_is_a_flow_or_has_problems(states: Any, inputs: Any, initial: Any) -> None:
    """Words of the language in any order and nesting are checked without a crash."""
    checked(written({"flow": "x", "inputs": inputs, "initial": initial, "states": states}))


@settings(max_examples=60)
@given(state=st.dictionaries(_WORDS, _DATA, max_size=6), activity=st.dictionaries(_WORDS, _DATA, max_size=6))
def test_any_parts_of_a_state_are_checked(state: Any, activity: Any) -> None:
    """A state and an activity made of any parts are checked without a crash."""
    states = {"a": {**state, "activities": {"b": activity}}, "c": {"final": "ok"}}
    checked(written({"flow": "x", "initial": "a", "states": states}))


_PARTS = st.dictionaries(_WORDS, _DATA, max_size=5)
_ASKS = _DATA | st.builds(lambda given, more: {"message": "m", **given, **more}, st.fixed_dictionaries({}, optional={
    "answer": _PARTS, "decisions": _PARTS, "remind": st.lists(_SCALARS, max_size=3), "timeout": _SCALARS,
    "escalate": st.lists(st.fixed_dictionaries({"after": _SCALARS, "to": _WORDS}), max_size=3),
}), st.dictionaries(_WORDS, _DATA, max_size=1))  # fmt: skip


@settings(max_examples=100)
@given(ask=_ASKS, beside=_ASKS, routes=_PARTS, more=_PARTS)
def test_any_question_is_checked(ask: Any, beside: Any, routes: Any, more: Any) -> None:
    """Questions made of any parts, as a state and as an activity, are checked without a crash."""
    a = {"ask": ask, "transitions": {"answered": "c", **routes}, "activities": {"b": {"ask": beside}}}
    checked(written({"flow": "x", "initial": "a", "states": {"a": a, "b": {"ask": ask, **more}, "c": {"final": "ok"}}}))


@settings(max_examples=70)
@given(name=_SCALARS, inputs=_DATA, states=_STATES, declared=_PARTS, more=_PARTS)
def test_any_sub_flow_is_checked(name: Any, inputs: Any, states: Any, declared: Any, more: Any) -> None:
    """Whatever is run inside, named by whatever, with whatever inputs, is checked without a crash."""
    a = {"flow": name, "with": inputs, "transitions": {"ok": "c"}, **more}
    outer = {"flow": "x", "initial": "a", "states": {"a": a, "c": {"final": "ok"}}}
    inner = {"flow": "y", "initial": "a", "inputs": declared, "states": {**states, "c": {"final": "ok"}}}
    checked(written(outer))  # what is on this disk is none of the test's business, except that it must not crash
    checked(written(outer), lambda name, file: ("inner", written(inner)))
    checked(written(outer), lambda name, file: (f"{file}+", written(outer)))


@settings(max_examples=100)
@given(content=st.binary(max_size=60))
def test_any_bytes_of_a_sub_flow_are_checked(content: bytes) -> None:
    """A file that is run inside may hold anything."""
    outer = {"flow": "x", "initial": "a", "states": {"a": {"flow": "b", "transitions": {"ok": "c"}}, "c": None}}
    assert checked(written(outer), lambda name, file: ("inner", content))


@settings(max_examples=60)
@given(
    number=st.integers(0, len(_LINES) - 1),
    start=st.integers(0, 60),
    length=st.integers(0, 20),
    instead=st.one_of(_WORDS, st.text(alphabet="{}[]:,&*!|>'\"%@`#- \t~.\n", max_size=6)),
)
def test_a_flow_with_any_part_replaced_is_checked(number: int, start: int, length: int, instead: str) -> None:
    """The shipped flow with a part of a line replaced by anything is checked without a crash."""
    lines = list(_LINES)
    lines[number] = lines[number][:start] + instead + lines[number][start + length :]
    checked("\n".join(lines).encode())


@pytest.mark.parametrize(
    "schema",
    [
        "{type: array, items: {$ref: '#/nowhere'}, default: [1]}",
        "{type: array, items: {$ref: '#/items'}, default: [1]}",
        "{type: array, items: {$ref: 'http://127.0.0.1:9/schema'}, default: [1]}",
        "{type: array, items: {type: 3}}",
        "{type: string, pattern: '['}",
        "{type: string, pattern: '[', default: x}",
        "{type: integer, default: '3'}",
        "{type: string, format: duration, default: 3 parsecs}",
    ],
)
def test_an_input_whose_schema_is_none_is_a_mistake(schema: str) -> None:
    """A schema of an input that leads nowhere, runs in circles or is none is a problem at the input."""
    text = f"flow: x\ninitial: a\ninputs: {{i: {schema}}}\nstates: {{a: {{final: ok}}}}\n"
    [problem] = check(load(text, "f"), CATALOGUE)
    assert (problem.code, problem.position.line, problem.position.column) == ("RF044", 3, 10)


def test_no_position_is_lost_where_aliases_repeat() -> None:
    """A mistake in data that is used twice has a place."""
    text = "flow: x\ninitial: a\nstates:\n  a: &s {dod: 1, transitions: {stop: b}}\n  b: *s\n"
    assert yaml_source.parse(text, "f").data["states"]["b"]["dod"] == 1
    assert {problem.position.line for problem in check(load(text, "f"), CATALOGUE)} <= {4, 5}


# --- real flows, mutated ------------------------------------------------------------------------------------------

_SAMPLES = [
    *(path.read_text(encoding="utf-8") for path in sorted(GO_LIVE.parent.glob("*.yaml"))),
    *(
        block
        for document in sorted((GO_LIVE.parents[1] / "docs").glob("*.md"))
        for block in re.findall(r"^```yaml\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S)
        if re.search(r"^(?:flow|extends):", block, re.M) and "\n---\n" not in block
    ),
]
_SEEDS = [data for text in _SAMPLES if isinstance(data := yaml_source.parse(text, "seed").data, dict)]


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values within data, but the whole."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [each for key, item in inner for each in ((*path, key), *places(item, (*path, key)))]


def at_place(data: Any, path: tuple[Any, ...]) -> Any:
    """The value at a path."""
    for step in path:
        data = data[step]
    return data


def mutated(data: Any, draw: st.DrawFn) -> Any:
    """Data with one value taken away, doubled under another name, put elsewhere, or made another one."""
    known = places(data)
    if not known:
        return data
    path = draw(st.sampled_from(known))
    owner, key = at_place(data, path[:-1]), path[-1]
    match draw(st.integers(0, 4)):
        case 0:
            del owner[key]
        case 1 if isinstance(owner, dict):
            owner[draw(_WORDS)] = copy.deepcopy(owner[key])
        case 2:
            owner[key] = copy.deepcopy(at_place(data, draw(st.sampled_from(known))))
        case 3:
            names = [str(place[-1]) for place in known if isinstance(place[-1], str)]
            owner[key] = draw(st.sampled_from(names))
        case _:
            owner[key] = draw(_SCALARS)
    return data


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A real flow, shipped or from the documents, with one to four mutations."""
    data = copy.deepcopy(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        data = mutated(data, draw)
    return data


@settings(max_examples=70, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=mutants())
def test_a_mutated_flow_loads_or_has_problems(data: Any) -> None:
    """Real flows with parts taken away, doubled, led elsewhere or of another type: never a crash, silence or a hang.

    Of one without problems every state that it begins with is there, so that a run could begin.
    """
    content = written(data)
    checked(content)
    found = load(content, "f.yaml")
    assert found.flow is not None or found.problems
    problems = check(found, REAL)
    if not errors(problems):
        assert found.flow is not None
        machine = found.flow
        assert {
            machine.initial,
            *(s.initial for s in machine.states.values() if isinstance(s, CompositeState)),
        } <= machine.states.keys()
        assert any(isinstance(state, FinalState) and not state.root for state in machine.states.values())


@pytest.mark.parametrize(
    "state",
    [
        "do: a.work, set: {v%(n)d: 1}, transitions: {done: s%(next)d, error: s%(next)d}",
        "do: a.choose, set: {v%(n)d: 1}, transitions: {left: s%(next)d, right: s%(back)d, error: s%(next)d}",
        "initial: i, states: {i: {do: a.work, transitions: {done: s%(next)d}}}, transitions: {error: s%(back)d}",
        "do: a.choose, with: {text: '{{ vars.v%(back)d }}'}, "
        "transitions: {left: {to: s%(next)d, set: {v%(n)d: 1}}, right: s%(next)d}",
        "always: [{when: visits.s%(n)d > 1, to: s%(back)d}, {to: s%(next)d}]",
        "do: a.choose, transitions: {left: s%(twice)d, right: s%(twice_more)d, error: s1000}",
    ],
    ids=["on", "on and back", "inside", "missing", "eventless", "tree"],
)
def test_paths_through_a_thousand_states_are_followed_soon(state: str) -> None:
    """What is there on every path of a large flow is known within three seconds, whichever way its routes lead."""
    lines = []
    for n in range(1000):
        twice = {"twice": min(2 * n + 1, 1000), "twice_more": min(2 * n + 2, 1000)}
        lines.append(f"  s{n}: {{{state % {'n': n, 'next': n + 1, 'back': max(n - 1, 0), **twice}}}}\n")
    end = "  s1000: {final: ok, reason: '{{ vars.v1|default(0) }}'}\n"
    loaded = load(f"flow: x\ninitial: s0\nstates:\n{''.join(lines)}{end}", "f.yaml")
    began = process_time()
    check(loaded, CATALOGUE)
    assert process_time() - began < 10


# --- expressions that attack --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attack",
    [
        "2 ** 10 ** 10",
        "9 ** 9 ** 9 ** 9",
        "(2 ** 100000)|string",
        "'x' * 1000000000",
        "1000000000 * 'x'",
        "[0] * 1000000000",
        "(1, 2) * 1000000000",
        "'x'|center(1000000000)",
        "'x'|indent(1000000000)",
        "'x'|wordwrap(1)",
        "'%0999999999d'|format(1)",
        "'%0999999999d' % 1",
        "'{:>999999999}'.format(1)",
        "[1]|batch(1000000000, 0)|list",
        "[1]|slice(1000000000)|list",
        "range(1000000000)|list",
        "range(range(9)|length)|list",
        "[1, 2]|map('upper')|list",
        "'aaaa'|replace('a', 'aaaaaaaa')",
        "'a'|regex_replace('(a+)+$', '')",
        "lipsum(n=1000)",
        "cycler(1, 2)",
        "joiner(',')",
        "namespace(x=1)",
        "dict(a=1)",
        "''.__class__.__mro__",
        "inputs['__class__']",
        "inputs.__init__.__globals__",
        "inputs|attr('__class__')",
        "self",
        "config",
        "in(inputs.x)",
        "in('a', 'b')",
        "in(*['a'])",
        "in('a' ~ 'b')",
        "in()",
        "visits(1)",
        "(" * 300 + "1" + ")" * 300,
        "[" * 300 + "]" * 300,
        "not " * 500 + "true",
        "-" * 500 + "1",
        "1" + " + 1" * 600,
        "inputs" + ".a" * 300,
        "inputs" + "[0]" * 300,
        "1 if " * 200 + "1",
        "'x'" + "|upper" * 200,
        "1" * 3000,
        "1e400",
        "'" + "x" * 3000 + "'",
    ],
)
def test_an_expression_made_to_hang_or_to_exhaust_is_refused_when_the_flow_is_read(attack: str) -> None:
    """As a guard and within a text: refused with its place, at once, and never evaluated."""
    quoted = json.dumps(attack)
    began = process_time()
    for state in (
        f"wait: 1s, transitions: {{done: [{{when: {quoted}, to: z}}, {{to: z}}]}}",
        f"wait: {json.dumps('{{ ' + attack + ' }}')}, transitions: {{done: z}}",
    ):
        found = check(load(f"flow: x\ninitial: a\nstates:\n  a: {{{state}}}\n  z: {{final: ok}}\n", "f"), CATALOGUE)
        assert [(problem.code, problem.position.line) for problem in found] == [("RF030", 4)]
    assert process_time() - began < 10
