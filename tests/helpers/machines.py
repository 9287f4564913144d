"""Machines that lack something, as programs put in front of the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

#: An ffmpeg that was built without some parts: it lists none of them and fails on them as the real one does, in the
#: order in which that looks: options, inputs, then the format, the encoders and the protocol of the output.
_REDUCED = """#!{python}
import os, re, subprocess, sys

LACKING = {lacking!r}
REAL = {real!r}
arguments = sys.argv[1:]
with open({calls!r}, "a") as calls:
    calls.write(" ".join(arguments) + "\\n")


def values(option):
    return [value for name, value in zip(arguments, arguments[1:]) if name == option]


def fail(words):
    sys.exit(print(words, file=sys.stderr) or 1)


listing = {{"-encoders", "-devices", "-demuxers", "-muxers", "-protocols", "-formats"}} & set(arguments)
if listing:
    listed = subprocess.run([REAL, *arguments], capture_output=True, text=True)
    lacking = re.compile(rf"\\b({{'|'.join(LACKING)}})\\b")
    sys.exit(print("\\n".join(l for l in listed.stdout.splitlines() if not lacking.search(l))) or listed.returncode)
for option in arguments:
    if option[:1] == "-" and option[1:] in LACKING:
        fail(f"Unrecognized option '{{option[1:]}}'.\\nError splitting the argument list: Option not found")
*inputs, target = values("-f") or [""]
for format in inputs:
    if format in LACKING:
        fail(f"Unknown input format: '{{format}}'")
if target in LACKING:
    fail(f"[NULL @ 0x1] Requested output format '{{target}}' is not a suitable output format")
for encoder in (*values("-c:v"), *values("-c:a")):
    if encoder in LACKING:
        fail(f"Unknown encoder '{{encoder}}'")
scheme = arguments[-1].partition("://")[0]
if scheme in LACKING:
    fail(f"{{arguments[-1]}}: Protocol not found")
os.execv(REAL, [REAL, *arguments])
"""


def reduced_ffmpeg(folder: Path, *lacking: str) -> Mapping[str, str]:
    """An environment whose ffmpeg lacks some parts; `folder/ffmpeg.calls` has each of its command lines."""
    real = shutil.which("ffmpeg")
    assert real
    folder.mkdir(parents=True, exist_ok=True)
    words = {"python": sys.executable, "lacking": lacking, "real": real, "calls": str(folder / "ffmpeg.calls")}
    (folder / "ffmpeg").write_text(_REDUCED.format(**words))
    (folder / "ffmpeg").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def no_fonts(folder: Path) -> Mapping[str, str]:
    """Variables that make a machine one without any font."""
    (folder / "fonts").mkdir(parents=True)
    cache = f"<dir>{folder}/fonts</dir><cachedir>{folder}/cache</cachedir>"
    (folder / "fonts.conf").write_text(f'<?xml version="1.0"?><fontconfig>{cache}</fontconfig>')
    return {"FONTCONFIG_FILE": str(folder / "fonts.conf")}


def nameless() -> list[str]:
    """The prefix of a command that runs as a user without a name and a home, with our permissions."""
    prefix = ["unshare", "--user", "--map-user=12345", "--map-group=12345", "env", "--unset=HOME"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespaces here")
    return prefix
