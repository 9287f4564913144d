"""The folder of an agent's credentials, as systemd and Kubernetes make it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_user import OTHER, needed, other_says

import retake_flow
from retake_flow.api.agents_folder import agents_in, environment_as
from retake_flow.errors import CredentialsError

LIST = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from retake_flow.api.agents_folder import agents_in
for each in agents_in(Path(sys.argv[2])):
    print(f"{each.name}: {each.found.user_db_id if each.found else each.trouble}")
"""


@pytest.fixture
def mounted() -> Iterator[Path]:
    """A folder that another user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="agents-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def written(path: Path, name: str, mode: int, group: int = 0) -> None:
    """A credentials file of the administrator."""
    path.write_text(json.dumps({"access_token": f"rtk_{name}_0123456789", "userDbId": f"user_{name}"}))
    os.chown(path, 0, group)
    path.chmod(mode)


@needed
def test_a_mounted_secret_is_read(mounted: Path) -> None:
    """Links to files of root that our group may read, beside the links and folders of Kubernetes itself."""
    data = mounted / "..2026_11_30_09_00_00.1"
    data.mkdir()
    written(data / "owl.json", "owl", 0o440, OTHER)
    written(data / "fox.json", "fox", 0o444, OTHER)
    (mounted / "..data").symlink_to(data.name)
    for name in ("owl.json", "fox.json"):
        (mounted / name).symlink_to(f"..data/{name}")
    said = other_says(LIST, str(Path(retake_flow.__file__).parents[1]), str(mounted))
    fox, owl = said.splitlines()
    assert owl == "owl: user_owl"
    assert fox.endswith("fox.json is open to other users of this machine (mode 0444)")


@needed
def test_systemd_s_credentials_are_read(mounted: Path) -> None:
    """Files of ours with mode 0400 in a folder that cannot be written; a folder loaded as one is named as its files."""
    for file in ("agents_owl.json", "fox.json"):
        written(mounted / file, file.removesuffix(".json"), 0o400)
        os.chown(mounted / file, OTHER, OTHER)
    mounted.chmod(0o555)
    said = other_says(LIST, str(Path(retake_flow.__file__).parents[1]), str(mounted))
    assert said.splitlines() == ["owl: user_agents_owl", "fox: user_fox"]


def test_a_process_acts_as_one_agent_only(tmp_path: Path) -> None:
    """No secret of the worker itself, nor of another agent, is in its environment."""
    here = {"PATH": "/bin", "RETAKE_ACCESS_TOKEN": "rtk_x", "RETAKE_CREDENTIALS": "/x.json", "MOLTBOOK_API_KEY": "k"}
    assert environment_as(tmp_path, "owl", here) == {"PATH": "/bin", "RETAKE_CREDENTIALS": f"{tmp_path}/owl.json"}
    (tmp_path / "agents_owl.json").touch()
    assert environment_as(tmp_path, "owl", {})["RETAKE_CREDENTIALS"] == f"{tmp_path}/agents_owl.json"
    for name in ("", "..", "../owl", "a/b", "owl\n", ".owl", "owl.", "ö", "x" * 64, "agents_owl"):
        with pytest.raises(CredentialsError, match="cannot be the name of an agent's file"):
            environment_as(tmp_path, name, here)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says how to name another one."""
    with pytest.raises(CredentialsError, match=r"nowhere cannot be read: No such file") as refused:
        agents_in(tmp_path / "nowhere")
    assert "RETAKE_FLOW_AGENTS" in refused.value.hint
