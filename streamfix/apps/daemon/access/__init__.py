"""Who may ask, and what a stream may read and write."""
