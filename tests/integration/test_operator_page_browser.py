"""The operator's page in a real browser, over a rehearsed stream from its first question to its end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flow_processes import WITHIN, Home, at_home, gone, waited
from free_port import free_port
from playwright.sync_api import Browser, Page, expect, sync_playwright
from recorded import HEARD, heard, levels

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

POST = "https://x.com/owl/status/1860000000000000001"
OPTIONS = {
    "verified": False,
    "tweets": {POST: "{message}"},
    "viewers": [
        {"at": 1, "name": "mira", "text": "hi"},
        {"at": 2, "name": "<b>zoe</b>", "text": "<script>alert(1)</script>"},
        {"at": 3, "name": "mira", "type": "tip", "amount": 5},
    ],
}
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
SLOW = 150_000  # milliseconds
expect.set_options(timeout=SLOW)


class Server:
    """A server of the page that can be killed and started again at the same place."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._process: subprocess.Popen[str] | None = None
        self._port = str(free_port())
        self.link = ""

    def start(self) -> None:
        """Start it; returns when it answers."""
        command = [sys.executable, "-m", "retake_flow", "serve", "--port", self._port]
        environment = {**self._home.environment, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        self.link = self._process.stdout.readline().strip()

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(WITHIN)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def address(self, path: str) -> str:
        """The address of a page."""
        return self.link.split("/enter")[0] + path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; root gets no sandbox."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield started
        started.close()


_FIELD_FOR_A_NAME_FITS = """() => {
    const field = document.querySelector(".who");
    if (!field) return true;
    field.open = true;
    const box = field.querySelector("form").getBoundingClientRect();
    field.open = false;
    return box.left >= 0 && box.right <= innerWidth;
}"""


def at(browser: Browser, link: str, size: Any, troubles: list[str]) -> Page:
    """Somebody who has followed the link; what their browser complains about is noted."""
    page = browser.new_context(viewport=size).new_page()
    page.set_default_timeout(SLOW)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.on("console", lambda said: troubles.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(link)
    return page


def accessible(page: Page, state: str) -> None:
    """Nothing hinders people at this page, and nothing is wider than it."""
    found = [(each["id"], each["nodes"][0]["html"]) for each in Axe().run(page).response["violations"]]
    assert not found, (state, found)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
    assert page.evaluate(_FIELD_FOR_A_NAME_FITS), state


def numbers(page: Page) -> list[int]:
    """The numbers of the records that a page shows."""
    return [int(number) for number in page.eval_on_selector_all("#log li", "all => all.map(li => li.dataset.number)")]


def test_a_stream_is_watched_answered_and_stopped(tmp_path: Path, browser: Browser) -> None:
    """On a phone and at a desk at once; half-written text, a killed server and foreign markup change nothing."""
    troubles: list[str] = []
    with at_home(tmp_path / "home") as home:
        server = Server(home)
        server.start()
        try:
            phone, desk = at(browser, server.link, PHONE, troubles), at(browser, server.link, DESK, troubles)
            expect(phone.get_by_text("No runs yet.")).to_be_visible()
            accessible(phone, "no runs")
            (home.folder / "options.json").write_text(json.dumps(OPTIONS))
            begun = home.call(
                *("run", "go-live.yaml", "--rehearse", "--rehearsal-options", str(home.folder / "options.json")),
                *("--name", "show", "--detach", "--wait", "--json"),
            )
            run = begun.records[-1]["run"]
            _answer(phone, desk, server.address(f"/runs/{run}"))
            _watch(phone, desk)
            _survive(phone, server)
            kept = Path(home.call("show", run, "--json").records[-1]["rehearsal"]) / "recordings"
            _speak_and_stop(phone, desk, max(kept.glob("*.flv")))
            gone(run, WITHIN)
            shown = {number for number in numbers(phone) if number}
            assert len(numbers(phone)) == len(shown), "a record is shown twice"
            desk.reload()
            assert sorted(shown) == numbers(desk), (
                "a record is missing",
                phone.inner_text("#log"),
                desk.inner_text("#log"),
            )
            accessible(desk, "ended")
            desk.goto(server.address("/"))
            expect(desk.get_by_role("heading", name="Ended")).to_be_visible()
            accessible(desk, "all runs")
            assert home.row(run)["phase"] == "completed"
        finally:
            server.kill(signal.SIGTERM)
    assert troubles == []


def _answer(phone: Page, desk: Page, address: str) -> None:
    """Two people see one question; the first answer counts, and the page says so to the second."""
    phone.reload()
    phone.get_by_role("link", name=re.compile("rehearsal-agent")).click()
    desk.goto(address)
    for page in (phone, desk):
        expect(page.locator("#link")).to_have_text("Connected")
        expect(page.locator(".gate")).to_be_in_viewport()
        accessible(page, "asked")
    desk.get_by_label("Say on stream").fill("half a sent")
    field = desk.locator(".gate input[name=tweet_url]")
    field.fill("https://x.com/half")
    phone.locator(".gate input[name=tweet_url]").fill("https://x.com/placeholder")
    phone.get_by_role("button", name="Posted").click()
    expect(phone.locator(".gate .result.problem")).to_contain_text("tweet_url")
    expect(field).to_have_value("https://x.com/half")
    phone.locator(".gate input[name=tweet_url]").fill(POST)
    phone.keyboard.press("Enter")  # without a pointer
    expect(desk.locator("#notice")).to_contain_text("answered posted")
    late = desk.request.post(
        f"{address}/gates/prove_human/post.1",
        form={":decision": "posted", "tweet_url": POST},
        headers={"Accept": "application/json"},
        timeout=SLOW,
    )
    assert late.status == 409
    assert "web" in late.json()["message"]


def _watch(phone: Page, desk: Page) -> None:
    """The stream goes live; the picture, chat and the chart follow."""
    for page in (phone, desk):
        expect(page.locator(".pill.live")).to_be_visible()
        expect(page.locator("#picture")).to_be_visible()
        expect(page.locator("#chat")).to_contain_text("<script>alert(1)</script>")
        expect(page.locator("#chat")).to_contain_text("Tip 5")
        accessible(page, "live")
    expect(desk.get_by_label("Say on stream")).to_have_value("half a sent")
    lit = desk.eval_on_selector_all("#chart .active > title", "all => all.map(title => title.textContent)")
    assert "cluster broadcast" in lit
    way = desk.eval_on_selector_all("#chart .taken", "all => all.map(arrow => arrow.id)")
    assert {"->check_guide", "verification->prove_human"} <= set(way)


def _survive(phone: Page, server: Server) -> None:
    """The server is killed and comes back, and the page with it."""
    server.kill()
    expect(phone.locator("#link")).to_have_text("Reconnecting")
    server.start()
    expect(phone.locator("#link")).to_have_text("Connected")


def _speak_and_stop(phone: Page, desk: Page, recording: Path) -> None:
    """The words are in the journal and heard in the recording, and the stop ends the run cleanly."""
    assert all(level <= HEARD for _, level in levels(recording))
    phone.get_by_label("Say on stream").fill("Back in five")
    phone.get_by_role("button", name="Say", exact=True).click()
    expect(phone.locator("#log")).to_contain_text("(voice, screen): Back in five")
    expect(phone.get_by_label("Say on stream")).to_have_value("")
    phone.get_by_label("Title on stream").fill("A radio")
    phone.get_by_role("button", name="Set title").click()
    expect(desk.locator("#notice")).to_contain_text("the stream shows its log")  # there is no stage here
    phone.get_by_text("End the stream").click()
    phone.get_by_role("button", name="Stop the stream").click()
    for page in (phone, desk):
        expect(page.locator("#link")).to_have_text("Ended")
    assert waited(lambda: phone.locator("#head .pill.good").count())
    heard(recording)


def test_a_browser_comes_in_by_a_link_and_forges_nothing(tmp_path: Path, browser: Browser) -> None:
    """A link on another site works, a form there does not; without the token there is a form for it."""
    troubles: list[str] = []
    with at_home(tmp_path / "home") as home:
        server = Server(home)
        server.start()
        try:
            stranger = at(browser, server.address("/runs/last"), PHONE, troubles)
            accessible(stranger, "no token")
            stranger.get_by_label("Token").fill("a guess")
            stranger.get_by_role("button", name="Enter").click()
            expect(stranger.get_by_role("alert")).to_be_visible()
            accessible(stranger, "a wrong token")
            stranger.get_by_label("Token").fill(server.link.partition("token=")[2])
            stranger.get_by_role("button", name="Enter").click()
            accessible(stranger, "no such run")
            # A page at another origin: its link brings the cookie along, its form is refused.
            elsewhere = (
                f"<a href='{server.address('/')}'>in</a><form method=post action='{server.address('/runs/x/stop')}'>"
            )
            stranger.route(
                "http://evil.example/", lambda route: route.fulfill(body=elsewhere, content_type="text/html")
            )
            stranger.goto("http://evil.example/")
            stranger.get_by_text("in").click()
            expect(stranger.get_by_role("heading", name="Runs")).to_be_visible()
            stranger.goto("http://evil.example/")
            stranger.evaluate("document.forms[0].submit()")
            expect(stranger.get_by_text("This came from another site")).to_be_visible()
        finally:
            server.kill(signal.SIGTERM)
    assert troubles == []
