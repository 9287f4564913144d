"""Notices: channels to people who are not at the terminal."""
