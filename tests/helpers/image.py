"""The image of a worker without a container engine: the steps of the Containerfile in a chroot over this machine.

The machine's own file system takes the place of the base image, below an overlay that goes with the mount namespace.
Nothing is fetched: packages are those of the machine, and Python's libraries those of the tests.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OFFLINE = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "false",  # which is to say: without isolation
}
#: What the package is built from.
_KEPT = ("retake_flow", "flows", "schemas", "skills", "docs", "pyproject.toml", "README.md", "LICENSE")
#: Where libraries are in the image; those of the tests may be in /tmp, or in a folder that others may not enter.
_LIBRARIES = "/opt/libraries"
_PREPARED = """\
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"; mount --rbind /dev "$1/root/dev"; mount -t tmpfs -o mode=1777 tmpfs "$1/root/tmp"
printf '#!/bin/sh\\nexit 0\\n' >"$1/root/usr/local/sbin/apt-get"; chmod 755 "$1/root/usr/local/sbin/apt-get"
mkdir "$1/root/src" "$1/root{libraries}"
mount --bind {found} "$1/root{libraries}"
# Without what Python caches, which other tests may just be writing.
tar -C {root} --exclude=__pycache__ -cf "$1/src.tar" {kept}; tar -C "$1/root/src" -xf "$1/src.tar"
"""


@dataclass
class Image:
    """The content of a Containerfile.

    Attributes:
        steps: Its commands, each with the environment that is set by then.
        environment: The environment of the program.
        user: Who runs it.
        entry: The program.
        default: Its usual arguments.
        packages: The packages that are installed.
    """

    steps: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    entry: list[str] = field(default_factory=list)
    default: list[str] = field(default_factory=list)
    packages: set[str] = field(default_factory=set)


def read(file: Path) -> Image:
    """Read a Containerfile."""
    image = Image()
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", file.read_text()))
    for line in filter(None, map(str.strip, text.splitlines())):
        keyword, _, rest = line.partition(" ")
        match keyword:
            case "FROM":
                image.environment = {}
            case "ARG" | "ENV":
                image.environment |= dict(each.split("=", 1) for each in shlex.split(rest))
            case "RUN":
                image.steps.append(_exported(image.environment) + rest)
                for installed in re.findall(r"apt-get install ([^&]*)", rest):
                    image.packages |= {word for word in installed.split() if not word.startswith(("-", "$"))}
            case "USER":
                image.user = rest
            case "ENTRYPOINT":
                image.entry = json.loads(rest)
            case "CMD":
                image.default = json.loads(rest)
            case "COPY" | "WORKDIR" | "EXPOSE":
                pass  # all stages are in one place here
            case _:
                raise AssertionError(f"{keyword} is not known here")
    return image


def run(image: Image, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the image, and run its program with some arguments, as its user."""
    building = [_chroot({**_OFFLINE, "PYTHONPATH": _LIBRARIES}, ["sh", "-ec", step]) for step in image.steps]
    inside = {**image.environment, "PYTHONPATH": _LIBRARIES, **environment}
    running = _chroot(inside, [*image.entry, *arguments], f"--userspec={image.user}")
    prepared = _PREPARED.replace("{root}", shlex.quote(str(ROOT))).replace("{kept}", shlex.join(_KEPT))
    found = shlex.quote(sysconfig.get_paths()["purelib"])
    prepared = prepared.replace("{libraries}", _LIBRARIES).replace("{found}", found)
    script = "\n".join([prepared, *building, running])
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    return subprocess.run(
        [*apart, "sh", "-c", script, "sh", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={"PATH": os.environ["PATH"]},
    )


def _exported(environment: dict[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}; " for name, value in environment.items() if name != "PATH")


def _chroot(environment: dict[str, str], command: list[str], *options: str) -> str:
    variables = [f"{name}={value}" for name, value in environment.items()]
    words = ["env", "-i", *variables, *command]
    return f'chroot {" ".join(options)} "$1/root" {shlex.join(words)}'
