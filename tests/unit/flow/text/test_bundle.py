"""The texts of a flow: kept together, found again without a disk."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from flow_samples import SMALL
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.errors import StoreError, UsageError
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.text.bundle import Sources, parse
from retake_flow.flow.text.locate import Folders, shipped_flows

_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
TWO = Sources("/x/a.yaml", {"/x/a.yaml": "outer", "/x/b.yaml": "inner"}, {"/x/a.yaml": {"b.yaml": "/x/b.yaml"}})


@given(_texts, st.dictionaries(_texts, _texts), st.dictionaries(_texts, st.dictionaries(_texts, _texts)))
def test_what_is_dumped_comes_back(file: str, texts: dict[str, str], references: dict[str, dict[str, str]]) -> None:
    """Sources that are written as one text and read are the same, with the same digest."""
    sources = Sources(file, texts, references)
    again = parse(sources.dump())
    assert again == sources
    assert again.digest == sources.digest


@pytest.mark.parametrize("text", ["", "flow: x", "3", "[]", "null", "{}", '{"file": "x", "texts": {}}'])
def test_what_is_no_dump_is_a_damaged_store(text: str) -> None:
    """Another text is told as a store that cannot be read, not as a defect of the program."""
    with pytest.raises(StoreError, match="the flow of this run cannot be read"):
        parse(text)


def test_a_name_is_found_without_the_disk() -> None:
    """What a name in a file means is known, whether that file exists or not; other names and files are not."""
    assert TWO.find("b.yaml", "/x/a.yaml") == ("/x/b.yaml", b"inner")
    assert TWO.text == "outer"
    for name, file in (("b.yaml", "/x/b.yaml"), ("c.yaml", "/x/a.yaml")):
        with pytest.raises(KeyError):
            TWO.find(name, file)


def test_the_order_of_texts_does_not_matter() -> None:
    """The digest is that of what is there, not of how it was read; another text is another digest."""
    turned = Sources(TWO.file, dict(reversed(TWO.texts.items())), TWO.references)
    assert turned.digest == TWO.digest
    assert Sources(TWO.file, {**TWO.texts, "/x/b.yaml": "other"}, TWO.references).digest != TWO.digest
    assert Sources("/x/b.yaml", TWO.texts, TWO.references).digest != TWO.digest


def test_each_use_of_a_sub_flow_is_told() -> None:
    """A use has the names that lead to it (none from the flow itself), the name written and the text's digest."""
    deep = Sources(
        "/x/a.yaml",
        {**TWO.texts, "/x/c.yaml": "deepest"},
        {"/x/a.yaml": {"b.yaml": "/x/b.yaml"}, "/x/b.yaml": {"c.yaml": "/x/c.yaml"}},
    )
    assert deep.uses() == [
        ((), "b.yaml", sha256(b"inner").hexdigest()),
        (("b.yaml",), "c.yaml", sha256(b"deepest").hexdigest()),
    ]


def test_a_file_that_is_used_in_two_ways_is_told_with_both() -> None:
    """Which file a name means depends on where it is written, so each way to it counts; a circle has an end."""
    both = Sources(
        "a", {"a": "1", "b": "2", "c": "3"}, {"a": {"b.yaml": "b", "c.yaml": "c"}, "b": {"x": "c"}, "c": {"y": "a"}}
    )
    assert [(names, name) for names, name, _ in both.uses()] == [((), "b.yaml"), (("b.yaml",), "x"), ((), "c.yaml")]


def test_a_flow_without_sub_flows_has_one_text() -> None:
    """Its sources are its file and its text, and nothing is used."""
    flow = load_flow(SMALL, "small.yaml")
    assert flow.sources == Sources("small.yaml", {"small.yaml": SMALL}, {})
    assert flow.digest == flow.sources.digest
    assert flow.sources.uses() == []


def test_on_the_disk_a_name_is_sought_beside_the_file_first(tmp_path: Path) -> None:
    """Then among the shipped flows; what is neither is a mistake of who wrote the name."""
    file = str(tmp_path / "a.yaml")
    on_disk = Folders.beside(file).find
    assert on_disk("verify.yaml", file) == (
        str(shipped_flows()["verify.yaml"]),
        shipped_flows()["verify.yaml"].read_bytes(),
    )
    assert on_disk("verify", file)[0] == str(shipped_flows()["verify.yaml"])
    (tmp_path / "verify.yaml").write_bytes(b"mine")
    assert on_disk("verify.yaml", file) == (str(tmp_path / "verify.yaml"), b"mine")
    with pytest.raises(UsageError, match="there is no flow"):
        on_disk("nowhere.yaml", file)
