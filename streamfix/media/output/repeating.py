"""Encoding that gives the same bytes for the same pictures, each time."""

from __future__ import annotations

import cv2

# x264's macroblock tree for AVX-512 (mbtree_propagate_list, seen in build 165) takes eight macroblocks at a time. Where
# a line of them is no multiple of eight, it reads on behind the last one and adds up what memory held before: the same
# pictures then differ in size from run to run. Its routines for AVX2 stop at the line's end.
_AVX_512F = 13  # cv::CpuFeatures::CPU_AVX_512F: OpenCV's Python module has no name for it
#: For x264-params; one thread is the other half of it.
X264_REPEATS = "asm=AVX2" if cv2.checkHardwareSupport(_AVX_512F) else "threads=1"
