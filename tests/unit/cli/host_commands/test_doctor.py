"""Trying the addresses for notices, against a server of our own on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cli_command import Command


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take a post, or refuse it by its path."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if "full" in self.path else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_each_address_is_tried_and_the_one_that_fails_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 unless all took it; addresses, which hold tokens, are not shown."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Taking) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        place = f"json://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("RETAKE_FLOW_NOTIFY", f"{place}/hush_0123456789")
        assert command("notify", "--test").code == 0
        monkeypatch.setenv("RETAKE_FLOW_NOTIFY", f"{place}/hush_0123456789 owner={place}/full_0123456789")
        said = command("notify", "--test", "--json")
        server.shutdown()
    assert said.code == 1
    taken, refused = json.loads(said.out)["tried"]
    assert (taken["audience"], taken["failed"]) == ("operator", "")
    assert refused["audience"] == "owner"
    assert "did not accept" in refused["failed"]
    assert "0123456789" not in said.out


def test_without_an_address_there_is_nothing_to_try(command: Command) -> None:
    """It says how one is given."""
    said = command("notify", "--test")
    assert said.code == 2
    assert "RETAKE_FLOW_NOTIFY" in said.err
