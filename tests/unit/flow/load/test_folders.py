"""The folders in which a flow may name files."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow.errors import UsageError
from retake_flow.flow.load.folders import Folders, outside
from retake_flow.flow.text.locate import shipped_flows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A flow's folder, with a folder in it and one beside it."""
    for path in (tmp_path / "own" / "parts", tmp_path / "common", tmp_path / "own-too"):
        path.mkdir(parents=True)
        (path / "a.yaml").write_text("flow: a", encoding="utf-8")
    (tmp_path / "own" / "in.yaml").symlink_to("parts/a.yaml")
    (tmp_path / "own" / "out.yaml").symlink_to("../common/a.yaml")
    (tmp_path / "own" / "far").symlink_to("/etc")
    return tmp_path / "own"


@pytest.mark.parametrize("name", ["parts/a.yaml", "in.yaml", "parts/../in.yaml", "parts/../../own/in.yaml"])
def test_what_is_in_its_own_folder_may_be_named(folder: Path, name: str) -> None:
    """However it is written, and through links that stay inside."""
    found, content = Folders.beside(folder / "flow.yaml").find(name, str(folder / "flow.yaml"))
    assert (Path(found).resolve(), content) == ((folder / "parts" / "a.yaml").resolve(), b"flow: a")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("../common/a.yaml", "common"),
        ("out.yaml", "common"),
        ("../own-too/a.yaml", "own-too"),
        ("parts/../../common/nothing.yaml", "common"),
        ("../../../../../../../../../etc/shadow", "/etc"),
        ("/etc/shadow", "/etc"),
        ("far/shadow", "/etc"),
        ("/proc/self/environ", ""),
    ],
)
def test_what_is_elsewhere_is_refused_with_what_would_allow_it(folder: Path, name: str, place: str) -> None:
    """Where links lead counts; whether something is there is not looked at."""
    allowed = Path(folder.parent, place).resolve()
    with pytest.raises(UsageError, match="is outside of the flow's folder") as refused:
        Folders.beside(folder / "flow.yaml").find(name, str(folder / "flow.yaml"))
    assert f"add --allow-outside {allowed if place else '/proc'}" in refused.value.hint


def test_shipped_flows_may_be_named_from_anywhere(folder: Path) -> None:
    """By name or by place, and what stands beside them."""
    within, place = Folders.beside(folder / "flow.yaml"), shipped_flows()["verify.yaml"]
    for name, file in (("verify.yaml", folder / "x"), ("verify", folder / "x"), (str(place), folder / "x")):
        assert within.find(name, str(file))[0] == str(place)
    assert within.find("verify.yaml", str(shipped_flows()["go-live.yaml"]))[0] == str(place)


def test_the_command_line_allows_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with all that is in it, or one file; as it is named from the current folder."""
    monkeypatch.chdir(folder.parent / "common")
    for allowed in (".", "a.yaml", str(folder / "out.yaml"), "/"):
        within = Folders.beside(folder / "flow.yaml", outside([allowed]))
        assert within.find("../common/a.yaml", str(folder / "flow.yaml"))[1] == b"flow: a"
    with pytest.raises(UsageError, match="outside"):
        Folders.beside(folder / "flow.yaml", outside(["a.yaml"])).find("/etc/shadow", str(folder / "flow.yaml"))


def test_a_strange_name_is_told_on_one_line(folder: Path) -> None:
    """And the option as a shell reads it; a NUL is in no file's name."""
    within = Folders.beside(folder / "flow.yaml")
    with pytest.raises(UsageError) as refused:
        within.require("/a b\n\x1b]0;x\x07/c")
    assert refused.value.message == "/a b /c is outside of the flow's folder"
    assert refused.value.hint.endswith("--allow-outside '/a b '")
    with pytest.raises(UsageError, match="is no file"):
        within.find("a\x00b", str(folder / "flow.yaml"))
