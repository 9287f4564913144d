"""An error that a script asks for is the one that the action would raise."""

from __future__ import annotations

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import NotFound, ProcessFailed, RateLimited, Unavailable, Unreachable
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.whatif.simulate.mock_replies import Fault, fault, kinds
from retake_flow.whatif.simulate.script_fields import InvalidField


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
