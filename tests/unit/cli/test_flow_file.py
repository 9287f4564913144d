"""Flows that a person names: what they are told of one, and which of them can be run."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from retake_flow.cli import flow_file
from retake_flow.cli.flow_file import CheckCache
from retake_flow.flow.diagnostics import Problems
from retake_flow.flow.text import locate
from retake_flow.settings import Settings

#: Breaks a rule of the platform: the session that it starts is never stopped.
OVERLAY = "extends: go-live.yaml\nstates:\n  broadcast/session: {undo: null}\n"


def told(text: str, folder: Path) -> list[tuple[str, int]]:
    """The codes and lines of what is wrong with a flow, which cannot be run then."""
    (folder / "owl.yaml").write_text(text, encoding="utf-8")
    settings = Settings.from_environment({"RETAKE_FLOW_CACHE": str(folder / "cache")})
    found = flow_file.problems(str(folder / "owl.yaml"), settings)
    with pytest.raises(Problems):
        flow_file.open_flow(str(folder / "owl.yaml"), settings)
    return [(problem.code, problem.position.line) for problem in found]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", ("RF070", 3)),
        ("  broadcast/pushing/open_chat: {do: chat.sned}\n", ("RF040", 4)),
        ("  broadcast/pushing/confirm_live: {transitions: {timeout: null}}\n", ("RF050", 4)),
        ("  pause: {before: brodcast, wait: 1s}\n", ("RF023", 4)),
    ],
)
def test_rules_are_held_against_a_flow_that_is_sound_otherwise(
    more: str, said: tuple[str, int], tmp_path: Path
) -> None:
    """Until then a broken rule may be but a consequence; the flow cannot be run in either case."""
    assert told(OVERLAY + more, tmp_path) == [said]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("  pause: {wait: 1s, transitions: {done: broadcast}}\n", "RF060"),
        ("  signed_off: {entry: {cancel: bye}}\n", "RF056"),
    ],
)
def test_what_leaves_the_paths_known_keeps_no_rule_from_being_checked(more: str, code: str, tmp_path: Path) -> None:
    """A state too many, or advice."""
    assert {each for each, _ in told(OVERLAY + more, tmp_path)} == {"RF070", code}


def test_a_good_text_is_remembered(tmp_path: Path) -> None:
    """What was found to be good is known, and nothing else is."""
    CheckCache(tmp_path).remember(b"flow: a")
    assert CheckCache(tmp_path).known_good(b"flow: a")
    assert not CheckCache(tmp_path).known_good(b"flow: b")
    assert not CheckCache(tmp_path / "other").known_good(b"flow: a")


def test_a_changed_module_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict holds as long as each module that led to it is as it was, told by its size and time."""
    module = tmp_path / "a.py"
    module.write_text("x = 1")
    monkeypatch.setattr(flow_file, "_program", lambda: [str(module)])
    cache = CheckCache(tmp_path / "cache")
    cache.remember(b"flow: a")
    assert cache.known_good(b"flow: a")
    os.utime(module, ns=(1, 1))
    assert not cache.known_good(b"flow: a")
    cache.remember(b"flow: a")
    module.unlink()
    assert not cache.known_good(b"flow: a")


