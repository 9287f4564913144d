"""Journal text: renders the records of a journal as lines for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from retake_flow import printable
from retake_flow.flow.duration import words
from retake_flow.run.records import Record
from retake_flow.sanitize import cut, strip_controls

_LONGEST_TEXT = 300  # characters of a viewer's text
_LONGEST_TIP = _LONGEST_TEXT + 60  # including the giver and the amount
_TRADES = {"buy": "buys", "sell": "sells"}


def clock(record: Record) -> str:
    """The local time of a record."""
    return datetime.fromisoformat(record["t"]).astimezone().strftime("%H:%M:%S")


def lines(record: Record, *, prompted: bool = False) -> list[str]:
    """The lines for a record; none for most records, and for a question that a prompt asks."""
    if prompted and record["event"] == "gate_opened" and ":" not in record["gate"]:
        return []
    said = _SAID.get(record["event"])
    try:
        # Its texts were masked when it was made. A secret that is an ordinary word must not mask the names in it.
        return strip_controls(said(record)).splitlines() if said else []
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        return [f"! the record {record['event']} is damaged: {strip_controls(f'{type(error).__name__}: {error}')}"]


def chat_line(author: str, text: str) -> str:
    """A viewer's text on one line, so that it cannot imitate another line."""
    return printable.line(f"{author}: {text}")


def entry(record: Record) -> str:
    """A chat message or act of a viewer, on one line as it shows on stream. A long text is cut."""
    author, kind, number = record["author"], record.get("kind"), record.get("amount")
    words = cut(printable.line(record.get("text", "")), _LONGEST_TEXT)
    amount = "" if number is None else f"{number:.15g} {record.get('currency', '')}".strip()
    match kind:
        case "tip":
            does = f"tips {amount}"
        case "trade":
            does = f"{_TRADES.get(record.get('side', ''), 'trades')} {amount}"
        case "follow":
            does = "follows"
        case _ if record["event"] == "chat_message":
            return chat_line(author, words)
        case _:
            does = f"{kind}"
    return printable.line(f"* {author} {does}") + (f": {words}" if words else "")


def _notice(record: Record) -> str:
    """A notice. A notice of a tip holds a viewer's text."""
    longest = _LONGEST_TIP if record.get("kind") == "tip" else len(record["message"])
    return "\n".join(f"• {cut(line, longest)}" for line in record["message"].splitlines())


def _with_hint(record: Record) -> str:
    return f" ({record['hint']})" if record.get("hint") else ""


def _end(record: Record) -> str:
    name = record["activity"].rpartition(":")[2]
    return f"! {name}: {record['reason']}" if record["outcome"] == "exited" else ""


def _undo(record: Record) -> str:
    result = ", ".join(f"{name} {value}" for name, value in record.get("result", {}).items())
    return f"← {record['action']}: {record.get('message') or result or record['outcome']}"


def _run_ended(record: Record) -> str:
    reason = f": {record['reason']}" if record["reason"] else ""
    place = "" if record["state"] == record["outcome"] else f" in {record['state'] or 'no state'}"
    return f"{record['outcome']}{place}{reason}"


def _question(record: Record) -> str:
    """A question, and how to answer it from another terminal."""
    decisions = record["schema"].get("decisions", {})
    choice = f"  (decisions: {', '.join(decisions)})" if len(decisions) > 1 else ""
    return f"? {record['message']}\nanswer: {record['answer_with']}{choice}"


def _suspension(record: Record) -> str:
    asked = [f"waits for: {gate['answer_with']}" for gate in record["gates"]]
    why = f", {record['reason']}" if "reason" in record else ""
    return "\n".join([f"suspended in {record['state']}{why}", *asked, f"then: retake-flow resume {record['run']}"])


def _answer(record: Record) -> str:
    decision = f" {record['decision']}" if record["decision"] else ""
    said = ", ".join(f"{name}: {value}" for name, value in record["fields"].items())
    return f"✓ {record['by']} ({record['channel']}) answered{decision}" + (f": {said}" if said else "")


