"""Finding flows."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_samples import GO_LIVE

from retake_flow.errors import UsageError
from retake_flow.flow.text.locate import find, shipped_flows


@pytest.mark.parametrize("name", ["go-live.yaml", "go-live"])
def test_a_shipped_flow_is_found_from_any_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that comes with the program is found by its name, wherever one is."""
    monkeypatch.chdir(tmp_path)
    assert find(name).read_text(encoding="utf-8") == GO_LIVE.read_text(encoding="utf-8")
    assert "go-live.yaml" in shipped_flows()


def test_a_file_goes_before_a_shipped_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own file of the same name is the one that is meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "go-live.yaml").write_text("flow: mine", encoding="utf-8")
    assert find("go-live.yaml") == Path("go-live.yaml")


def test_an_unknown_name_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped name is refused with a suggestion."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no flow 'go-life\.yaml'") as raised:
        find("go-life.yaml")
    assert raised.value.hint == "did you mean 'go-live.yaml'?"


def test_a_folder_is_no_flow(tmp_path: Path) -> None:
    """A folder is refused as one."""
    with pytest.raises(UsageError, match="is a folder, not a flow"):
        find(str(tmp_path))


@pytest.mark.parametrize("name", ["x" * 10_000, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    """A name that the system refuses is an error of usage too."""
    with pytest.raises(UsageError):
        find(name)


@pytest.mark.parametrize(
    ("there", "asked"), [("owl.yml", "owl.yaml"), ("owl.yaml", "owl.yml"), ("owl.YAML", "owl"), ("owl.yml", "owl")]
)
def test_a_file_with_another_ending_is_named(there: str, asked: str, tmp_path: Path) -> None:
    """Both endings are in use, and it is easy to mistake one for the other."""
    (tmp_path / there).write_text("flow: owl\n")
    with pytest.raises(UsageError) as raised:
        find(asked, tmp_path)
    assert str(tmp_path / there) in raised.value.hint
