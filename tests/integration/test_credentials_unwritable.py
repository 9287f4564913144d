"""Credentials as containers have them: a single mounted file, a read-only one, a full disk, a secret for a group."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, RetakeTv, at_home, retake_tv, write_credentials

TOKEN = "rtk_owl_in_a_container_1"
NAME = "Night Owl"
WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
# Everything of going live that reads or learns the agent's account, without the programs of the studio.
FLOW = """
flow: account
version: 1
inputs: {message: {type: string, default: Hello}}
initial: credentials
states:
  credentials: {do: credentials.load, transitions: {found: verified, missing: registration, error: failed}}
  registration:
    do: retake.register
    with:
      agent_name: Night Owl
      agent_description: Sees in the dark.
      image_url: https://example.com/owl.png
      wallet_address: WALLET
      ticker: OWL
    transitions: {done: verified, error: failed}
  verified:
    do: retake.verification_status
    transitions: {done: [{when: result.verified, to: key}, {to: failed}], error: failed}
  key: {do: retake.stream_key, transitions: {done: live, error: failed}}
  live:
    initial: session
    transitions: {error: failed}
    states:
      session: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: said}}
      said: {do: chat.send, with: {message: "{{ inputs.message }}"}, transitions: {done: over}}
  over: {final: completed, reason: "{{ outputs.session.token_address }}"}
  failed: {final: failed, reason: "{{ event.message|default('it is not verified') }}"}

""".replace("WALLET", WALLET)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RetakeTv]:
    """A platform that knows the agent, and sends its token's address when the first session is started."""
    agent = {"name": NAME, "token": TOKEN, "user_id": "user_owl"}
    with retake_tv(tmp_path / "retake", {"agents": [agent]}) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, platform: RetakeTv) -> Iterator[Home]:
    """A home with the flow, where nothing is registered."""
    with at_home(tmp_path / "home", RETAKE_API_URL=platform.address) as home:
        (home.folder / "account.yaml").write_text(FLOW)
        yield home


@pytest.fixture
def mounts() -> Iterator[list[Path]]:
    """Where something was mounted; it is not afterwards."""
    mounted: list[Path] = []
    yield mounted
    for place in reversed(mounted):
        subprocess.run(["umount", place], check=False)


def mount(mounts: list[Path], *arguments: str | Path) -> None:
    """Mount something, as for a container."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no mounts here: {done.stderr}")
    mounts.append(Path(arguments[-1]))


def goes_through(home: Home, file: Path, **variables: str) -> list[dict[str, object]]:
    """Run the flow to its end, which has to be good; gives its notices."""
    done = home.call("run", str(home.folder / "account.yaml"), "--json", RETAKE_CREDENTIALS=str(file), **variables)
    assert done.code == 0, done
    assert TOKEN not in done.out + done.err
    assert done.records[-1]["reason"], "the run knows the address of its token"
    return [record for record in done.records if record["event"] == "notice"]


def secrets(folder: Path, platform: RetakeTv, name: str = "credentials.json") -> Path:
    """A file with the agent's credentials, without what is learnt later."""
    write_credentials(folder / name, NAME, TOKEN, platform.address)
    return folder / name


@needs_root
def test_a_single_mounted_file_is_written_in_place(
    home: Home, platform: RetakeTv, mounts: list[Path], tmp_path: Path
) -> None:
    """As by `docker run -v credentials.json:…`: what is learnt is in the file on the host, and nobody is bothered."""
    outside = secrets(tmp_path / "host", platform)
    inside = tmp_path / "container" / "credentials.json"
    inside.parent.mkdir()
    inside.touch(mode=0o600)
    mount(mounts, "--bind", outside, inside)
    assert goes_through(home, inside) == []
    kept = json.loads(outside.read_text())
    assert (kept["access_token"], kept["userDbId"]) == (TOKEN, "user_owl")
    assert kept["token_address"]
    assert os.listdir(inside.parent) == ["credentials.json"]


