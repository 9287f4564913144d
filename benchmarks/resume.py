"""From starting `retake-flow resume` to its first action, as a whole process, against a bare Python that does nothing.

The run is of go-live.yaml and died while it asked for the platform's guide, which is what it does first when it goes
on. Nobody listens where it asks; the clock has stopped by then.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from measure import alternating, installed, quick, seconds_of, show

_ROUNDS = 15
_DIES_AT = "2+"  # it has begun, and its first action has


def dead_run(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Make a run whose process has died; gives the environment in which it can be resumed."""
    with socket.socket() as listener:  # a port at which nobody listens, once it is closed
        listener.bind(("127.0.0.1", 0))
        platform = f"http://127.0.0.1:{listener.getsockname()[1]}"
    credentials = home / "credentials.json"
    credentials.touch(0o600)
    credentials.write_text(json.dumps({"access_token": "rtk_bench", "agent_name": "owl", "issued_by": platform}))
    kept = {key: value for key, value in inherited.items() if not key.startswith(("RETAKE_", "XDG_"))}
    settings = {"HOME": str(home), "RETAKE_FLOW_STATE": str(home / "state"), "RETAKE_API_URL": platform}
    environment = {**kept, **settings, "RETAKE_CREDENTIALS": str(credentials)}
    done = subprocess.run(
        [*_program(), "run", "go-live.yaml"],
        env={**environment, "RETAKE_FLOW_DIE_AT": _DIES_AT},
        check=False,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == -signal.SIGKILL
    shutil.copytree(home / "state", home / "dead")
    return environment


def until(event: str, home: Path, environment: dict[str, str]) -> Callable[[], float]:
    """Measures from the start of the process to a record."""

    def measure() -> float:
        shutil.rmtree(home / "state")
        shutil.copytree(home / "dead", home / "state")
        begun = time.perf_counter()
        with subprocess.Popen(
            [*_program(), "resume", "last", "--json"], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            found = next(line for line in process.stdout if json.loads(line)["event"] == event)
            took = time.perf_counter() - begun
            process.kill()
        assert event != "action_started" or json.loads(found)["state"] == "check_guide"
        return took

    return measure


def _program() -> list[str]:
    return [shutil.which("retake-flow", path=str(Path(sys.executable).parent)) or "retake-flow"]


def main() -> None:
    """Measure and print; on the disk of the current folder, since /tmp may be none."""
    with tempfile.TemporaryDirectory(dir=".") as name, installed() as inherited:
        home = Path(name).absolute()
        environment = dead_run(home, inherited)
        bare, resumed, acted = alternating(
            [
                seconds_of([sys.executable, "-c", "pass"], environment),
                until("run_resumed", home, environment),
                until("action_started", home, environment),
            ],
            1 if quick(__doc__ or "") else _ROUNDS,
        )
    names = {"python -c pass": bare, "resume, until run_resumed": resumed, "resume, until action_started": acted}
    rows = [(name, f"{value:.3f} s", f"{value / bare:.1f} x") for name, value in names.items()]
    show(
        "going on with a run",
        rows,
        {"run_resumed_s": resumed, "action_started_s": acted, "against_python": acted / bare, "within_s": 1.0},
    )


if __name__ == "__main__":
    main()
