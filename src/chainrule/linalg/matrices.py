"""What every function of matrices does first: shapes, finite values, and its errors.

Place on the road: below the primitives of this room. A rule of shapes is checked when a
graph is made; what depends on values is checked in a primitive's NumPy meaning, so that
compiled code finds it too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import LinAlgError, ShapeError
from ..graph import Array, Node
from ..ops.arrays import constant
from ..shapes import Shape

#: What asks for an inverse, and what does without one.
DIVIDING = ("solve", "inv", "solve_triangular")
OF_ANY_KIND = "cr.linalg.lstsq and cr.linalg.pinv take matrices"

# When a graph is made. ----------------------------------------------------------------


def check_matrix(operation: str, a: Node, name: str = "a") -> Shape:
    """The leading axes of a stack of matrices.

    Raises:
        ShapeError: where there are fewer than two axes.
    """
    if len(a.shape) < 2:
        raise ShapeError(
            f"{operation}: {named(name, a)}: expected a matrix, or matrices along "
            "leading axes: (…, m, n)"
        )
    return a.shape[:-2]


def check_square(operation: str, a: Node, name: str = "a") -> Shape:
    """The leading axes of a stack of square matrices.

    Raises:
        ShapeError: where they are not square.
    """
    batch = check_matrix(operation, a, name)
    if a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"{operation}: {named(name, a)}: expected square matrices, (…, n, n): "
            f"{a.shape[-2]} ≠ {a.shape[-1]}",
            fix=f"{OF_ANY_KIND} of any shape" if operation in DIVIDING else None,
        )
    return batch


def named(name: str, node: Node) -> str:
    """An operand in a message: its own name if it has one, else the argument's."""
    return node.describe() if node.label else f"{name} {node.shape}"


def mask(n: int, m: int, dtype: Any, *, lower: bool, diagonal: bool) -> Any:
    """Ones in a triangle of an (n, m) matrix, and zeros elsewhere."""
    triangle = np.tri(n, m, 0 if diagonal else -1)
    if not lower:
        triangle = np.tri(m, n, 0 if diagonal else -1).T
    return constant(triangle, dtype, "lower" if lower else "upper")


# When it is run. ----------------------------------------------------------------------


def check_finite(operation: str, **operands: Array) -> None:
    """Refuses operands with NaN or an infinity: LAPACK would answer nonsense.

    Raises:
        LinAlgError: naming the operand.
    """
    for name, array in operands.items():
        if not np.isfinite(array).all():
            bad = int(array.size - np.isfinite(array).sum())
            raise LinAlgError(
                f"{operation}: {name} {array.shape}: {bad} of {array.size} elements "
                "are NaN or infinite",
                fix="with cr.check_numerics(): … names the operation that made them",
            )


def refuse(
    operation: str, a: Array, wrong: Any, fault: str, fix: str | None = None
) -> None:
    """Raises the error for the first matrix of a stack with a fault, if there is one.

    Arguments:
        a: the stack, (…, m, n).
        wrong: for each matrix, whether it has the fault.
        fault: what it is.
    """
    wrong = np.asarray(wrong)
    if not wrong.any():
        return
    where = ""
    if a.ndim > 2:
        place = np.argwhere(wrong)[0]
        where = f"matrix [{', '.join(map(str, place))}] is "
    raise LinAlgError(f"{operation}: a {a.shape}: {where}{fault}", fix=fix)


def refuse_singular(operation: str, a: Array, wrong: Any) -> None:
    """The error for the first matrix that has no inverse, if there is one."""
    fix = f"{OF_ANY_KIND} that have no inverse" if operation in DIVIDING else None
    if fix and a.dtype == np.float32:
        fix += "; float64 has more digits: a.astype('float64')"
    refuse(operation, a, wrong, "singular to working precision", fix)


def flat(array: Array, batch: Shape) -> Array:
    """A stack of matrices with one leading axis, repeated along it where need be."""
    matrix = array.shape[-2:]
    return np.broadcast_to(array, (*batch, *matrix)).reshape(-1, *matrix)