def test_a_verdict_stands_on_what_checks() -> None:
    """Among its modules are those that load and check flows and their rules, and none that only drives a run."""
    code = "from retake_flow.cli.main import main; from retake_flow.cli import flow_file"
    program = f"{code}; main(['check', 'go-live.yaml']); print(*flow_file._program(), sep='\\n')"
    environment = {**os.environ, "RETAKE_FLOW_CACHE": "/dev/null/none"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    files = done.stdout
    for part in ("flow/check/check.py", "flow/rules/check.py", "flow/load/builder.py", "platform.yaml"):
        assert part in files
    assert "engine/driver" not in files


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    """Losing verdicts costs a check and never an error."""
    (tmp_path / "file").touch()
    cache = CheckCache(tmp_path / "file")
    cache.remember(b"flow: a")
    assert not cache.known_good(b"flow: a")


def test_the_cache_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many verdicts the oldest are forgotten."""
    monkeypatch.setattr(flow_file, "_MOST", 3)
    cache = CheckCache(tmp_path)
    for number in range(10):
        cache.remember(b"%d" % number)
    assert cache.known_good(b"9")
    assert len(list((tmp_path / "checked").iterdir())) <= 4


def test_a_changed_sub_flow_makes_a_verdict_worthless(tmp_path: Path) -> None:
    """A flow that was good is checked anew when a flow that runs in it has changed, has gone, or is another one."""
    inner, cache = tmp_path / "inner.yaml", CheckCache(tmp_path / "cache")
    inner.write_text("flow: inner")
    cache.remember(b"flow: a", [((), "inner.yaml", sha256(b"flow: inner").hexdigest())])
    assert cache.known_good(b"flow: a", str(tmp_path / "a.yaml"))
    assert not cache.known_good(b"flow: a", str(tmp_path / "elsewhere" / "a.yaml"))
    inner.write_text("flow: changed")
    assert not cache.known_good(b"flow: a", str(tmp_path / "a.yaml"))
    inner.unlink()
    assert not cache.known_good(b"flow: a", str(tmp_path / "a.yaml"))


@pytest.mark.parametrize("relative", [True, False])
def test_the_same_flow_in_another_folder_is_judged_by_the_sub_flows_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    """The sub-flow of a sub-flow counts as it is beside that file now, not where a good one was seen before."""
    monkeypatch.chdir(tmp_path)
    where = Path() if relative else tmp_path
    uses = "flow: {0}\ninitial: s\nstates: {{s: {{flow: {1}.yaml, transitions: {{ok: z}}}}, z: {{final: ok}}}}\n"
    for folder, last in (("A", "flow: b\ninitial: z\nstates: {z: {final: ok}}\n"), ("B", "flow: b\nbroken: [\n")):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "main.yaml").write_text(uses.format("main", "sub/a"))
        (tmp_path / folder / "sub" / "a.yaml").write_text(uses.format("a", "b"))
        (tmp_path / folder / "sub" / "b.yaml").write_text(last)
    settings = Settings.from_environment({"RETAKE_FLOW_CACHE": str(tmp_path / "cache")})
    assert flow_file.problems(str(where / "A" / "main.yaml"), settings) == ()
    assert CheckCache(settings.cache_folder).known_good(Path("A/main.yaml").read_bytes(), "A/main.yaml")
    found = flow_file.problems(str(where / "B" / "main.yaml"), settings)
    assert {problem.position.file for problem in found} == {str(where / "B" / "sub" / "b.yaml")}


RULED = "flow: a\nrules: [house.yaml]\ninitial: z\nstates: {z: {final: ok}}\n"


HOUSE = "rules: house\nevery_path: {quiet: {because: hush, before: z, comes: operator.tell}}\n"


def test_changed_rules_make_a_verdict_worthless(tmp_path: Path) -> None:
    """A flow that kept its rules is held against them anew when they have changed, or are others in another folder."""
    settings = Settings.from_environment({"RETAKE_FLOW_CACHE": str(tmp_path / "cache")})
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text(RULED)
        (tmp_path / folder / "house.yaml").write_text(HOUSE)
    rules = tmp_path / "A" / "house.yaml"
    rules.write_text(HOUSE.replace("before: z", "before: operator.tell"))
    assert flow_file.problems(str(tmp_path / "A" / "a.yaml"), settings) == ()
    assert CheckCache(settings.cache_folder).known_good(RULED.encode(), str(tmp_path / "A" / "a.yaml"))
    assert [problem.code for problem in flow_file.problems(str(tmp_path / "B" / "a.yaml"), settings)] == ["RF070"]
    rules.write_text(HOUSE)
    assert [problem.code for problem in flow_file.problems(str(tmp_path / "A" / "a.yaml"), settings)] == ["RF070"]
    rules.unlink()
    assert [problem.code for problem in flow_file.problems(str(tmp_path / "A" / "a.yaml"), settings)] == ["RF071"]


def test_other_rules_of_the_platform_are_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's rules are part of the program that gives a verdict."""
    (tmp_path / "platform.yaml").write_text("rules: platform")
    CheckCache(tmp_path).remember(b"flow: a")
    monkeypatch.setattr(locate, "platform_rules", lambda: tmp_path / "platform.yaml")
    assert not CheckCache(tmp_path).known_good(b"flow: a")
