"""What the environment says."""

from __future__ import annotations

import os
import pwd
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from retake_flow.addresses import MOLTBOOK, RETAKE, is_loopback
from retake_flow.errors import SettingsError
from retake_flow.settings import Settings, equip_libraries, program_environment, traces_wanted
from retake_flow.store.opening import open_runs


def settings(**environment: str) -> Settings:
    """The settings in an environment with nothing but a home folder and these."""
    return Settings.from_environment(
        {"HOME": "/home/owl", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c", **environment}
    )


def test_without_settings_there_are_the_usual_places() -> None:
    """By default the platform is retake.tv, there is no token, and files are where the system keeps such."""
    found = settings()
    assert (found.origin, found.access_token) == (RETAKE, None)
    assert found.credentials == Path("/home/owl/.config/retake/credentials.json")
    assert (found.state_folder, found.cache_folder) == (Path("/s/retake-flow"), Path("/c/retake-flow"))


def test_without_the_standards_variables_folders_are_in_the_home() -> None:
    """Where the XDG standard has them, and in the home of that environment."""
    found = Settings.from_environment({"HOME": "/home/owl"})
    assert found.state_folder == Path("/home/owl/.local/state/retake-flow")
    assert found.cache_folder == Path("/home/owl/.cache/retake-flow")


def test_folders_can_be_named() -> None:
    """The credentials file and the folders can be set, with ~ for the home folder."""
    found = settings(
        RETAKE_CREDENTIALS="~/c.json", RETAKE_FLOW_STATE="/x", RETAKE_FLOW_CACHE="/y", XDG_CONFIG_HOME="/z"
    )
    assert found.credentials == Path("~/c.json").expanduser()
    assert (found.state_folder, found.cache_folder) == (Path("/x"), Path("/y"))
    assert settings(XDG_CONFIG_HOME="/z").credentials == Path("/z/retake/credentials.json")


def homeless(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    """The settings of a user without an entry in an environment without HOME."""

    def nobody(user: int) -> NoReturn:
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    return Settings.from_environment(environment)


def test_without_a_home_nothing_is_kept_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no place works; what does is refused with the way out."""
    found = homeless(monkeypatch)
    assert not found.cache_folder.parent.exists()
    with pytest.raises(SettingsError, match="there is no home folder: HOME is not set") as raised:
        found.require_home()
    assert "export HOME=" in raised.value.hint
    assert "RETAKE_FLOW_STATE" in raised.value.hint


@pytest.mark.parametrize("variables", [{"RETAKE_FLOW_STATE": "/data"}, {"XDG_STATE_HOME": "/data"}])
def test_without_a_home_one_folder_is_enough(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Credentials, cache and runs are kept where runs are kept, unless they are named."""
    found = homeless(monkeypatch, **variables)
    found.require_home()
    folder = found.state_folder
    assert folder.is_relative_to("/data")
    assert (found.credentials, found.cache_folder) == (folder / "credentials.json", folder / "cache")
    assert found.store == str(folder / "runs.sqlite")
    named = homeless(monkeypatch, RETAKE_CREDENTIALS="/c/c.json", RETAKE_FLOW_CACHE="/y", **variables)
    assert (named.credentials, named.cache_folder) == (Path("/c/c.json"), Path("/y"))


@pytest.mark.parametrize(
    "variable", ["RETAKE_FLOW_STATE", "RETAKE_FLOW_CACHE", "RETAKE_CREDENTIALS", "RETAKE_FLOW_STORE"]
)
def test_the_home_of_nobody_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A ~ that stands for no folder is no folder called ~."""
    with pytest.raises(SettingsError, match=f"{variable} is '~/owl', and there is no such home folder"):
        homeless(monkeypatch, **{variable: "~/owl"})
    with pytest.raises(SettingsError, match=f"{variable} is '~no-such-user/owl'"):
        settings(**{variable: "~no-such-user/owl"})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", MOLTBOOK),
        ("https://www.moltbook.com/api/v1/", MOLTBOOK),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:1", "http://localhost:1"),
    ],
)
def test_posts_go_to_moltbook_or_to_this_machine(url: str, origin: str) -> None:
    """What stands for it on this machine may be named."""
    assert settings(RETAKE_FLOW_MOLTBOOK_URL=url).moltbook == origin


@pytest.mark.parametrize(
    "url", ["https://moltbook.com", "http://www.moltbook.com", "https://retake.tv", "https://x:y@127.0.0.1"]
)
def test_posts_go_nowhere_else(url: str) -> None:
    """Also not to the name from which Moltbook redirects: the key would be lost on the way."""
    with pytest.raises(SettingsError, match="RETAKE_FLOW_MOLTBOOK_URL"):
        settings(RETAKE_FLOW_MOLTBOOK_URL=url)


def test_the_key_of_moltbook_is_secret() -> None:
    """It is wrapped at once; an empty one is none."""
    found = settings(MOLTBOOK_API_KEY=" moltbook_sk_0123 ")
    assert found.moltbook_key is not None
    assert found.moltbook_key.reveal() == "moltbook_sk_0123"
    assert "moltbook_sk_0123" not in repr(found)
    assert settings(MOLTBOOK_API_KEY=" ").moltbook_key is None


@pytest.mark.parametrize("written", ["rtk_0123456789", "  rtk_0123456789\n"])
def test_a_token_is_secret(written: str) -> None:
    """The token from the environment is wrapped at once, without white space around it."""
    found = settings(RETAKE_ACCESS_TOKEN=written)
    assert found.access_token is not None
    assert found.access_token.reveal() == "rtk_0123456789"
    assert "rtk_" not in repr(found)


@pytest.mark.parametrize("written", ["", "   "])
def test_an_empty_token_is_none(written: str) -> None:
    """A variable that is set but empty counts as not set."""
    assert settings(RETAKE_ACCESS_TOKEN=written).access_token is None
    assert settings(RETAKE_API_URL="").origin == RETAKE


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://retake.tv", RETAKE),
        ("https://retake.tv/", RETAKE),
        ("https://retake.tv/api/v1", RETAKE),
        ("https://RETAKE.tv:443/api/v1/", RETAKE),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/api/v1", "http://127.0.0.1:8080"),
        ("http://localhost:9", "http://localhost:9"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("https://127.8.9.1", "https://127.8.9.1"),
    ],
)
def test_the_platform_is_retake_tv_or_this_machine(url: str, origin: str) -> None:
    """The address may be retake.tv or a loopback one, with or without the path of its API."""
    assert settings(RETAKE_API_URL=url).origin == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://retake.tv",
        "https://retake.tv:8443",
        "https://retake.tv.evil.example",
        "https://evil.example",
        "https://evil.example/retake.tv",
        "https://retake.tv@evil.example",
        "https://token@retake.tv",
        "https://api.retake.tv",
        "https://retake.tv/other",
        "https://retake.tv?x=1",
        "https://retake.tv#x",
        "http://10.0.0.1",
        "http://0.0.0.0:80",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:8080@evil.example",
        "http://evil.example\\@127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://[::1",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "retake.tv",
        "//retake.tv",
        "http://",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    """An address that the token must not go to is an error of the operator that says what is allowed."""
    with pytest.raises(SettingsError, match="RETAKE_API_URL is ") as raised:
        settings(RETAKE_API_URL=url)
    assert raised.value.exit_code == 2
    assert "the access token goes to retake.tv only" in raised.value.hint


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("127.1", False), ("0.0.0.0", False),
     ("localhost.evil.example", False), ("", False), (None, False), ("::ffff:10.0.0.1", False)],
)  # fmt: skip
def test_this_machine_is_known_by_its_addresses(host: str | None, loopback: bool) -> None:
    """Only names that mean this machine and nothing else are loopback."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("written", ["7", "-", "+", "-7", "7*", "7 -", "x-", "1.5+", "²-", "7-+"])
def test_what_is_no_boundary_is_a_mistake(written: str) -> None:
    """A boundary of the journal at which to die is `7-` or `7+`; anything else is refused before anything is stored."""
    with pytest.raises(SettingsError, match="RETAKE_FLOW_DIE_AT") as refused:
        settings(RETAKE_FLOW_DIE_AT=written)
    assert "`7-` or `7+`" in refused.value.message
    assert settings(RETAKE_FLOW_DIE_AT=" 7+ ").die_at == "7+"


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("", ()),
        ("piper --model en.onnx --output_file -", ("piper", "--model", "en.onnx", "--output_file", "-")),
        ("'my voice/speak' --slow", ("my voice/speak", "--slow")),
    ],
)
def test_a_voice_is_a_command_as_in_a_shell(written: str, command: tuple[str, ...]) -> None:
    """Quotes keep words together; nothing is expanded."""
    assert Settings.from_environment({"HOME": "/home/owl", "RETAKE_FLOW_VOICE": written}).voice == command


