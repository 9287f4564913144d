"""Flows that extend others: what is merged, what goes away, and who is told of a mistake."""

from __future__ import annotations

from typing import Any

import pytest
from flow_samples import CATALOGUE, shelf
from hypothesis import given
from hypothesis import strategies as st
from overlay_samples import BASE, checked, said

from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.load.files import Files
from retake_flow.flow.load.load import load, load_flow, load_stored
from retake_flow.flow.model import Flow
from retake_flow.flow.text.yaml_source import Source, parse


def resolved(overlay: str, base: str = BASE) -> tuple[Source, list[Problem]]:
    """What an overlay makes of the base, and what is wrong with that."""
    files = Files(shelf(base=base))
    return files.add(f"extends: base.yaml\n{overlay}", "over.yaml"), files.problems


def merged(overlay: str, base: str = BASE) -> Any:
    """The data of the flow that an overlay, which fits, makes of the base."""
    source, problems = resolved(overlay, base)
    assert problems == []
    return source.data


def laid(overlay: str, base: str = BASE) -> Flow:
    """The flow that an overlay, which has no mistakes, makes of the base."""
    return load_flow(f"extends: base.yaml\n{overlay}", "over.yaml", shelf(base=base))


# --- merging --------------------------------------------------------------------------------------------------


def test_mappings_merge_and_all_else_replaces() -> None:
    """A key of a mapping is set beside its neighbours; the base's other parts are as they were."""
    before = parse(BASE, "base.yaml").data
    after = merged("states:\n  a: {retry: {max: 5}}")
    assert after["states"]["a"]["retry"] == {"max": 5, "cap": "30s"}
    after["states"]["a"]["retry"] = before["states"]["a"]["retry"]
    assert after == before


def test_a_list_replaces_a_list() -> None:
    """Routes that are a list are written anew as a whole."""
    data = merged("states: {a: {transitions: {done: [{when: 'true', to: good}, {to: b}]}}}")
    assert data["states"]["a"]["transitions"] == {"done": [{"when": "true", "to": "good"}, {"to": "b"}], "error": "bad"}
    files = Files(shelf(base=BASE, over="extends: base.yaml\nstates: {a: {transitions: {done: [{to: b}, {to: a}]}}}"))
    again = files.add("extends: over.yaml\nstates: {a: {transitions: {done: [{to: good}]}}}", "again.yaml")
    assert again.data["states"]["a"]["transitions"]["done"] == [{"to": "good"}]


def test_null_removes() -> None:
    """A key, an activity, a state."""
    data = merged(
        "description: null\nstates:\n  b: {activities: {beat: null}}\n  b/d: {transitions: null, timeout: null}"
    )
    assert "description" not in data
    assert data["states"]["b"]["activities"] == {}
    assert data["states"]["b"]["states"]["d"] == {}


def test_a_path_addresses_a_nested_state() -> None:
    """It is the same as writing the states around it out."""
    assert merged("states: {b/d: {timeout: 2h}}") == merged("states: {b: {states: {d: {timeout: 2h}}}}")


def test_a_state_is_added_where_its_path_says() -> None:
    """A new state is taken as it is written, also what is nothing in it."""
    data = merged("states: {b/e: {ask: {message: x, decisions: {yes: , no: }}, transitions: {yes: d, no: d}}}")
    assert list(data["states"]["b"]["states"]) == ["c", "d", "e"]
    assert data["states"]["b"]["states"]["e"]["ask"]["decisions"] == {"yes": None, "no": None}


def test_identity_is_the_overlays_own() -> None:
    """`flow`, `version` and `description` of the base hold until the overlay has its own."""
    flow = laid("flow: mine\nstates: {b/d: {timeout: 2h}}")
    assert (flow.name, flow.version, flow.description) == ("mine", 3, "To be extended.")


def test_another_kind_forgets_what_belonged_to_the_one_before() -> None:
    """What only an action has goes, and its routes; what any state has stays."""
    data = merged("states: {b/c: {wait: 3s, transitions: {done: d}}}")
    assert data["states"]["b"]["states"]["c"] == {"wait": "3s", "transitions": {"done": "d"}}
    data = merged("states: {b: {wait: 3s, transitions: {done: good}}}")
    assert data["states"]["b"] == {"wait": "3s", "transitions": {"done": "good"}, "activities": {
        "beat": {"do": "a.say", "every": "3s", "with": {"text": "tick", "times": 2}}}}  # fmt: skip


