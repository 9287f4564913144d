"""Runs as JSON data: all of them come back as they were, and no secret goes along."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.errors import Damaged, StoreError
from retake_flow.redact import Secret
from retake_flow.run import codec
from retake_flow.run.gates import Gate
from retake_flow.run.identity import Identity
from retake_flow.run.run import LATEST, ActivityState, Attempt, Local, PendingUndo, Phase, Run, Work
from retake_flow.run.stats import Stats

_texts = st.text(st.characters(), max_size=8)  # lone surrogates too
_times = st.floats(-LATEST, LATEST)
_scalars = st.none() | st.booleans() | st.integers() | _times | _texts
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3))
_objects = st.dictionaries(_texts, _json, max_size=3)
_fields = st.dictionaries(_texts, _objects, max_size=2)
_undos = st.lists(st.builds(PendingUndo, _texts, _texts, _texts, _objects), max_size=3).map(tuple)
_gates = st.builds(
    Gate,
    id=_texts,
    place=_texts,
    visit=st.integers(),
    message=_texts,
    fields=_fields,
    decisions=st.dictionaries(_texts, _fields, max_size=2),
    opened_at=_times,
    due=st.none() | _times,
    audience=_texts,
)
_runs = st.builds(
    Run,
    id=_texts,
    flow=_texts,
    digest=_texts,
    inputs=_objects,
    phase=st.sampled_from(Phase),
    state=_texts,
    visits=st.dictionaries(_texts, st.integers(), max_size=3),
    vars=_objects,
    outputs=_objects,
    activities=st.dictionaries(
        _texts, st.builds(ActivityState, st.integers(), st.sampled_from(Work), _objects), max_size=3
    ),
    memory=st.dictionaries(_texts, _objects, max_size=3),
    undos=_undos,
    undoing=_undos,
    timers=st.dictionaries(st.tuples(_texts, _texts), _times, max_size=3),
    gates=st.dictionaries(_texts, _gates, max_size=2),
    attempt=st.none() | st.builds(Attempt, st.integers(), st.integers(), _times, st.booleans()),
    outcome=st.none() | _texts,
    reason=_texts,
    locals=st.dictionaries(_texts, st.builds(Local, _objects, _objects), max_size=3),
    rehearsal=_texts,
    identity=st.builds(Identity, _texts, _texts, _texts, _texts, _texts),
    stats=st.builds(
        Stats, st.dictionaries(_texts, st.integers(), max_size=2), seconds=_times, began=st.none() | _times
    ),
)

_MARK = "hunter-22-"
_secrets = st.text("abc", min_size=1, max_size=4).map(lambda text: Secret(_MARK + text))
_with_secrets = st.recursive(
    _scalars | _secrets,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(_texts, inner, max_size=4)
    ),
)
_bags = st.dictionaries(_texts, _with_secrets, max_size=4)

A_RUN = Run("r", "f", "d", {})


def through_text(data: Any) -> Any:
    """The data as it comes back from where it is kept."""
    return json.loads(json.dumps(data, allow_nan=False))


@given(_runs)
def test_every_run_comes_back_as_it_was(run: Run) -> None:
    """A run that is encoded, written as JSON text, read and decoded is the same run."""
    assert codec.decode(through_text(codec.encode(run))) == run


@given(_gates)
def test_every_gate_comes_back_as_it_was(gate: Gate) -> None:
    """A gate that is encoded, written as JSON text, read and decoded is the same gate."""
    assert codec.from_data(Gate, through_text(codec.as_data(Gate, gate)), "gate") == gate


@given(_bags, _bags)
def test_no_secret_is_encoded(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Wherever free data holds a secret, however deep, it is not in what is written, and the rest can be read."""
    run = Run(
        "r",
        "f",
        "d",
        one,
        vars=other,
        outputs=one,
        memory={"chat": other},
        activities={"a": ActivityState(1, Work.READY, one)},
        undos=(PendingUndo("a", "b", "c", other),),
        undoing=(PendingUndo("a", "b", "c", one),),
        gates={"g": Gate("g", "g", 1, "m", {"x": other}, {"d": {"y": one}})},
        locals={"s": Local(one, other)},
    )
    text = json.dumps(codec.encode(run), allow_nan=False)
    assert _MARK not in text
    assert codec.decode(json.loads(text)).id == "r"


def test_a_secret_leaves_a_mapping_and_a_gap_in_a_list() -> None:
    """A name without its value would say that there is one; in a list the places of the others count."""
    secret = Secret("hunter-22")
    run = Run("r", "f", "d", {"a": secret, "b": [1, secret, {"c": secret, "d": 2}]})
    assert codec.encode(run)["inputs"] == {"b": [1, None, {"d": 2}]}


