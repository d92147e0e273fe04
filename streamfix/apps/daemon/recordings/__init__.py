"""Recordings: which files are a stream's, how long they are kept, and the folders that they go to."""