def test_another_kind_loses_what_it_cannot_have() -> None:
    """An end has no activities and no timeout."""
    base = BASE.replace(
        "      d: {timeout: 1h, ", "      d: {timeout: 1h, activities: {x: {do: a.work}}, set: {y: 1}, "
    )
    assert merged("states: {b/d: {final: ok}}", base)["states"]["b"]["states"]["d"] == {"set": {"y": 1}, "final": "ok"}


def test_another_action_begins_without_the_inputs_of_the_one_before() -> None:
    """Of a state and of an activity; with the same action the inputs merge."""
    data = merged("states: {b/c: {do: a.choose}, b: {activities: {beat: {do: a.work}}}}")
    assert "with" not in data["states"]["b"]["states"]["c"]
    assert data["states"]["b"]["activities"]["beat"] == {"do": "a.work", "every": "3s"}
    data = merged("states: {b/c: {do: a.say, with: {times: 4}}}")
    assert data["states"]["b"]["states"]["c"]["with"] == {"text": "{{ inputs.word }}", "times": 4}


def test_replace_takes_the_place_of_all_that_was_there() -> None:
    """Of a state and of an activity, and the word itself is gone."""
    data = merged("states: {b/d: {replace: true, wait: 1s, transitions: {done: good}}}")
    assert data["states"]["b"]["states"]["d"] == {"wait": "1s", "transitions": {"done": "good"}}
    data = merged("states: {b: {activities: {beat: {replace: true, do: a.say, every: 9s, with: {text: tock}}}}}")
    assert data["states"]["b"]["activities"]["beat"] == {"do": "a.say", "every": "9s", "with": {"text": "tock"}}


def test_overlays_can_be_chained() -> None:
    """The nearest one has the last word, and all texts are among the sources."""
    middle = "extends: base.yaml\ninputs: {word: {default: hi}, note: none}\nstates: {b/d: {timeout: 2h}}"
    flow = load_flow("extends: middle.yaml\nstates: {b/d: {timeout: 3h}}", "over.yaml", shelf(base=BASE, middle=middle))
    assert flow.states["b/d"].timeout == "3h"
    assert flow.inputs["word"].schema["default"] == "hi"
    assert list(flow.sources.texts) == ["over.yaml", "middle.yaml", "base.yaml"]
    assert [(names, name) for names, name, _ in flow.sources.uses()] == [
        ((), "middle.yaml"), (("middle.yaml",), "base.yaml"),
    ]  # fmt: skip


def test_a_run_goes_on_with_the_texts_it_began_with() -> None:
    """From its sources the same flow is made again, without looking for any file."""
    flow = laid("states: {b/d: {timeout: 2h}}")
    again = load_stored(flow.sources)
    assert again.digest == flow.digest
    assert again.states["b/d"].timeout == "2h"


def test_an_input_is_set_by_its_value_alone() -> None:
    """A value or a list fixes it; a mapping says more about it, in whose place what was said before goes."""
    inputs = merged("inputs: {word: bye, note: {required: true}}")["inputs"]
    assert inputs == {"word": {"type": "string", "value": "bye"}, "note": {"type": "string", "required": True}}
    fixed = "extends: base.yaml\ninputs: {word: bye}"
    files = Files(shelf(base=BASE, fixed=fixed))
    source = files.add("extends: fixed.yaml\ninputs: {word: {default: hey}}", "over.yaml")
    assert source.data["inputs"]["word"] == {"type": "string", "default": "hey"}


# --- places ---------------------------------------------------------------------------------------------------


def test_every_key_and_value_knows_its_file() -> None:
    """What the overlay says stands there, what it does not touch in the base; a touched line knows where it began."""
    source, _ = resolved("states:\n  b/d:\n    timeout: 2h\n  a: {wait: 5s}")
    here = ("states", "b", "states", "d")
    assert source.value((*here, "timeout")) == Position("over.yaml", 4, 14)
    assert source.key(here) == Position("over.yaml", 3, 3)
    assert source.origin(here) == Position("base.yaml", 17, 7)
    assert source.key((*here, "transitions")) == Position("base.yaml", 17, 24)
    assert source.value(("states", "a", "wait")).file == "over.yaml"


