"""Which proxy and which certificates the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow import network
from retake_flow.errors import SettingsError
from retake_flow.redact import scrub

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}


def proxy(url: str = "https://retake.tv", **environment: str) -> str | None:
    """The proxy for an address, revealed."""
    found = network.proxy_for(url, environment)
    return found.reveal() if found else None


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        (PROXY, "http://proxy.example:3128"),
        ({"https_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({**PROXY, "https_proxy": "http://lower.example:1"}, "http://lower.example:1"),
        ({**PROXY, "https_proxy": ""}, None),
        ({"ALL_PROXY": "http://all.example:1"}, "http://all.example:1"),
        ({"all_proxy": "http://all.example:1"}, "http://all.example:1"),
        ({**PROXY, "ALL_PROXY": "socks5://all.example:1"}, "http://proxy.example:3128"),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
        ({"HTTPS_PROXY": "https://proxy.example/"}, "https://proxy.example"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, None),
        ({"HTTPS_PROXY": " "}, None),
    ],
)
def test_the_usual_variables_name_the_proxy(environment: dict[str, str], wanted: str | None) -> None:
    """As curl has it: in lower case first, the one for all last, and none for plain HTTP."""
    assert proxy(**environment) == wanted


@pytest.mark.parametrize(
    ("listed", "direct"),
    [
        ("retake.tv", True),
        (".retake.tv", True),
        ("*.retake.tv", True),
        ("other.example, RETAKE.tv", True),
        ("other.example retake.tv", True),
        ("*", True),
        ("retake.tv:443", True),
        ("retake.tv:8443", False),
        ("take.tv", False),
        ("retake.tv.example", False),
        ("10.0.0.0/8", False),
        ("", False),
    ],
)
def test_hosts_can_be_spared(listed: str, direct: bool) -> None:
    """NO_PROXY names domains, with and without a dot or a port, apart by commas or blanks."""
    assert (proxy(NO_PROXY=listed, **PROXY) is None) is direct
    assert (proxy(no_proxy=listed, **PROXY) is None) is direct


def test_addresses_can_be_spared_by_their_range() -> None:
    """A range of addresses is one of those that are in it."""
    assert proxy("https://10.1.2.3", NO_PROXY="10.0.0.0/8", **PROXY) is None
    assert proxy("https://11.1.2.3", NO_PROXY="10.0.0.0/8", **PROXY) is not None
    assert proxy("https://sub.retake.tv", NO_PROXY="retake.tv", **PROXY) is None
    assert proxy("wss://retake.tv", **PROXY) == PROXY["HTTPS_PROXY"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "https://localhost", "https://[::1]:1", "http://retake.tv", "ws://127.0.0.1:1"]
)
def test_this_machine_and_what_is_not_encrypted_never_go_by_a_proxy(url: str) -> None:
    """A rehearsal stays here, and nobody on the way reads anything."""
    assert proxy(url, **PROXY, ALL_PROXY="socks5://127.0.0.1:9050") is None


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_a_socks_proxy_is_refused_in_words(scheme: str, variable: str) -> None:
    """It is not passed by in silence, and what can be done is named."""
    with pytest.raises(SettingsError, match=rf"names a SOCKS proxy \({scheme}://gate:1080\)") as raised:
        proxy(**{variable: f"{scheme}://gate:1080"})
    assert "export NO_PROXY=retake.tv" in raised.value.hint
    assert proxy(**{variable: f"{scheme}://gate:1080"}, NO_PROXY="retake.tv") is None


@pytest.mark.parametrize(
    "text", ["ftp://gate:1", "http://", "http://gate:port", "http://gate/path", "http://u:pass-word@"]
)
def test_what_is_no_proxy_is_refused(text: str) -> None:
    """Bad input gets a message, without a password that may be in it."""
    with pytest.raises(SettingsError, match=r"HTTPS_PROXY is .* not a proxy address") as raised:
        proxy(HTTPS_PROXY=text)
    assert "pass-word" not in raised.value.message


def test_the_password_of_a_proxy_is_a_secret() -> None:
    """It reaches the proxy and no text of ours."""
    found = network.proxy_for("https://retake.tv", {"HTTPS_PROXY": "http://owl:hoot-hoot@gate:3128"})
    assert found is not None
    assert "hoot" not in repr(found)
    assert network.proxy_host(found) == "gate:3128"
    assert "hoot-hoot" not in scrub(f"407 from {found.reveal()}, password hoot-hoot")


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A file that is not there, that holds none, and a folder that is none."""
    (tmp_path / "empty.pem").write_text("no certificate")
    for name, value, words in (
        ("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"), "cannot be read: No such file"),
        ("SSL_CERT_FILE", str(tmp_path), "SSL_CERT_FILE is"),
        ("SSL_CERT_FILE", str(tmp_path / "empty.pem"), "no certificate in PEM"),
        ("SSL_CERT_DIR", str(tmp_path / "empty.pem"), "not a folder"),
    ):
        with pytest.raises(SettingsError, match=words) as raised:
            network.certificates({name: value})
        assert raised.value.hint


def test_without_settings_the_systems_and_mozillas_certificates_count() -> None:
    """What the operator of the machine trusts, and what everybody does."""
    context = network.certificates({})
    assert context.get_ca_certs()
    assert network.certificates({}) is context
