"""Options as people write them: NAME=VALUE, and those of a rehearsal in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def pairs(written: Iterable[str]) -> dict[str, str]:
    """The values by name of `--set NAME=VALUE`; of one name the last.

    Raises:
        UsageError: One has no `=`.
    """
    from retake_flow.errors import UsageError

    given: dict[str, str] = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        given[name.strip()] = value
    return given


def read_options(file: str | None) -> dict[str, Any]:
    """The JSON object in a file; without a file, an empty one.

    Raises:
        UsageError: The file cannot be read or is no JSON object.
    """
    from retake_flow.errors import UsageError

    if file is None:
        return {}
    try:
        answer = json.loads(Path(file).read_text(encoding="utf-8-sig"))
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
