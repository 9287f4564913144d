"""retake.tv over HTTP: its calls, answers and chat, and the credentials for it."""

import sys
from types import ModuleType
from typing import cast

# httpx imports its own command line where rich and click are installed, which takes longer than all the rest of it.
# `None` in place of a module is Python's way to forbid its import; httpx is ready for that.
sys.modules.setdefault("httpx._main", cast("ModuleType", None))
