"""Modules that are executed at first use."""

from __future__ import annotations

import subprocess
import sys

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
