"""The hosts that a page may reach."""

from __future__ import annotations

import pytest

from retake_flow.errors import InputError
from retake_flow.studio.browser.allowed_hosts import AllowedHosts

HOSTS = AllowedHosts.of(["example.org", "*.Cdn.example", "127.0.0.1:8080", "[::1]:9000"])


@pytest.mark.parametrize(
    ("url", "permitted"),
    [
        ("https://example.org/a?b", True),
        ("http://EXAMPLE.org./", True),
        ("wss://example.org/socket", True),
        ("https://example.org:8443/", False),
        ("https://www.example.org/", False),
        ("https://example.org.evil.test/", False),
        ("https://example.org@evil.test/", False),
        ("https://a.b.cdn.example/", True),
        ("https://cdn.example/", False),
        ("http://127.0.0.1:8080/", True),
        ("http://127.0.0.1/", False),
        ("http://localhost:8080/", False),
        ("http://[::1]:9000/", True),
        ("http://[::1]/", False),
        ("file:///etc/hostname", False),
        ("chrome://version/", False),
        ("ftp://example.org/", False),
        ("https://[/", False),
        ("https://example.org:99999/", False),
        ("https://evil.example\\@example.org/", False),
        ("https://example.org@evil.example/", False),
        ("", False),
    ],
)
def test_only_hosts_and_ports_of_the_list_are_permitted(url: str, permitted: bool) -> None:
    """Names are compared as a browser does, ports count, and other schemes are never permitted."""
    assert HOSTS.permits(url) is permitted


@pytest.mark.parametrize(
    "host", ["https://example.org", "a.org/path", "*", "a b", "", "a.org:0", "a:70000", "*.", "x;y", "x,y"]
)
def test_what_is_not_a_host_is_refused(host: str) -> None:
    """Addresses, paths, lone stars and separators are no hosts."""
    with pytest.raises(InputError, match="is not a host"):
        AllowedHosts.of([host])


def test_an_address_brings_its_own_host_and_port() -> None:
    """A page may reach the place that it comes from, and no other port of it."""
    with pytest.raises(InputError, match="password") as refused:
        AllowedHosts().with_url("https://ann:hunter2@example.org/")
    assert "hunter2" not in str(refused.value)
    hosts = AllowedHosts().with_url("http://127.0.0.1:8080/game")
    assert hosts.permits("ws://127.0.0.1:8080/")
    assert not hosts.permits("http://127.0.0.1:8081/")
    for bad in ("file:///etc/hostname", "javascript:alert(1)", "https://", "wss://example.org/"):
        with pytest.raises(InputError):
            AllowedHosts().with_url(bad)


def test_the_network_of_the_browser_knows_the_same_hosts() -> None:
    """WebSockets are closed by the network, since no request of theirs is reported."""
    proxy, spared, names = AllowedHosts.of(["example.org:81"]).switches
    assert proxy == "--proxy-server=http://none.invalid:1"
    assert spared == "--proxy-bypass-list=<-loopback>;example.org:81"
    assert names == "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE example.org"
