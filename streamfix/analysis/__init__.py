"""What pictures tell of themselves: how they were treated before they came here. On the CPU, in NumPy and OpenCV.

Pictures are float32 arrays (H, W) in [0, 1], luma unless a docstring says otherwise.
"""

from .advice import Advice, Shares, advise, shares
from .analyser import Analyser
from .block_contrast import block_contrast
from .blockiness import BlockGrid, Blockiness, blockiness
from .blur import blur_radius
from .findings import Findings
from .interlacing import Interlacing
from .light import Light, light
from .repeats import Repeats
from .resolution import TrueResolution

__all__ = [
    "Advice",
    "Analyser",
    "BlockGrid",
    "Blockiness",
    "Findings",
    "Interlacing",
    "Light",
    "Repeats",
    "Shares",
    "TrueResolution",
    "advise",
    "block_contrast",
    "blockiness",
    "blur_radius",
    "light",
    "shares",
]
