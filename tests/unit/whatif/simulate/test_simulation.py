"""A run is led line by line: each line answers with what became of it at that very moment."""

from __future__ import annotations

import pytest
from leading import WATCHED, lead, queued

LOOKED = {"result": {"state": "look", "value": {"verified": True}}}


def test_the_first_object_is_the_start():
    """Before any line the run stands where it waits for the first result, and says what it has entered."""
    (start,) = lead(WATCHED)
    assert start["configuration"] == ["watch/look"]
    assert (start["entered"], start["exited"]) == (["watch", "watch/look"], [])
    assert (start["time"], start["ended"], start["reason"], start["vars"]) == (0.0, None, "", {})
    assert list(start) == ["configuration", "queue", "time", "entered", "exited", "ended", "reason", "vars"]


def test_the_queue_shows_what_is_awaited():
    """Calls in the order in which they began, then questions, then times as they come due."""
    seen = lead(WATCHED, {"result": {"state": "display"}}, {"result": {"state": "chat"}}, LOOKED)
    assert seen[0]["queue"] == [
        {"kind": "action", "place": "watch/look", "action": "retake.verification_status", "attempt": 1, "due": None},
        {"kind": "task", "place": "watch:chat", "action": "chat.respond", "attempt": 1, "due": None},
        {
            "kind": "service",
            "place": "watch:display",
            "action": "studio.display",
            "attempt": 1,
            "ready": False,
            "due": None,
        },
        {"kind": "timer", "place": "watch", "purpose": "timeout", "due": 10.0},
    ]
    assert [each["ready"] for each in queued(seen[1], "service")] == [True]
    assert seen[3]["queue"][1:] == [
        {
            "kind": "gate",
            "place": "watch/approve",
            "gate": "watch/approve.1",
            "message": "May it?",
            "decisions": {"allow": ["hours"], "refuse": []},
            "fields": [],
            "due": None,
        },
        {"kind": "timer", "place": "watch:chat", "purpose": "again", "due": 3.0},
        {"kind": "timer", "place": "watch", "purpose": "timeout", "due": 10.0},
    ]


def test_time_passes_only_when_told():
    """All that comes due in between happens, in order; what comes due at the very end has happened too."""
    waiting = "flow: f\ninitial: a\nstates:\n"
    for here, there in ("ab", "bc", "cd"):
        waiting += f"  {here}: {{wait: 1s, transitions: {{done: {there}}}}}\n"
    seen = lead(waiting + "  d: {final: completed}\n", {"advance": "999ms"}, {"advance": 1.001}, {"advance": "1h"})
    assert [each["time"] for each in seen] == [0.0, 0.999, 2.0, 3602.0]
    assert [each["configuration"] for each in seen] == [["a"], ["a"], ["c"], ["d"]]
    assert (seen[2]["entered"], seen[2]["exited"]) == (["b", "c"], ["a", "b"])


def test_small_steps_add_up():
    """Thirty tenths of a second are three seconds, though no tenth is a binary fraction."""
    text = "flow: f\ninitial: a\nstates: {a: {wait: 3s, transitions: {done: b}}, b: {final: completed}}"
    seen = lead(text, *[{"advance": 0.1}] * 30)
    assert [each["ended"] for each in seen[-2:]] == [None, "completed"]
    assert seen[-1]["time"] == 3.0


def test_what_is_shown_as_due_is_due():
    """To go on to the time that the queue shows is enough, also where chance has spread a retry."""
    failed = {"error": {"state": "look", "type": "http", "status": 503}}
    due = queued(lead(WATCHED, failed)[1], "timer")[0]["due"]
    assert 1.0 < due < 3.0
    early, there = lead(WATCHED, failed, {"advance": round(due - 0.002, 3)}, {"advance": 0.002})[2:]
    assert queued(early, "action") == []
    assert [(each["attempt"], there["time"]) for each in queued(there, "action")] == [(2, due)]


