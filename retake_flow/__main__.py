"""Entry point of `python -m retake_flow`, the same as `retake-flow`."""

import os
import sys
from contextlib import suppress

if __name__ == "__main__":
    # Python has put the current folder first: a file there would stand in for any module that is imported from now on.
    with suppress(OSError):  # unless it is gone
        if sys.path[:1] == [os.getcwd()]:
            del sys.path[0]
    from retake_flow.cli.main import entry

    entry()
