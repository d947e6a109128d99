"""What a compiled function looks like from outside, and when it is compiled anew.

In the order of reading: ``arguments`` (their names), ``captured`` (what a Python
function sees beside its arguments, and whether that is still the same), ``words`` (the
warnings where it happens often), ``kinds`` (how many programs are kept), ``templates``
(what graphs that are alike share), ``kept`` and ``entries`` (the same on disk). The
compiler asks; nothing here knows passes, programs or engines.
"""
