"""Port for services, which run until they are stopped or die."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Service(Protocol):
    """A running service: opened by an asynchronous context manager, which ends it when it is left."""

    @property
    def value(self) -> Mapping[str, Any]:
        """What others need to know of it now that it is ready, such as the address of a display."""
        ...

    async def ended(self) -> str:
        """Wait until it ends by itself.

        Returns:
            Why, in words for a person, free of secrets.

        Raises:
            RetakeFlowError: Why, when a flow can tell that from other reasons by the error's kind.
        """
        ...
