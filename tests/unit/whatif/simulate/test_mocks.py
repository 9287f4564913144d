"""Mocked actions end as a mock file or a script says, and each mistake has its place."""

from __future__ import annotations

import pytest
from leading import WATCHED, flow, lead, queued

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import NotFound, ProcessFailed, RateLimited, Unavailable, Unreachable, UsageError
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.whatif.simulate import mocks
from retake_flow.whatif.simulate.mocks import Fault, fault, kinds
from retake_flow.whatif.simulate.script_fields import InvalidField


def _mistakes(text: str) -> list[str]:
    with pytest.raises(UsageError) as raised:
        mocks.read(text.encode(), "mocks.yaml", flow(WATCHED), CATALOGUE)
    return raised.value.message.splitlines()


def test_an_action_is_answered():
    """What is mocked needs no line; what is not waits for one."""
    (start,) = lead(WATCHED, mock="retake.verification_status: {value: {verified: true}}")
    assert start["configuration"] == ["watch/approve"]
    assert [each["place"] for each in start["queue"]] == ["watch:chat", "watch:display", "watch/approve", "watch"]


def test_a_state_goes_before_its_action():
    """What is said of a state, or of an activity, is for that one alone."""
    (start,) = lead(WATCHED, mock="retake.verification_status: {error: unavailable}\nwatch/look: done")
    assert start["configuration"] == ["watch/approve"]
    (start,) = lead(WATCHED, mock="chat: idle\ndisplay: ready")
    assert queued(start, "task") == []
    assert [each["ready"] for each in queued(start, "service")] == [True]


def test_answers_come_one_after_the_other():
    """Of a list each performance takes the next, and the last repeats."""
    text = "flow: f\ninitial: a\nstates:\n  a: {do: retake.stream_status, poll: {every: 1s, until: result.viewers > 1},"
    text += " transitions: {done: b, error: a}}\n  b: {wait: 1s, transitions: {done: a}}\n"
    mock = "a: [{value: {viewers: 0}}, {value: {viewers: 1}}, {value: {viewers: 2}}]"
    seen = lead(text, {"advance": 1}, {"advance": 1}, {"advance": 1}, mock=mock)
    assert [each["configuration"] for each in seen] == [["a"], ["a"], ["b"], ["b"]]
    assert (seen[3]["entered"], seen[3]["exited"]) == (["a", "b"], ["b", "a"])


def test_an_answer_may_take_its_time():
    """`after` is how long the action takes; until then a line may end it otherwise."""
    mock = "look: {after: 3s}"
    start, early = lead(WATCHED, {"advance": "2999ms"}, mock=mock)
    assert [each["due"] for each in queued(start, "action")] == [3.0]
    assert early["configuration"] == ["watch/look"]
    assert lead(WATCHED, {"advance": "3s"}, mock=mock)[-1]["configuration"] == ["watch/approve"]
    failed = {"error": {"state": "look", "type": "unauthorized"}}
    assert lead(WATCHED, failed, mock=mock)[-1]["configuration"] == ["late"]


def test_a_service_may_end_by_itself():
    """`exits` is how long it goes on after it was ready."""
    mock = "studio.display: {after: 1s, exits: 2s, reason: it burned}"
    before, end = lead(WATCHED, {"advance": "2999ms"}, {"advance": "1ms"}, mock=mock)[1:]
    assert [each["due"] for each in queued(before, "service")] == [3.0]
    assert (end["configuration"], end["reason"]) == (["dark"], "it burned")


def test_a_service_may_fail():
    """An error instead of becoming ready is routed as the real one."""
    assert lead(WATCHED, mock="studio.display: {error: {type: unavailable, message: gone}}")[0]["reason"] == "gone"


def test_an_undo_is_answered_as_its_action_is():
    """What is said of the state itself is for its own action only."""
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
    left = lead(text, {"event": "stop"}, mock="b: done")[-1]
    assert (left["ended"], len(queued(left, "undo"))) == (None, 1)
    assert lead(text, {"event": "stop"}, mock="b: done\nretake.stop_stream: done")[-1]["ended"] == "completed"


