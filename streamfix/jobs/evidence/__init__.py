"""Evidence: a job that records what it did to each frame, so that anybody can do it again and compare.

refusals: what such a job may not do. settling: no option decides by itself. arithmetic: one thread, on the CPU.
digests: hashes of files and pictures, canonical JSON. witness: what is written down of each frame. maps: pictures of
what was changed and how sure it is. sidecar: the record. job: all of it. verifying: done again. signature, credentials:
who says so.
"""
