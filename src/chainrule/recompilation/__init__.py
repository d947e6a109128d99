"""When a compiled function must be compiled anew: what it captured, and what to say.

In the order of reading: ``captured`` (what a Python function sees beside its arguments,
and whether that is still the same), ``words`` (the warnings where it happens often).
The compiler asks; nothing here knows tensors, graphs or programs.
"""
