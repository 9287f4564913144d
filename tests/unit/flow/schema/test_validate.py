"""What does not fit the schema, in words."""

from __future__ import annotations

import pytest
from flow_samples import at, checked, problems

from retake_flow.flow.load.load import load
from retake_flow.flow.schema.validate import examine
from retake_flow.flow.text.yaml_source import parse

ELSEWHERE = [
    ("a: {do: a.work, on: {done: b}}", "`transitions:`"),
    ("a: {type: final}", "`final: completed`"),
    ("a: {wait: 1s, next: b}", "`transitions: {done: NEXT}`"),
    ("a: {wait: 1s, transitions: {done: {target: b}}}", "`to: STATE`"),
    ("a: {wait: 1s, transitions: {done: [{cond: inputs.x, to: b}, {to: b}]}}", "`when: EXPRESSION`"),
    ("a: {invoke: a.work}", "`do: group.action`"),
    ("a: {do: a.say, args: {text: x}}", "`with:`"),
    ("a: {wait: 1s, onEntry: {set: {n: 1}}}", "`entry:`"),
    ("a: &a {wait: 1s}\nc: {<<: *a}", "merge keys"),
]
TEN_MISTAKES = """\
flow: ten
initail: work
initial: work
inputs:
  tries: {type: integer, default: three}
states:
  work:
    do: a.wrok
    transitions: {done: sya}
  say:
    do: a.say
    with: {txt: hello, times: many}
    retry: {max: -1}
    timeout: 3 parsecs
    transitions:
      done:
        - {when: input.tries > 1, to: ended}
        - {to: ended}
      error: ended
  ended: {final: completed, transitions: {done: work}}
"""


@pytest.mark.parametrize(("states", "hint"), ELSEWHERE)
def test_a_word_of_another_language_is_told_what_it_is_called_here(states: str, hint: str) -> None:
    """Who comes from another state machine or workflow is told the key that is meant."""
    found = [problem for problem in problems(states) if problem.code == "RF010"]
    assert len(found) == 1
    assert hint in found[0].hint


@pytest.mark.parametrize(
    "head",
    [
        "events: {tip: {pin: {type: string, secret: true}}}\n",
        "actions: {my.key: {do: program.run, with: {command: [./key]}, result: {pin: {type: string, secret: true}}}}\n",
        "actions: {my.key: {do: program.run, with: {command: [./key]}, inputs: {pin: {type: string, secret: true}}}}\n",
    ],
)
def test_what_is_recorded_as_it_is_cannot_be_secret(head: str) -> None:
    """An own action's result and the data of an event are in the journal, so a promise to hide them is refused."""
    (found,) = (problem for problem in problems("a: {final: ok}", head=head) if problem.code == "RF010")
    assert found.message.startswith("unknown key 'secret' in 'pin'")
    assert "only an input of the flow and a field of an answer can be secret" in found.hint


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("3", "`n: {type: integer, default: 3}`"),
        ("0.5", "`n: {type: number, default: 0.5}`"),
        ("true", "`n: {type: boolean, default: true}`"),
        ("hello", '`n: {type: string, default: "hello"}`'),
        ("string", "`n: {type: string}`"),
        ("[a]", '`n: {type: array, default: ["a"]}`'),
        ("", "`n: {type: string}`"),
    ],
)
def test_a_value_where_an_input_is_declared_is_told_how(written: str, hint: str) -> None:
    """`n: 3` is what many write; the hint is the declaration that has it."""
    found = problems("a: {final: ok}", head=f"inputs: {{n: {written}}}\n" if written else "inputs: {n: }\n")
    assert [problem.hint for problem in found if problem.code == "RF014"] == [f"declare its type: {hint}"]


