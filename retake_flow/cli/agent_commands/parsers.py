"""Parsers: the arguments of each command, whose help is the docstring of its function."""

from __future__ import annotations

from typing import Any

from retake_flow.cli.arguments import add_by, add_json, add_run, add_wait, add_within, count, port, span

_WAIT_EPILOG = """\
what to wait for:
  on-air   the stream is live           gate     a person is asked
  message  somebody writes in chat      ended    the run has ended
  a name: a record of the journal (`events` shows them) or an event of the flow has it

`message` and names count from now on, or from the record that --after names.

example:
  retake-flow wait last --until on-air --until gate --within 50s --json
"""
_EVENTS_EPILOG = """\
Each record has a number. --after the last number that you have read prints the new ones: nothing twice, nothing missed.

example:
  retake-flow events last --after 120 --wait 50s --json
"""
_CHAT_EPILOG = """\
--after the id of the last message that you have read prints the new ones: nothing twice, nothing missed.

examples:
  retake-flow chat last --wait 50s --json
  retake-flow chat last --after 66f1c0 --wait 50s --json
"""
_REPLY_EPILOG = """\
The messages that it answers need no other answer: where the flow leaves chat to the agent (responder: {agent: {}}),
nobody else answers them. Without --to it answers everything that was read so far.

examples:
  retake-flow reply last "Hi mira, good to see you" --to 66f1c0
  retake-flow reply last "Thank you all" --json
"""
_SCREEN_EPILOG = """\
It overrides what the flow shows, for the time given by --for or until `screen RUN clear`.

examples:
  retake-flow screen last title "Rebuilding a radio"
  retake-flow screen last picture schematic.png --for 2m
  retake-flow screen last page https://example.org/ --for 1m
  retake-flow screen last clear
"""
_WHATS = {
    "title": "what the stream is about",
    "note": "a line below the headline",
    "ticker": "a line at the bottom",
    "picture": "a picture's file, in place of the log",
    "page": "a web page over all of it, by its address",
    "scene": "starting, live, brb, ended, or one of the flow's scenes",
    "clear": "show again what the flow shows",
}
_SCENE_EPILOG = """\
`brb` comes on by itself during a recovery.

example:
  retake-flow scene last brb --for 5m
"""
_MCP_EPILOG = """\
Tell the client of your agent how to start it; settings such as RETAKE_CREDENTIALS go into env:
  {"mcpServers": {"retake-flow": {"command": "retake-flow", "args": ["mcp"], "env": {"HOME": "/home/owl"}}}}

With --http it prints its address and the token that every request must carry.
"""
_SKILL_EPILOG = """\
example:
  retake-flow skill --install ~/.claude/skills
"""


def _add_stage_options(parser: Any) -> None:
    """Declare the options of all commands that change the stage."""
    parser.add_argument(
        "--for", dest="lasts", type=span, metavar="TIME", help="for how long; until the next by default"
    )
    add_by(parser, "who asks for it")
    add_json(parser)


def status(parser: Any) -> None:
    """Show the status of a run in a few lines."""
    add_run(parser)
    add_json(parser, "one small JSON object")


def wait(parser: Any) -> None:
    """Wait until a run is on air, asks a question or ends, or for a record."""
    parser.epilog = _WAIT_EPILOG
    add_run(parser)
    parser.add_argument(
        "--until", action="append", metavar="WHAT", required=True, help="what to wait for; several times: any of them"
    )
    parser.add_argument("--after", type=count, metavar="N", help="the number of the last record that was seen")
    add_within(parser, "to wait at most")
    add_json(parser)


def events(parser: Any) -> None:
    """Print the new records in the journal of a run."""
    parser.epilog = _EVENTS_EPILOG
    add_run(parser)
    parser.add_argument("--after", type=count, default=0, metavar="N", help="the number of the last record read")
    parser.add_argument("--kind", action="append", default=[], metavar="EVENT", help="only records of this kind")
    parser.add_argument("--limit", type=count, default=200, metavar="N", help="how many at most; default 200")
    add_wait(parser, "a record")
    add_json(parser, "one JSON object per line, each with its number")


def chat(parser: Any) -> None:
    """Read the chat of a run."""
    parser.epilog = _CHAT_EPILOG
    add_run(parser)
    parser.add_argument("--after", default="", metavar="ID", help="the id of the last message that was read")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="how many at most, the newest; default 50")
    add_wait(parser, "a message")
    add_json(parser)


def reply(parser: Any) -> None:
    """Answer messages in the chat of a run."""
    parser.epilog = _REPLY_EPILOG
    add_run(parser)
    parser.add_argument("text", metavar="TEXT", help="the answer; - reads it from standard input")
    parser.add_argument("--to", action="append", default=[], metavar="ID", help="the id of a message that it answers")
    add_by(parser, "who answers")
    add_within(parser, "to wait until it was sent")
    add_json(parser)


def screen(parser: Any) -> None:
    """Change what a run's stage shows."""
    parser.epilog = _SCREEN_EPILOG
    add_run(parser)
    meanings = "; ".join(f"{name}: {text}" for name, text in _WHATS.items())
    parser.add_argument("what", choices=_WHATS, metavar="WHAT", help=meanings)
    value = "the text, file, address or scene; empty: show again what the flow shows"
    parser.add_argument("value", nargs="?", default="", metavar="VALUE", help=value)
    _add_stage_options(parser)


def scene(parser: Any) -> None:
    """Change the scene of a run's stage."""
    parser.epilog = _SCENE_EPILOG
    add_run(parser)
    parser.add_argument("scene", metavar="SCENE", help="starting, live, brb, ended, or one of the flow's scenes")
    _add_stage_options(parser)


def mcp(parser: Any) -> None:
    """Serve tools for AI agents over the Model Context Protocol, on stdio."""
    parser.epilog = _MCP_EPILOG
    parser.add_argument(
        "--http", type=port, metavar="PORT", help="on 127.0.0.1 by streamable HTTP instead, with a token; 0: any port"
    )


def skill(parser: Any) -> None:
    """Print instructions for AI agents, as an Agent Skill."""
    parser.epilog = _SKILL_EPILOG
    parser.add_argument("--install", metavar="DIR", help="write it to DIR/retake-flow, as in ~/.claude/skills")
    add_json(parser)
