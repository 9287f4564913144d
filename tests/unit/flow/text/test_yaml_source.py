"""YAML to plain data with positions."""

from __future__ import annotations

from time import process_time

import pytest

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.text.yaml_source import Source, decode, parse


def said(source: Source) -> list[str]:
    """What is wrong with a text, as a person reads it."""
    return [str(problem).split("\n", 1)[0] for problem in source.problems]


def test_every_key_and_value_knows_where_it_stands() -> None:
    """Lines and columns count from 1, for keys, values and items of lists, within flow style too."""
    source = parse("first: one\nsecond:\n  - two\n  - {deep: three}\n", "f.yaml")
    assert source.data == {"first": "one", "second": ["two", {"deep": "three"}]}
    assert source.key(("second",)) == Position("f.yaml", 2, 1)
    assert source.value(("first",)) == Position("f.yaml", 1, 8)
    assert source.value(("second", 0)) == Position("f.yaml", 3, 5)
    assert source.key(("second", 1, "deep")) == Position("f.yaml", 4, 6)
    assert source.value(("second", 1, "deep")) == Position("f.yaml", 4, 12)


def test_what_is_not_there_is_placed_at_its_parent() -> None:
    """The position of a missing value is that of what should hold it."""
    source = parse("a:\n  b: 1\n", "f.yaml")
    assert source.value(("a", "missing", "deeper")) == source.value(("a",)) == Position("f.yaml", 2, 3)


def test_columns_count_characters_not_bytes() -> None:
    """A letter of several bytes moves what follows by one column."""
    assert parse("ключ: {x: 1}\n", "f").key(("ключ", "x")) == Position("f", 1, 8)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0x1f", 31),
        ("0o17", 15),
        ("010", 10),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("2.1.2", "2.1.2"),
        ("'12'", "12"),
        ("1280x720", "1280x720"),
        ("9" * 40, "9" * 40),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(written: str, read: object) -> None:
    """Only true and false are truth values; what has no JSON form stays a text."""
    value = parse(f"x: {written}\n", "f").data["x"]
    assert (type(value), value) == (type(read), read)


def test_keys_are_words_whatever_they_look_like() -> None:
    """A key is the text that was written, never a number or a truth value."""
    assert parse("{on: 1, 12: 2, true: 3, ~: 4}", "f").data == {"on": 1, "12": 2, "true": 3, "~": 4}


def test_a_key_that_is_here_twice_is_a_mistake() -> None:
    """The second of two equal keys is named with the line of the first, and the first counts."""
    source = parse("a: 1\nb: 2\na: 3\n", "f.yaml")
    assert said(source) == ["f.yaml:3:1: RF003 the key 'a' is here twice; the first is at line 1"]
    assert source.data["a"] == 1


def test_aliases_stand_for_what_they_name() -> None:
    """An anchor and its alias are the same data."""
    assert parse("a: &x {y: 1}\nb: *x\n", "f").data == {"a": {"y": 1}, "b": {"y": 1}}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("&k a: 1\n*k : 2\nb: *k\n", {"a": 1, "b": "a"}),  # the key stands there twice
        ("a: &x [1, &y {b: 2}]\nc: *y\nd: *x\n", {"a": [1, {"b": 2}], "c": {"b": 2}, "d": [1, {"b": 2}]}),
        ("a: &x {b: 1}\n*x : {c: [*x, {d: 2}]}\ne: *x\n", {"a": {"b": 1}, "e": {"b": 1}}),
        ("? [a, {b: 1}]\n: {c: [d]}\ne: 3\n", {"e": 3}),
        ("a: {b: 1, b: [{c: 2}], d: 3}\n", {"a": {"b": 1, "d": 3}}),
    ],
)
def test_what_cannot_be_a_key_is_passed_by_with_its_value(text: str, data: object) -> None:
    """Whatever it is made of, also by aliases; what comes after it is read."""
    assert parse(text, "f").data == data


def test_the_values_of_an_alias_are_where_they_are_written() -> None:
    """A mistake in them is there; the key that leads to an alias is in its own place."""
    source = parse("a: &x\n  y: 1\nb: *x\n", "f")
    assert (str(source.value(("b", "y"))), str(source.key(("b",)))) == ("f:2:6", "f:3:1")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: *q\nb: [\n", "f:1:4"),  # of two mistakes, the first
        ("a: &x 1\nb: &x 2\n", "f:2:4"),
        ("a: *x\nb: &x 1\n", "f:1:4"),
        ("a: {b: *x, c: &x {d: *x}}\n", "f:1:8"),
        ("a: 1\n---\nb: }\n", "f:2:1"),
    ],
)
def test_anchors_and_aliases_that_do_not_fit_are_told_where_they_are(text: str, place: str) -> None:
    """An alias of nothing, a name that is given twice, and a second document are no YAML of a flow."""
    [problem] = parse(text, "f").problems
    assert (str(problem.position), problem.code) == (place, "RF001")


