"""Dataclasses that are made quickly are what those of the standard library are."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from retake_flow.quick_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """Something frozen."""

    text: str
    marks: list[str] = field(default_factory=list)
    hint: str = field(default="none", compare=False)
    secret: str = field(default="", repr=False)


@dataclass(slots=True)
class Count:
    """Something that changes."""

    value: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Something that has an order."""

    line: int
    column: int = 1
    said: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """Something that is like nothing else."""

    value: int


class Kept(Note):
    """Made by inheritance."""


@dataclass(slots=True)
class Doubled:
    """Something that finishes itself, and says so in its own words."""

    value: int

    def __post_init__(self) -> None:
        self.value *= 2

    def __repr__(self) -> str:
        return f"twice {self.value // 2}"


def test_values_come_by_place_by_name_and_by_default() -> None:
    """A default that is made is made anew for each object."""
    note = Note("a", hint="b")
    assert (note.text, note.marks, note.hint, note.secret) == ("a", [], "b", "")
    assert note.marks is not Note("a").marks
    assert Doubled(4).value == 8


def test_the_hundredth_object_is_like_the_first() -> None:
    """Only the later ones come from a compiled `__init__`."""

    @dataclass(frozen=True, slots=True)
    class Many:
        at: int
        marks: list[int] = field(default_factory=list)
        hint: str = "none"

    every = [Many(3, [4]) for _ in range(100)] + [Many(marks=[4], at=3) for _ in range(100)]
    assert set(map(repr, every)) == {repr(Many(3, [4], "none"))}
    with pytest.raises(TypeError, match="at"):
        Many()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("args", "named"), [((), {}), (("a", [], "", "", 5), {}), (("a",), {"other": 1}), (("a",), {"text": "b"})]
)
def test_wrong_arguments_are_refused(args: tuple[Any, ...], named: dict[str, Any]) -> None:
    """As by any function."""
    with pytest.raises(TypeError):
        Note(*args, **named)


def test_equality_and_hash_are_those_of_the_compared_fields() -> None:
    """Objects of another class are never equal."""
    first, second = (Note("a", (), hint, "s") for hint in ("x", "y"))  # type: ignore[arg-type]
    assert first == second
    assert hash(first) == hash(second)
    assert first != Note("a", (), "x", "t")  # type: ignore[arg-type]
    assert first != ("a", (), "s")
    assert Count(1) == Count(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Count(1))


def test_order_is_that_of_the_compared_fields() -> None:
    """As of the standard library's, and with no other class."""
    assert sorted([Place(2), Place(1, 3), Place(1, 2)]) == [Place(1, 2), Place(1, 3), Place(2)]
    assert Place(1) < Place(2) <= Place(2, 1, "said") >= Place(2) > Place(1)
    with pytest.raises(TypeError, match="not supported"):
        Place(1) < (1, 1)  # type: ignore[operator]  # noqa: B015
    with pytest.raises(TypeError, match="not supported"):
        Note("a") < Note("b")  # type: ignore[operator]  # noqa: B015


def test_what_is_not_compared_is_equal_to_itself_alone() -> None:
    """And can be a key."""
    one, other = Single(1), Single(1)
    assert one != other
    assert {one: 1, other: 2}[one] == 1


def test_what_is_frozen_stays_as_it_is() -> None:
    """Neither set nor deleted."""
    note = Note("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="text"):
        note.text = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="text"):
        del note.text
    assert note.text == "a"
    assert not hasattr(note, "__dict__")


def test_what_is_not_frozen_changes() -> None:
    """Within its fields."""
    count = Count()
    count.value += 1
    assert count == Count(1)
    with pytest.raises(AttributeError):
        count.other = 1  # type: ignore[attr-defined]


def test_it_is_shown_as_it_is_written_and_without_what_is_not_for_showing() -> None:
    """Unless the class has its own words."""
    assert repr(Note("a", ["b"], secret="s")) == "Note(text='a', marks=['b'], hint='none')"
    assert repr(Doubled(3)) == "twice 3"


def test_the_standard_library_takes_it_for_its_own() -> None:
    """It can be replaced, taken apart and matched."""
    note = Note("a", ["b"])
    assert dataclasses.is_dataclass(note)
    assert dataclasses.asdict(note) == {"text": "a", "marks": ["b"], "hint": "none", "secret": ""}
    assert dataclasses.replace(note, text="c") == Note("c", ["b"])
    match note:
        case Note(text, marks):
            assert (text, marks) == ("a", ["b"])


def test_copies_are_equal() -> None:
    """Also those of what is frozen."""
    note = Note("a", ["b"])
    assert copy.copy(note) == copy.deepcopy(note) == pickle.loads(pickle.dumps(note)) == note
    assert copy.deepcopy(note).marks is not note.marks


def test_a_class_can_be_inherited_before_anything_was_made_of_it() -> None:
    """What is compiled late belongs to each class."""
    assert Kept("a").text == "a"
    assert Kept("a") == Kept("a")
    assert Kept("a") != Note("a")


def test_what_it_does_not_know_is_left_to_the_standard_library_or_refused() -> None:
    """It is never done wrongly."""

    @dataclass(frozen=True, order=True)
    class Ordered:
        value: int

    @dataclass(frozen=True, slots=True)
    class Strange:
        value: int = field(default=0, init=False)

    assert Ordered(1) < Ordered(2)
    with pytest.raises(TypeError, match="init=False"):
        Strange()


def test_fields_that_are_given_by_name_follow_those_given_by_position() -> None:
    """So a class can require fields after the optional ones of its base."""

    @dataclass(frozen=True, slots=True)
    class Base:
        first: int
        second: int = field(default=0, kw_only=True)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Derived(Base):
        third: int

    assert Derived(1, third=3) == Derived(1, third=3, second=0)
    assert dataclasses.replace(Derived(1, third=3), second=2) == Derived(1, third=3, second=2)
    with pytest.raises(TypeError, match="third"):
        Derived(1)  # type: ignore[call-arg]