def test_a_voice_that_is_no_command_is_a_mistake() -> None:
    """A quote without its partner is told, with the name of the variable."""
    with pytest.raises(SettingsError, match="RETAKE_FLOW_VOICE") as told:
        Settings.from_environment({"HOME": "/home/owl", "RETAKE_FLOW_VOICE": "piper 'x"})
    assert "quotes" in told.value.hint


@pytest.mark.parametrize("name", ["HOME", "XDG_STATE_HOME", "RETAKE_CREDENTIALS", "RETAKE_FLOW_STORE", "TMPDIR"])
def test_a_variable_that_is_not_utf_8_is_named(name: str) -> None:
    """Paths stand in records and messages, which are text; what does not concern us may be anything."""
    with pytest.raises(SettingsError, match=f"{name} is not UTF-8 text"):
        Settings.from_environment({"HOME": "/home/owl", name: "/tmp/\udcff"})
    assert Settings.from_environment({"HOME": "/home/owl", "PROMPT": "\udcff"})


def equipped(**environment: str) -> dict[str, str]:
    """An environment after libraries were equipped in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", dict(environment))
        equip_libraries()
        equip_libraries()
        return dict(os.environ)


def test_libraries_reach_this_machine_without_a_proxy() -> None:
    """Where there is a proxy, what is excepted from it grows by loopback, once."""
    loopback = "localhost,127.0.0.0/8,::1"
    assert equipped() == {}
    assert equipped(HTTPS_PROXY="http://gate:1")["no_proxy"] == loopback
    assert equipped(all_proxy="http://gate:1", NO_PROXY="a.example")["NO_PROXY"] == f"a.example,{loopback}"
    assert equipped(http_proxy="http://gate:1", no_proxy="b", NO_PROXY="a")["no_proxy"] == f"b,{loopback}"


def test_libraries_know_ones_own_certificates() -> None:
    """What requests has a variable of its own for is left to that."""
    assert equipped(SSL_CERT_FILE="/ca.pem")["REQUESTS_CA_BUNDLE"] == "/ca.pem"
    assert equipped(SSL_CERT_DIR="/cas")["REQUESTS_CA_BUNDLE"] == "/cas"
    assert equipped(SSL_CERT_FILE="/ca.pem", REQUESTS_CA_BUNDLE="/own.pem")["REQUESTS_CA_BUNDLE"] == "/own.pem"
    assert "REQUESTS_CA_BUNDLE" not in equipped(SSL_CERT_FILE="/ca.pem", CURL_CA_BUNDLE="/own.pem")


SECRETS = ("RETAKE_ACCESS_TOKEN", "MOLTBOOK_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_KEY", "PGPASSWORD", "HTTPS_PROXY")
OTHERS = (
    "XENVIRONMENT",
    "FFREPORT",
    "PULSE_SERVER",
    "DISPLAY",
    "XAUTHORITY",
    "PATHS",
    "MY_PATH",
    "lang",
    "LC",
    "TOKEN",
)


def test_programs_inherit_what_they_need_and_no_secret() -> None:
    """The list says what they have; everything else stays, whatever it is called."""
    places = {"PATH": "/bin", "HOME": "/h", "XDG_RUNTIME_DIR": "/r", "TMPDIR": "/t"}
    needed = {**places, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
    assert program_environment({**needed, **dict.fromkeys((*SECRETS, *OTHERS), "x")}) == needed


def test_variables_of_the_voice_are_named() -> None:
    """Apart by blanks; none by default."""
    assert settings().voice_variables == ()
    assert settings(RETAKE_FLOW_VOICE_VARIABLES=" SPEECH_KEY  b2 ").voice_variables == ("SPEECH_KEY", "b2")


@pytest.mark.parametrize("name", ["RETAKE_ACCESS_TOKEN", "A=b", "$KEY", "1A", "ÄB"])
def test_what_no_program_can_be_given_is_refused(name: str) -> None:
    """Neither a token of ours nor what is no name."""
    with pytest.raises(SettingsError, match="RETAKE_FLOW_VOICE_VARIABLES"):
        settings(RETAKE_FLOW_VOICE_VARIABLES=f"KEY {name}")


@pytest.mark.parametrize(("given", "seconds"), [("", 35.0), ("35s", 35.0), ("2m", 120.0), ("7", 7.0), ("5.5s", 5.5)])
def test_the_lease_is_a_time(given: str, seconds: float) -> None:
    """Seconds when it has no unit."""
    assert Settings.from_environment({"HOME": "/h", "RETAKE_FLOW_LEASE": given}).lease == seconds


@pytest.mark.parametrize("given", ["4s", "11m", "soon", "-35s", "1e9", "35 s", "٣٥"])
def test_a_lease_that_cannot_be_is_refused(given: str) -> None:
    """One that is too short would be lost at every hiccup of the network, and one that is too long keeps others out."""
    with pytest.raises(SettingsError, match="it takes a time from 5s to 10m"):
        Settings.from_environment({"HOME": "/h", "RETAKE_FLOW_LEASE": given})


@pytest.mark.parametrize("variable", ["RETAKE_FLOW_STATE", "RETAKE_FLOW_CACHE", "RETAKE_CREDENTIALS"])
def test_a_path_is_no_url(variable: str) -> None:
    """It would become folders by these names, and its password would be printed as part of a path."""
    with pytest.raises(SettingsError, match=f"{variable} takes a path") as refused:
        settings(**{variable: "postgresql://ann:hunter2-secret@db/runs"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("given", ["٣-", "9" * 400 + "-", "7*", "-", "1e4+", "²+"])
def test_no_boundary_is_refused(given: str) -> None:
    """A number of few plain digits, and a side."""
    with pytest.raises(SettingsError, match=r"it takes `7-` or `7[+]`"):
        settings(RETAKE_FLOW_DIE_AT=given)


@pytest.mark.parametrize("variable", ["RETAKE_API_URL", "RETAKE_FLOW_MOLTBOOK_URL"])
def test_a_password_in_a_url_is_not_shown(variable: str) -> None:
    """The URL is refused, and named without it."""
    with pytest.raises(SettingsError, match="//•••@") as refused:
        settings(**{variable: "https://ann:hunter2-secret@retake.tv"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("variable", ["HOME", "XDG_STATE_HOME"])
def test_a_home_of_nobody_is_a_folder_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """No shell has expanded it, and neither do we."""
    monkeypatch.chdir(tmp_path)
    with closing(open_runs(settings(**{"XDG_STATE_HOME": "", variable: "~nobody9/x"}).store)) as runs:
        assert list(runs.summaries()) == []
    assert (tmp_path / "~nobody9" / "x").is_dir()


@pytest.mark.parametrize("given", ["https://page.example.org", "https://Page.Example.org/", "http://studio:8765"])
def test_the_page_has_an_address(given: str) -> None:
    """An origin, without the slash at its end."""
    assert settings(RETAKE_FLOW_PAGE=given).page == given.rstrip("/").lower()


@pytest.mark.parametrize(
    "given", ["page.example.org", "ftp://x", "https://x/path", "https://u:p@x", "https://x?a", "https://"]
)
def test_an_address_that_is_no_origin_is_refused(given: str) -> None:
    """Neither a path, nor a user, nor another protocol."""
    with pytest.raises(SettingsError, match="without a path"):
        settings(RETAKE_FLOW_PAGE=given)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, False),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "'zipkin'"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "'otlp grpc'"),
    ],
)
def test_traces_are_asked_for_by_the_standard_variables(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], wanted: bool | str
) -> None:
    """Only an exporter that is named, or a place to send to, asks for them; others than ours are refused."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    if isinstance(wanted, bool):
        assert traces_wanted() is wanted
    else:
        with pytest.raises(SettingsError, match=f"asks for {wanted}, and traces go out by otlp"):
            traces_wanted()
