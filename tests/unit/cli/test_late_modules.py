"""Modules that are executed at first use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

USED_AT_ONCE = """
import sys, threading
from retake_flow.cli import late_modules
late_modules.postpone("tempfile", "sys", "no_such_module")
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
    code = "from retake_flow.cli import late_modules; late_modules.postpone('glob'); import glob; glob.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("AttributeError: module 'glob' has no attribute 'nothing'")


def test_a_postponed_module_is_an_attribute_of_its_package() -> None:
    """Libraries use it as one after they import it, as DBOS does, without which no worker starts."""
    code = """
from retake_flow.cli import late_modules
late_modules.postpone("importlib.metadata")
import importlib.metadata
print(importlib.metadata.PackageNotFoundError.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "PackageNotFoundError"


def test_a_function_is_taken_from_a_postponed_module_without_executing_it() -> None:
    """Jinja2 takes one by its name; it is the real one when it is called."""
    code = """
import sys
from retake_flow.cli import late_modules
late_modules.postpone("inspect")
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
from retake_flow.cli import late_modules
builtins.started = threading.Event()
late_modules.postpone("slow_module")
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
from retake_flow.cli import late_modules
late_modules.postpone("tempfile")
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
from retake_flow.cli import late_modules
builtins.interruptions = []
late_modules.postpone("cut_module")
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
from retake_flow.cli import late_modules
late_modules.postpone("tempfile", "importlib.metadata")
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
