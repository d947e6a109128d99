"""Names of linear algebra in PyTorch, TensorFlow, JAX and SciPy."""

from collections.abc import Mapping

SYMMETRIC_ONLY = (
    "cr.linalg.eigh(a), for symmetric matrices; np.linalg.eig(a.numpy()) takes others, "
    "without a gradient"
)

FACTORED = (
    "cr.linalg.solve(a, b) factors a and solves; cr.linalg.qr(a) and "
    "cr.linalg.cholesky(a) return factors"
)

#: Names of ``linalg``.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(("eig", "eigvals"), SYMMETRIC_ONLY),
    **dict.fromkeys(("lu", "lu_factor", "lu_solve", "ldl_factor"), FACTORED),
    **dict.fromkeys(("inverse", "inv_ex", "inv_det"), "cr.linalg.inv(a)"),
    **dict.fromkeys(("solve_ex", "tensorsolve", "spsolve"), "cr.linalg.solve(a, b)"),
    "cholesky_ex": "cr.linalg.cholesky(a)",
    **dict.fromkeys(
        ("triangular_solve", "banded_triangular_solve"),
        "cr.linalg.solve_triangular(a, b, lower=True)",
    ),
    **dict.fromkeys(
        ("cholesky_solve", "cho_solve", "cho_factor"),
        "l = cr.linalg.cholesky(a); y = cr.linalg.solve_triangular(l, b, lower=True); "
        "cr.linalg.solve_triangular(l, y, trans=1, lower=True)",
    ),
    "logdet": "cr.linalg.slogdet(a).logabsdet",
    "vector_norm": "cr.linalg.norm(x, axis=-1)",
    "matrix_norm": "cr.linalg.norm(x, axis=(-2, -1))",
    "global_norm": "cr.linalg.norm(x)",
    "normalize": "x / cr.linalg.norm(x, axis=-1, keepdims=True)",
    **dict.fromkeys(("matmul", "matvec", "multi_dot"), "x @ y"),
    "outer": "cr.outer(a, b)",
    "einsum": "cr.einsum('ij,jk->ik', a, b)",
    "tensordot": "cr.tensordot(a, b)",
    **dict.fromkeys(("matrix_transpose", "adjoint"), "cr.swapaxes(x, -1, -2)"),
    "diag_part": "cr.linalg.diagonal(x)",
    "matrix_inverse": "cr.linalg.inv(a)",
    "self_adjoint_eig": "cr.linalg.eigh(a)",
    "self_adjoint_eigvals": "cr.linalg.eigvalsh(a)",
    "pinvh": "cr.linalg.pinv(a)",
    "null_space": "cr.linalg.svd(a).Vh, its last rows",
    "orth": "cr.linalg.qr(a).Q",
    "LinAlgError": "errors.LinAlgError",
}
