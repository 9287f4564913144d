"""Reading the rehearsal's options from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_options(file: str | None) -> dict[str, Any]:
    """The JSON object in a file; without a file, an empty one.

    Raises:
        UsageError: The file cannot be read or is no JSON object.
    """
    from retake_flow.errors import UsageError

    if file is None:
        return {}
    try:
        answer = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except ValueError:
        raise UsageError(f"{file} is not UTF-8 text") from None
    except RecursionError:
        raise UsageError(f"{file} nests too deep") from None
    if not isinstance(answer, dict):
        raise UsageError(f"{file} holds no JSON object")
    return answer
