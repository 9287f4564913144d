"""A folder as a web site."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from retake_flow.errors import InputError
from retake_flow.studio.browser import folder_site
from retake_flow.studio.browser.folder_site import ORIGIN, FolderSite


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
    monkeypatch.setattr(folder_site, "LARGEST_FILE", 5)
    answer = site.answer(f"{ORIGIN}/index.html")
    assert (answer.status, answer.body) == (413, b"")
    assert "more than 5 bytes" in answer.reason


def test_a_folder_without_a_first_page_is_refused(tmp_path: Path) -> None:
    """Before anything is started."""
    for folder, said in ((tmp_path, "no index.html"), (tmp_path / "none", "no folder")):
        with pytest.raises(InputError, match=said):
            FolderSite(folder)
