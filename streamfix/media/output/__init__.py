"""Writing: from frames and packets to a file, a server or a pipe."""