def _speech(record: Record) -> str:
    """A text from outside that was said, and the reasons for the ways that failed."""
    failed = [f"! not by {way}: {why}" for way, why in record["failed"].items()]
    if not record["how"]:
        failed.insert(0, f"! not said: {record['reason']}" if record["reason"] else "! not said")
        return "\n".join(failed)
    return "\n".join([chat_line(f"{record['by']} ({', '.join(record['how'])})", record["text"]), *failed])


def _clock_step(record: Record) -> str:
    by = record["by"]
    way = "back" if by < 0 else "forward"
    return f"! the clock of this machine was set {way} by {words(abs(by))}; the run keeps its own time"


#: Shown for a value that was withdrawn.
_FLOWS = "of the flow"


def _scene(record: Record) -> str:
    """A change of the stage and its author; nothing for texts of the flow itself."""
    by = record.get("by")
    parts = [f"scene {record['to'] or _FLOWS}"] if "to" in record else []
    parts += [f"{name} {value or _FLOWS}" for name, value in (record.get("data") or {}).items() if by]
    parts += ["what the flow shows"] if record.get("clear") else []
    return f"on stage: {', '.join(parts)}" + (f" ({by})" if by else "") if parts else ""


_SAID: dict[str, Callable[[Record], str]] = {
    "run_started": lambda r: f"run {r['run']} of {r['flow']}",
    "state_entered": lambda r: f"→ {r['state']}" + (f" (visit {r['visit']})" if r["visit"] > 1 else ""),
    "run_resumed": lambda r: f"run {r['run']} continues in {r['state'] or 'no state'}",
    "run_suspended": _suspension,
    "run_handed_over": lambda r: f"handed over to another process in {r['state'] or 'no state'}: {r['reason']}",
    "gate_opened": _question,
    "gate_reminder": lambda r: f"still asked: {r['message']}",
    "gate_escalated": lambda r: f"nobody has answered {r['gate']}; {r['audience']} is notified",
    "gate_answered": _answer,
    "gate_expired": lambda r: f"! nobody has answered {r['gate']} in time",
    "error": lambda r: f"! {r['place']}: {r['message']}{_with_hint(r)}",
    "retry_scheduled": lambda r: f"  again in {r['after']:g} s",
    "activity_ended": _end,
    "notice": _notice,
    "notice_failed": lambda r: f"! {r['message']}" + (f"; again in {r['again_in']:g} s" if r["again_in"] else ""),
    "record_damaged": lambda r: f"! the record {r['number']} of this journal is damaged: {r['message']}",
    "off_air": lambda r: f"! {r['message']}",
    "chat_message": entry,
    "chat_deed": entry,
    "clock_stepped": _clock_step,
    "chat_sent": lambda r: f"> {r['text']}",
    "said": _speech,
    "sound_silent": lambda r: f"! the stream is silent: {r['reason']}",
    "page_refused": lambda r: f"! the page may not have {r['url']}: {r['reason']}",
    "page_replaced": lambda r: f"! the page is loaded again: {r['reason']}",
    "scene_set": _scene,
    "extended": lambda r: f"{r['state']} lasts {words(r['by'])} longer",
    "scene_refused": lambda r: f"! {r['by']} asked to change the stage: {r['reason']}",
    "event_refused": lambda r: f"! {r['by']} sent {r['name']}: {r['message']}",
    "chat_oneself": lambda r: f"! the chat shows this agent as {r['name'] or 'somebody else each time'}",
    "chat_unanswered": lambda r: f"! {len(r['messages'])} in chat got no answer",
    "responder_said": lambda r: f"  brain: {r['text']}",
    "stop_requested": lambda r: f"stopping: {r['reason']}" + "; once more to kill" * r["reason"].endswith("(Ctrl-C)"),
    "output_failed": lambda r: f"! {r['message']}",
    "undo_finished": _undo,
    "run_ended": _run_ended,
}
