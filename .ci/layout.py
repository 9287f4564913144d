"""Holds the layout of the package: names that are found at first guess, and folders and modules of a size to read."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "retake_flow"
MOST_MODULES = 18  # in a folder
MOST_LINES = 450  # in a module
#: Packages whose modules are called as what they are about is called elsewhere: commands, steps, fakes, ports.
NAMED_AFTER_OTHERS = (
    "cli/flow_commands",
    "cli/run_commands",
    "cli/host_commands",
    "testing/steps",
    "testing/fakes",
    "ports",
)
#: What stands on several floors under one name, since it is one thing, or plays one part in each.
SHARED = {
    "actions": "the code of a family of actions",
    "spec": "the declarations of a family of actions",
    "gates": "questions: what they are, how the engine asks them, how they are stored",
    "effects": "what a state does in passing: declared, and carried out",
    "errors": "errors of the package, and those of requests to a run",
    "events": "what the engine reacts to, and what the platform tells",
    "inbox": "requests to a run, and messages of a chat",
    "load": "reading files of a flow, and of rules",
    "check": "holding a flow against the language, and against rules",
    "model": "a flow, rules, a language model",
    "public": "looking up what anybody may: the calls, and the actions that make them",
    "realtime": "real-time events of the platform: how they are received, and how a rehearsal sends them",
    "registry": "which name stands for what: of actions, of responders",
    "server": "the MCP server, and that of a rehearsal",
    "output": "what we write, and what programs write",
}


def modules() -> Iterator[Path]:
    """All modules, as paths in the package."""
    yield from (path for path in sorted(PACKAGE.rglob("*.py")) if path.name not in ("__init__.py", "__main__.py"))


def mistakes() -> Iterator[str]:
    """What is wrong with the layout."""
    folders: dict[str, int] = defaultdict(int)
    homes: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        folder = path.relative_to(PACKAGE).parent.as_posix()
        folders[folder] += 1
        if folder not in NAMED_AFTER_OTHERS:
            homes[path.stem].append(folder)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES:
            yield f"{path.relative_to(PACKAGE)} has {lines} lines, at most {MOST_LINES} are wanted: divide it"
    for folder, number in folders.items():
        if number > MOST_MODULES:
            yield f"{folder} has {number} modules, at most {MOST_MODULES} are wanted: give it folders"
    for name, places in homes.items():
        if len(places) > 1 and name not in SHARED:
            yield f"{name}.py is in {' and in '.join(places)}: rename one, or say in .ci/layout.py why they share it"


if __name__ == "__main__":
    found = list(mistakes())
    print("\n".join(found) or "the layout holds")
    sys.exit(bool(found))
