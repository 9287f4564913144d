"""Takes the pictures of the operator's page in the documents, from a rehearsed stream: `make pictures`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parent.parent / "docs"
POST = "https://x.com/owl/status/1860000000000000001"
OPTIONS = {
    "agents": [{"name": "nightowl", "token": "a-token-of-a-rehearsal", "user_id": "owl", "verified": True}],
    "viewers": [
        {"at": 1, "name": "mira", "text": "hi, first time here"},
        {"at": 4, "name": "kenji", "text": "what are you building today?"},
        {"at": 7, "name": "mira", "type": "tip", "amount": 5, "text": "keep going"},
        {"at": 10, "name": "zoe", "text": "the state chart is a nice touch"},
        {"at": 14, "name": "lin", "text": "can you show the parser next?"},
    ],
}
PICTURES = {
    "page-desk.png": ({"width": 1440, "height": 1080}, 1, "light"),
    "page-phone.png": ({"width": 390, "height": 844}, 2, "dark"),
}
SLOW = 90_000  # milliseconds


def main() -> None:
    """Go live in a rehearsal, and look at its page in Chromium."""
    with tempfile.TemporaryDirectory() as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RETAKE_", "XDG_"))}
        environment = {**kept, "HOME": home, "PYTHONUNBUFFERED": "1"}
        options = Path(home) / "options.json"
        options.write_text(json.dumps(OPTIONS))
        command = [sys.executable, "-m", "retake_flow"]
        rehearsed = ["run", "go-live.yaml", "--rehearse", "--rehearsal-options", str(options), "--name", "show"]
        begun = subprocess.check_output([*command, *rehearsed, "--detach", "--wait", "--json"], env=environment)
        server = subprocess.Popen(
            [*command, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            assert server.stdout is not None
            take(server.stdout.readline().strip())
        finally:
            server.terminate()
            server.wait()
            subprocess.run([*command, "stop", "show"], env=environment, check=False)
            with suppress(psutil.NoSuchProcess):
                psutil.Process(json.loads(begun)["pid"]).wait(60)


def take(link: str) -> None:
    """Take the pictures once the chat has begun and the stream was measured some times."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        for name, (size, scale, scheme) in PICTURES.items():
            page = browser.new_context(viewport=size, device_scale_factor=scale, color_scheme=scheme).new_page()
            page.set_default_timeout(SLOW)
            page.goto(link)
            page.goto(link.split("/enter")[0] + "/runs/show")
            page.wait_for_selector("#picture:not([hidden])")
            page.wait_for_selector("#chat:has-text('parser')")
            page.wait_for_selector("#vitals figure:nth-of-type(4)")
            page.wait_for_timeout(6_000)  # the next picture, with the chat on it
            page.screenshot(path=DOCS / name)
        browser.close()


if __name__ == "__main__":
    main()
