"""A camera as a source: it may go away and come back, and the stream goes on."""
