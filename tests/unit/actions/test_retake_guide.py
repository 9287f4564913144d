"""Whether the platform's guide is still the one that the flow was written for."""

from __future__ import annotations

import pytest

from retake_flow.api.guides import Guides
from retake_flow.errors import Redirected
from retake_flow.rehearsal.setup.faults import Fault


def performed(do, **inputs):
    """A scene that performs one action and gives its outcome and value."""

    async def scene(s):
        done = await s.perform(do, **inputs)
        return done.outcome, done.value

    return scene


@pytest.mark.parametrize(
    ("published", "written_for", "outcome"),
    [
        ("2.1.2.0", "2.1.2", "unchanged"),
        ("2.1.10", "2.1.2", "changed"),
        ("9.9", "", "unchanged"),
    ],
)
def test_versions_are_compared_as_versions(play, published, written_for, outcome):
    """Equal versions in other words are equal; what is no version is a text; a flow without one wants none."""
    found, value = play(performed("retake.check_guide"), skill_version=published, guide=written_for)
    assert (found, value["version"]) == (outcome, published)


def test_a_changed_guide_is_kept_as_a_text(play, tmp_path):
    """The new guide is a file for the operator, who is told of it; nothing else comes of it."""

    async def scene(s):
        done = await s.perform("retake.check_guide")
        return done.value["path"], s.notes

    path, notes = play(scene, skill_version="3.0")
    assert path == str(tmp_path / "guides" / "guide-3.0.md")
    assert notes[0]["event"] == "notice"
    assert path in notes[0]["message"]


def test_the_input_says_another_version(play):
    """A state may name the version that it was written for."""
    outcome, _ = play(performed("retake.check_guide", written_for="3.0"), skill_version="3.0")
    assert outcome == "unchanged"


def test_the_text_of_the_guide_is_fetched_once_for_each_version(play, tmp_path):
    """Also one that has not changed is kept, so that a later one can be compared with it."""

    async def scene(s):
        for _ in range(3):
            await s.perform("retake.check_guide")
        return [call.path for call in s.calls]

    assert play(scene) == ["/skill.json", "/skill.md", "/skill.json", "/skill.json"]
    assert Guides(tmp_path / "guides").versions() == ["2.1.2"]


def test_without_its_text_an_unchanged_guide_is_unchanged(play):
    """The text is for a later comparison; that it cannot be had hinders nobody."""
    faults = (Fault("GET /skill.md", status=503, times=None),)
    assert play(performed("retake.check_guide"), faults=faults) == (
        "unchanged",
        {"version": "2.1.2", "written_for": "2.1.2", "path": "", "summary": ""},
    )


def test_what_has_changed_is_summed_up_from_the_version_that_the_flow_was_written_for(play, tmp_path):
    """Not from whatever was seen last."""
    guides = tmp_path / "guides"
    guides.mkdir()
    (guides / "guide-2.1.2.md").write_text("# Old\n")
    (guides / "guide-2.9.md").write_text("# Newer\n")

    async def scene(s):
        done = await s.perform("retake.check_guide")
        return done.value["summary"], s.notes

    summary, notes = play(scene, skill_version="3.0")
    assert summary.startswith("Lines added: ")
    assert summary == Guides(guides).difference("2.1.2", "3.0").summary
    assert summary in notes[0]["message"]


def test_a_guide_that_cannot_be_kept_is_told_all_the_same(play, tmp_path):
    """A folder that cannot be written to hides no change."""
    (tmp_path / "guides").write_text("in the way")

    async def scene(s):
        done = await s.perform("retake.check_guide")
        return done.outcome, done.value["path"], [note["kind"] for note in s.notes]

    assert play(scene, skill_version="3.0") == ("changed", "", ["guide_changed"])


def test_a_redirect_is_not_followed(play):
    """A guide that is said to be elsewhere is not asked for there."""

    async def scene(s):
        with pytest.raises(Redirected):
            await s.perform("retake.check_guide")
        return s.network.strays

    assert play(scene, faults=(Fault("GET /skill.json", redirect="https://evil.example/skill.json"),)) == []


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_changed_guide_without_its_text_is_told_all_the_same(play, status):
    """That the version is another one is what the operator has to know first."""

    async def scene(s):
        done = await s.perform("retake.check_guide")
        return done.outcome, done.value["path"], s.notes[0]["message"]

    faults = (Fault("GET /skill.md", status=status, times=None),)
    outcome, path, message = play(scene, skill_version="3.0", faults=faults)
    assert (outcome, path) == ("changed", "")
    assert "is now version 3.0" in message
    assert "not available" in message
