"""What an agent sets, as the declared types."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_samples import at, flow_of, problems, with_sub, written

from retake_flow.errors import InputError
from retake_flow.flow.load.inputs import resolve, with_provided_inputs
from retake_flow.flow.load.load import load_flow, load_stored
from retake_flow.flow.model import Flow
from retake_flow.redact import Secret

FLOW = flow_of(
    "a: {final: ok}",
    head="""inputs:
  name: {type: string, minLength: 1, default: owl}
  tries: {type: integer, minimum: 1, default: 3}
  share: {type: number, optional: true}
  quick: {type: boolean, default: false}
  tags: {type: array, items: {type: string}, default: []}
  extra: {type: object, optional: true}
  length: {type: string, format: duration, default: 12h}
  size: {type: string, pattern: '^\\d+x\\d+$', default: 1x1}
  mood: {type: string, enum: [calm, wild], default: calm}
""",
)


def test_what_is_not_set_has_its_default_or_nothing() -> None:
    """Every input has a value: its default, or nothing when it is optional."""
    assert resolve(FLOW, {}) == {
        "name": "owl", "tries": 3, "share": None, "quick": False, "tags": [], "extra": None, "length": "12h",
        "size": "1x1", "mood": "calm",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("name", "7", "7"),
        ("name", "true", "true"),
        ("tries", "5", 5),
        ("share", "0.5", 0.5),
        ("quick", "true", True),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("extra", '{"a": 1}', {"a": 1}),
        ("length", "90m", "90m"),
        ("tries", 5, 5),
        ("mood", "wild", "wild"),
    ],
)
def test_texts_are_read_as_the_declared_type(name: str, written: object, value: object) -> None:
    """A value given as a text on the command line becomes what the flow declares; a text stays a text."""
    got = resolve(FLOW, {name: written})[name]
    assert (type(got), got) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("name", ""),
        ("tries", "five"),
        ("tries", "0"),
        ("tries", "1.5"),
        ("share", "half"),
        ("quick", "yes"),
        ("tags", "[1]"),
        ("tags", "a,b"),
        ("tags", "[" * 100_000),
        ("extra", "[]"),
        ("length", "3 parsecs"),
        ("size", "big"),
        ("mood", "sad"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, written: str) -> None:
    """A value that is not as the flow declares it is an error of usage that names the input."""
    with pytest.raises(InputError, match=f"the input '{name}' ") as raised:
        resolve(FLOW, {name: written})
    assert raised.value.exit_code == 2


def test_an_unknown_input_is_answered_with_the_one_that_was_meant() -> None:
    """A mistyped name is refused with a suggestion."""
    with pytest.raises(InputError, match=r"has no input 'trys' \(did you mean 'tries'\?\)"):
        resolve(FLOW, {"trys": "1"})


def test_a_required_input_must_be_given() -> None:
    """An input without a default that is not optional is asked for."""
    flow = flow_of("a: {final: ok}", head="inputs: {name: {type: string}}\n")
    with pytest.raises(InputError, match="the input 'name' is missing; give it with --set name="):
        resolve(flow, {})


def test_what_a_missing_input_is_for_is_told() -> None:
    """Whoever has to give it is told what it is, in the flow's words."""
    flow = flow_of("a: {final: ok}", head="inputs: {page: {type: string, description: Where it is seen.}}\n")
    with pytest.raises(InputError, match=r"the input 'page' is missing; give it with --set page=…\. It is: Where it"):
        resolve(flow, {})


def test_all_mistakes_are_told_at_once() -> None:
    """Every wrong input is named in one error."""
    with pytest.raises(InputError) as raised:
        resolve(FLOW, {"tries": "x", "mood": "sad", "nope": "1"})
    assert len(raised.value.message.splitlines()) == 3


# --- fixed, required, secret, from elsewhere ------------------------------------------------------------------

OUTSIDE = """inputs:
  name:  {type: string, value: owl}
  tries: {type: integer, env: OWL_TRIES, default: 3}
  line:  {type: string, file: line.txt, env: OWL_LINE, default: hello, secret: false}
  key:   {type: string, secret: true, env: OWL_KEY, file: keys/owl}
"""


def outside(folder: Path, head: str = OUTSIDE) -> Flow:
    """A flow in a file of a folder."""
    return load_flow(written("a: {final: ok}", head=head), str(folder / "flow.yaml"))


def values(flow: Flow, given: dict[str, Any] | None = None, **environment: str) -> dict[str, Any]:
    """The inputs of a run of a flow."""
    return resolve(with_provided_inputs(flow, environment), given or {})


