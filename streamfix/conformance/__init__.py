"""The laws every filter keeps, as tests that the author of a plugin can run on it.

Every installed filter that needs no option:

    pytest --pyargs streamfix.conformance

Your own, with options, written as in -vf (either way):

    STREAMFIX_CONFORMANCE='model=net.pth,edge' pytest --pyargs streamfix.conformance
    pytest -p streamfix.conformance.plugin --pyargs streamfix.conformance --filter edge=0.3:mode=detail

What a filter is stands at `streamfix.Filter`. `laws` states the laws, `fakes` has the clips, the source and the sink
that they are tried with, `examples` three small filters that keep them. Needs pytest, which streamfix itself does not
need.
"""
