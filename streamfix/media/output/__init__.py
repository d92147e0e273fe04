"""Writing: from frames and packets to a file, a stream or a pipe."""