def test_set_goes_before_the_environment_before_the_file_before_the_default(tmp_path: Path) -> None:
    """Each is used when none before it says anything; an empty variable says nothing."""
    flow = outside(tmp_path)
    assert values(flow, OWL_KEY="k")["line"] == "hello"
    (tmp_path / "line.txt").write_text("from the file\n", encoding="utf-8")
    assert values(flow, OWL_KEY="k")["line"] == "from the file"
    assert values(flow, OWL_KEY="k", OWL_LINE="")["line"] == "from the file"
    assert values(flow, OWL_KEY="k", OWL_LINE="from the environment")["line"] == "from the environment"
    assert values(flow, {"line": "set"}, OWL_KEY="k", OWL_LINE="from the environment")["line"] == "set"


def test_what_comes_from_elsewhere_is_read_as_the_declared_type(tmp_path: Path) -> None:
    """As what is set is; what does not fit is told with where it comes from."""
    flow = outside(tmp_path)
    assert values(flow, OWL_KEY="k", OWL_TRIES="7")["tries"] == 7
    with pytest.raises(InputError, match="'tries', from the variable OWL_TRIES, does not fit the type integer") as said:
        values(flow, OWL_KEY="k", OWL_TRIES="many-words")
    assert "many" not in said.value.message


def test_a_fixed_input_cannot_be_set(tmp_path: Path) -> None:
    """It is told where it is fixed."""
    flow = outside(tmp_path)
    assert values(flow, OWL_KEY="k")["name"] == "owl"
    with pytest.raises(InputError, match=r"the input 'name' is fixed at .*flow\.yaml:3:3; change it there"):
        values(flow, {"name": "mouse"}, OWL_KEY="k")


def test_a_secret_is_a_secret_from_the_first_moment(tmp_path: Path) -> None:
    """From the environment and from a file, whose last line break is none of it."""
    flow = outside(tmp_path)
    assert values(flow, OWL_KEY="hush-hush")["key"] == Secret("hush-hush")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "owl").write_text("from-file\n", encoding="utf-8")
    assert values(flow)["key"] == Secret("from-file")


def test_a_secret_is_not_for_the_command_line(tmp_path: Path) -> None:
    """What was given is not shown, and it is said what to do instead."""
    with pytest.raises(InputError, match="others can read the command line; set the variable OWL_KEY, or") as refused:
        values(outside(tmp_path), {"key": "my-secret-key"}, OWL_KEY="k")
    assert "my-secret-key" not in refused.value.message


def test_what_is_missing_is_told_with_every_way_to_give_it(tmp_path: Path) -> None:
    """The variable, the file with its path, and --set where that is allowed."""
    with pytest.raises(
        InputError, match="'key' is missing; set the variable OWL_KEY, or write it into the file"
    ) as one:
        values(outside(tmp_path))
    assert str(tmp_path / "keys" / "owl") in one.value.message
    assert "--set" not in one.value.message
    plain = outside(tmp_path, "inputs: {word: {type: string, env: WORD, secret: false}}\n")
    with pytest.raises(InputError, match="'word' is missing; set the variable WORD, or give it with --set word=…"):
        values(plain)


def test_a_secret_that_comes_from_nowhere_is_told(tmp_path: Path) -> None:
    """There is no way to give it."""
    flow = outside(tmp_path, "inputs: {key: {type: string, secret: true}}\n")
    with pytest.raises(InputError, match=r"say at .*flow\.yaml:2:10 where it comes from: `env: NAME` or `file: PATH`"):
        values(flow)


def test_a_file_that_cannot_be_read_is_told_whether_it_is_needed_or_not(tmp_path: Path) -> None:
    """A folder, a file that is no text, one that is too large: never the default instead."""
    flow, file = outside(tmp_path), tmp_path / "line.txt"
    file.mkdir()
    with pytest.raises(InputError, match=r"line\.txt of the input 'line' cannot be read: it is a folder"):
        values(flow, OWL_KEY="k")
    file.rmdir()
    for content, said in ((b"\xff\xfe", "is not UTF-8 text"), (b"x" * 100_000, "is larger than")):
        file.write_bytes(content)
        with pytest.raises(InputError, match=said):
            values(flow, OWL_KEY="k")


