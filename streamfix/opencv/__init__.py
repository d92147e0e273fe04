"""cv2.VideoCapture with a chain of filters: the same methods, and restored pictures.

cap = streamfix.opencv.VideoCapture("in.mp4", chain="denoise")
while True:
    ok, picture = cap.read()
    if not ok:
        break
    ...
cap.release()
"""

from __future__ import annotations

from .capture import VideoCapture

__all__ = ["VideoCapture"]