@pytest.mark.parametrize(
    ("states", "line", "column", "code", "message", "hint"),
    [
        ("a: {dod: a.work}", 4, 7, "RF010", "unknown key 'dod' in the state 'a'", "did you mean 'do'?"),
        ("a: {retry: {max: 1, interwal: 1s}}", 4, 23, "RF010", "unknown key 'interwal' in 'retry' of the state 'a'",
         "did you mean 'interval'?"),
        ("a: {do: a.work, retry: {}}", 4, 26, "RF011", "'retry' of the state 'a' needs the key 'max'", ""),
        ("a: {with: {}}", 4, 7, "RF011", "the state 'a' has 'with' but no 'do'", ""),
        ("a: {states: {b: {final: ok}}}", 4, 7, "RF011", "the state 'a' has 'states' but no 'initial'", ""),
        ("A: {final: ok}", 4, 3, "RF012", "'A' is no name for a state",
         "use small letters, digits and _, beginning with a letter"),
        ("a: {transitions: {Done: a}}", 4, 21, "RF012", "'Done' is no name for an event",
         "use small letters, digits and _, with dots between the parts"),
        ("a: {do: a.work, wait: 1s}", 4, 19, "RF013", "'wait' does not go with 'do' in the state 'a'", ""),
        ("a: {final: ok, timeout: 1s}", 4, 18, "RF013", "'timeout' does not go with 'final' in the state 'a'", ""),
        ("a: []", 4, 6, "RF014", "the state 'a' must be a mapping or nothing, not a list", ""),
        ("a: {do: work}", 4, 11, "RF014", "'do' of the state 'a' is 'work'; an action is written group.action; "
         "`retake-flow actions` lists them", ""),
        ("a: {wait: 3 parsecs}", 4, 13, "RF014",
         "'wait' of the state 'a' must be a duration such as 30s, 3m, 1h30m or 500ms, not '3 parsecs'", ""),
        ("a: {wait: -1}", 4, 13, "RF014", "'wait' of the state 'a' must be at least 0", ""),
        ("a: {do: a.work, retry: {max: -1}}", 4, 32, "RF014",
         "'max' of 'retry' of the state 'a' must be at least 0", ""),
        ("a: {do: a.work, retry: {max: many}}", 4, 32, "RF014",
         "'max' of 'retry' of the state 'a' must be a whole number or an expression, not 'many'", ""),
        ("a: {states: {}, initial: b}", 4, 15, "RF014", "'states' of the state 'a' is empty", ""),
        ("a: {transitions: {done: []}}", 4, 27, "RF014", "'done' of 'transitions' of the state 'a' is empty", ""),
        ("a: {transitions: {done: [{}]}}", 4, 28, "RF014",
         "number 1 of 'done' of 'transitions' of the state 'a' is empty", ""),
        ("a:\n  initial: b\n  states:\n    b: {fnal: ok}", 7, 11, "RF010", "unknown key 'fnal' in the state 'a/b'",
         "did you mean 'final'?"),
    ],
)  # fmt: skip
def test_a_mistake_of_form_is_said_in_words(
    states: str, line: int, column: int, code: str, message: str, hint: str
) -> None:
    """Each mistake of form has its place, its code, a sentence without jargon, and a hint where there is one."""
    found = [problem for problem in problems(states) if problem.code == code]
    assert [(*at(problem), problem.message, problem.hint) for problem in found] == [(line, column, message, hint)]


def test_ten_mistakes_give_ten_messages() -> None:
    """All mistakes of a file are said at once, in the order of its lines, and nothing else is."""
    assert [(problem.position.line, problem.code) for problem in checked(TEN_MISTAKES)] == [
        (2, "RF010"),  # initail
        (5, "RF044"),  # the default is no integer
        (7, "RF040"),  # a.wrok
        (9, "RF020"),  # sya
        (10, "RF041"),  # txt
        (10, "RF042"),  # text is missing
        (10, "RF043"),  # times
        (13, "RF014"),  # max
        (14, "RF014"),  # timeout
        (17, "RF030"),  # input.tries
        (20, "RF013"),  # final and transitions
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- flow", "this is no flow: it has none of the keys flow, extends, initial, states, inputs"),
        ("just words", "this is no flow: it has none of the keys flow, extends, initial, states, inputs"),
        ("flow: x", "the flow needs the key 'initial'"),
        ("flow: x\ninitial: a\nstates: 3", "'states' of the flow must be a mapping, not 3"),
        (
            "flow: X y\ninitial: a\nstates: {a: {final: ok}}",
            "'flow' of the flow is 'X y'; use small letters, digits and -",
        ),
        ("flow: x\nguide: 2.10\ninitial: a\nstates: {a: {final: ok}}", "'guide' of the flow must be a text, not 2.1"),
    ],
)
def test_a_file_that_is_no_flow_is_told_why(text: str, wanted: str) -> None:
    """What is wrong with the file as a whole is said too."""
    assert wanted in [problem.message for problem in checked(text)]


