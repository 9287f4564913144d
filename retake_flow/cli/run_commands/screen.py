"""`retake-flow screen` and `scene`: change what a run's stage shows."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.errors import InputError, UsageError
from retake_flow.flow.schema.builders import SCENE_NAME, SCENES
from retake_flow.monitor.brief import next_for
from retake_flow.monitor.following import Polling
from retake_flow.monitor.requests import HEARD_WITHIN, SentRequest, not_taken, text_to_show, why_undriven
from retake_flow.ports.runs import Runs
from retake_flow.stage.stage_settings import data_uri
from retake_flow.studio.browser.source import AllowedHosts
from retake_flow.wiring.storing import named_run, this_user

LONGEST_URL = 2000  # characters


def screen(args: argparse.Namespace) -> int:
    """Change the stage. The exit code is 0 if the change is visible, and 1 if not."""
    return _change(args, _request_of(args.what, args.value))


def _request_of(what: str, value: str) -> dict[str, Any]:
    """The request for a change."""
    if what == "clear":
        if value:
            raise UsageError("`clear` takes no value", hint="retake-flow screen last clear")
        return {"clear": True}
    if what == "scene":
        if not re.fullmatch(SCENE_NAME, value):
            hint = f"write one of {', '.join(SCENES)}, or one of the flow's `scenes`"
            raise UsageError(f"there is no scene {value!r}", hint=hint)
        return {"to": value}
    read = {"picture": _picture, "page": _address}.get(what, text_to_show) if value else text_to_show
    return {"data": {what: read(value)}}


def _change(args: argparse.Namespace, request: dict[str, Any]) -> int:
    """Send a change to a run, and report whether its stage shows it."""
    if args.lasts == 0:
        raise UsageError("--for 0s would show it for no time", hint="give a longer time, or leave out --for")
    data = {**request, "by": args.by or this_user(), **({} if args.lasts is None else {"for": args.lasts})}
    with named_run(args.run) as (store, run):
        effect, reason = _ask(store, run, data)
        commands = next_for(store, run)
    told = {"run": run, "shows": effect == "done", "effect": effect, "reason": reason}
    _tell({**told, "next": commands}, args.json, "what the flow shows" if "clear" in request else "it")
    return 1 if reason else 0


def _address(url: str) -> str:
    """The address of a page that can be shown."""
    if len(url) > LONGEST_URL:
        raise UsageError(f"that address is longer than {LONGEST_URL} characters", hint="use a shorter one")
    try:
        AllowedHosts().with_url(url)
    except InputError as error:
        raise UsageError(error.message, hint=error.hint) from None
    return url


def _picture(name: str) -> str:
    """The full path of a picture that the stage can show."""
    path = Path(name).absolute()
    try:
        data_uri(path)
    except ValueError as error:
        raise UsageError(f"{name} cannot be shown: {error}", hint="use a PNG, JPEG, GIF or WebP file") from None
    return str(path)


def _ask(store: Runs, run: str, data: dict[str, Any]) -> tuple[str, str]:
    """Request a change, and return its effect and, if it failed, the reason."""
    if reason := why_undriven(store, run):
        return "none", reason
    asked = SentRequest.send(store, run, "screen", data)
    record = asked.wait_for_record(("scene_set", "scene_refused"), Polling(HEARD_WITHIN))
    if record is None:
        return ("none", reason) if (reason := why_undriven(store, run)) else ("queued", not_taken(run))
    reason = str(record.get("reason", ""))
    return ("none" if reason else "done"), reason


def _tell(told: dict[str, Any], as_json: bool, what: str) -> None:
    if as_json:
        terminal.emit(told)
    elif told["reason"]:
        terminal.advise(printable.line(f"not shown: {told['reason']}"))
    else:
        terminal.say(printable.line(f"{told['run']} shows {what}"))


def scene(args: argparse.Namespace) -> int:
    """Change the scene. The exit code is 0 if the change is visible, and 1 if not."""
    return _change(args, _request_of("scene", args.scene))
