"""Containers and codecs: reading, writing, and the pictures in between."""
