"""The doctor with real programs: what works, what is missing, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from flow_processes import WITHIN, Done, Home, at_home, command, gone, retake_tv, waited, write_credentials
from machines import nameless, no_fonts, reduced_ffmpeg
from run_programs import program

from retake_flow.studio.programs import PROGRAMS
from retake_flow.wiring.diagnosis.stream import CHECKS

pytestmark = pytest.mark.real

PLACES = ["state", "store", "recordings", "credentials", "working_folder", "cache"]
MACHINE = ["setpriv", "limits", "memory", "shared_memory", "init"]
BEYOND = ["platform", "clock", "notices"]
TOKEN = "rtk_doctor_0123456789"


def finding(done: Done, check: str) -> dict[str, Any]:
    """The finding of one check."""
    [found] = [each for each in done.records[0]["checks"] if each["check"] == check]
    return dict(found)


def examined(home: Home, *more: str, **variables: str) -> Done:
    """The findings of the doctor, as JSON."""
    return home.call("doctor", "--json", "--offline", *more, **variables)


def test_a_whole_machine_is_ready_and_stays_as_it_is(tmp_path: Path) -> None:
    """Everything is tried in the same order, everything needed works, and no file of it is left anywhere."""
    (tmp_path / "tmp").mkdir()
    with at_home(tmp_path / "home", TMPDIR=str(tmp_path / "tmp")) as home:
        done = examined(home)
        assert done.code == 0, done
        [found] = done.records
        names = [*(program.name for program in PROGRAMS), *CHECKS, *PLACES, *MACHINE, *BEYOND]
        assert [each["check"] for each in found["checks"]] == names
        assert {each["status"] for each in found["checks"]} <= {"ok", "warning", "skipped"}
        for check in ("display", "letters", "encoder", "sending", "sound", "thumbnail", *PLACES):
            assert finding(done, check)["status"] == "ok", finding(done, check)
        assert (found["ready"], found["missing"]) == (True, 0)
        assert "h264 1280x720 with aac" in finding(done, "encoder")["message"]
        assert finding(done, "platform")["status"] == "skipped"
        assert list(home.folder.iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_people_read_what_to_do(tmp_path: Path) -> None:
    """Each finding is a line, and what to do about it stands below."""
    with at_home(tmp_path, **reduced_ffmpeg(tmp_path / "bin", "libx264")) as home:
        done = home.call("doctor", "--offline")
    assert done.code == 6
    assert "MISSING  encoder         this ffmpeg has no encoder libx264\n" in done.out
    assert "apt install ffmpeg" in done.out.split("MISSING  encoder", 1)[1].splitlines()[1]
    assert "ok       display" in done.out


@pytest.mark.parametrize(
    ("part", "check", "words"),
    [
        ("x11grab", "encoder", "cannot read from x11grab"),
        ("aac", "encoder", "has no encoder aac"),
        ("flv", "encoder", "cannot write flv"),
        ("rtmps", "sending", "cannot send to rtmp:// and rtmps:// addresses"),
    ],
)
def test_an_ffmpeg_without_a_part_is_no_ffmpeg(tmp_path: Path, part: str, check: str, words: str) -> None:
    """The program is there, and what it lacks is missing."""
    with at_home(tmp_path, PATH=reduced_ffmpeg(tmp_path / "bin", part)["PATH"]) as home:
        done = examined(home)
    assert done.code == 6
    found = finding(done, check)
    assert (found["status"], words in found["message"]) == ("missing", True), found
    assert "apt install ffmpeg" in found["hint"]


def test_a_program_that_does_nothing_is_named(tmp_path: Path) -> None:
    """Where nothing else is known of a failure, what was tried is to be looked at."""
    idle = tmp_path / "bin" / "ffmpeg"
    idle.parent.mkdir()
    idle.write_text("#!/bin/sh\nexit 0\n")
    idle.chmod(0o755)
    with at_home(tmp_path, PATH=f"{idle.parent}:{os.environ['PATH']}") as home:
        done = examined(home)
    assert done.code == 6
    for check in ("letters", "encoder", "thumbnail"):
        found = finding(done, check)
        assert (found["status"], "ffmpeg ffmpeg" in found["message"]) == ("missing", False), found
        assert str(idle) in found["hint"]
        assert "apt install --reinstall" in found["hint"]


def test_an_ffmpeg_that_cannot_listen_is_a_warning(tmp_path: Path) -> None:
    """A stream goes on without a sound."""
    with at_home(tmp_path, PATH=reduced_ffmpeg(tmp_path / "bin", "pulse")["PATH"]) as home:
        done = examined(home)
    assert done.code == 0, done
    found = finding(done, "sound")
    assert (found["status"], found["message"]) == ("warning", "streams are silent: this ffmpeg cannot read from pulse")


def test_without_fonts_nothing_can_be_read(tmp_path: Path) -> None:
    """The content window does not open, and the package that helps is named."""
    with at_home(tmp_path / "home", **no_fonts(tmp_path)) as home:
        done = examined(home)
    assert done.code == 6
    for check in ("letters", "scripts"):
        assert "no font is installed" in finding(done, check)["message"]
        assert "apt install fonts-dejavu-core" in finding(done, check)["hint"]
    assert finding(done, "letters")["status"] == "missing"
    assert finding(done, "encoder")["status"] == "ok"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_letters_that_are_boxes_are_found(tmp_path: Path) -> None:
    """They are drawn: Latin is there, Chinese and emoji are not, and the packages that help are named."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the browser has a user of its own
        fonts = Path(folder, "fonts.conf")
        fonts.write_text("<fontconfig><dir>/usr/share/fonts/truetype/dejavu</dir></fontconfig>", encoding="utf-8")
        with at_home(tmp_path, FONTCONFIG_FILE=str(fonts)) as home:
            found = finding(examined(home), "page")
    assert found["status"] == "warning"
    assert found["message"].endswith("Devanagari, Thai, Chinese, Japanese, Korean, emoji")
    assert "fonts-noto-cjk fonts-noto-color-emoji" in found["hint"]


