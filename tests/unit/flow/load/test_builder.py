"""Questions, and what to do after a crash, from text to model; and all that can be wrong with them."""

from __future__ import annotations

import pytest
from flow_samples import at, checked, codes, flow_of, problems, with_sub, written

from retake_flow.flow.expressions.expression import Template
from retake_flow.flow.state_parts import ANSWERED, Ask, Escalation
from retake_flow.redact import Secret, scrub

END = "\nz: {final: ok}"
FULL = """
a:
  ask:
    message: "Which way, {{ run.id }}?"
    decisions:
      go: {direction: {type: string, secret: true}}
      stay:
    remind: [1h, "{{ visits.a * 60 }}"]
    timeout: 7d
    escalate: [{after: 1d, to: owner}, {after: "{{ 2 * 3600 }}", to: on_call}]
  transitions: {go: z, stay: z, timeout: z}
z: {final: ok}
"""


def test_a_question_is_read_with_all_its_parts() -> None:
    """Message, decisions, reminders, the end and whom to tell are there, expressions as templates at their places."""
    state = flow_of(FULL).states["a"]
    ask = state.ask
    assert ask is not None
    assert state.kind == "ask"
    assert isinstance(ask.message, Template)
    assert ask.decisions == {"go": {"direction": {"type": "string", "secret": True}}, "stay": {}}
    assert (ask.fields, ask.timeout) == ({}, "7d")
    assert ask.remind[0] == "1h"
    assert isinstance(ask.remind[1], Template)
    assert ask.remind[1].position.line == 10
    assert ask.escalate[0] == Escalation("1d", "owner")
    assert isinstance(ask.escalate[1].after, Template)
    assert [problem.code for problem in checked(written(FULL))] == ["RF054"]


def test_a_short_question_has_defaults() -> None:
    """A question with just a message asks for no fields, never reminds and never expires."""
    assert flow_of("a: {ask: {message: Well}}" + END).states["a"].ask == Ask("Well")


@pytest.mark.parametrize(
    ("ask", "outcomes"),
    [
        (Ask("?"), ("answered",)),
        (Ask("?", timeout="1h"), ("answered", "timeout")),
        (Ask("?", decisions={"yes": {}, "no": {}}), ("yes", "no")),
        (Ask("?", decisions={"yes": {}}, timeout="1h"), ("yes", "timeout")),
    ],
)
def test_the_ends_of_a_question_are_its_decisions_or_that_it_was_answered(ask: Ask, outcomes: tuple[str, ...]) -> None:
    """`answered`, or the names of the decisions; and `timeout` where the question expires."""
    assert ask.outcomes == outcomes


def test_an_activity_may_ask() -> None:
    """A question beside the states has no action, and its key is that of an activity."""
    flow = flow_of("a: {activities: {q: {ask: {message: Well, answer: {n: {type: integer}}}}}}" + END)
    activity = flow.states["a"].activities["q"]
    assert (activity.key, activity.do) == ("a:q", "")
    assert activity.ask == Ask("Well", {"n": {"type": "integer"}})


@pytest.mark.parametrize("policy", ["retry", "verify", "ask", "fail"])
def test_what_to_do_after_a_crash_is_kept_of_states_and_activities(policy: str) -> None:
    """`on_crash` is one of four words; left out it is empty. An activity has two of them."""
    assert flow_of(f"a: {{do: a.work, on_crash: {policy}}}" + END).states["a"].on_crash == policy
    activity = f"a: {{do: a.work, activities: {{t: {{do: a.work, on_crash: {policy}}}}}}}" + END
    if policy in ("retry", "fail"):
        assert flow_of(activity).states["a"].activities["t"].on_crash == policy
    else:
        assert codes(activity) == ["RF014"]
    assert flow_of("a: {do: a.work, activities: {t: {do: a.work}}}" + END).states["a"].on_crash == ""


def test_whom_to_tell_is_kept() -> None:
    """`notify` of a flow are addresses, in their order; without it there are none."""
    flow = flow_of("a: {final: ok}", head="notify: ['json://127.0.0.1/x', 'mailto://me']\n")
    assert flow.notify == (Secret("json://127.0.0.1/x"), Secret("mailto://me"))
    assert flow_of("a: {final: ok}").notify == ()
    assert codes("a: {final: ok}", head="notify: json://127.0.0.1/x\n") == ["RF014"]
    assert codes("a: {final: ok}", head="notify: ['']\n") == ["RF014"]


def test_the_addresses_of_a_flow_are_secret_once_it_is_loaded() -> None:
    """They are masked wherever they would be printed, also where the flow has mistakes."""
    flow_of("a: {final: ok}", head="notify: ['json://owl:pass1@127.0.0.1/x']\n")
    assert "pass1" not in scrub("told json://owl:pass1@127.0.0.1/x")
    problems("a: {finale: ok}", head="notify: ['json://owl:pass2@127.0.0.1/x']\n")
    assert "pass2" not in scrub("told json://owl:pass2@127.0.0.1/x")
    long = "json://owl:pass3@127.0.0.1/" + "x" * 60
    [problem] = problems("a: {final: ok}", head=f"notify: {long}\n")
    assert "pass3" not in str(problem)