def test_an_error_is_retried_and_then_routed():
    """A mocked error takes the way of a real one: `retry` first, then `error.KIND`, with its message."""
    failed = {"error": {"state": "look", "type": "http", "status": 503, "message": "busy"}}
    end = lead(WATCHED, failed, {"advance": "4s"}, failed)[-1]
    assert (end["configuration"], end["ended"]) == (["dark"], "failed")
    said = "retake.tv failed on its own side (retake.verification_status, status 503): busy"
    assert end["reason"] == said


def test_a_person_answers():
    """An answer is held against the question; a wrong one is refused, and the question stays open."""
    wrong = {"answer": {"gate": "approve", "decision": "allow", "fields": {"hours": "many"}}}
    right = {"answer": {"decision": "allow", "fields": {"hours": 2}, "by": "ann"}}
    refused, end = lead(WATCHED, LOOKED, wrong, right)[2:]
    assert refused["error"]["message"] == "answer: hours does not fit: 'many' is not of type 'integer'"
    assert refused["configuration"] == ["watch/approve"]
    assert end["ended"] == "completed"


def test_an_event_from_outside_brings_its_data():
    """An event is taken by a route of an active state, which sees its data."""
    end = lead(WATCHED, LOOKED, {"event": "hurry", "data": {"who": "ann"}})[-1]
    assert (end["ended"], end["vars"]) == ("completed", {"by": "ann"})


def test_a_stop_is_an_event():
    """The run is asked to stop as from outside."""
    assert lead(WATCHED, {"event": "stop"})[-1]["configuration"] == ["over"]


def test_a_stop_without_a_route_leaves_no_state():
    """Where nothing routes it, the run is stopped; no state is active then, and the reason is kept."""
    end = lead("flow: f\ninitial: a\nstates: {a: {}}", {"event": "stop", "data": {"reason": "enough"}})[-1]
    assert (end["configuration"], end["ended"], end["reason"]) == ([], "stopped", "enough")


def test_a_service_becomes_ready_and_exits():
    """A result makes a service ready; `exited` ends it with a reason."""
    ready = {"result": {"state": "watch:display", "value": {"display": ":1"}}}
    exited = {"result": {"state": "display", "outcome": "exited", "reason": "killed by ann"}}
    end = lead(WATCHED, ready, exited)[-1]
    assert (end["configuration"], end["reason"]) == (["dark"], "killed by ann")


def test_an_undo_waits_too():
    """What is owed when a state is left is a call like others: the run is over only when it has ended."""
    text = """
flow: f
initial: a
states:
  a:
    initial: b
    transitions: {stop: over, error: over}
    states: {b: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: c}}, c: {}}
  over: {final: completed}
"""
    _, left, end = lead(text, {"event": "stop"}, {"result": {"state": "a/b"}})
    assert (left["configuration"], left["ended"]) == (["over"], None)
    assert [(each["place"], each["action"]) for each in queued(left, "undo")] == [("a/b", "retake.stop_stream")]
    assert (end["ended"], end["queue"]) == ("completed", [])


def test_a_delayed_event_stands_in_the_queue():
    """An event that the flow has raised for later shows with its data and its time."""
    text = """
flow: f
initial: a
states:
  a: {entry: {raise: {event: tick, after: 2s, data: {n: 1}}}, transitions: {tick: b}}
  b: {final: completed}
"""
    start, end = lead(text, {"advance": 2})
    assert start["queue"] == [{"kind": "event", "place": "a", "event": "tick", "data": {"n": 1}, "due": 2.0}]
    assert end["ended"] == "completed"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"event": "party"}, "'watch/look' does not expect the event 'party'"),
        ({"result": {"state": "nowhere"}}, "result.state: there is no state or activity 'nowhere'"),
        ({"result": {"state": "approve"}}, "result.state: no action is in progress in 'approve'"),
        (
            {"result": {"state": "look", "outcome": "won"}},
            "result.outcome: 'retake.verification_status' has no outcome 'won'",
        ),
        (
            {"result": {"state": "display", "outcome": "exited"}},
            "result.outcome: 'studio.display' is not ready yet, so it cannot exit",
        ),
        ({"answer": {"gate": "approve"}}, "answer.gate: 'approve' is not asked"),
        ({"answer": {}}, "answer.gate: no question is open"),
    ],
)
def test_a_line_that_means_nothing_now_changes_nothing(line, message):
    """It is answered with an `error` that names the line; all else is as it was, and the simulation goes on."""
    start, refused, after = lead(WATCHED, line, {"advance": 0})
    assert (refused["error"]["line"], refused["error"]["message"]) == (1, message)
    assert {**refused, "entered": start["entered"]} == {**start, "error": refused["error"]}
    assert {**after, "entered": start["entered"]} == start


