"""Reading JSON with mistakes named."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.options import Options

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["latency", "lag", "faults", "viewers", "agents", "tweets", "seed", "chat_shape", "history"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"latency": "fast"}, "options.latency: expected a number of 0 or more, found a text"),
        ({"latency": -1}, "options.latency: expected a number of 0 or more, found the number -1"),
        ({"latency": float("nan")}, "options.latency: expected a number of 0 or more, found the number nan"),
        ({"lag": 10**400}, "options.lag: expected a number of 0 or more, found a number of more than 18 digits"),
        ({"seed": -(10**5000)}, "options.seed: expected a whole number of 0 or more, found a number of more than 18"),
        ({"clock": 10**5000}, "a duration as in +75s or -10m, found a number of more than 18 digits"),
        ({"own": {"a": {"output": [10**5000]}}}, "options.own.a.output: expected JSON, found a list"),
        ({"verified": 1}, "options.verified: expected true or false, found the number 1"),
        ({"chat_shape": "odd"}, "expected one of documented, observed, wrapped, mixed"),
        ({"comments_without_session": 500}, "expected one of 409, 404, 200"),
        ({"faults": {}}, "options.faults: expected a list, found an object"),
        ({"faults": [3]}, "options.faults[0]: expected an object, found the number 3"),
        ({"viewers": [{"at": 1, "name": "mira", "type": "message"}]}, "options.viewers[0]: a message needs a text"),
        ({"agents": [{"name": "Owl"}]}, "options.agents[0]: the field 'token' is missing"),
        ({"tweets": {"https://x.com/a/status/5": 5}}, "expected a text, found the number 5"),
        ({"tweets": {"https://x.com/a": "hi"}}, "options.tweets: 'https://x.com/a': this is not the address of a post"),
        ({"tweets": {"https://x.com/a/status/123": "hi"}}, "the address of an example"),
        ({"agents": [{"name": "Owl", "token": "t", "spent_keys": "sk"}]}, "expected a list of texts, found a text"),
        ({"agents": [{"name": "Owl", "token": "t", "spent_keys": [5]}]}, "expected a list of texts, found a list"),
        ({"part": 0}, "options.part: expected a whole number of 1 or more"),
        ([], "options: expected an object, found a list"),
    ],
)
def test_a_mistake_is_named_with_its_place(value, message):
    """An option that cannot be used is refused by a sentence that says where it is and what was expected."""
    with pytest.raises(UsageError) as error:
        Options.from_mapping(value)
    assert message in error.value.message


def test_an_unknown_field_is_refused_with_the_near_one():
    """A misspelt option is not ignored: the error proposes the one that was meant."""
    with pytest.raises(UsageError) as error:
        Options.from_mapping({"latencey": 1})
    assert "latencey" in error.value.message
    assert error.value.hint == "did you mean latency?"


def test_a_token_of_the_wrong_type_is_not_shown():
    """A message about a field never repeats its value, which may be a secret."""
    with pytest.raises(UsageError) as error:
        Options.from_mapping({"agents": [{"name": "Owl", "token": ["rtk_abcdefghijkl"]}]})
    assert "rtk_" not in error.value.message


@given(st.dictionaries(NAMES | st.text(), JSON))
def test_any_json_is_read_or_refused(value):
    """Whatever JSON is given as options, it is read or refused by a UsageError, never by another error."""
    with suppress(UsageError):
        assert isinstance(Options.from_mapping(value), Options)


def test_text_that_is_not_json_is_refused():
    """Options that are no JSON at all are refused in words."""
    with pytest.raises(UsageError, match="not JSON"):
        Options.from_json("latency: 1")


def test_all_options_are_read():
    """Every option has its place in JSON."""
    options = Options.from_json(
        """{"verified": false, "latency": 0.15, "lag": 2, "chat_shape": "mixed", "comments_without_session": 404,
        "skill_version": "2.2.0", "seed": 1, "tweets": {"https://x.com/a/status/5": "{message}"},
        "agents": [{"name": "Owl", "token": "rtk_abcdefghijkl", "user_id": "user_1", "verified": true}],
        "history": [{"name": "ade", "text": "earlier"}], "viewers": [], "faults": [{"call": "* *", "drop": true}]}"""
    )
    assert (options.verified, options.latency, options.lag, options.chat_shape) == (False, 0.15, 2, "mixed")
    assert (options.comments_without_session, options.skill_version, options.seed) == (404, "2.2.0", 1)
    assert options.agents[0].token.reveal() == "rtk_abcdefghijkl"
    assert options.viewers == ()
    assert options.history[0].text == "earlier"
    assert options.faults[0].drop


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(75, 75.0), (-75.5, -75.5), ("+75s", 75.0), ("-10m", -600.0), ("2d", 172800.0), (" -75 ", -75.0), (0, 0.0)],
)
def test_a_clock_may_be_off_either_way(written, seconds):
    """In seconds, or as a duration with its sign."""
    assert Options.from_mapping({"clock": written}).clock == seconds


@pytest.mark.parametrize("written", ["soon", "+-5s", "--5s", None, [75], True, "+", "1e3", 1e12])
def test_what_is_no_offset_is_refused(written):
    """It says what was expected."""
    with pytest.raises(UsageError, match=r"options\.clock: expected a number of seconds, or a duration as in"):
        Options.from_mapping({"clock": written})
