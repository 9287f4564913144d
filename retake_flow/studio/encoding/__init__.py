"""Encoding: ffmpeg, its progress and its errors."""