@pytest.mark.parametrize(
    ("ask", "column", "code", "message"),
    [
        ("{}", 12, "RF011", "'ask' of the state 'a' needs the key 'message'"),
        ("Well", 12, "RF014", "'ask' of the state 'a' must be a mapping, not 'Well'"),
        ("{message: ''}", 22, "RF014", "'message' of 'ask' of the state 'a' is empty"),
        ("{message: m, mesage: n}", 25, "RF010", "unknown key 'mesage' in 'ask' of the state 'a'"),
        ("{message: m, remind: 1h}", 33, "RF014", "'remind' of 'ask' of the state 'a' must be a list, not '1h'"),
        (
            "{message: m, remind: [1h, soon]}",
            38,
            "RF014",
            "number 2 of 'remind' of 'ask' of the state 'a' must be a duration such as 30s, 3m, 1h30m or 500ms, "
            "not 'soon'",
        ),
        (
            "{message: m, timeout: soon}",
            34,
            "RF014",
            "'timeout' of 'ask' of the state 'a' must be a duration such as 30s, 3m, 1h30m or 500ms, not 'soon'",
        ),
        (
            "{message: m, answer: {w: {type: text}}}",
            44,
            "RF014",
            "'type' of 'w' of 'answer' of 'ask' of the state 'a' must be one of string, integer, number, boolean, "
            "array, object, not 'text'",
        ),
        ("{message: m, decisions: {}}", 36, "RF014", "'decisions' of 'ask' of the state 'a' is empty"),
        (
            "{message: m, escalate: [{after: 1h}]}",
            36,
            "RF011",
            "number 1 of 'escalate' of 'ask' of the state 'a' needs the key 'to'",
        ),
    ],
)
def test_a_mistake_of_form_in_a_question_is_said_in_words(ask: str, column: int, code: str, message: str) -> None:
    """Each mistake in the form of a question has its line and column, its code and a sentence, and is the only one."""
    found = problems(f"a: {{ask: {ask}, transitions: {{answered: z}}}}{END}")
    assert [(*at(problem), problem.code, problem.message) for problem in found] == [(4, column, code, message)]


@pytest.mark.parametrize(
    ("ask", "column", "name"),
    [("{message: m, answer: {Word: {type: string}}}", 34, "Word"), ("{message: m, decisions: {Yes: }}", 37, "Yes")],
)
def test_fields_and_decisions_have_names_like_states(ask: str, column: int, name: str) -> None:
    """A name that expressions and events could not be written with is refused at its place."""
    [problem] = problems(f"a: {{ask: {ask}, transitions: {{answered: z}}}}{END}")
    assert (problem.code, at(problem)) == ("RF012", (4, column))
    assert name in problem.message


def test_an_audience_that_is_none_is_told_what_it_may_be() -> None:
    """Whom to tell is one word, which may have capital letters, and the message says so."""
    [problem] = problems(
        "a: {ask: {message: m, escalate: [{after: 1h, to: on call}]}, transitions: {answered: z}}" + END
    )
    assert (problem.code, at(problem)) == ("RF014", (4, 52))
    assert "'on call'; use letters, digits, - and _, beginning with a letter" in problem.message


@pytest.mark.parametrize(
    ("state", "column", "message"),
    [
        ("{ask: {message: m}, do: a.work}", 7, "'ask' does not go with 'do' in the state 'a'"),
        ("{ask: {message: m}, wait: 1s}", 26, "'wait' does not go with 'ask' in the state 'a'"),
        ("{ask: {message: m}, timeout: 1h}", 26, "'timeout' does not go with 'ask' in the state 'a'"),
        ("{ask: {message: m}, final: ok}", 26, "'final' does not go with 'ask' in the state 'a'"),
        ("{ask: {message: m}, flow: x.yaml}", 26, "'flow' does not go with 'ask' in the state 'a'"),
        (
            "{activities: {q: {ask: {message: m}, do: a.work}}}",
            43,
            "'do' does not go with 'ask' in 'q' of 'activities' of the state 'a'",
        ),
    ],
)
def test_what_does_not_go_with_a_question_is_refused(state: str, column: int, message: str) -> None:
    """A question is one kind of state or activity; its time is its own, not the state's."""
    found = [problem for problem in problems(f"a: {state}{END}") if problem.code == "RF013"]
    assert [(at(problem), problem.message) for problem in found] == [((4, column), message)]


@pytest.mark.parametrize("key", ["every: 3s", "delay: 3s", "needs: p", "retry: {max: 1}", "on_crash: fail", "with: {}"])
def test_a_question_beside_the_states_has_nothing_of_an_action(key: str) -> None:
    """What says how an action is performed has no place where there is none."""
    found = problems(f"a: {{activities: {{q: {{ask: {{message: m}}, {key}}}}}, transitions: {{stop: z}}}}{END}")
    assert [(problem.code, problem.message) for problem in found] == [
        ("RF011", f"'q' of 'activities' of the state 'a' has {key.partition(':')[0]!r} but no 'do'")
    ]


