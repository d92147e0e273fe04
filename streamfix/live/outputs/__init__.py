"""Several outputs of the same pictures; a live one never waits for another."""