@pytest.mark.parametrize(
    ("overlay", "place"),
    [
        ("states:\n  b/d: {tiemout: 1h}", ("RF010", "over.yaml", 3, 9)),
        ("states:\n  b/d: {timeout: soon}", ("RF014", "over.yaml", 3, 18)),
        ("states:\n  b/d: {transitions: {timeout: nowhere}}", ("RF020", "over.yaml", 3, 32)),
        ("states:\n  b/c: {do: a.wrok}", ("RF040", "over.yaml", 3, 3)),
        ("states:\n  b/c: {with: {text: null}}", ("RF042", "over.yaml", 3, 3)),
        ("states:\n  b/c: {with: {times: many}}", ("RF043", "over.yaml", 3, 3)),
        ("inputs:\n  word: 7", ("RF044", "over.yaml", 3, 9)),
        ("inputs:\n  word: {default: 7}", ("RF044", "over.yaml", 3, 3)),
        ("states:\n  e: {wait: 1s, transitions: {done: good}}", ("RF060", "over.yaml", 3, 3)),
        ("initial: x", ("RF020", "over.yaml", 2, 10)),
        ("initial: null", ("RF011", "over.yaml", 1, 1)),
    ],
)
def test_a_mistake_of_the_overlay_points_into_it(overlay: str, place: tuple[str, str, int, int]) -> None:
    """With the code of the mistake, at the line that is at fault."""
    assert place in said(overlay)
    assert {file for _, file, _, _ in said(overlay)} == {"over.yaml"}


def test_a_mistake_of_the_base_points_into_the_base() -> None:
    """An overlay does not take the blame for what it has not touched."""
    broken = BASE.replace("done: b, error", "done: q, error")
    assert ("RF020", "base.yaml", 9, 66) in said("states: {b/d: {timeout: 2h}}", broken)


def test_a_removed_state_is_told_with_who_goes_there() -> None:
    """One mistake for each route that leads to it, at the line that removes it."""
    found = checked("states:\n  b/d: null")
    assert [(problem.code, str(problem.position)) for problem in found] == [("RF020", "over.yaml:3:3")]
    assert "'b/d' is not there any more, and 'b/c' goes to it on 'done' (base.yaml:16:87)" in found[0].message
    assert found[0].hint == "route 'b/c' elsewhere on 'done'"
    assert said("states:\n  b/d: null\n  b/c: {transitions: {done: good}}") == []
    [initial] = [problem for problem in checked("states:\n  a: null") if problem.code == "RF020"]
    assert "'a' is not there any more, and the flow goes to it" in initial.message


def test_a_sub_flow_is_sought_beside_the_file_that_names_it(tmp_path: Any) -> None:
    """One named in the base beside the base, one named in the overlay beside the overlay."""
    inner = "flow: inner\ninitial: x\nstates: {x: {wait: %s, transitions: {done: y}}, y: {final: ok}}"
    runs = "flow: b\ninitial: a\nstates: {a: {flow: inner.yaml, transitions: {ok: z}}, z: {final: ok}}"
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "base.yaml").write_text(runs, encoding="utf-8")
    (tmp_path / "base" / "inner.yaml").write_text(inner % "1s", encoding="utf-8")
    (tmp_path / "inner.yaml").write_text(inner % "2s", encoding="utf-8")
    text = (
        "extends: base/base.yaml\nstates:\n  a: {transitions: {ok: b}}\n  b: {flow: inner.yaml, transitions: {ok: z}}"
    )
    flow = load_flow(text, str(tmp_path / "over.yaml"))
    assert (flow.states["a/x"].wait, flow.states["b/x"].wait) == ("1s", "2s")
    assert load_stored(flow.sources).states["b/x"].wait == "2s"


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlay", "place", "hint"),
    [
        ("states:\n  b/q/r: {wait: 1s}", (3, 3), "there are: c, d"),
        ("states:\n  q: null", (3, 3), "there are: a, b, bad, good"),
        ("states:\n  gode: null", (3, 3), "did you mean 'good'?"),
        ("states:\n  d: {timeout: 2h}", (3, 3), "write its path, 'b/d'"),
        ("states:\n  b/d: {wait: null}", (3, 9), ""),
        ("states:\n  b/c: {with: {txt: null}}", (3, 16), "did you mean 'text'?"),
        ("states:\n  a/x: {wait: 1s}", (3, 3), ""),
        ("states:\n  q: {replace: true, wait: 1s}", (3, 3), "there are"),
        ("inputs:\n  wrod: x", (3, 3), "did you mean 'word'?"),
        ("inputs:\n  wrod: null", (3, 3), "did you mean 'word'?"),
        ("guide: null", (2, 1), ""),
    ],
)
def test_what_is_not_there_cannot_be_addressed(overlay: str, place: tuple[int, int], hint: str) -> None:
    """RF023, with what was meant."""
    found = [problem for problem in checked(overlay) if problem.code == "RF023"]
    assert [(problem.position.line, problem.position.column) for problem in found] == [place]
    assert hint in found[0].hint