class _Colour(StrEnum):
    RED = "red"


def test_what_is_no_json_is_written_as_well_as_it_can_be() -> None:
    """An odd value in an action's result must not end the run when it is written down."""
    odd = {
        1: (1, 2),
        "set": {3},
        "path": Path("/x"),
        "nan": float("nan"),
        "far": float("inf"),
        "colour": _Colour.RED,
        "bytes": b"x",
    }
    read = codec.decode(through_text(codec.encode(Run("r", "f", "d", {}, outputs=odd))))
    assert read.outputs == {
        "1": [1, 2],
        "set": [3],
        "path": "/x",
        "nan": "nan",
        "far": "inf",
        "colour": "red",
        "bytes": "b'x'",
    }


def test_a_run_of_an_earlier_program_gets_the_defaults_of_new_fields() -> None:
    """A field with a default that was not written yet does not keep a run from being resumed."""
    data = codec.encode(A_RUN)
    del data["gates"], data["timers"], data["locals"], data["rehearsal"], data["identity"]
    data["version"] = 1
    assert codec.decode(data) == A_RUN


def test_an_attempt_of_an_earlier_program_is_under_way_for_nobody() -> None:
    """One that was written before attempts were known to be open does not count as under way."""
    data = codec.encode(replace(A_RUN, attempt=Attempt(2, 1, 5.0, open=True)))
    assert data["attempt"]["open"] is True
    del data["attempt"]["open"]
    assert codec.decode(data).attempt == Attempt(2, 1, 5.0)


def test_a_newer_version_is_refused() -> None:
    """A run written in a form that this program does not know is not guessed at."""
    with pytest.raises(StoreError, match="form") as told:
        codec.decode({**codec.encode(A_RUN), "version": codec.VERSION + 1})
    assert told.value.hint.startswith("update retake-flow")


@pytest.mark.parametrize("version", [None, 0, "1", 1.5, True])
def test_what_is_no_version_is_damage(version: object) -> None:
    """No program has written it."""
    with pytest.raises(Damaged, match="form"):
        codec.decode({**codec.encode(A_RUN), "version": version})


@pytest.mark.parametrize("due", [1e300, -1e12, float("inf"), float("nan"), 10**400])
def test_a_time_that_nobody_can_write_is_damage(due: float) -> None:
    """No date shows it, and no timer can be set to it."""
    with pytest.raises(Damaged, match="this is no run"):
        codec.decode({**codec.encode(A_RUN), "timers": [[["a", "wait"], due]]})


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1},
        {"id": None},
        {"inputs": []},
        {"phase": "dancing"},
        {"visits": {"a": True}},
        {"visits": {"a": 1.5}},
        {"activities": {"a": {"visit": 1, "work": "ready", "value": {}, "new": 1}}},
        {"activities": {"a": 1}},
        {"undos": {}},
        {"undos": [{"scope": "a"}]},
        {"timers": [["a", "b", 1.0]]},
        {"timers": [[["a"], 1.0]]},
        {"timers": {"a": 1.0}},
        {"attempt": [1, 2, 3]},
        {"attempt": {"number": 1, "failures": 0, "since": 0.0, "open": 1}},
        {"locals": {"s": []}},
        {"locals": [["s", {}]]},
        {"outcome": 3},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_what_is_no_run_is_refused(change: dict[str, Any]) -> None:
    """Fields of another type, missing or unknown ones are told as damage, not as a defect of the program."""
    with pytest.raises(StoreError, match="no run"):
        codec.decode(through_text({**codec.encode(A_RUN), **change}))


@pytest.mark.parametrize("data", [None, [], "run", 3])
def test_what_is_no_object_is_refused(data: object) -> None:
    """JSON that is no object is no run and no gate."""
    with pytest.raises(StoreError, match="no run"):
        codec.decode(data)
    with pytest.raises(StoreError, match="no gate"):
        codec.from_data(Gate, data, "gate")


@given(_json)
def test_any_json_is_a_run_or_refused(data: Any) -> None:
    """Whatever stands where a run should be, reading it ends in a run or in a StoreError."""
    for damaged in (data, {"version": codec.VERSION, "id": data}, {**codec.encode(A_RUN), "timers": data}):
        try:
            read: object = codec.decode(damaged)
        except StoreError as error:
            read = error
        assert isinstance(read, Run | StoreError)
