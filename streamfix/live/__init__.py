"""What live video needs beyond a file's pipeline: reconnecting, a latency budget, a ladder of lighter filters.

policy: what is asked for. health: how a stream is, shared by its parts. source: a camera that may go away.
ladder, restoration: filters under a budget. fanout: several outputs that do not disturb each other.
"""
