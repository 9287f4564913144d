"""The texts that make up a flow: its own and those of its sub-flows, so that a run can go on with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from retake_flow.errors import StoreError
from retake_flow.flow import library

#: Finds a sub-flow: by the name that is written, and the file it is written in. Gives its file and content.
Find = Callable[[str, str], tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Texts of flows and how they name each other.

    Attributes:
        file: The file of the flow itself.
        texts: By file.
        references: What a name in a file means: by file, and then by name.
    """

    file: str
    texts: Mapping[str, str]
    references: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def find(self, name: str, file: str) -> tuple[str, bytes]:
        """A sub-flow, without looking at the disk.

        Raises:
            KeyError: There is none.
        """
        found = self.references[file][name]
        return found, self.texts[found].encode()

    @property
    def text(self) -> str:
        """The text of the flow itself."""
        return self.texts[self.file]

    def uses(self) -> list[tuple[str, str, str]]:
        """Each naming of a sub-flow: the file it is named in ("" for the flow itself), its name, its text's SHA-256."""
        return [
            ("" if file == self.file else file, name, sha256(self.texts[found].encode()).hexdigest())
            for file, names in self.references.items()
            for name, found in names.items()
        ]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return sha256(self.dumped().encode()).hexdigest()

    def dumped(self) -> str:
        """All of it as one text, which `parsed` reads."""
        content = {"file": self.file, "texts": dict(self.texts), "references": dict(self.references)}
        return json.dumps(content, sort_keys=True)


def parsed(text: str) -> Sources:
    """What `Sources.dumped` wrote.

    Raises:
        StoreError: It is something else.
    """
    try:
        content = json.loads(text)
        return Sources(content["file"], content["texts"], content["references"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the flow of this run cannot be read: {error}") from None


def on_disk(name: str, file: str) -> tuple[str, bytes]:
    """A sub-flow beside the file that names it, or a shipped one.

    Raises:
        UsageError: There is none.
        OSError: It cannot be read.
    """
    path = library.find(name, Path(file).parent)
    return str(path), path.read_bytes()
