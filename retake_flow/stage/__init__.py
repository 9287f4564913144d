"""The stage: the page that viewers see, and the feed that keeps it current."""
