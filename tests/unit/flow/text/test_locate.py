"""Finding flows."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_samples import GO_LIVE

from retake_flow.errors import UsageError
from retake_flow.flow.text.locate import Folders, find, resolve_places, shipped_flows


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
        within = Folders.beside(folder / "flow.yaml", resolve_places([allowed]))
        assert within.find("../common/a.yaml", str(folder / "flow.yaml"))[1] == b"flow: a"
    with pytest.raises(UsageError, match="outside"):
        Folders.beside(folder / "flow.yaml", resolve_places(["a.yaml"])).find("/etc/shadow", str(folder / "flow.yaml"))


def test_a_strange_name_is_told_on_one_line(folder: Path) -> None:
    """And the option as a shell reads it; a NUL is in no file's name."""
    within = Folders.beside(folder / "flow.yaml")
    with pytest.raises(UsageError) as refused:
        within.require("/a b\n\x1b]0;x\x07/c")
    assert refused.value.message == "/a b /c is outside of the flow's folder"
    assert refused.value.hint.endswith("--allow-outside '/a b '")
    with pytest.raises(UsageError, match="is no file"):
        within.find("a\x00b", str(folder / "flow.yaml"))
