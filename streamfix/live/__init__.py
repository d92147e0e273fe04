"""What live video needs beyond a file's pipeline: reconnecting, a latency budget, a ladder of lighter filters.

policy: what a user asks for. health: a stream's state and counts, which its parts write. camera: a source that may go
away and come back. ladder: filters under a latency budget. outputs: several outputs that do not disturb each other.
camera, ladder and outputs do not import each other.
"""