@needs_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_mount_is_reported_once_and_the_stream_goes_on(
    home: Home, platform: RetakeTv, mounts: list[Path], tmp_path: Path, what: str
) -> None:
    """New facts stay in memory: both the session and the message need it."""
    file = secrets(tmp_path / "secret", platform)
    place = file if what == "file" else file.parent
    mount(mounts, "--bind", place, place)
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    before = file.read_bytes()
    (notice,) = goes_through(home, file)
    assert notice["kind"] == "credentials_unwritten"
    assert str(file) in str(notice["message"])
    assert file.read_bytes() == before


@needs_root
def test_a_full_disk_is_reported_once_and_the_stream_goes_on(
    home: Home, platform: RetakeTv, mounts: list[Path], tmp_path: Path
) -> None:
    """The old file is whole, and no half of a new one is beside it."""
    small = tmp_path / "small"
    small.mkdir()
    mount(mounts, "-t", "tmpfs", "-o", "size=8k,mode=700", "tmpfs", small)
    file = secrets(small, platform)
    before = file.read_bytes()
    with pytest.raises(OSError, match="No space"):
        (small / "filler").write_bytes(bytes(100_000))
    (notice,) = goes_through(home, file)
    assert "No space left" in str(notice["message"])
    assert file.read_bytes() == before
    assert sorted(os.listdir(small)) == ["credentials.json", "filler"]


def test_a_secret_for_a_group_is_refused_with_a_way_out_that_works(
    home: Home, platform: RetakeTv, tmp_path: Path
) -> None:
    """A secret of mode 0440 of our own: the message names the variable, and with it the run goes on air."""
    file = secrets(tmp_path / "secret", platform)
    file.chmod(0o440)
    flow = str(home.folder / "account.yaml")
    refused = home.call("run", flow, RETAKE_CREDENTIALS=str(file))
    assert refused.code == 1, refused
    assert "mode 0440" in refused.out + refused.err
    assert platform.agent(NAME)["sessions"] == []
    # The token of the environment belongs to retake.tv unless a file says otherwise, so the file is one of its own.
    other = tmp_path / "own" / "credentials.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"issued_by": platform.address}))
    other.chmod(0o600)
    assert goes_through(home, other, RETAKE_ACCESS_TOKEN=TOKEN) == []
    assert TOKEN not in other.read_text()


@needs_root
def test_an_empty_mounted_file_takes_the_registration(home: Home, tmp_path: Path, mounts: list[Path]) -> None:
    """A file can be mounted before there is a token."""
    with retake_tv(tmp_path / "new", {"agents": [], "verified": True}) as served:
        outside = tmp_path / "host.json"
        outside.touch(mode=0o600)
        inside = tmp_path / "container.json"
        inside.touch(mode=0o600)
        mount(mounts, "--bind", outside, inside)
        flow = str(home.folder / "account.yaml")
        done = home.call("run", flow, RETAKE_CREDENTIALS=str(inside), RETAKE_API_URL=served.address)
        assert done.code == 0, done
        assert json.loads(outside.read_text())["access_token"] == served.token(NAME)


@needs_root
def test_nothing_is_registered_where_its_token_could_not_be_written(
    home: Home, tmp_path: Path, mounts: list[Path]
) -> None:
    """Writing is tried before, and the message says what to do."""
    with retake_tv(tmp_path / "new", {"agents": [], "verified": True}) as served:
        place = tmp_path / "secret"
        place.mkdir()
        mount(mounts, "--bind", place, place)
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        done = home.call(
            *("run", str(home.folder / "account.yaml")),
            RETAKE_CREDENTIALS=str(place / "credentials.json"), RETAKE_API_URL=served.address,
        )  # fmt: skip
        assert done.code == 1
        assert "cannot be written" in done.out
        assert served.report()["agents"] == []
