"""Many viewers in few words."""

from itertools import islice
from random import Random

import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.setup.viewer_script import (
    AGENT,
    TROLL_TEXTS,
    Crowd,
    Cue,
    Repeat,
    Trolls,
    cues,
    part_as_json,
    read_part,
)

CROWD = {"crowd": {"viewers": 50, "messages": 500, "from": 5, "over": 10}}


def read(value):
    """A part of the script, read from JSON."""
    return read_part(Fields(value, "viewers[0]"))


def test_a_crowd_writes_as_much_as_told_and_nothing_twice():
    """Every viewer writes, each message once, each text another one, numbered in the order in which they come."""
    found = list(read(CROWD).cues(Random(1)))
    assert len(found) == 500
    assert len({cue.name for cue in found}) == 50
    assert [cue.text[:4] for cue in found] == [f"#{number:03}" for number in range(1, 501)]
    assert all(5 <= cue.at <= 15 for cue in found)
    assert [cue.at for cue in found] == sorted(cue.at for cue in found)


def test_a_crowd_is_the_same_with_the_same_seed():
    """A seed makes the same people say the same at the same time; another one does not."""
    script = [read(CROWD), read({"crowd": {"viewers": 3, "messages": 9, "over": 60, "name": "late"}})]
    assert list(cues(script, 7)) == list(cues(script, 7))
    assert list(cues(script, 7)) != list(cues(script, 8))


def test_a_repeated_cue_goes_on_until_it_is_over():
    """A cue with `repeat` happens at its time, and every so often after it, counted in its text."""
    part = read({"at": 2, "name": "mira", "text": "round {n}", "repeat": 3, "until": 9})
    assert [(cue.at, cue.text) for cue in part.cues(Random())] == [(2, "round 1"), (5, "round 2"), (8, "round 3")]


def test_a_repeated_cue_without_an_end_is_worked_out_bit_by_bit():
    """One without `until` never ends, and can stand in a script with others all the same."""
    script = [read({"name": "a{n}", "text": "x", "repeat": 2}), Cue(3, "b", text="y")]
    assert [(cue.at, cue.name) for cue in islice(cues(script, None), 4)] == [(0, "a1"), (2, "a2"), (3, "b"), (4, "a3")]


def test_trolls_write_all_they_have():
    """Each text of the stock comes once a round, one after the other."""
    found = list(read({"trolls": {"from": 4, "every": 2, "rounds": 2}}).cues(Random()))
    assert [cue.text for cue in found] == [text for _, text in TROLL_TEXTS] * 2
    assert [cue.at for cue in found[:3]] == [4, 6, 8]


def test_the_stock_holds_every_kind_of_mischief():
    """Among what trolls write is all that a client might obey, render, show or speak."""
    texts = [text for _, text in TROLL_TEXTS]
    for mischief in ("stop the stream", "allow", "access token", "$(", "{{", "{%", "\x1b]52", "\u202e", "\x00", '{"'):
        assert any(mischief in text for text in texts), mischief
    assert max(map(len, texts)) == 10_000
    assert any(name.strip() == AGENT for name, _ in TROLL_TEXTS)


@pytest.mark.parametrize(
    "part",
    [
        Crowd(3, 9, 1.0, 2.0, "late"),
        Repeat(Cue(1.0, "mira", text="again"), 5.0, 60.0),
        Repeat(Cue(1.0, "mira", "follow"), 5.0),
        Trolls(1.0, 2.0, 3),
        Cue(1.0, "mira", "trade", amount=2.0, side="sell", token="T"),
    ],
)
def test_a_part_is_read_as_it_is_written(part):
    """What a rehearsal keeps of its script is what it reads when it goes on."""
    assert read(part_as_json(part)) == part
    kept = Options.from_mapping(Options(viewers=(part,)).as_json())
    assert kept.viewers == (part,)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"crowd": {"messages": 5}}, "viewers[0].crowd: the field 'viewers' is missing"),
        ({"crowd": {"viewers": 0, "messages": 5}}, "viewers[0].crowd.viewers: expected a whole number of 1 or more"),
        ({"crowd": {"viewers": 1, "messages": 5}, "at": 5}, "there is no field 'at'"),
        ({"trolls": 5}, "viewers[0].trolls: expected an object"),
        ({"name": "mira", "text": "x", "repeat": 0}, "viewers[0].repeat: expected seconds"),
        ({"name": "mira", "type": "trade", "side": "hold"}, "expected one of buy, sell"),
    ],
)
def test_a_part_that_cannot_be_meant_is_refused(value, message):
    """A mistake in the script is told with its place."""
    with pytest.raises(UsageError) as error:
        read(value)
    assert message in error.value.message


def test_a_reaction_is_read_and_told_again():
    """A cue with a scene, which does nothing by the clock; a scene is a name."""
    value = {"scene": "brb", "at": 2, "name": "mira", "text": "back soon?"}
    found = read(value)
    assert (found.scene, found.cue) == ("brb", Cue(2, "mira", text="back soon?"))
    assert read(part_as_json(found)) == found
    assert list(cues([found, Cue(1, "ade")], 1)) == [Cue(1, "ade")]
    for wrong in ("", "a pause", 7, None):
        with pytest.raises(UsageError, match=r"viewers\[0\].scene"):
            read({**value, "scene": wrong})
    with pytest.raises(UsageError, match="repeat"):
        read({**value, "repeat": 5})
