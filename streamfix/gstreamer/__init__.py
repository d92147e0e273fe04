"""The GStreamer element `streamfix`: the same filters inside somebody else's pipeline.

`streamfix gstreamer --install` makes it known to GStreamer. `element` runs in GStreamer's own Python, which has `gi`;
everything else here does without.
"""
