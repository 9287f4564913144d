"""Own answers: how programs and requests of the flow's own end in a rehearsal, in place of the real ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from retake_flow.rehearsal.setup.option_fields import Fields


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """The answer of a program or of a server.

    Attributes:
        status: An exit status, or that of a response; with None, the one for success.
        output: What the program writes, or the response's body.
        error: What the program writes to standard error.
    """

    status: int | None = None
    output: str = ""
    error: str = ""

    @classmethod
    def read(cls, fields: Fields) -> OwnAnswer:
        """Read an answer from JSON; an `output` that is no text is written as JSON."""
        output = fields.anything("output")
        answer = cls(
            status=fields.whole("status") if fields.anything("status") is not None else None,
            output=output if isinstance(output, str) else "" if output is None else json.dumps(output),
            error=fields.text("error", ""),
        )
        fields.end()
        return answer

    def as_json(self) -> dict[str, Any]:
        """The answer as `read` reads it."""
        return asdict(self)
