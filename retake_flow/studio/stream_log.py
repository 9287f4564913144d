"""Stream log: text appended to it shows on stream."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

from retake_flow.errors import StudioError
from retake_flow.redact import require_no_secret

COLUMNS = 120  # the width that fits at 1280 pixels
# Per text, so that none fills more than one screen.
LONGEST_TEXT = 4000
MOST_LINES = 30

# Terminal escape sequences: OSC and its like with their text, CSI, two-character ones; in 7 and 8 bits.
_ESCAPES = (
    r"(?s)(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters, unwanted line separators, and marks that change the direction of writing.
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"


class StreamLog:
    """A text file whose lines show on stream."""

    def __init__(self, path: Path) -> None:
        """Start a new log at `path`, readable by this user only."""
        self.path = path
        path.unlink(missing_ok=True)
        self.touch()

    def touch(self) -> None:
        """Create the file again if it is gone.

        Raises:
            StudioError: The file cannot be created.
        """
        self._write("")

    def append(self, text: str) -> None:
        """Show a text, without anything that the terminal would obey, wrapped, and cut when it is very long.

        Raises:
            StudioError: The file cannot be written.
            SecretRefused: The text contains a secret.
        """
        require_no_secret("the text for the stream", text)
        lines = display_lines(text)
        if lines:
            self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise StudioError(f"nothing can be written to the stream log {self.path}: {error.strerror}") from None


def display_lines(text: str) -> list[str]:
    """The lines in which a text shows on stream."""
    clean = text[:LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    clean = re.sub(_CONTROLS, "", re.sub(_ESCAPES, "", clean)).encode("utf-8", "replace").decode()
    return [part for line in clean.split("\n") for part in textwrap.wrap(line, COLUMNS) or [""]][:MOST_LINES]
