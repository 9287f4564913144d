"""The hosts that a page may reach."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from retake_flow.errors import InputError
from retake_flow.studio.browser import source
from retake_flow.studio.browser.source import ORIGIN, AllowedHosts, FolderSite

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


@pytest.fixture
def site(tmp_path: Path) -> FolderSite:
    """A folder with plain files, and all that is not one."""
    folder = tmp_path / "page"
    (folder / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("index.html", "a b.css", "sub/index.html", "sub/deep/x.woff2", "größe.js", ".env", "sub/.git"):
        (folder / name).write_text(name)
    (folder / "in.html").symlink_to("sub/index.html")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to("loop")
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as heard:
        heard.bind(str(folder / "socket"))
    return FolderSite(folder)


@pytest.mark.parametrize(
    ("path", "type", "body"),
    [
        ("/", "text/html; charset=utf-8", "index.html"),
        ("/index.html?x=1", "text/html; charset=utf-8", "index.html"),
        ("/a%20b.css", "text/css; charset=utf-8", "a b.css"),
        ("/sub/", "text/html; charset=utf-8", "sub/index.html"),
        ("/sub/deep/x.woff2", "font/woff2", "sub/deep/x.woff2"),
        ("/gr%C3%B6%C3%9Fe.js", "text/javascript; charset=utf-8", "größe.js"),
        ("/in.html", "text/html; charset=utf-8", "sub/index.html"),
    ],
)
def test_plain_files_below_the_folder_are_served(site: FolderSite, path: str, type: str, body: str) -> None:
    """With their types, through links inside the folder too."""
    answer = site.answer(ORIGIN + path)
    assert (answer.status, answer.type, answer.body.decode(), answer.reason) == (200, type, body, "")


@pytest.mark.parametrize(
    "path",
    [
        *("/out.txt", "/up/secret.txt", "/up/", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"),
        *("/pipe", "/socket", "/zero", "/loop", "/nothing", "/sub/deep/", "/.env", "/sub/.git", "//etc/hostname"),
        *("/index.html/x", "/%00", f"/{'x' * 5000}", "/index.html%00.css", "/sub/../../secret.txt"),
    ],
)
def test_nothing_else_is_served(site: FolderSite, path: str) -> None:
    """Links out of it, pipes, sockets, devices, hidden files and tricks with paths."""
    answer = site.answer(ORIGIN + path)
    assert (answer.status, answer.body) == (404, b"")
    assert answer.reason


def test_a_file_that_is_too_large_is_refused(site: FolderSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is said."""
    monkeypatch.setattr(source, "LARGEST_FILE", 5)
    answer = site.answer(f"{ORIGIN}/index.html")
    assert (answer.status, answer.body) == (413, b"")
    assert "more than 5 bytes" in answer.reason


def test_a_folder_without_a_first_page_is_refused(tmp_path: Path) -> None:
    """Before anything is started."""
    for folder, said in ((tmp_path, "no index.html"), (tmp_path / "none", "no folder")):
        with pytest.raises(InputError, match=said):
            FolderSite(folder)