def test_a_service_that_is_ready_can_only_exit():
    """It is neither made ready once more, nor does it fail."""
    ready, error = {"result": {"state": "display"}}, {"error": {"state": "display", "type": "no_display"}}
    again, failed = lead(WATCHED, ready, {"result": {"state": "display", "outcome": "ready"}}, error)[2:]
    assert again["error"]["message"] == "result.outcome: 'studio.display' is ready already"
    assert failed["error"]["message"] == "'watch:display' is ready, so it can only exit"


def test_a_name_that_means_two_places_is_refused():
    """The end of a path is enough only where it means one place; all that it may mean are named."""
    text = """
flow: f
initial: a
states:
  a:
    activities: {look: {do: studio.display}, out: {do: studio.window_manager}}
    initial: look
    states: {look: {do: retake.stream_status, transitions: {done: rest}}, rest: {}}
    transitions: {stop: over, error: over}
  over: {final: completed}
"""
    refused, taken = lead(text, {"result": {"state": "look"}}, {"result": {"state": "a:look"}})[1:]
    assert refused["error"]["message"] == "result.state: 'look' may be any of a/look, a:look"
    assert "error" not in taken


def test_one_of_several_questions_is_answered():
    """With several open, the gate is named: by its place, the end of it, or its id."""
    ask = "{ask: {message: m, answer: {}}}"
    text = f"flow: f\ninitial: a\nstates: {{a: {{activities: {{one: {ask}, two: {ask}}}, transitions: {{}}}}}}"
    named = [{"answer": {"gate": gate}} for gate in ("two", "a:one.1")]
    refused, *answered = lead(text, {"answer": {}}, *named)[1:]
    assert refused["error"] == {
        "line": 1,
        "message": "answer.gate: say which question is answered",
        "hint": "it asks: a:one.1, a:two.1",
    }
    assert [[gate["place"] for gate in queued(seen, "gate")] for seen in answered] == [["a:one"], []]


def test_after_the_end_only_time_passes():
    """A run that is over takes nothing more, and says so."""
    over, late = lead(WATCHED, {"event": "stop"}, {"advance": "1h"}, LOOKED)[2:]
    assert (over["ended"], over["time"], over["queue"]) == ("completed", 3600.0, [])
    assert (late["error"]["message"], late["ended"]) == ("the run is over", "completed")


def test_secrets_stay_hidden():
    """The secret part of a result and a secret answer are not shown, though the script holds them in plain."""
    text = """
flow: f
initial: key
states:
  key:
    do: retake.stream_key
    transitions: {done: {to: ask, set: {key: "{{ result.key }}", url: "{{ result.url }}"}}}
  ask:
    ask: {message: "code?", answer: {code: {type: string, secret: true}}}
    transitions: {answered: {to: rest, set: {code: "{{ result.code }}"}}}
  rest: {}
"""
    key = {"result": {"state": "key", "value": {"key": "hush-hush", "url": "rtmp://x"}}}
    end = lead(text, key, {"answer": {"fields": {"code": "open-sesame"}}})[-1]
    assert end["vars"] == {"key": "•••", "url": "rtmp://x", "code": "•••"}


def test_a_wrong_answer_does_not_tell_its_secret():
    """The words about an answer that does not fit hide what was to stay secret."""
    ask = "{message: m, answer: {code: {type: string, maxLength: 3, secret: true}}}"
    text = f"flow: f\ninitial: a\nstates: {{a: {{ask: {ask}, transitions: {{answered: b}}}}, b: {{}}}}"
    refused = lead(text, {"answer": {"fields": {"code": "open-sesame"}}})[-1]
    assert "code does not fit" in refused["error"]["message"]
    assert "sesame" not in refused["error"]["message"]


