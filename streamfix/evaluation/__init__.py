"""Measures filters beside those of others, on clean clips that were made worse in known ways: `streamfix eval`.

scenes: clean clips from a list or a folder. suites: what was done to them. metrics: how near a restored clip is to
the truth and how steady. peers: filters and networks of others, each tuned for every clip. subjects: the filters under
test. statistics: intervals and gates. report: JSON, Markdown and a contact sheet.
"""
