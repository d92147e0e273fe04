"""`streamfix cluster`: files over the nodes of a Ray cluster."""
