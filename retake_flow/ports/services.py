"""Port for services, which run until they are stopped or die."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Service(Protocol):
    """A running service, opened by an asynchronous context manager that ends it on exit."""

    @property
    def value(self) -> Mapping[str, Any]:
        """What others need from the ready service, such as the address of a display."""
        ...

    async def wait(self) -> str:
        """Wait until it ends by itself.

        Returns:
            The reason, in words for a person, free of secrets.

        Raises:
            RetakeFlowError: The reason, when its kind lets a flow distinguish it.
        """
        ...