def test_after_a_crash_only_an_action_can_be_settled() -> None:
    """`on_crash` needs an action, in a state too, and knows four words."""
    assert codes("a: {wait: 1s, on_crash: ask, transitions: {done: z}}" + END) == ["RF011"]
    assert codes("a: {do: a.work, on_crash: never, transitions: {done: z}}" + END) == ["RF014"]


PLACES = [("a: {ask: %s, transitions: {stop: z, answered: z, y: z, timeout: z}}", (4, 3)),
          ("a: {activities: {q: {ask: %s}}, transitions: {stop: z}}", (4, 20))]  # fmt: skip


@pytest.mark.parametrize(("place", "where"), PLACES)
@pytest.mark.parametrize(
    ("ask", "code", "said"),
    [
        ("{message: m, answer: {w: {type: string}}, decisions: {y: }}", "RF013", "both an `answer` and `decisions`"),
        ("{message: m, decisions: {timeout: }}", "RF046", "called 'timeout', which is a built-in event"),
        ("{message: m, decisions: {stop: }}", "RF046", "called 'stop', which is a built-in event"),
        ("{message: m, decisions: {error: }}", "RF046", "called 'error', which is a built-in event"),
        *(
            (f"{{message: m, answer: {{{name}: {{type: string}}}}}}", "RF046", f"the field {name!r}")
            for name in ANSWERED
        ),
        ("{message: m, decisions: {y: {channel: {type: string}}}}", "RF046", "the field 'channel'"),
        ("{message: m, answer: {w: {type: string, pattern: '['}}}", "RF046", "has an invalid schema"),
        ("{message: m, answer: {w: {type: integer, default: many}}}", "RF046", "does not fit"),
        ("{message: m, answer: {w: {type: string, format: post, default: x}}}", "RF046", "not the address of a post"),
        ("{message: m, answer: {w: {type: string, format: duration, default: x}}}", "RF046", "does not fit"),
    ],
)
def test_a_question_that_could_not_be_answered_is_refused(
    place: str, where: tuple[int, int], ask: str, code: str, said: str
) -> None:
    """Two ways to answer, names that mean something else, and schemas that are none are told where the question is."""
    found = [problem for problem in problems(place % ask + END) if problem.code == code]
    assert [at(problem) for problem in found] == [where]
    assert said in found[0].message


@pytest.mark.parametrize(
    ("ask", "line", "column"),
    [
        ("{message: '{{ vars.n }}'}", 4, 22),
        ("{message: m, remind: [1h, '{{ inputs.n }}']}", 4, 38),
        ("{message: m, timeout: '{{ outputs.n }}'}", 4, 34),
        ("{message: m, escalate: [{after: '{{ visits.n }}', to: x}]}", 4, 44),
    ],
)
def test_every_expression_of_a_question_is_checked(ask: str, line: int, column: int) -> None:
    """An unknown name in a message or a time is told at its place, in a state and in an activity."""
    found = problems(f"a: {{ask: {ask}, transitions: {{answered: z, timeout: z}}}}{END}")
    assert [(problem.code, at(problem)) for problem in found if problem.code == "RF031"] == [("RF031", (line, column))]
    beside = problems(f"a: {{activities: {{q: {{ask: {ask}}}}}, transitions: {{stop: z}}}}{END}")
    assert [problem.code for problem in beside] == ["RF031"]


def test_a_question_may_need_nothing_but_may_be_needed() -> None:
    """What needs a question starts when it is answered, so a question can be needed though it is no service."""
    states = (
        "a: {do: a.say, needs: q, with: {text: x}, activities: {q: {ask: {message: m}}, p: {do: s.program, needs: q}}, "
        "transitions: {done: z, p.exited: z}}"
    )
    assert codes(states + END) == []


def test_the_answer_of_an_activity_has_a_name_in_expressions() -> None:
    """`activities.NAME` of a question is a name like that of a service."""
    routes = "transitions: {q.answered: {when: activities.q.n > 1, to: z}, stop: z}"
    ask = "{message: m, answer: {n: {type: integer}}}"
    assert codes(f"a: {{activities: {{q: {{ask: {ask}}}}}, {routes}}}{END}") == []


def test_the_names_of_files_stand_in_problems_of_questions() -> None:
    """A mistake in the question of a sub-flow points into the file of the sub-flow."""
    inner = written("q: {ask: {message: '{{ vars.n }}'}, transitions: {answered: z}}" + END, "q")
    flow = with_sub("a: {flow: inner.yaml, transitions: {ok: z}}" + END, inner=inner)
    assert flow.states["a/q"].ask is not None
    assert flow.states["a/q"].ask.message.position.file == "inner.yaml"
