"""The laws every filter keeps, as tests that a plugin's author can run on his own filter.

Every installed filter that needs no option:

    pytest --pyargs streamfix.conformance

One's own, with options, written as in -vf (either way):

    STREAMFIX_CONFORMANCE='model=net.pth,edge' pytest --pyargs streamfix.conformance
    pytest -p streamfix.conformance.plugin --pyargs streamfix.conformance --filter edge=0.3:mode=detail

`laws` states the laws, `fakes` has the clips and the peers they are tried
with, `examples` three small filters that keep them. Needs pytest, which
streamfix itself does not.
"""
