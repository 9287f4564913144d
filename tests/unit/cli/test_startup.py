"""What a command does not wait for when it starts."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from retake_flow.cli import garbage

IMPORTED = """
import json, sys
from retake_flow.cli.main import main
code = main(["check", "go-live.yaml"])
print(json.dumps([code, *(name for name, module in sys.modules.items() if "__late__" not in vars(module))]))
"""


def test_a_first_check_imports_nothing_that_a_good_flow_does_not_need(tmp_path: Path) -> None:
    """Graph algorithms, the validator with its words, the store, the network, plugins and time zones are for others."""
    environment = {**os.environ, "RETAKE_FLOW_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", IMPORTED], env=environment, capture_output=True, text=True, check=True)
    code, *imported = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert {"networkx", "jsonschema", "sqlalchemy", "httpx", "rich", "difflib"}.isdisjoint(imported)
    assert {"importlib.metadata", "zoneinfo", "tempfile", "shutil", "ipaddress", "glob"}.isdisjoint(imported)
    assert "retake_flow.flow.overlay.merge" not in imported
    others = ("run", "engine", "store", "api", "wiring", "ports.responders")
    assert not [name for name in imported if name.startswith(tuple(f"retake_flow.{other}" for other in others))]


def test_driving_a_run_imports_what_its_first_action_needs_when_it_begins() -> None:
    """HTTP comes with the first call, Jinja2 with the first expression, the studio with the first action on it.

    What a rehearsal needs comes with a rehearsal, what asks at a terminal with one, and the ways to find the dialects
    of others never.
    """
    program = (
        "import sys, retake_flow.cli.main as m; m._postpone_imports()\n"
        "import retake_flow.store.sql.runs, retake_flow.cli.run_commands.takeover; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert {"httpx", "jinja2", "apprise", "rich", "starlette", "email", "zipfile"}.isdisjoint(imported)
    ours = ("rehearsal.setup.options", "studio.studio", "studio.encoding.encoder", "actions.chat.actions")
    ours += ("cli.session.terminal_prompt", "notices.apprise", "studio.media")
    assert {f"retake_flow.{name}" for name in ours}.isdisjoint(imported)


def test_help_imports_no_more_than_it_prints() -> None:
    """Dataclasses bring `inspect`, which takes a tenth of the time of `--help`."""
    program = "import sys, retake_flow.cli.main as m; m.parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"dataclasses", "inspect", "asyncio", "json", "tempfile", "retake_flow.errors"}.isdisjoint(
        done.stdout.split()
    )


SLOW = """
import dataclasses, sys
import retake_flow.store.sql.runs, retake_flow.cli.run_commands.takeover
from retake_flow.cli.main import main
main(["check", "go-live.yaml"])
slow = [name for name, module in sys.modules.items() if getattr(module, "dataclass", None) is dataclasses.dataclass]
print(*(name for name in slow if name.startswith("retake_flow.")))
"""


def test_what_is_imported_when_a_command_starts_takes_the_quick_dataclasses(tmp_path: Path) -> None:
    """A hundred and more are made by then; those of the standard library take a fifth of the time of a start."""
    environment = {**os.environ, "RETAKE_FLOW_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SLOW], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_garbage_is_collected_as_usual_once_a_run_is_driven() -> None:
    """While a command starts it is postponed; what is there then is never searched again."""
    before = gc.get_threshold()
    try:
        garbage.postpone()
        assert gc.get_threshold()[0] > 100_000
        garbage.settle()
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
