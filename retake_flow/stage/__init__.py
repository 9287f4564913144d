"""The stage: the page that viewers see, and the feed that keeps it current."""

from pathlib import Path

#: The folder of the page.
PAGE = Path(__file__).parent / "page"
