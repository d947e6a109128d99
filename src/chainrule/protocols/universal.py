"""NumPy's universal functions of tensors: ``np.exp(x)``, and ``array + x``.

Place on the road: below the tensors, above the operations. NumPy asks a tensor what its
functions are of it; this file answers with the operation of that name. It must not know
of gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..graph import Node
from ..ops import composed, elementwise, matmul
from ..ops.arrays import lift
from ..ops.elementwise import bools
from .names import no_function, own, package
from .translations import vecdot


def _itself(x: Any) -> Any:
    return lift([x])[0]


#: Functions whose name is another here; the others have NumPy's.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "absolute": elementwise.absolute,
    "bitwise_and": lambda a, b: elementwise.logical_and(*bools("&", a, b)),
    "bitwise_or": lambda a, b: elementwise.logical_or(*bools("|", a, b)),
    "bitwise_xor": lambda a, b: elementwise.logical_xor(*bools("^", a, b)),
    "conjugate": _itself,
    "degrees": lambda x: package().rad2deg(x),
    "expit": elementwise.sigmoid,  # SciPy's
    "fabs": elementwise.absolute,
    "float_power": composed.power,
    "invert": lambda x: ~_itself(x),
    "matmul": matmul.matmul,
    "positive": _itself,
    "power": composed.power,
    "radians": lambda x: package().deg2rad(x),
    "reciprocal": lambda x: elementwise.divide(1, x),
    "rint": elementwise.round_,
    "vecdot": vecdot,
}


def universal(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """What a universal function of NumPy is of a tensor among its inputs.

    Arguments:
        ufunc: ``np.exp``, ``np.add`` …
        method: "__call__", or "reduce" and the like, which tensors do not have.
        inputs: what it is applied to.
        options: with ``out``, an array that the values are written to, as in
            ``array += x``.

    Raises:
        DTypeError: where there is no such function of tensors.
    """
    if "out" in options and not any(isinstance(a, Node) for a in options["out"]):
        arrays = [np.asarray(a) if isinstance(a, Node) else a for a in inputs]
        return getattr(ufunc, method)(*arrays, **options)
    name = ufunc.__name__
    function = FUNCTIONS.get(name) or own("numpy", name)
    if function is None or method != "__call__" or options:
        called = f"np.{name}" if getattr(np, name, None) is ufunc else name
        called += "" if method == "__call__" else f".{method}"
        raise no_function(called, [a for a in inputs if isinstance(a, Node)])
    return function(*inputs)