def test_a_file_is_sought_beside_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a flow that is extended beside that, from wherever it is run, and also when it was loaded by another name."""
    (tmp_path / "base").mkdir()
    base = written(
        "a: {final: ok}", head="inputs: {line: {type: string, file: line.txt, secret: false}, word: {type: string}}\n"
    )
    (tmp_path / "base" / "base.yaml").write_text(base, encoding="utf-8")
    (tmp_path / "base" / "line.txt").write_text("base", encoding="utf-8")
    (tmp_path / "word.txt").write_text("over", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    flow = load_flow("extends: base/base.yaml\ninputs: {word: {file: word.txt, secret: false}}", "over.yaml")
    assert values(flow) == {"line": "base", "word": "over"}
    monkeypatch.chdir("/")
    again = with_provided_inputs(load_stored(flow.sources), {}, str(tmp_path / "over.yaml"))
    assert resolve(again, {}) == {"line": "base", "word": "over"}


def test_home_is_that_of_the_environment(tmp_path: Path) -> None:
    """`~/` begins there; the command line has to allow it."""
    (tmp_path / "word").write_text("at home", encoding="utf-8")
    flow = outside(tmp_path / "elsewhere", "inputs: {word: {type: string, file: ~/word, secret: false}}\n")
    with pytest.raises(InputError, match=f"to allow this one, add --allow-outside {tmp_path}/word"):
        values(flow, HOME=str(tmp_path))
    allowed = replace(flow, sources=flow.sources.allowing([f"{tmp_path}/word"]))
    assert values(allowed, HOME=str(tmp_path)) == {"word": "at home"}


def test_a_sub_flow_has_its_inputs_from_elsewhere_too(tmp_path: Path) -> None:
    """Where `with` does not give them; what it lacks is told before anything runs."""
    inner = written("x: {final: ok}", "x", "inputs: {word: {type: string, env: WORD, secret: false}}\n")
    outer = "a: {flow: inner.yaml, transitions: {ok: z}}\nz: {final: ok}"
    flow = with_sub(outer, inner=inner)
    sub = with_provided_inputs(flow, {"WORD": "hi"}).states["a"].sub
    assert sub is not None
    assert sub.inputs["word"].schema["default"] == "hi"
    with pytest.raises(InputError, match="'word' of the flow in 'a' is missing; set the variable WORD"):
        with_provided_inputs(flow, {})
    with_provided_inputs(with_sub(outer.replace("yaml, ", "yaml, with: {word: x}, "), inner=inner), {})


@pytest.mark.parametrize(
    ("declared", "code", "column"),
    [
        ("{type: string, secret: true, default: x}", "RF047", 42),
        ("{type: string, secret: true, value: x}", "RF047", 42),
        ("{type: integer, secret: true, env: X}", "RF047", 20),
        ("{type: integer, value: x}", "RF044", 36),
        ("{type: string, value: x, default: y}", "RF013", 38),
        ("{type: string, required: true, default: y}", "RF013", 44),
        ("{type: string, env: 'A B'}", "RF014", 33),
        ("{type: string, env: RETAKE_ACCESS_TOKEN}", "RF014", 33),
    ],
)
def test_declarations_that_cannot_be_meant_are_mistakes(declared: str, code: str, column: int) -> None:
    """Each at the key that is at fault."""
    found = problems("a: {final: ok}", head=f"inputs: {{n: {declared}}}\n")
    assert [(problem.code, at(problem)) for problem in found] == [(code, (2, column))]


def test_a_secret_in_a_file_is_shown_nowhere() -> None:
    """Neither in the mistake that it is, nor in what else is said of it."""
    head = "inputs: {n: {type: string, secret: true, default: hush-hush-hush, enum: hush-hush-hush}}\n"
    found = problems("a: {final: ok}", head=head)
    assert found
    assert not [problem for problem in found if "hush" in str(problem)]


def test_a_text_from_outside_is_secret_unless_it_says_that_it_is_not(tmp_path: Path) -> None:
    """What somebody keeps in a variable or a file is more often a key than not."""
    flow = outside(
        tmp_path,
        "inputs: {a: {type: string, env: A}, b: {type: string, env: B, secret: false}, n: {type: integer, env: N}}\n",
    )
    values = resolve(with_provided_inputs(flow, {"A": "hush hush", "B": "hello", "N": "3"}), {})
    assert (values["a"], values["b"], values["n"]) == (Secret("hush hush"), "hello", 3)


def test_the_credentials_file_is_no_input(tmp_path: Path) -> None:
    """By whatever name: its token goes to retake.tv and nowhere else."""
    kept = tmp_path / "credentials.json"
    kept.write_text("{}", encoding="utf-8")
    (tmp_path / "other").symlink_to(kept)
    flow = outside(tmp_path, "inputs: {a: {type: string, file: other}}\n")
    with pytest.raises(InputError, match="cannot be the credentials file"):
        with_provided_inputs(flow, {"HOME": str(tmp_path), "RETAKE_CREDENTIALS": str(kept)})
