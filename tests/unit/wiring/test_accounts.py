"""Which flows put their agent on air, and so need the account for themselves."""

from __future__ import annotations

import pytest

from retake_flow.flow.load.load import load_flow
from retake_flow.flow.text import locate
from retake_flow.run.identity import Identity
from retake_flow.run.run import Run
from retake_flow.settings import Settings
from retake_flow.wiring import accounts, running


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        ("go-live.yaml", True),
        ("raid.yaml", False),
        ("heartbeat.yaml", False),
        ("discover.yaml", False),
        ("register.yaml", False),
        ("verify.yaml", False),
        ("share.yaml", False),
    ],
)
def test_only_what_streams_needs_the_account_for_itself(name: str, streams: bool) -> None:
    """A raid, a heartbeat or a look around goes on beside a live run."""
    flow = load_flow(locate.find(name).read_text(encoding="utf-8"), name)
    assert accounts.goes_live(flow) is streams


def test_a_flow_that_only_fetches_a_key_streams_too() -> None:
    """A fresh key ends whatever is pushed with the one before it, also from an activity."""
    flow = load_flow(
        """
flow: f
initial: a
states:
  a: {activities: {key: {do: retake.stream_key}}, timeout: 1h, transitions: {timeout: b}}
  b: {final: ok}
""",
        "f.yaml",
    )
    assert accounts.goes_live(flow)


def test_notices_name_the_agent_the_file_and_the_rehearsal() -> None:
    """Several agents may tell one person; the id is what commands take."""
    run = Run("owl-1", "go-live", "", {}, identity=Identity("Night Owl"))
    assert running.title(run, "/x/nightowl.yaml") == "Night Owl, nightowl.yaml (owl-1)"
    assert running.title(Run("r-1", "f", "", {}, rehearsal="/r"), "go-live.yaml") == "go-live.yaml, rehearsal (r-1)"


def test_an_agent_that_is_not_registered_is_called_by_the_name_it_asks_for(tmp_path) -> None:
    """Where there are no credentials, or none that can be read, the file in which they would be is known."""
    file = tmp_path / "credentials.json"
    settings = Settings.from_environment({"HOME": str(tmp_path), "RETAKE_CREDENTIALS": str(file)})
    expected = Identity("owl", source=str(file), platform="https://retake.tv")
    assert accounts.identity_here(settings, {"agent_name": "owl"}) == expected
    file.write_text("{")
    file.chmod(0o600)
    assert accounts.identity_here(settings, {"agent_name": "owl"}) == expected
    file.write_text('{"access_token": "rtk_wren_wren_1", "agent_name": "wren"}')
    assert accounts.identity_here(settings, {"agent_name": "owl"}).name == "wren"