def test_an_alias_bomb_is_refused_at_once() -> None:
    """Aliases that multiply to billions of values are refused without building them."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    began = process_time()
    source = parse(bomb, "f.yaml")
    assert source.data is None
    assert said(source) == [
        "f.yaml:1:1: RF001 with its aliases it holds more than 50000 values or nests deeper than 100"
    ]
    assert process_time() - began < 10


def test_an_alias_within_itself_is_refused() -> None:
    """A list that holds itself is no data."""
    assert [problem.code for problem in parse("a: &a [*a]", "f").problems] == ["RF001"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "a: " + "[" * 101])
def test_deep_nesting_is_refused_where_it_goes_too_deep(text: str) -> None:
    """However deep a text nests, it is a message with a position, never a crash."""
    source = parse(text, "f.yaml")
    assert [problem.message for problem in source.problems] == ["this nests deeper than 100"]
    assert source.data is None


def test_a_huge_text_is_refused() -> None:
    """A text of more than a million characters is not even parsed."""
    assert said(parse("a" * 1_000_001, "f")) == ["f:1:1: RF001 the file is larger than 1000000 characters"]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: 'x", 1, 6),
        ("a:\n\t- b\n", 2, 1),
        ("a: [1, 2\nb: 3\n", 2, 2),
        ("a: 1\n b: 2\n", 2, 3),
        ("a: *nothing\n", 1, 4),
        ("a: 1\n---\nb: 2\n", 2, 1),
        ("a: \x07", 1, 1),
    ],
)
def test_broken_yaml_is_one_problem_where_it_breaks(text: str, line: int, column: int) -> None:
    """What is not YAML gives one message with the place where the parser gave up, and a hint."""
    source = parse(text, "f.yaml")
    assert source.data is None
    [problem] = source.problems
    assert (problem.code, problem.position) == ("RF001", Position("f.yaml", line, column))
    assert problem.message.startswith("this is not YAML: ")
    assert problem.hint


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n"])
def test_an_empty_file_says_so(text: str) -> None:
    """A file without anything in it is told how a flow begins."""
    [problem] = parse(text, "f").problems
    assert (problem.message, problem.hint) == ("the file is empty", "a flow begins with `flow: NAME`")


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!mine", "!!binary"])
def test_tags_are_refused(tag: str) -> None:
    """A tag that asks for more than plain data is a mistake and makes nothing."""
    source = parse(f"a: {tag} x\n", "f")
    assert [problem.code for problem in source.problems] == ["RF002"]
    assert source.data == {"a": "x"}


def test_a_key_that_is_no_word_is_a_mistake() -> None:
    """A list cannot be a key."""
    assert said(parse("? [1, 2]\n: x\nb: 1\n", "f")) == ["f:1:3: RF002 a key must be a plain word"]


def test_bytes_that_are_not_utf_8_are_placed() -> None:
    """The first byte that is not UTF-8 is placed by characters, not by bytes."""
    text, problems = decode("a: 1\nb: é ".encode() + b"\xff", "f.yaml")
    assert text == ""
    assert str(problems[0]).splitlines()[0] == "f.yaml:2:6: RF001 this is not UTF-8 text"


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """A file that an editor began with a byte order mark is read like any other."""
    assert decode(b"\xef\xbb\xbfflow: x", "f") == ("flow: x", [])
    assert decode(b"\xef\xbb\xbf\xff", "f")[1][0].position == Position("f", 1, 1)


@pytest.mark.parametrize(
    "template",
    ["{{ inputs.t }}", "{{inputs.t}}", "{{ outputs.a.b|default('x') }}", "{{ a if b else c }}"],
)
@pytest.mark.parametrize("around", ["a: %s\n", "a: {b: %s, c: 1}\n", "- %s\n", "a:\n  b: %s\n"])
def test_a_template_without_quotation_marks_is_told_and_read_as_meant(template: str, around: str) -> None:
    """YAML takes `{{ … }}` for a mapping; it is one mistake, and the rest of the flow is checked as it is meant."""
    source = parse(around % template, "f.yaml")
    assert [problem.message for problem in source.problems] == ["`{{ … }}` has to stand in quotation marks"]
    assert source.problems[0].hint == f'write "{template}"'
    assert template in str(source.data) or "default" in template


@pytest.mark.parametrize("value", ["{{ [a, b]|first }}", "{{ a }} and {{ b }}", "{{ 'it''s' }}: x"])
def test_a_template_that_is_no_yaml_at_all_is_told_the_same_way(value: str) -> None:
    """Where YAML stops reading within it, the hint is to quote it."""
    (problem,) = parse(f"a: {value}\n", "f.yaml").problems
    assert "quotation marks" in problem.hint


@pytest.mark.parametrize("written", ["007", "010", "-01", "0_1"])
def test_a_number_that_begins_with_nought_is_refused(written: str) -> None:
    """Other programs read it as an octal number, and many who write it mean a text."""
    (problem,) = parse(f"a: {written}\n", "f.yaml").problems
    assert "octal" in problem.message
    assert f"'{written}'" in problem.hint


@pytest.mark.parametrize("written", ["0", "0.5", "-0", "0x1F", "0o17", "'007'", "2026-01-02", "10"])
def test_other_numbers_and_texts_are_as_they_are(written: str) -> None:
    """Nought itself, fractions, and what says its base."""
    assert parse(f"a: {written}\n", "f.yaml").problems == []
