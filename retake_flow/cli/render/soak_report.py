"""Soak report: renders the report of a long rehearsal in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow.flow.duration import words

_MIB = 1 << 20


def soak_lines(soak: dict[str, Any]) -> Iterator[str]:
    """The lines of a long rehearsal's report."""
    messages, reaction = soak["messages"], soak["reaction"]
    yield ""
    yield f"On air for {words(soak['seconds'])}."
    yield (
        f"  chat          {messages['handled']} of {messages['written']} entries handled, {messages['missed']} missed, "
        f"{messages['twice']} twice; {messages['replies']} replies"
    )
    if reaction["median"] is not None:
        yield (
            f"  reaction      {reaction['median']:.2f} s in the median, {reaction['p95']:.2f} s at most in 95 of 100, "
            f"{reaction['longest']:.1f} s the longest"
        )
    for recovery in soak["recoveries"]:
        back = "never came back" if recovery["seconds"] is None else f"on air again after {recovery['seconds']:.1f} s"
        yield f"  recovery      {recovery['after']} at {words(recovery['at'])}: {back}"
    yield from _measurement_lines(soak)
    for text in soak["broken_rules"]:
        yield f"  BROKEN RULE   {text}"


def _measurement_lines(soak: dict[str, Any]) -> Iterator[str]:
    memory = soak.get("memory")
    if memory is None:
        return
    settled = (
        f"{memory['settled'] / _MIB:.1f} MiB after {words(memory['settled_after'])}, " if memory["settled"] else ""
    )
    grown = "" if memory["growth"] is None else f" ({memory['growth'] / _MIB:+.1f})"
    yield f"  memory        {settled}{memory['end'] / _MIB:.1f} MiB at the end{grown}"
    if soak["cpu"] is not None:
        yield f"  processor     {100 * soak['cpu']:.2f} % of a core"
