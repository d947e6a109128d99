"""What tensors answer when another library asks: NumPy's protocols, and DLPack.

Place on the road: below the tensors, which ask these files. They know the functions of
the package by name only, so that a function is found as soon as there is one.

- ``universal``: ``np.exp(x)``, ``array + x``: NumPy's universal functions.
- ``functions``: ``np.mean(x)``, ``np.linalg.norm(x)``: all its other functions.
- ``dlpack``: memory shared with other libraries.
- ``translations``: those whose arguments or meaning differ from ours of the same name.
"""