@pytest.mark.parametrize(
    ("lacking", "code", "found"),
    [
        (("Xvfb",), 6, {"Xvfb": "missing", "display": "missing", "letters": "skipped", "encoder": "skipped"}),
        (("openbox",), 6, {"openbox": "missing", "letters": "missing", "encoder": "ok"}),
        (
            ("scrot", "pulseaudio", "setpriv"),
            6,
            {
                "scrot": "missing",
                "thumbnail": "missing",
                "pulseaudio": "warning",
                "sound": "warning",
                "setpriv": "ok",
                "encoder": "ok",
            },
        ),
    ],
)
def test_missing_programs_are_named(tmp_path: Path, lacking: tuple[str, ...], code: int, found: dict[str, str]) -> None:
    """A machine without some programs, which has all others."""
    (tmp_path / "bin").mkdir()
    for folder in ("/usr/bin", "/bin", "/usr/local/bin"):
        for file in Path(folder).iterdir():
            if file.name not in lacking and not (tmp_path / "bin" / file.name).is_symlink():
                (tmp_path / "bin" / file.name).symlink_to(file)
    with at_home(tmp_path / "home", PATH=str(tmp_path / "bin")) as home:
        done = examined(home)
    assert done.code == code, done
    assert {check: finding(done, check)["status"] for check in found} == found
    assert all(finding(done, check)["hint"] for check, status in found.items() if status == "missing")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {
                "RETAKE_FLOW_STATE": "/dev/null/x",
                "RETAKE_FLOW_STORE": "/dev/null/x.sqlite",
                "RETAKE_CREDENTIALS": "/dev/null/x/c.json",
                "RETAKE_FLOW_NOTIFY": "nonsense://x",
            },
            {
                "state": ("Not a directory", "ls -ld /dev/null"),
                "store": ("File exists", "ls -ld /dev/null"),
                "credentials": ("Not a directory", ""),
                "notices": ("not one that apprise knows", "discord://"),
            },
        ),
        (
            {"RETAKE_FLOW_STATE": "/proc/x", "RETAKE_FLOW_STORE": "postgresql://owl@127.0.0.1:9/owl"},
            {"recordings": ("cannot be made", ""), "store": ("127.0.0.1", "")},
        ),
    ],
)
def test_places_that_cannot_be_used_are_missing(
    tmp_path: Path, variables: dict[str, str], expected: dict[str, tuple[str, str]]
) -> None:
    """Each is tried and not only named, and the exit code says so."""
    with at_home(tmp_path, **variables) as home:
        done = examined(home)
    assert done.code == 6, done
    for check, (words, hint) in expected.items():
        found = finding(done, check)
        assert found["status"] == "missing", found
        assert words in found["message"]
        assert hint in found["hint"]


