"""Whole runs on hosts that lack something, or whose places have odd names."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import fresh_tmp
import pytest
from flow_processes import WITHIN, Home, at_home, command, gone, retake_tv, write_credentials
from machines import nameless, no_fonts, reduced_ffmpeg

pytestmark = pytest.mark.real

TOKEN = "rtk_hosts_0123456789"
OPTIONS = {"agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]}


def rehearse(home: Home, *more: str) -> tuple[str, ...]:
    """The command that rehearses in somebody's home."""
    return ("run", "go-live.yaml", "--rehearse", "--folder", str(home.folder / "rehearsal"), "--for", "2s", *more)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("libx264", "this ffmpeg has no encoder libx264"),
        ("rtmp", "this ffmpeg cannot send to rtmp:// and rtmps:// addresses"),
    ],
)
def test_an_encoder_without_a_part_spends_no_key(tmp_path: Path, part: str, words: str) -> None:
    """The run ends before it began, names the part and what to install, and has asked retake.tv for nothing."""
    reduced = reduced_ffmpeg(tmp_path / "bin", part)
    with retake_tv(tmp_path / "tv", OPTIONS) as tv, at_home(tmp_path / "home", PATH=reduced["PATH"]) as home:
        write_credentials(home.folder / "owl.json", "owl", TOKEN, tv.address)
        own = {"RETAKE_API_URL": tv.address, "RETAKE_CREDENTIALS": str(home.folder / "owl.json")}
        done = home.call("run", "go-live.yaml", "--for", "2s", **own)
        assert done.code == 6, done
        assert words in done.err
        assert "apt install ffmpeg" in done.err
        assert tv.report()["keys"]["issued"] == 0
        assert tv.agent("owl")["sessions"] == []
        assert home.call("runs").out.startswith("no runs yet")


def test_a_host_without_fonts_begins_no_black_stream(tmp_path: Path) -> None:
    """There is nothing to be seen where nothing can be written, so nothing is begun."""
    with at_home(tmp_path / "home", **no_fonts(tmp_path)) as home:
        done = home.call(*rehearse(home))
        assert done.code == 6, done
        assert "no font is installed" in done.err
        assert "apt install fonts-dejavu-core" in done.err
        assert not (home.folder / "rehearsal").exists()


def test_the_abilities_of_ffmpeg_are_tried_once(tmp_path: Path) -> None:
    """The second run starts no ffmpeg but for the stream; another ffmpeg in its place is tried again."""
    path = reduced_ffmpeg(tmp_path / "bin", "nothing")["PATH"]
    calls = tmp_path / "bin" / "ffmpeg.calls"
    with at_home(tmp_path / "home", PATH=path) as home:
        assert home.call(*rehearse(home)).code == 0
        assert calls.read_text().count("app/preflight") == 1
        assert home.call(*rehearse(home)).code == 0
        assert calls.read_text().count("app/preflight") == 1
        reduced_ffmpeg(tmp_path / "bin", "x11grab")
        assert home.call(*rehearse(home)).code == 6


def test_a_run_waits_for_its_host_to_be_mended(tmp_path: Path) -> None:
    """Resumed where the encoder lacks a part, a run stays as it is; with a whole one it goes on."""
    with at_home(tmp_path / "home") as home:
        running = home.start(*rehearse(home)[:-1], "5m")
        running.on_air()
        running.kill()
        gone(running.run, WITHIN)
        reduced = reduced_ffmpeg(tmp_path / "bin", "libx264")
        refused = home.call("resume", "last", PATH=reduced["PATH"])
        assert refused.code == 6, refused
        assert "this ffmpeg has no encoder libx264" in refused.err
        resumed = home.start("resume", "last")
        resumed.until("state_entered", state="broadcast/pushing/on_air", visit=2)
        assert home.call("stop", "last").code == 0
        resumed.finish()
        assert resumed.records[-1]["event"] == "run_ended"


