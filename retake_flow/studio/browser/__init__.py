"""Browser: Chromium as a window of the stream, driven over a pipe."""
