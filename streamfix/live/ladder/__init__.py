"""Filters under a latency budget: ever lighter steps, and no crash that ends a stream."""
