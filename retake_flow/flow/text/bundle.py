"""The texts of a flow and its sub-flows, kept together so that a run can be resumed with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from retake_flow.errors import StoreError
from retake_flow.quick_dataclasses import dataclass, field

#: Finds a sub-flow by its name and the file that names it. Gives its file and content.
Find = Callable[[str, str], tuple[str, bytes]]
#: A use of a sub-flow: the names that lead to the file that names it (none for the flow itself), its name there, and
#: the SHA-256 of its text.
Use = tuple[Sequence[str], str, str]


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts of flows and the names by which they refer to each other.

    Attributes:
        references: The file that each name means, by the file with the name, then by name.
        allowed: The places outside its folder that the command line lets it name.
    """

    file: str
    texts: Mapping[str, str]
    references: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()

    def find(self, name: str, file: str) -> tuple[str, bytes]:
        """Find a sub-flow without reading the disk.

        Raises:
            KeyError: There is none.
        """
        found = self.references[file][name]
        return found, self.texts[found].encode()

    def allowing(self, allowed: Iterable[str]) -> Sources:
        """The same, with more places that they may name."""
        return Sources(self.file, self.texts, self.references, tuple(dict.fromkeys((*self.allowed, *allowed))))

    @property
    def text(self) -> str:
        """The text of the flow itself."""
        return self.texts[self.file]

    def uses(self) -> list[Use]:
        """Each use of a sub-flow, by the names that lead to it from the flow itself, independent of file locations."""
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
        """SHA-256 of all texts and references."""
        return sha256(self.dump().encode()).hexdigest()

    def dump(self) -> str:
        """The bundle as one text, which `parse` reads."""
        content = {"file": self.file, "texts": dict(self.texts), "references": dict(self.references)}
        return json.dumps({**content, "allowed": self.allowed} if self.allowed else content, sort_keys=True)


def parse(text: str) -> Sources:
    """Read the text that `Sources.dump` wrote.

    Raises:
        StoreError: It is not such a text.
    """
    try:
        content = json.loads(text)
        allowed = content.get("allowed", ())
        return Sources(content["file"], content["texts"], content["references"], tuple(map(str, allowed)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"the flow of this run cannot be read: {error}") from None
