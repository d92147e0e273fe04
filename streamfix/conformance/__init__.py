"""The laws every filter keeps, as tests that a plugin's author can run on his own filter.

    pytest --pyargs streamfix.conformance                               every filter that needs no option
    pytest --pyargs streamfix.conformance --filter denoise=strength=1   one filter, with options as in -vf
    STREAMFIX_CONFORMANCE='model=net.pth,edge' pytest --pyargs streamfix.conformance

`laws` states the laws, `fakes` has the clips and the peers they are tried with.
Needs pytest, which streamfix itself does not.
"""
