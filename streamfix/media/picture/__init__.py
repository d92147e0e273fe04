"""Pictures: planes, pixel formats, colour, orientation, libavfilter."""
