"""The sound's command line, and what an encoder hears."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from retake_flow.redact import Secret
from retake_flow.studio.encoding import encoder
from retake_flow.studio.encoding.encoder import Target
from retake_flow.studio.encoding.quality import GUIDE
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.sound import SILENCE, Sound, _address, open_sound, specification

URL = Secret("rtmp://127.0.0.1/app/sk_abcdef123456")


def test_nothing_of_a_desktop_is_shared(tmp_path: Path) -> None:
    """Home, state, runtime folder and cookie are the sound's own; there is neither a bus nor a display to reach."""
    environment = specification(tmp_path, f"{tmp_path}/native").environment
    own = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")
    assert {environment[name] for name in own} == {str(tmp_path)}
    assert Path(environment["PULSE_COOKIE"]).parent == tmp_path
    assert (environment["DISPLAY"], environment["DBUS_SESSION_BUS_ADDRESS"]) == ("", "disabled:")
    assert "-n" in specification(tmp_path, f"{tmp_path}/native").argv  # no script of the machine's or the user's


def test_an_encoder_opens_a_slow_input_before_the_picture() -> None:
    """A picture that waited for the sound would begin with a gap; the silent track stays where the guide has it."""
    sound = Sound(server="unix:/x/native", environment={"PULSE_COOKIE": "/x/cookie"})
    assert sound.input is SILENCE
    monitor = encoder.AudioInput(("-f", "pulse", "-i", "stream.monitor"), ("-af", "aresample"), {"A": "b"}, slow=True)
    spec = encoder.specification(Target.of(URL), {"DISPLAY": ":99"}, "1280x720", GUIDE, audio=monitor)
    command = spec.command()
    assert command.index("pulse") < command.index("x11grab") < command.index("aresample") < command.index("libx264")
    assert "anullsrc=channel_layout=stereo:sample_rate=44100" not in command
    assert spec.environment == {"DISPLAY": ":99", "A": "b"}


@pytest.mark.parametrize("name", ["plain", "a blank", "o'wl", '"quoted"', "Eulé-ö", "a,b;c=d", "x" * 120, "new\nline"])
def test_the_address_is_one_that_every_client_takes(tmp_path: Path, name: str) -> None:
    """Clients split it at blanks, the server reads it as an argument among others, the kernel takes 107 bytes."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "mark").write_text("here")
    with _address(folder) as (address, _):
        assert re.fullmatch(r"[\w./+-]{1,107}", address, re.ASCII)
        assert (Path(address).parent / "mark").read_text() == "here"
    assert (Path(address).parent == folder) is (name == "plain")


def test_a_place_that_cannot_be_written_makes_it_silent(tmp_path: Path) -> None:
    """The stream goes on with a silent track that says why."""
    (tmp_path / "file").write_text("")

    async def opened() -> Sound:
        async with open_sound(Launcher("run", {"PATH": ""}), lambda: tmp_path / "file" / "sound") as sound:
            return sound

    sound = asyncio.run(opened())
    assert sound.reason.startswith("there is no folder for the sound: Not a directory")
    assert sound.value["sound"] == "silent"
    assert not sound.audible


@pytest.mark.parametrize("name", ["native", "cookie", "client.conf"])
def test_what_it_needs_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    """Nothing that it or its clients write has a place elsewhere."""
    spec = specification(tmp_path, f"{tmp_path}/native")
    mentioned = [*map(str, spec.argv), *spec.environment.values()]
    assert all(str(tmp_path) in text for text in mentioned if name in text)
