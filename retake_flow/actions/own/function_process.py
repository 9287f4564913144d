"""Function process: calls one Python function of a flow's, in a process of its own.

Its inputs come as JSON on standard input. Standard output is for the answer, so what the function prints goes to
standard error. Nothing of the run is in this process: no token, no key, only the variables that the flow names.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from contextlib import redirect_stdout
from typing import Any


def main() -> int:
    """Call the function; gives the exit status."""
    module, _, name = sys.argv[1].partition(":")
    given = json.load(sys.stdin)
    sys.path.append(os.getcwd())  # last, so that no file there hides an installed module
    try:
        with redirect_stdout(sys.stderr):
            answer = getattr(importlib.import_module(module), name)(**given)
            if inspect.iscoroutine(answer):
                answer = asyncio.run(answer)
        print(json.dumps(_as_object(answer)))
    except BaseException as error:
        ours = (__file__, importlib.__file__)
        frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename not in ours]
        frames = [frame for frame in frames if not frame.filename.startswith("<")]
        where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}: " if frames else ""
        print(f"{where}{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _as_object(answer: Any) -> dict[str, Any]:
    """An answer as a JSON object; its outcome, if it names one, is a field."""
    match answer:
        case None:
            return {}
        case str(outcome):
            return {"outcome": outcome}
        case (str(outcome), dict(fields)):
            return {**fields, "outcome": outcome}
        case dict():
            return answer
    raise TypeError(f"{type(answer).__name__} is not a valid return value: return a dict, an outcome, or both")


if __name__ == "__main__":
    sys.exit(main())
