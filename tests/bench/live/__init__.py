"""A camera, a viewer and marks in the picture between them: what the benchmarks of live streams are made of."""
