"""The page of problems: every flow in it has just the mistake of its section, at the line that is marked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from retake_flow.cli import flow_file
from retake_flow.flow.diagnostics import ADVICE, CODES
from retake_flow.settings import Settings

_PAGE = (Path(__file__).parents[2] / "docs" / "problems.md").read_text(encoding="utf-8")
_SECTIONS = dict(re.findall(r"^## (RF\d{3}) .*?\n(.*?)(?=^## |\Z)", _PAGE, re.M | re.S))
_EXAMPLES = [
    (f"{code}-{number}", code, example)
    for code, section in _SECTIONS.items()
    for number, example in enumerate(re.findall(r"^```yaml\n(.*?)^```", section, re.M | re.S), 1)
]


def test_every_code_has_a_section_with_an_example() -> None:
    """The page has each code with its title, in order, and no other, and flows that are wrong; fifty and more."""
    titles = re.findall(r"^## (RF\d{3}) (.*)$", _PAGE, re.M)
    assert titles == list(CODES.items())
    assert {code for _, code, _ in _EXAMPLES} == set(CODES)
    assert len(_EXAMPLES) >= 50
    assert all(code in _PAGE.partition("## ")[0] for code in ADVICE)


@pytest.mark.parametrize(("code", "example"), [each[1:] for each in _EXAMPLES], ids=[each[0] for each in _EXAMPLES])
def test_an_example_has_its_mistake_and_no_other(
    code: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mistake is found with its code, at the line that is marked, and nothing else is."""
    for number, text in enumerate(re.split(r"^---\n", example, flags=re.M)):
        named = re.match(r"# (\S+\.yaml)\n", text)
        (tmp_path / (named[1] if named else "hello.yaml" if number == 0 else "")).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETAKE_FLOW_CACHE", str(tmp_path / "cache"))
    found = flow_file.problems("hello.yaml", Settings.from_environment())
    marked = [line for line, text in enumerate(example.splitlines(), 1) if "←" in text]
    assert len(marked) == 1
    assert [(problem.code, problem.position.line) for problem in found] == [(code, marked[0])], [*map(str, found)]
    assert found[0].position.column >= 1
