"""Reading: from a URL to frames and packets in order of time."""
