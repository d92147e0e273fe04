"""Streams on the nodes of a Ray cluster, led by one daemon.

`agent` runs on each node and does what the daemon does on one machine; `hosted` is one stream there. `nodes` keeps an
agent on every node, asks all of them once a second, and knows when one is lost. `placing` is the account of what each
node has and what streams take. `remote_job` stands in the daemon for a job that runs on a node.
"""
