"""What pictures tell of themselves: how they were treated before they came here. On the CPU, in NumPy and OpenCV.

Pictures are float32 arrays (H, W) in [0, 1], luma unless a docstring says otherwise.
"""

from .blur import blur_radius

__all__ = ["blur_radius"]
