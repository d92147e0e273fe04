"""Jobs in segments: a file is restored piece by piece, each of which is kept when it is done, and joined at the end.

`plan` says where an input is cut, `source` reads a stretch of it, `media.output.segment_writer` encodes segments,
`joining` makes one output of them. `job` does it all on one machine, so that a job that was killed goes on (`-resume`):
`folder` keeps what is done, `manifest` says what it is, `refusals` what cannot be done so.
"""

from .plan import Plan, Segment, plan_of

__all__ = ["Plan", "Segment", "plan_of"]
