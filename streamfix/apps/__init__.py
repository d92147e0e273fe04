"""Thin shells around the engine; none imports another."""
