"""A camera as a source: it may go away and come back, the stream goes on."""