def test_without_a_home_the_finding_says_what_to_set(tmp_path: Path) -> None:
    """There is a finding, and no defect."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
    done = subprocess.run(
        [*nameless(), *command("doctor", "--json", "--offline")], capture_output=True, text=True, check=False, env=kept
    )
    assert done.returncode == 6, done.stderr
    [state] = [each for each in json.loads(done.stdout)["checks"] if each["check"] == "state"]
    assert "there is no home folder" in state["message"]
    assert "export HOME=" in state["hint"]


def test_credentials_that_others_can_read_are_missing(tmp_path: Path) -> None:
    """As a run would refuse them; with the mode that they should have all is well."""
    with at_home(tmp_path, RETAKE_CREDENTIALS=str(tmp_path / "c.json")) as home:
        write_credentials(tmp_path / "c.json", "owl", TOKEN, "https://retake.tv")
        good = finding(examined(home), "credentials")
        assert (good["status"], good["message"]) == ("ok", f"owl, from {tmp_path / 'c.json'}, mode 0600")
        (tmp_path / "c.json").chmod(0o644)
        done = examined(home)
    assert done.code == 6
    assert "chmod" in finding(done, "credentials")["hint"]
    assert TOKEN not in done.out + done.err


def test_a_token_that_a_run_refuses_is_missing(tmp_path: Path) -> None:
    """A token with a blank is found before a run is begun with it, and is not printed."""
    token = "rtk_with a blank"
    with at_home(tmp_path, RETAKE_ACCESS_TOKEN=token) as home:
        done = examined(home)
        refused = home.call("run", "heartbeat.yaml", "--json")
    assert done.code == 6
    assert "RETAKE_ACCESS_TOKEN" in finding(done, "credentials")["message"]
    assert token not in done.out + done.err + refused.out + refused.err
    assert "white space or characters" in refused.out + refused.err


def test_the_platform_and_its_clock_are_asked_without_a_token(tmp_path: Path) -> None:
    """The answer is reported with its version and its time, and no token is sent for that."""
    with retake_tv(tmp_path / "tv", {}) as tv, at_home(tmp_path / "home", RETAKE_ACCESS_TOKEN=TOKEN) as home:
        done = home.call("doctor", "--json", RETAKE_API_URL=tv.address)
    assert done.code == 0, done
    assert finding(done, "platform")["message"].startswith(f"{tv.address} answers within")
    assert "its guide is version" in finding(done, "platform")["message"]
    assert finding(done, "clock")["status"] == "ok"
    assert TOKEN not in done.out + done.err


def test_a_clock_that_is_wrong_is_a_warning(tmp_path: Path) -> None:
    """The difference is reported, and the command that sets the clock."""
    with retake_tv(tmp_path / "tv", {"clock": 600}) as tv, at_home(tmp_path / "home") as home:
        done = home.call("doctor", "--json", RETAKE_API_URL=tv.address)
    assert done.code == 0, done
    found = finding(done, "clock")
    assert found["status"] == "warning"
    seconds, _, words = found["message"].partition(" ")
    assert abs(float(seconds) - 600) <= 60, found  # the answer may be on its way for long
    assert words == "s behind retake.tv's"
    assert "timedatectl" in found["hint"]


def test_a_platform_that_cannot_be_reached_is_a_warning(tmp_path: Path) -> None:
    """A network comes and goes; a rehearsal needs none."""
    with at_home(tmp_path, RETAKE_API_URL="http://127.0.0.1:9") as home:
        done = home.call("doctor", "--json")
    assert done.code == 0, done
    assert finding(done, "platform")["status"] == "warning"
    assert finding(done, "clock")["status"] == "skipped"


def test_a_way_that_is_set_wrongly_is_missing(tmp_path: Path) -> None:
    """A wrong setting stays wrong until a person corrects it."""
    with at_home(tmp_path, HTTPS_PROXY="socks5://127.0.0.1:9", NO_PROXY="", no_proxy="") as home:
        home.environment.pop("https_proxy", None)
        done = home.call("doctor", "--json")
    assert done.code == 6, done
    assert "SOCKS proxy" in finding(done, "platform")["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C while the display is open: it exits with 130, and programs and folders are gone."""
    (tmp_path / "tmp").mkdir()
    with at_home(tmp_path / "home", TMPDIR=str(tmp_path / "tmp")) as home:
        with subprocess.Popen(
            command("doctor", "--offline"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.environment
        ) as process:
            marker = f"doctor-{process.pid}"
            waited(lambda: program(marker, "Xvfb"), "a display")
            process.send_signal(number)
            out, err = process.communicate(timeout=WITHIN)
        assert process.returncode == 130, (out, err)
        assert b"Traceback" not in err
        gone(marker)
        assert list(home.folder.iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_first_process_that_looks_after_nobody_is_a_warning(tmp_path: Path) -> None:
    """As in a container without --init: orphans stay in the process table for ever."""
    inside = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no PID namespaces here")
    script = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    python = command()[0]
    with at_home(tmp_path) as home:
        done = subprocess.run(
            [*inside, python, "-c", script, *command("doctor", "--json", "--offline")],
            capture_output=True, text=True, check=False, env=home.environment, timeout=2 * WITHIN,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [init] = [each for each in json.loads(done.stdout)["checks"] if each["check"] == "init"]
    assert init["status"] == "warning"
    assert "docker run --init" in init["hint"]


def test_a_limit_that_is_too_low_is_missing(tmp_path: Path) -> None:
    """So few open files would end a stream in the middle."""
    assert shutil.which("sh")
    with at_home(tmp_path) as home:
        done = subprocess.run(
            ["sh", "-c", 'ulimit -n 120; exec "$@"', "sh", *command("doctor", "--json", "--offline")],
            capture_output=True, text=True, check=False, env=home.environment, timeout=2 * WITHIN,
        )  # fmt: skip
    assert done.returncode == 6, done.stderr
    [limits] = [each for each in json.loads(done.stdout)["checks"] if each["check"] == "limits"]
    assert (limits["status"], "ulimit -n 4096" in limits["hint"]) == ("missing", True)
