"""Filters under a latency budget: lighter steps when a machine is too slow, and no crash that ends a stream."""
