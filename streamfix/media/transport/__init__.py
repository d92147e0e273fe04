"""Protocols, and the processes that carry a stream to or from a server."""
