"""Files of a flow: each is read once, and overlays are merged into the flows that they extend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.text.bundle import Find, Sources
from retake_flow.flow.text.tree import from_data
from retake_flow.flow.text.yaml_source import EXTENDS, Source, decode, parse, require_kind
from retake_flow.redact import Secret
from retake_flow.sanitize import one_line

#: The most flows that may extend each other in a chain.
LONGEST = 8
#: A file that a flow names must have one of these keys. For a file that a person names, more keys count, as it may be
#: unfinished.
_KEYS = ("flow", EXTENDS)
_OWN_KEYS = (*_KEYS, "initial", "states", "inputs")


class Files:
    """Files of flows, by name.

    Attributes:
        problems: Problems with their text, and with how overlays fit the flows that they extend.
    """

    def __init__(self, find: Find) -> None:
        self.problems: list[Problem] = []
        self._find = find
        self._texts: dict[str, str] = {}
        self._contents: dict[str, str | bytes] = {}
        self._references: dict[str, dict[str, str]] = {}
        self._sources: dict[str, Source] = {}

    def add(self, content: str | bytes, file: str) -> Source:
        """Add the content of a file; returns it merged with everything it extends."""
        self._contents[file] = content
        return self.read(file)

    def read(self, file: str, chain: tuple[str, ...] = ()) -> Source:
        """The content of a found file, merged with everything it extends; `chain` are the files that extend it."""
        if file not in self._sources:
            self._sources[file] = self._resolve(file, (*chain, file))
        return self._sources[file]

    def find(self, name: str, unknown: Problem) -> str | None:
        """The file that a name means.

        If there is none, `unknown` is reported, with a message.
        """
        file = unknown.position.file
        found = self._references.get(file, {}).get(name)
        if found is None:
            try:
                found, content = self._find(name, file)
            except UsageError as error:
                self.say(unknown, error.message, error.hint)
                return None
            except OSError as error:
                self.say(unknown, f"{name} cannot be read: {error.strerror}")
                return None
            self._references.setdefault(file, {})[name] = found
            self._contents.setdefault(found, content)
        return found

    def text(self, name: str, unknown: Problem) -> tuple[str, str] | None:
        """The file that a name means and its text, kept with those of the flow; None if it cannot be read."""
        found = self.find(name, unknown)
        if found is None:
            return None
        text, problems = decode(self._contents[found], found)
        self.problems += problems
        self._texts[found] = text
        return found, text

    def sources(self, file: str, allowed: Sequence[str] = ()) -> Sources:
        """All texts that were read, as the sources of the flow in a file, with what else it may name."""
        return Sources(file, self._texts, self._references, tuple(allowed))

    def say(self, unknown: Problem, message: str, hint: str = "") -> None:
        """Record a problem with a name."""
        self.problems.append(replace(unknown, message=one_line(message), hint=one_line(hint)))

    def _resolve(self, file: str, chain: tuple[str, ...]) -> Source:
        keys = _KEYS if self._texts else _OWN_KEYS
        source = require_kind(parse(self._contents[file], file), "flow", keys)
        self._texts[file] = source.text
        _hide_secrets(source.data)
        self.problems += source.problems
        return self._extend(source, chain) if isinstance(source.data, dict) and EXTENDS in source.data else source

    def _extend(self, over: Source, chain: tuple[str, ...]) -> Source:
        """The result of an overlay on the flow that it extends; nothing if that flow is unavailable."""
        name, unknown = over.data[EXTENDS], Problem(over.value((EXTENDS,)), "RF022", "")
        nothing = replace(over, tree=from_data({}, over.value(())), data={})
        if not isinstance(name, str):
            self.say(unknown, "'extends' must be the name of a flow, or the path of its file")
            return nothing
        found = self.find(name, unknown)
        if found is None:
            return nothing
        if found in chain or len(chain) > LONGEST:
            hint = "give this file another name" if found == chain[-1] else ""
            self.say(unknown, f"{name} would extend itself: {' → '.join((*chain, found))}", hint)
            return nothing
        base = self.read(found, chain)
        if not isinstance(base.data, dict) or not base.data:
            return nothing
        from retake_flow.flow.overlay.merge import merge

        source = merge(over, base)
        self.problems += source.problems
        return source


def _hide_secrets(data: Any) -> None:
    """Register the secrets in a file before any message about it."""
    written = data.get("notify") if isinstance(data, dict) else None
    inputs = data.get("inputs") if isinstance(data, dict) else None
    for declared in inputs.values() if isinstance(inputs, dict) else ():
        if isinstance(declared, dict) and declared.get("secret"):
            _hide([declared.get("default"), declared.get("value")])
    _hide(written if isinstance(written, list) else [written])


def _hide(values: list[Any]) -> None:
    for value in values:
        if isinstance(value, str):
            Secret(value)
