"""What a command does not wait for when it starts."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from retake_flow.cli import startup

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
        "import sys, retake_flow.cli.main as m; m.startup.postpone_modules(*m.LATE)\n"
        "import retake_flow.store.sql.runs, retake_flow.cli.session.takeover; print(*sys.modules)"
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
import retake_flow.store.sql.runs, retake_flow.cli.session.takeover
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
        startup.postpone_garbage()
        assert gc.get_threshold()[0] > 100_000
        startup.settle_garbage()
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


USED_AT_ONCE = """
import sys, threading
from retake_flow.cli import startup
startup.postpone_modules("tempfile", "sys", "no_such_module")
import tempfile, tempfile as again
assert tempfile is again and "shutil" not in sys.modules
together, found = threading.Barrier(8), []

def use():
    together.wait()
    found.append(tempfile.gettempdir())

users = [threading.Thread(target=use) for _ in range(8)]
for each in users: each.start()
for each in users: each.join()
print(len(found), len(set(found)), "shutil" in sys.modules, type(tempfile).__name__)
"""


def test_a_postponed_module_is_whole_when_it_is_used() -> None:
    """It is executed by the first of several threads, and only once; what is there, or nowhere, stays as it is."""
    done = subprocess.run([sys.executable, "-c", USED_AT_ONCE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", "1", "True", "module"]


def test_a_postponed_module_lacks_what_it_lacks() -> None:
    """A name that it does not have is missing as from any module."""
    code = "from retake_flow.cli import startup; startup.postpone_modules('glob'); import glob; glob.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("AttributeError: module 'glob' has no attribute 'nothing'")


def test_a_postponed_module_is_an_attribute_of_its_package() -> None:
    """Libraries use it as one after they import it, as DBOS does, without which no worker starts."""
    code = """
from retake_flow.cli import startup
startup.postpone_modules("importlib.metadata")
import importlib.metadata
print(importlib.metadata.PackageNotFoundError.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "PackageNotFoundError"


def test_a_function_is_taken_from_a_postponed_module_without_executing_it() -> None:
    """Jinja2 takes one by its name; it is the real one when it is called."""
    code = """
import sys
from retake_flow.cli import startup
startup.postpone_modules("inspect")
from inspect import getattr_static
assert "dis" not in sys.modules
print(getattr_static("owl", "upper") is str.upper, getattr_static("owl", "x", 7), "dis" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "7", "True"]


def test_no_thread_sees_half_of_a_postponed_module(tmp_path: Path) -> None:
    """What is defined already may use what is not yet."""
    source = "import threading, time\ndef use(): return later\nstarted.set()\ntime.sleep(0.3)\nlater = 7\n"
    (tmp_path / "slow_module.py").write_text(source)
    code = """
import builtins, threading
from retake_flow.cli import startup
builtins.started = threading.Event()
startup.postpone_modules("slow_module")
import slow_module
first = threading.Thread(target=lambda: slow_module.later)
first.start()
started.wait()
print(slow_module.use())
"""
    assert _printed(code, tmp_path) == "7"


def test_what_is_put_into_a_postponed_module_stays(tmp_path: Path) -> None:
    """Also when it is the first use."""
    code = """
from retake_flow.cli import startup
startup.postpone_modules("tempfile")
import tempfile
tempfile.tempdir = "/nowhere"
print(tempfile.gettempdir())
"""
    assert _printed(code, tmp_path) == "/nowhere"


def test_a_postponed_module_that_was_interrupted_is_executed_again(tmp_path: Path) -> None:
    """Otherwise half of it stays for good."""
    source = "first = 1\nif not interruptions:\n    interruptions.append(1)\n    raise KeyboardInterrupt\nlast = 2\n"
    (tmp_path / "cut_module.py").write_text(source)
    code = """
import builtins
from retake_flow.cli import startup
builtins.interruptions = []
startup.postpone_modules("cut_module")
import cut_module
try:
    cut_module.first
except KeyboardInterrupt:
    print(cut_module.first + cut_module.last, type(cut_module).__name__)
"""
    assert _printed(code, tmp_path) == "3 module"


def test_importing_a_postponed_module_again_does_not_execute_it(tmp_path: Path) -> None:
    """Neither does looking for it; taking something from it does."""
    code = """
import sys
from importlib import import_module
from importlib.util import find_spec
from retake_flow.cli import startup
startup.postpone_modules("tempfile", "importlib.metadata")
import tempfile, importlib.metadata, importlib.metadata as again
found = [import_module("tempfile"), find_spec("tempfile"), find_spec("importlib.metadata"), tempfile.__file__, again]
late = ["__late__" in vars(sys.modules[name]) for name in ("tempfile", "importlib.metadata")]
from tempfile import gettempdir
print(all(found), *late, "__late__" in vars(tempfile))
"""
    assert _printed(code, tmp_path) == "True True True False"


def _printed(code: str, folder: Path) -> str:
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