def test_no_text_breaks_the_output():
    """Half of a character of two, which JSON can bring in, does not keep the mistake from being told."""
    refused = lead(WATCHED, '{"event": "t", "data": "\\ud800"}')[-1]
    assert refused["error"]["message"].encode() == b"data: 'data' must be a mapping, not \"?\""


def test_a_run_in_a_circle_is_ended():
    """A flow whose mocks lead round and round at one moment hangs nothing: it is killed, and told why."""
    text = "flow: f\ninitial: a\nstates:\n  a: {do: retake.stream_status, transitions: {done: b}}\n"
    text += "  b: {do: retake.verification_status, transitions: {done: a}}\n"
    (start,) = lead(text, mock="a: done\nb: done\n")
    assert (start["ended"], start["configuration"]) == ("killed", [])
    assert start["reason"].endswith("the run loops")


def test_names_of_a_sub_flow_are_paths():
    """What runs in a sub-flow is led like all else."""
    text = (
        "flow: f\ninitial: proof\nstates:\n  proof: {flow: verify.yaml, transitions: {verified: over, declined: over,"
    )
    text += " expired: over, failed: over}}\n  over: {final: completed}\n"
    post = {"tweet_url": "https://x.com/owl/status/42"}
    seen = lead(
        text,
        {"result": {"state": "prepare", "value": {"message": "I am the owl"}}},
        {"answer": {"gate": "post", "decision": "posted", "fields": post}},
        {"result": {"state": "check"}},
        {"result": {"state": "proof/confirm", "value": {"verified": False}}},
        {"advance": "5s"},
        {"result": {"state": "confirm", "value": {"verified": True}}},
    )
    assert [each["configuration"][0] for each in seen] == [
        *("proof/prepare", "proof/post", "proof/check", "proof/confirm", "proof/confirm", "proof/confirm", "over")
    ]
    assert "I am the owl" in queued(seen[1], "gate")[0]["message"]


STUBBORN = """
flow: stubborn
initial: show
events: {tip: {amount: {type: number}}, msg: {}}
states:
  show:
    initial: look
    timeout: 60s
    retry: {max: 1, interval: 10s, rate: 1}
    entry: [{if: vars.total is not defined, set: {total: 0}}, {raise: {event: late, after: 100s, scope: flow}}]
    transitions:
      won: won
      timeout: over
      error: over
      late: {set: {late: "{{ event.source }}"}}
      msg: {cancel: late, raise: {event: late, after: 5s, scope: flow}}
      tip: {set: {total: "{{ vars.total + event.amount }}"}}
      skipped.tip: {set: {skipped: "{{ event.source }}"}}
    states:
      look: {do: retake.stream_status, retry: {max: 1, interval: 1s, per_try: 5s}, transitions: {done: end}}
      end: {final: won, ends: state, reason: "{{ vars.total }}"}
  won: {final: completed, reason: "{{ event.reason }}"}
  over: {final: failed}
"""


def test_limits_retries_and_delays_pass_as_in_a_run():
    """A try is ended in its time, a state is entered anew, and what is cancelled or extended shows in the queue."""
    seen = lead(
        STUBBORN,
        {"advance": "11.5s"},
        {"event": "tip", "data": {"amount": 12}},
        {"event": "tip", "data": {}},
        {"event": "extend", "data": {"by": "30m"}},
        {"event": "msg"},
        {"advance": "12s"},
        {"result": {"state": "show/look", "value": {"is_live": True}}},
    )
    timers = [{timer["purpose"]: timer["due"] for timer in queued(each, "timer")} for each in seen]
    assert [round(timers[number]["timeout"]) for number in (0, 1, 4)] == [60, 60, 1860]
    assert 20 < timers[1]["retry"] < 22
    assert seen[3]["vars"] == {"total": 12, "skipped": "outside"}
    assert [each["due"] for each in queued(seen[5], "event")] == [16.5]
    assert (seen[6]["entered"], seen[6]["exited"]) == (["show", "show/look"], ["show/look", "show"])
    assert seen[6]["vars"] == {"total": 12, "skipped": "outside", "late": "show"}
    assert (seen[7]["ended"], seen[7]["reason"]) == ("completed", "12")
