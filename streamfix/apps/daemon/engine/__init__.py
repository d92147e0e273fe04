"""Streams started, watched, changed and ended."""