def test_json_will_do():
    """A JSON file is read like one in YAML."""
    known = mocks.read(b'{"chat.respond": {"outcome": "idle"}}', "mocks.json", flow(WATCHED), CATALOGUE)
    assert isinstance(known, mocks.Mocks)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "studio.displai: ready",
            "1:1: there is no action, and no state or activity with an action, named 'studio.displai'",
        ),
        ("approve: done", "1:1: there is no action, and no state or activity with an action, named 'approve'"),
        ("watch: done", "1:1: there is no action, and no state or activity with an action, named 'watch'"),
        ("look: {valeu: {}}", "1:8: there is no key \"valeu\" here (did you mean 'value'?)"),
        ("look: won", "1:7: 'retake.verification_status' has no outcome 'won'"),
        ("look: {after: soon}", '1:15: "soon" is not a duration'),
        ("look:\n  - done\n  - 3", "3:5: expected a mapping of outcome, value, reason, error, after, exits, not 3"),
        ("look: {exits: 2s}", "1:15: 'retake.verification_status' is not a service, so it cannot exit"),
        ("look: {error: {type: http}}", "1:15: 'status' is missing, which an error of the type 'http' has"),
        ("look: {error: unreachable, value: {}}", "1:35: 'value' and 'error' do not go together"),
        ("look: []", "1:7: the list is empty"),
        ("display: exited", "1:10: a service that is mocked becomes ready first"),
        ("display: {reason: why}", "1:19: a 'reason' belongs to 'exits'"),
        (
            "retake.check_guide: {}",
            "1:21: the 'outcome' of 'retake.check_guide' is missing (there are: unchanged, changed)",
        ),
        ("look: done\nlook: done", "2:1: RF003 the key 'look' is here twice; the first is at line 1"),
        ("- look", "1:1: expected a mapping from actions or states to their results"),
        ("", "1:1: RF001 the file is empty"),
        ("look: }", "1:7: RF001 this is not YAML"),
    ],
)
def test_what_is_wrong_with_a_mock_file(text, message):
    """Each mistake is told with its file, line and column."""
    assert _mistakes(text)[0].startswith(f"mocks.yaml:{message}")


def test_all_mistakes_are_told_at_once():
    """One answer that is wrong hides no other."""
    assert [line.split(": ", 1)[0] for line in _mistakes("look: won\nchat: [idle, bored]\nx: done")] == [
        *("mocks.yaml:1:7", "mocks.yaml:2:14", "mocks.yaml:3:1")
    ]


def spec(name):
    """The declaration of an action; one that nobody has declared may be repeated."""
    return CATALOGUE.get(name) or ActionSpec(name, "Do something.")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((302, "redirected"), (400, "rejected"), (401, "unauthorized"), (404, "not_found"), (409, "no_session")),
        *((429, "rate_limited"), (500, "unavailable"), (503, "unavailable")),
    ],
)
def test_a_status_is_read_as_the_client_reads_it(status, kind):
    """The table of the API client says what a status means, and whose fault it is."""
    error = fault({"type": "http", "status": status}, ()).error(spec("retake.stream_key"))
    assert error.kind == kind
    assert type(error) is kinds()[kind]


def test_the_words_of_the_platform_are_kept():
    """The message is what the platform said, beside the client's own words and the action."""
    error = fault({"status": 404, "message": "no such agent"}, ()).error(spec("retake.stream_key"))
    assert isinstance(error, NotFound)
    assert error.message == "retake.tv does not know the requested item (retake.stream_key, status 404): no such agent"


def test_the_time_to_wait_is_kept():
    """`retry_after` comes with an error of HTTP as a header would bring it, and with every other."""
    limited = fault({"status": 429, "retry_after": "90s"}, ()).error(spec("chat.send"))
    assert (type(limited), limited.retry_after) == (RateLimited, 90.0)
    assert fault({"type": "unavailable", "retry_after": 5}, ()).error(spec("chat.send")).retry_after == 5.0


def test_an_error_by_its_kind():
    """A kind stands for the error of that kind, with its usual words and hint where no others are given."""
    assert type(fault("unreachable", ()).error(spec("x"))) is Unreachable
    assert fault("unavailable", ()).error(spec("x")).message == Unavailable().message
    failed = fault({"type": "process_failed", "message": "Xvfb ended", "hint": "look"}, ()).error(
        spec("studio.display")
    )
    assert (type(failed), failed.message, failed.hint) == (ProcessFailed, "Xvfb ended", "look")


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ({"type": "htp"}, ("type",), "there is no error 'htp'"),
        ({"type": "http"}, (), "'status' is missing, which an error of the type 'http' has"),
        ({"type": "input", "status": 400}, ("status",), "a 'status' belongs to the type 'http', not to 'input'"),
        ({"status": 200}, ("status",), "the status 200 is not an error"),
        ({"status": "503"}, ("status",), "'status' must be a whole number, not \"503\""),
        ({"status": True}, ("status",), "'status' must be a whole number, not true"),
        (3, (), "expected a mapping of type, status, message, hint, retry_after, not 3"),
    ],
)
def test_what_is_wrong_with_an_error(written, path, message):
    """Each mistake is told with the key it is at."""
    with pytest.raises(InvalidField) as raised:
        fault(written, ())
    assert (raised.value.path, raised.value.message) == (path, message)


@pytest.mark.parametrize("kind", ["unavailable", "unreachable", "unexpected_answer", {"status": 503}])
def test_what_may_have_been_done_once_is_in_doubt(kind):
    """As in a run: a start that fails like this is not repeated, a fresh key is."""
    assert not fault(kind, ()).error(spec("retake.start_stream")).may_repeat
    assert fault(kind, ()).error(spec("retake.stream_key")).may_repeat


def test_every_kind_can_be_made():
    """No error needs more than its words."""
    assert {Fault(kind).error(spec("x")).kind for kind in kinds()} == set(kinds())


def test_every_error_that_an_action_declares_can_be_made():
    """Also those of the flow's own actions, and of a try that took too long."""
    declared = {kind for each in CATALOGUE.values() for kind in each.errors}
    assert {*declared, "timed_out"} <= kinds().keys()
