"""A page over a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from retake_flow.ports.runs import Runs
from retake_flow.redact import Secret
from retake_flow.settings import Settings
from retake_flow.web.operator_page import Page
from retake_flow.wiring.storing import open_store

TOKEN = "a-token-of-32-characters-or-more"
HERE = "http://127.0.0.1:8765"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a home without anything in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RETAKE_FLOW_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RETAKE_FLOW_PAGE", "https://page.example.org")
    return Settings.from_environment()


@pytest.fixture
def store(settings: Settings) -> Iterator[Runs]:
    """Its store."""
    with closing(open_store(settings)) as runs:
        yield runs


@pytest.fixture
def stranger(settings: Settings) -> Iterator[TestClient]:
    """Somebody without the token."""
    page = Page(settings, Secret(TOKEN), 8765, read_only=False)
    with TestClient(page.app, base_url=HERE, follow_redirects=False) as client:
        yield client


@pytest.fixture
def operator(stranger: TestClient) -> TestClient:
    """Somebody whom the link has let in."""
    assert stranger.get(f"/enter?token={TOKEN}").status_code == 303
    return stranger


@pytest.fixture
def watcher(settings: Settings) -> Iterator[TestClient]:
    """Somebody at a page that only shows."""
    page = Page(settings, Secret(TOKEN), 8765, read_only=True)
    with TestClient(page.app, base_url=HERE, follow_redirects=False) as client:
        client.get(f"/enter?token={TOKEN}")
        yield client
