"""What a language model does and does not, as the operator has written it down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retake_flow.errors import ResponderMissing

_LARGEST = 64 * 1024  # bytes


def playbook(said: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """The points of a playbook: those in the flow (`playbook`), then the text of a file (`playbook_file`).

    Args:
        said: What the flow says of the model.
        folder: That of the flow's file, where the other one is sought.

    Raises:
        ResponderMissing: The file cannot be read.
    """
    points = tuple(said.get("playbook", ()))
    return (*points, _read(folder / said["playbook_file"])) if "playbook_file" in said else points


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise ResponderMissing(f"there is no file {path}, which `playbook_file` names")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ResponderMissing(f"the playbook {path} is larger than {_LARGEST // 1024} KiB")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ResponderMissing(f"the playbook {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ResponderMissing(f"the playbook {path} is not UTF-8 text") from None