@pytest.mark.parametrize("key", ["inputs", "events", "actions", "scenes"])
def test_a_key_that_the_base_does_not_have_cannot_be_removed(key: str) -> None:
    """Each key of the flow alike."""
    _, found = resolved(f"{key}: null", "flow: base\ninitial: a\nstates: {a: {final: ok}}")
    assert [(problem.code, str(problem.position)) for problem in found] == [("RF023", "over.yaml:2:1")]


@pytest.mark.parametrize("overlay", ["", "flow: mine", "version: 9\ndescription: x", "states: {a: {retry: {max: 3}}}"])
def test_an_overlay_that_changes_nothing_is_a_mistake(overlay: str) -> None:
    """Another name is no change, nor is what the base says already."""
    assert said(overlay) == [("RF024", "over.yaml", 1, 1)]


def test_what_cannot_be_extended_is_told_where_it_is_named() -> None:
    """A flow that is not there, that is no text, no flow, or that leads back."""
    find = shelf(base=BASE, back="extends: over.yaml\nflow: x", bad="[", over="extends: back.yaml\nflow: y")
    cases = {"nowhere.yaml": "RF022", "[x]": "RF022", "bad.yaml": "RF001", "back.yaml": "RF022"}
    for name, code in cases.items():
        answer = load(f"extends: {name}\nflow: y", "over.yaml", find=find)
        assert answer.flow is None
        assert [problem.code for problem in answer.problems] == [code]
    [circle] = load("extends: back.yaml\nflow: y", "over.yaml", find=find).problems
    assert "over.yaml → back.yaml → over.yaml" in circle.message


def test_a_long_chain_is_refused() -> None:
    """As deep as sub-flows may be, and no deeper."""
    texts = {f"f{n}": f"extends: f{n + 1}.yaml\nversion: {n + 1}" for n in range(20)}
    [problem] = load("extends: f0.yaml", "over.yaml", find=shelf(**texts)).problems
    assert problem.code == "RF022"


_WORDS = """extends flow states a b b/c b/d c do wait with transitions done initial inputs word value required
activities beat before after replace state on ask"""
_keys = st.sampled_from(_WORDS.split())
_data = st.recursive(
    st.sampled_from([None, True, 3, "a", "b", "c", "a.say", "1s", "done", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_keys, _data, max_size=4), st.dictionaries(_keys, _data, max_size=4))
def test_whatever_an_overlay_holds_it_is_laid_or_refused(top: dict[str, Any], states: dict[str, Any]) -> None:
    """Never a traceback, and never silence about a flow that cannot be had."""
    import json

    text = json.dumps({**top, "states": states, "extends": "base.yaml"})
    answer = load(text, "over.yaml", find=shelf(base=BASE))
    assert answer.flow is not None or answer.problems
    check(answer, CATALOGUE)


@pytest.mark.parametrize(
    ("overlay", "place"),
    [
        ("inputs: [word]", (2, 9)),
        ("states: [a]", (2, 9)),
        ("states: {b: {states: c}}", (2, 22)),
        ("states: {b/d: hello}", (2, 15)),
        ("states: {b: [c]}", (2, 13)),
    ],
)
def test_what_must_be_a_mapping_and_is_none_leaves_the_base_as_it_is(overlay: str, place: tuple[int, int]) -> None:
    """So that this alone is told, and not also that all that was there is missed."""
    assert said(overlay) == [("RF014", "over.yaml", *place)]
