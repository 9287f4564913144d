"""Window actions: show pages and other programs on the stream, each in a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from retake_flow.actions.base import Family
from retake_flow.errors import InputError
from retake_flow.ports.actions import Call
from retake_flow.ports.services import Service


class Screen(Protocol):
    """The windows of one run's studio; `retake_flow.studio.screen.Screen` opens real ones."""

    def page(
        self,
        place: Path | str,
        allow: Sequence[str] = (),
        state: Mapping[str, Any] | None = None,
        *,
        at: str = "full",
        size: str = "",
        note: Callable[..., object],
    ) -> AbstractAsyncContextManager[Service]:
        """Show a web page."""
        ...


class WindowActions(Family):
    """The windows of one run's studio."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.services = {"studio.page": self.page}

    def page(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Show a web page from a folder or an address.

        Raises:
            InputError: Neither is named, or both are.
        """
        folder, url = call.inputs.get("folder"), call.inputs.get("url")
        if bool(folder) is bool(url):
            raise InputError("studio.page takes either `folder` or `url`")
        return self._screen.page(
            Path(str(folder)) if folder else str(url),
            [str(host) for host in call.inputs["allow"]],
            call.inputs.get("data"),
            **_placed(call),
            note=call.note,
        )


def _placed(call: Call) -> dict[str, str]:
    return {"at": str(call.inputs["at"]), "size": str(call.inputs.get("size") or "")}
