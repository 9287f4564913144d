"""Rehearsal report: renders the report of a rehearsal in words, with the findings of a long one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow import printable
from retake_flow.cli.terminal import counted
from retake_flow.flow.duration import words
from retake_flow.monitor.journal_text import chat_line

_MIB = 1 << 20


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """The lines of a rehearsal's report."""
    yield ""
    yield f"The rehearsal took {words(report['seconds'])} and {counted(report['calls'], 'call')}."
    keys = report["keys"]
    if keys["issued"]:
        yield f"  stream keys   {keys['issued']} issued, {keys['used']} used, {keys['reused']} used twice"
    for agent in report["agents"]:
        yield from _neighbour_lines(agent) if agent.get("neighbour") else _agent_lines(agent)
    for recorded in report["recordings"]:
        yield from _recording_lines(recorded)
    for breach in report["broken_rules"]:
        yield f"  BROKEN RULE   {breach['text']}"
    if "soak" in report:
        yield from soak_lines(report["soak"])


def _agent_lines(agent: dict[str, Any]) -> Iterator[str]:
    for session in agent["sessions"]:
        if session["live"] is not None:
            yield f"  on air        after {session['live'] - session['started']:.1f} s, {session['viewers']} viewers"
    pictures = agent["thumbnails"]
    if pictures:
        yield f"  thumbnails    {len(pictures)}, the first {pictures[0]['since_live']} s after going live"
        yield f"                {pictures[-1]['path']}"
    if agent["chat"]:
        yield from _chat_lines(agent["chat"], "chat")


def _neighbour_lines(neighbour: dict[str, Any]) -> Iterator[str]:
    """The agent's chat in another stream; nothing when it wrote none there."""
    if any(comment["agent"] for comment in neighbour["chat"]):
        yield from _chat_lines(neighbour["chat"], f"chat of {neighbour['name']}")


def _chat_lines(chat: list[dict[str, Any]], whose: str) -> Iterator[str]:
    own = sum(comment["agent"] for comment in chat)
    said = f"{counted(len(chat) - own, 'comment')}, {counted(own, 'message')} of the agent"
    yield f"  {printable.line(whose):13} {said}"
    for comment in chat[:12]:
        yield f"                {chat_line(comment['name'], comment['text'])}"


def _recording_lines(recorded: dict[str, Any]) -> Iterator[str]:
    video = recorded.get("video")
    if video:
        yield (
            f"  recording     {video['codec']} {video['width']}x{video['height']} {video['pixel_format']}"
            f" + {video['audio_codec']}, {video['frames']} frames, {video['frames_per_second']:.1f}/s,"
            f" {video['duration_seconds']:.1f} s"
        )
    elif recorded.get("problem"):
        yield f"  recording     cannot be read: {recorded['problem']}"
    if recorded.get("unrecorded"):
        yield f"  recording     is incomplete: {recorded['unrecorded']}"
    if recorded["path"]:
        yield f"                {recorded['path']}"
    if recorded.get("contact_sheet"):
        yield f"  at a glance   {recorded['contact_sheet']}"


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
