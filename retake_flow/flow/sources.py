"""The texts that make up a flow: its own and those of its sub-flows, so that a run can go on with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from retake_flow.errors import StoreError
from retake_flow.flow import library
from retake_flow.quick_dataclasses import dataclass, field

#: Finds a sub-flow: by the name that is written, and the file it is written in. Gives its file and content.
Find = Callable[[str, str], tuple[str, bytes]]
#: A sub-flow: the names that lead to the file that names it (none for the flow itself), its name there, and the SHA-256
#: of its text.
Use = tuple[Sequence[str], str, str]


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

    def uses(self) -> list[Use]:
        """Each naming of a sub-flow, by the names that lead to it from the flow itself, wherever that stands."""
        digests = {file: sha256(text.encode()).hexdigest() for file, text in self.texts.items()}
        return list(self._uses(self.file, (), (self.file,), digests))

    def _uses(
        self, file: str, names: tuple[str, ...], chain: tuple[str, ...], digests: Mapping[str, str]
    ) -> Iterator[Use]:
        for name, found in self.references.get(file, {}).items():
            if found not in chain:
                yield names, name, digests[found]
                yield from self._uses(found, (*names, name), (*chain, found), digests)

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
