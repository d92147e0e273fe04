"""Protocols, and processes that carry streams for us."""
