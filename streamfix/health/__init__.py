"""Whether a camera sees: judged from small pictures of it and the time, against what it saw before."""

from .edges import COLUMNS, ROWS, Edges, Likeness
from .examiner import Examiner, Verdict
from .faults import FAULTS, Change, Fault, Kind, Limits
from .feed import Feed
from .references import Mode, References
from .sight import HEIGHT, WIDTH, Sight, hidden_pixels, sight_of

__all__ = [
    "COLUMNS",
    "FAULTS",
    "HEIGHT",
    "ROWS",
    "WIDTH",
    "Change",
    "Edges",
    "Examiner",
    "Fault",
    "Feed",
    "Kind",
    "Likeness",
    "Limits",
    "Mode",
    "References",
    "Sight",
    "Verdict",
    "hidden_pixels",
    "sight_of",
]