def test_what_is_cut_out_is_a_consequence_and_not_said() -> None:
    """A state that lost a mistaken part is not accused of missing it."""
    assert [problem.code for problem in problems("a: {do: [], transitions: {done: b}}\nb: {final: ok}")] == ["RF014"]


def test_the_rest_of_a_damaged_file_is_still_checked() -> None:
    """The data that fits is kept, the source is left as it was, and the damaged places are named."""
    source = parse("flow: x\ninitial: a\nstates: {a: {final: ok, x: 1}, b: []}\n", "f")
    tree, found, damaged = examine(source)
    assert tree.data == {"flow": "x", "initial": "a", "states": {"a": {"final": "ok"}}}
    assert sorted(problem.code for problem in found) == ["RF010", "RF014"]
    assert damaged == {("states", "a"), ("states",)}
    assert source.data["states"]["a"] == {"final": "ok", "x": 1}


def test_of_a_list_only_what_does_not_fit_is_cut_out() -> None:
    """However many items do not fit, the others stay."""
    source = parse("flow: x\ninitial: a\nstates: {a: {always: [1, {to: a}, 2, 3, {to: b}]}, b: }\n", "f")
    assert examine(source)[0].data["states"]["a"] == {"always": [{"to": "a"}, {"to": "b"}]}


def test_a_slip_in_extends_is_told() -> None:
    """An overlay whose `extends` is mistyped is no overlay; the hint names the word."""
    hints = [problem.hint for problem in load("flow: x\nextend: go-live.yaml\n", "f.yaml").problems]
    assert "did you mean 'extends'?" in hints


def test_a_slip_in_the_name_of_an_activity_is_told() -> None:
    """What an overlay changes under a mistyped name lacks its action; the hint names the activity that is there."""
    head = "flow: x\nextends: go-live.yaml\nstates:\n  broadcast/pushing/on_air: {activities: "
    for name, hint in (("chatt", "did you mean 'chat'?"), ("juggling", "")):
        found = load(f"{head}{{{name}: {{needs: encoder}}}}}}\n", "f.yaml").problems
        assert [problem.hint for problem in found if problem.message.endswith("needs the key 'do'")] == [hint]


def test_keys_that_exclude_each_other_are_told_in_an_action_of_the_flow_too() -> None:
    """A function says by itself what it takes and gives."""
    declared = "{python: 'm:f', inputs: {x: {type: string}}, outcomes: [won]}"
    found = problems("a: {final: ok}", head=f"actions: {{a.b: {declared}}}\n")
    assert [problem.message for problem in found if problem.code == "RF013"] == [
        "'inputs' does not go with 'python' in 'a.b' of 'actions' of the flow",
        "'outcomes' does not go with 'python' in 'a.b' of 'actions' of the flow",
    ]


@pytest.mark.parametrize(
    "state",
    [
        "a: {states: {b/c: {transitions: {}}}}",  # the name and what is in it are wrong at once
        '"\\\\": {states: {b: {transitions: {}}, "1|x": {transitions: {}}}}',
        "a: {states: [1], initial: 2}",
    ],
)
def test_mistakes_within_what_is_a_mistake_itself_are_no_more_than_that(state: str) -> None:
    """What was cut out already is not looked into again."""
    assert checked(f"flow: x\ninitial: a\nstates:\n  {state}\n")
