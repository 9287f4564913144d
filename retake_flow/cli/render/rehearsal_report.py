"""Rehearsal report: renders the report of a rehearsal in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow import printable
from retake_flow.cli.render.soak_report import soak_lines
from retake_flow.flow.duration import words
from retake_flow.monitor.journal_text import chat_line


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """The lines of a rehearsal's report."""
    yield ""
    yield f"The rehearsal took {words(report['seconds'])} and {_count(report['calls'], 'call')}."
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
    said = f"{_count(len(chat) - own, 'comment')}, {_count(own, 'message')} of the agent"
    yield f"  {printable.line(whose):13} {said}"
    for comment in chat[:12]:
        yield f"                {chat_line(comment['name'], comment['text'])}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


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
        yield f"  recording     is not whole: {recorded['unrecorded']}"
    if recorded["path"]:
        yield f"                {recorded['path']}"
    if recorded.get("contact_sheet"):
        yield f"  at a glance   {recorded['contact_sheet']}"
