"""What a worker says of its host, and what it counts."""

from __future__ import annotations

import argparse
from pathlib import Path

from retake_flow.cli.fleet_commands.worker_host import WorkerHost
from retake_flow.settings import Settings


def _worker(home: Path, **environment: str) -> WorkerHost:
    args = argparse.Namespace(agents=None, capacity=2.0, label=[], name="north")
    return WorkerHost(args, Settings.from_environment({"HOME": str(home), **environment}), None)


def test_a_worker_without_credentials_takes_no_run_of_an_agent(tmp_path: Path) -> None:
    """It offers none; a token alone does not say whose it is, so such a worker takes any."""
    assert _worker(tmp_path).describe().agents == ()
    assert _worker(tmp_path, RETAKE_ACCESS_TOKEN="rtk_" + "a" * 40).describe().agents is None
