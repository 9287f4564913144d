"""Playbook: the operator's written rules for a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retake_flow import plain_file
from retake_flow.errors import ResponderMissing, UsageError
from retake_flow.flow.text.locate import Folders
from retake_flow.sanitize import one_line

_LARGEST = 64 * 1024  # bytes


def playbook(said: Mapping[str, Any], folder: Path, allowed: Sequence[str] = ()) -> tuple[str, ...]:
    """The points of a playbook: those in the flow (`playbook`), then the text of a file (`playbook_file`).

    Args:
        said: The flow's settings of the model.
        folder: The folder of the flow's file, where the playbook file is looked up.
        allowed: Other folders and files where it may be.

    Raises:
        ResponderMissing: The file cannot be read.
    """
    points = tuple(said.get("playbook", ()))
    if "playbook_file" not in said:
        return points
    return (*points, _read(folder / said["playbook_file"], Folders.beside(folder / "flow", allowed)))


def _read(path: Path, within: Folders) -> str:
    try:
        within.require(path, file=True)
        return plain_file.read(path, _LARGEST).decode("utf-8-sig")
    except UsageError as error:
        raise ResponderMissing(f"the playbook {error.message}", hint=error.hint) from None
    except FileNotFoundError:
        raise ResponderMissing(f"there is no file {one_line(str(path))}, which `playbook_file` names") from None
    except OSError as error:
        raise ResponderMissing(f"the playbook {one_line(str(path))} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ResponderMissing(f"the playbook {one_line(str(path))} is not UTF-8 text") from None