@pytest.mark.parametrize("name", ["an o'wl's \"nest\" Eulé-日本", "x" * 140])
def test_a_stream_has_its_sound_in_folders_of_any_name(tmp_path: Path, name: str) -> None:
    """TMPDIR, the home and the folder of the recordings may have any name."""
    (tmp_path / name / "tmp").mkdir(parents=True)
    with at_home(tmp_path / name, TMPDIR=str(tmp_path / name / "tmp")) as home:
        done = home.call(*rehearse(home, "--json"))
        assert done.code == 0, done
        [sound] = [r for r in done.records if r["event"] == "activity_ready" and r["activity"] == "broadcast:sound"]
        assert "sound" in json.dumps(sound)
        assert '"sound": "pulseaudio"' in json.dumps(sound), sound
        report = next(r for r in done.records if r["event"] == "rehearsal_report")
        assert report["broken_rules"] == []
        assert report["recordings"][0]["video"]["frames"] > 0
        assert list((tmp_path / name / "tmp").iterdir()) == []


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_temporary_folder_that_is_none_is_done_without(tmp_path: Path, what: str) -> None:
    """Where TMPDIR leads to nothing of use, the system's own is taken."""
    place = tmp_path / "tmp"
    if what == "a file":
        place.touch()
    with at_home(tmp_path / "home", TMPDIR=str(place)) as home:
        done = home.call(*rehearse(home, "--json"))
        assert done.code == 0, done
        report = next(r for r in done.records if r["event"] == "rehearsal_report")
        assert report["recordings"][0]["video"]["frames"] > 0


def test_a_folder_that_was_removed_under_a_run_is_none_of_its_needs(tmp_path: Path) -> None:
    """The folder that a command is called in may be gone, as after a deployment."""
    with at_home(tmp_path / "home") as home:
        flow = home.folder / "short.yaml"
        flow.write_text(
            "flow: short\ninitial: a\nstates: {a: {wait: 1s, transitions: {done: b}}, b: {final: completed}}\n"
        )
        for words in (("run", str(flow)), ("runs",), ("check", str(flow)), ("show", "last")):
            here = tmp_path / "here"
            here.mkdir()
            inside = ["sh", "-c", f'rmdir "{here}"; exec "$@"', "sh", *command(*words)]
            done = subprocess.run(inside, cwd=here, env=home.environment, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), done


def as_nobody(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of a user without a name and a home."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
    prefix = nameless()
    return subprocess.run(
        [*prefix, *command(*arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * WITHIN,
        cwd=folder,
        env={**kept, "RETAKE_FLOW_STAGE": "off", **variables},
    )


def test_a_user_without_a_name_and_a_home_can_stream_with_one_folder(tmp_path: Path) -> None:
    """As in a container with any user id: RETAKE_FLOW_STATE is enough."""
    done = as_nobody(
        tmp_path, "run", "go-live.yaml", "--rehearse", "--for", "2s", RETAKE_FLOW_STATE=str(tmp_path / "state")
    )
    assert done.returncode == 0, done.stderr
    assert {file.name for file in tmp_path.iterdir()} == {"state"}


@pytest.mark.parametrize("arguments", ["runs", "run go-live.yaml --rehearse", "resume --all", "guide", "rehearsal"])
def test_without_a_home_commands_that_keep_something_say_what_to_set(tmp_path: Path, arguments: str) -> None:
    """A message with its way out, and no defect."""
    done = as_nobody(tmp_path, *arguments.split())
    assert done.returncode == 2, done.stderr
    assert "there is no home folder" in done.stderr
    assert "export HOME=" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["check go-live.yaml", "plan go-live.yaml", "actions", "graph go-live.yaml"])
def test_without_a_home_commands_that_keep_nothing_work(tmp_path: Path, arguments: str) -> None:
    """Reading a flow needs no place of one's own."""
    assert as_nobody(tmp_path, *arguments.split()).returncode == 0


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (fresh_tmp.mounting(read_only=True), "no display can be opened: Read-only file system"),
        ("mount -t tmpfs tmpfs /dev/pts", "no pseudo terminal"),
    ],
)
def test_a_host_without_a_place_for_the_display_or_its_window(mount: str, words: str) -> None:
    """It is found before a run begins, and the doctor finds it too."""
    inside = ["unshare", "--mount", "sh", "-c", f'{mount} && cd / && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespaces here")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        environment = {**os.environ, "HOME": folder}
        rehearsed = command("run", "go-live.yaml", "--rehearse", "--for", "1s")
        for asked in (rehearsed, command("doctor", "--offline")):
            done = subprocess.run(
                [*inside, *asked], capture_output=True, text=True, check=False, env=environment, timeout=2 * WITHIN
            )
            assert done.returncode == 6, done
            assert words in done.stdout + done.stderr
        assert not list(Path(folder).rglob("rehearsals/*"))
