"""The files of a rehearsal, as far as nothing is started."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from retake_flow.addresses import RETAKE
from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.errors import StudioError, UsageError
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import OwnAnswer
from retake_flow.settings import Settings
from retake_flow.studio.own_program import OwnProgram
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.wiring import rehearsing

LOCAL = "http://127.0.0.1:8123"


class NothingStarts(Launcher):
    """A launcher that starts nothing."""

    def __init__(self) -> None:
        super().__init__("none", {})

    def process(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise AssertionError("nothing was to be started")


def begin(folder: Path, options: dict[str, Any] | None = None, resumed: bool = False) -> None:
    """Begin a rehearsal."""
    settings = Settings.from_environment({"HOME": str(folder.parent)})

    async def main() -> None:
        async with rehearsing.rehearsal(NothingStarts(), settings, folder, options or {}, resumed):
            raise AssertionError("it began")

    asyncio.run(main())


def give(file: Path, issued_by: str, token: str = "rtk_some_token_1") -> None:
    """Write a credentials file."""
    credentials.save(file, Credentials(Secret(token), issued_by=issued_by))


@pytest.mark.parametrize("inside", ["\u2028", "\x85", "\x0b", "\x1e"])
def test_a_rehearsed_service_ends_lines_as_a_real_one(inside: str) -> None:
    """A character that ends a line of text only is part of the line."""
    heard: list[bytes] = []
    programs = rehearsing.RehearsedPrograms({"./bell": OwnAnswer(output=f"a{inside}b\nc")})

    async def main() -> None:
        async with programs.listen(OwnProgram(("./bell",)), heard.append):
            pass

    asyncio.run(main())
    assert heard == [f"a{inside}b".encode(), b"c"]


def test_what_is_not_there_is_not_resumed(tmp_path: Path) -> None:
    """A rehearsal whose folder is gone, or was forgotten, is refused with the reason, and nothing is made."""
    for folder in (tmp_path / "gone", tmp_path):
        with pytest.raises(UsageError, match="nothing of it is left") as raised:
            begin(folder, resumed=True)
        assert str(folder) in raised.value.message
        assert "start a new run" in raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_real_credentials_are_left_alone(tmp_path: Path) -> None:
    """A folder with credentials of retake.tv, or with a file that nobody can read, is not rehearsed in."""
    own = tmp_path / "credentials.json"
    give(own, RETAKE)
    real = own.read_bytes()
    for content in (real, b"{"):
        own.write_bytes(content)
        with pytest.raises(UsageError, match="not a rehearsal's"):
            begin(tmp_path)
        rehearsing.forget(tmp_path)
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("credentials.json", content)]


def test_a_wrong_option_leaves_an_earlier_rehearsal_alone(tmp_path: Path) -> None:
    """Options are checked before anything in the folder is changed."""
    kept = tmp_path / ".rehearsal.json"
    kept.write_text("earlier")
    with pytest.raises(UsageError, match="latencey"):
        begin(tmp_path, {"latencey": 1})
    assert kept.read_text() == "earlier"


def test_a_rehearsal_that_can_go_on_is_not_overwritten(tmp_path: Path) -> None:
    """A folder whose rehearsal has not ended is refused and left as it is; once it is forgotten, the folder is free."""
    kept = tmp_path / ".rehearsal.json"
    kept.write_text("earlier")
    give(tmp_path / "credentials.json", LOCAL)
    with pytest.raises(UsageError, match="holds the rehearsal of a run that has not ended") as raised:
        begin(tmp_path)
    assert str(tmp_path) in raised.value.message
    assert all(word in raised.value.hint for word in ("resume", "stop", "kill", "--folder"))
    assert kept.read_text() == "earlier"
    assert credentials.load(tmp_path / "credentials.json") is not None
    rehearsing.forget(tmp_path)
    with pytest.raises(AssertionError, match="nothing was to be started"):
        begin(tmp_path)


def test_a_rehearsal_that_did_not_begin_leaves_its_folder_free(tmp_path: Path) -> None:
    """When the platform does not start, no run could ever end it, so nothing of it is kept; of a resumed one all is."""
    with pytest.raises(AssertionError, match="nothing was to be started"):
        begin(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".rehearsal.json").write_text("earlier")
    with pytest.raises(AssertionError, match="nothing was to be started"):
        begin(tmp_path, resumed=True)
    assert (tmp_path / ".rehearsal.json").read_text() == "earlier"


def test_a_folder_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    """A folder that cannot be made is refused in words."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot use the folder"):
        begin(tmp_path / "file" / "folder")


def test_what_is_forgotten_holds_no_token(tmp_path: Path) -> None:
    """Credentials, those put aside, lags, the platform's options and half-written copies go; results stay."""
    own = tmp_path / "credentials.json"
    give(own, LOCAL)
    give(own, LOCAL, "rtk_another_token_2")  # the first one is put aside
    for name in (
        ".rehearsal.json",
        "..rehearsal.json.ab12",
        ".credentials.json.cd34",
        "report.json",
        "report-1.json",
        "credentials.json.lag",
    ):
        (tmp_path / name).touch()
    assert (tmp_path / "credentials.json.1").exists()
    for _ in range(2):
        rehearsing.forget(tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == {"report.json", "report-1.json"}
    rehearsing.forget(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "left no report"), ("[", "left no report"), ({"ended": False, "recordings": []}, "did not end cleanly")],
)
def test_a_rehearsal_that_did_not_end_in_order_has_no_report(tmp_path: Path, content: object, words: str) -> None:
    """What was noted until a platform died is not taken for the whole."""
    if content is not None:
        (tmp_path / "report.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(StudioError, match=words):
        asyncio.run(rehearsing.report(NothingStarts(), tmp_path))


def test_a_report_is_given(tmp_path: Path) -> None:
    """A report without recordings needs no program to be read."""
    (tmp_path / "report.json").write_text(json.dumps({"ended": True, "recordings": [], "calls": 3}))
    assert asyncio.run(rehearsing.report(NothingStarts(), tmp_path))["calls"] == 3


def test_a_long_rehearsal_keeps_no_list_of_its_programs() -> None:
    """It may last for weeks; only a rehearsal that runs none of them says which there were."""
    program = OwnProgram(("say", "x"))

    async def answered(programs: rehearsing.RehearsedPrograms) -> int:
        assert (await programs.run(program, 1.0)).status == 0
        async with programs.listen(program, lambda _: None):
            return len(programs.answered)

    said = {"say": OwnAnswer()}
    alone = rehearsing.RehearsedPrograms(said)
    assert asyncio.run(answered(rehearsing.RehearsedPrograms(said, alone))) == 0
    assert asyncio.run(answered(alone)) == 2
