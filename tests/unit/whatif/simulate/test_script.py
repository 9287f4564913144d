"""A line of a script is understood as a whole or refused with what is wrong, where, and what to write."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.whatif.simulate.mocks import Fault
from retake_flow.whatif.simulate.script import Advance, Event, Failure, GateAnswer, Result, parse
from retake_flow.whatif.simulate.script_fields import InvalidField


def test_each_kind_of_line():
    """The five things that can happen; what may be left out has a sensible meaning."""
    assert parse(b'{"event": "go", "data": {"n": 1}}') == Event("go", {"n": 1})
    assert parse(b'{"event": "stop"}') == Event("stop", {})
    assert [parse(line).seconds for line in (b'{"advance": "1h30m"}', b'{"advance": 2.5}')] == [5400.0, 2.5]
    failure = parse(b'{"error": {"state": "a", "type": "http", "status": 429, "retry_after": "3s"}}')
    assert failure == Failure("a", Fault("http", 429, retry_after=3.0))
    assert parse(b'{"answer": {"decision": "allow"}}') == GateAnswer("", "allow", {}, "somebody")
    result = parse(b'{"result": {"state": "a", "value": {"n": 1}}}')
    assert isinstance(result, Result)
    assert (result.place, result.part.mapping("value")) == ("a", {"n": 1})


def test_a_line_may_end_as_it_likes():
    """Ends of lines and a mark of the byte order are no part of it."""
    assert parse(b'{"advance": 1}\r\n') == Advance(1.0)


@pytest.mark.parametrize(
    ("line", "path", "message"),
    [
        ("nonsense", (), "not JSON: Expecting value at character 1"),
        ("[]", (), "expected an object, not a list"),
        ("null", (), "expected an object, not null"),
        ("{}", (), "expected an object, not an empty one"),
        ('{"evnt": "t"}', ("evnt",), 'there is no key "evnt" here'),
        ('{"data": {}}', (), "expected one thing per line, not none"),
        ('{"event": "t", "advance": 1}', (), "expected one thing per line, not event and advance"),
        ('{"advance": 1, "data": {}}', ("data",), 'there is no key "data" here'),
        ('{"advance": 1, "advance": 2}', (), 'the key "advance" appears twice'),
        ('{"advance": "soon"}', ("advance",), '"soon" is not a duration'),
        ('{"advance": -1}', ("advance",), "-1 is not a duration"),
        ('{"advance": true}', ("advance",), "true is not a duration"),
        ('{"advance": NaN}', (), "NaN is not a JSON number"),
        ('{"advance": 1e999}', (), "the number 1e999 is too large"),
        ('{"advance": 1' + "0" * 5000 + "}", (), "a number in it has too many digits"),
        ('{"event": ""}', ("event",), "an event needs a name"),
        ('{"event": 1}', ("event",), "'event' must be a text, not 1"),
        ('{"event": "stop", "data": {"n": 1}}', ("data", "n"), 'there is no key "n" here'),
        ('{"result": "a"}', ("result",), 'expected a mapping of state, outcome, value, reason, not "a"'),
        ('{"result": {}}', ("result",), "'state' is missing"),
        ('{"answer": {"fields": []}}', ("answer", "fields"), "'fields' must be a mapping, not a list"),
        ('{"error": {"state": "a"}}', ("error",), "'type' is missing"),
        ("[" * 100_000, (), "it nests too deep"),
    ],
)
def test_what_is_wrong_with_a_line(line, path, message):
    """Each mistake is told with the key it is at."""
    with pytest.raises(InvalidField) as raised:
        parse(line.encode())
    assert (raised.value.path, raised.value.message) == (path, message)


def test_a_line_is_utf_8():
    """Other bytes are refused."""
    with pytest.raises(InvalidField, match="not UTF-8 text"):
        parse(b'{"event": "\xff"}')


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_KEYS = st.sampled_from(["event", "data", "advance", "result", "error", "answer", "state", "type", "status", "fields"])


@given(st.binary(max_size=30) | st.dictionaries(_KEYS, st.dictionaries(_KEYS, _JSON) | _JSON).map(json.dumps))
def test_no_line_is_a_surprise(line):
    """Whatever a line holds, it is understood or refused."""
    with suppress(InvalidField):
        parse(line if isinstance(line, bytes) else line.encode())


def test_a_byte_order_mark_is_no_part_of_a_line():
    """A script that an editor has saved with one is read as it is meant."""
    assert parse(b'\xef\xbb\xbf{"advance": "2s"}') == Advance(2.0)
