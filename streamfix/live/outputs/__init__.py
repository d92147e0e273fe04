"""Several outputs of the same pictures, none of which waits for another."""
