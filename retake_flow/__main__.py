"""Entry point of `python -m retake_flow`, the same as `retake-flow`."""

import os
import sys
from contextlib import suppress

if __name__ == "__main__":
    # Python puts the current folder first: a file there would shadow any module imported from now on.
    with suppress(OSError):  # in case the folder is gone
        if sys.path[:1] == [os.getcwd()]:
            del sys.path[0]
    from retake_flow.cli.main import entry

    entry()
