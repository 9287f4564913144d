"""Votes: which choice a viewer's message names, and how many viewers have each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from retake_flow.errors import InputError
from retake_flow.flow.schema import patterns

#: Words before a choice that take it back: "not A, I take B" is a vote for B.
NEGATIONS: Final = frozenset({"no", "not", "never", "don't", "dont", "nicht", "kein", "keine", "nie", "pas", "jamais"})
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Ballot:
    """The choices of a vote.

    Args:
        choices: Their names, said as words; or each with the pattern that a message has to fit.
        exact: Whether only a message counts that is nothing but a choice, maybe said several times.

    Raises:
        InputError: A pattern cannot be applied, there is no choice, or two are the same.
    """

    def __init__(self, choices: Sequence[Any] | Mapping[str, Any], *, exact: bool = False) -> None:
        given = choices.items() if isinstance(choices, Mapping) else ()
        self._patterns = {str(name): str(pattern) for name, pattern in given}
        self.names = [str(name) for name in choices]
        self._exact = exact
        self._words = {name: _words(name) for name in self.names}
        self._known = {word.casefold() for words in self._words.values() for word in words}
        if not self.names or not all(self._patterns or word for word in self._words.values()):
            raise InputError("a vote needs choices, each a word or more", hint="write for example `choices: [A, B]`")
        said = Counter(" ".join(words).casefold() for words in self._words.values())
        if not self._patterns and (same := [words for words, times in said.items() if times > 1]):
            raise InputError(
                f"two choices of the vote are the same word: {same[0]}", hint="give each a word of its own"
            )
        for pattern in self._patterns.values():
            try:
                patterns.require(pattern)
            except patterns.PatternError as error:
                raise InputError(f"a choice of the vote cannot be recognised: {error}") from None

    def choice(self, text: str) -> str:
        """The one choice that a message names; "" if it names none, or more than one."""
        found = {name for name in self.names if self._names(name, text)}
        return found.pop() if len(found) == 1 else ""

    def count(self, messages: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The votes in messages, each an author and a text, oldest first. An author has one vote, the last one."""
        votes = {author: choice for author, text in messages if (choice := self.choice(text))}
        counted = Counter(votes.values())
        counts = {name: counted[name] for name in self.names}
        most = max(counts.values())
        leading = [name for name in self.names if counts[name] == most > 0]
        winner = leading[0] if len(leading) == 1 else ""
        return {"counts": counts, "total": len(votes), "leading": leading, "winner": winner}

    def _names(self, name: str, text: str) -> bool:
        if self._patterns:
            try:
                return patterns.matches(self._patterns[name], text)
            except patterns.PatternError:
                return False  # a text that is too long for its pattern
        said, wanted = _words(text), self._words[name]
        only = all(word.casefold() in self._known for word in said)
        if self._exact and not only:
            return False
        # In a sentence, `a` is an article, and only `A` a choice.
        alike = _alike if only or len(name) > 1 else list.__eq__
        places = (at for at in range(len(said)) if at == 0 or said[at - 1].casefold() not in NEGATIONS)
        return any(alike(said[at : at + len(wanted)], wanted) for at in places)


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _alike(said: list[str], wanted: list[str]) -> bool:
    return [word.casefold() for word in said] == [word.casefold() for word in wanted]
