"""retake.tv over HTTP: its calls, its answers, the chat, and the credentials that open it."""

import sys
from types import ModuleType
from typing import cast

# httpx brings its own command line in where it finds rich and click, which takes longer than all the rest of it.
# `None` in the place of a module is Python's way to say that it is not to be imported; httpx is ready for that.
sys.modules.setdefault("httpx._main", cast(ModuleType, None))
