"""Spans: marks what may be traced. Without a tracer nothing happens, and nothing of one is imported."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

Value = str | int | float | bool


class Span(Protocol):
    """Something that is being done."""

    def set(self, name: str, value: Value) -> None:
        """Add an attribute; texts are masked."""


class Tracer(Protocol):
    """Records spans."""

    def span(
        self, name: str, attributes: dict[str, Value], *, apart: bool, outward: bool
    ) -> AbstractContextManager[Span]:
        """A span around what is done in the context; see `span`."""


class _Nothing:
    """A span that nobody records."""

    def set(self, name: str, value: Value) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        return None


_NOTHING = _Nothing()
_tracer: Tracer | None = None


def record_with(tracer: Tracer | None) -> None:
    """Have all spans of this process recorded from now on, or none."""
    global _tracer
    _tracer = tracer


def span(
    name: str, attributes: dict[str, Value], *, apart: bool = False, outward: bool = False
) -> AbstractContextManager[Span]:
    """A span around what is done in the context; an error that leaves it is noted by its class alone.

    Args:
        name: What is done, in words that are the same each time.
        attributes: More about it.
        apart: Whether it begins a trace of its own, with a link to the span that it is in.
        outward: Whether it is a call to another service.
    """
    return _NOTHING if _tracer is None else _tracer.span(name, attributes, apart=apart, outward=outward)
