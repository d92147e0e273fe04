"""Measures filters beside those of others, on clean clips that were made worse in known ways: `streamfix eval`.

scenes: clean clips from a list or a folder. stills: pictures by the protocol of super-resolution's tables. suites: what
was done to them, with sensor, blurs, and scaling by the kernel of bicubic. metrics: how near a restored clip is to
the truth and how steady. peers: filters and networks of others, each tuned for every clip. subjects: the filters under
test. statistics: intervals and gates. report: JSON, Markdown and a contact sheet.
"""
