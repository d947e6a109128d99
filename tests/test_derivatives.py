"""grad, vjp, jvp, hvp, jacobian and hessian against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checks import CheckFailed
from chainrule.errors import ArgumentError, DTypeError, GradientError, ShapeError

rng = np.random.default_rng(0)
A = rng.standard_normal((4, 3))
S = rng.standard_normal((3, 3))
X = rng.standard_normal(3)
V = rng.standard_normal(3)
B = cr.tensor(rng.standard_normal(4))


def both(f: Any) -> list[Any]:
    """A function as it is, and compiled."""
    return [f, cr.compile(f)]


def linear(x: Any) -> Any:
    """x ↦ tanh(A x)"""
    return cr.tanh(cr.tensor(A) @ x)


def quadratic(x: Any) -> Any:
    """x ↦ xᵀ S x"""
    return x @ (cr.tensor(S) @ x)


SLOPES = (1 - np.tanh(A @ X) ** 2)[:, None] * A


def test_grad_of_a_quadratic_form() -> None:
    for gradient in both(cr.grad(quadratic)):
        np.testing.assert_allclose(gradient(X).numpy(), (S + S.T) @ X)


def test_value_and_grad_answers_both_and_passes_the_rest_through() -> None:
    def f(x: Any, *, scale: Any) -> Any:
        return (x * x).sum() * scale, {"x": x, "none": None}

    run = cr.value_and_grad(f, has_aux=True)
    (value, aux), gradient = run(X, scale=3.0)
    np.testing.assert_allclose(value.numpy(), 3 * X @ X)
    np.testing.assert_allclose(gradient.numpy(), 6 * X)
    np.testing.assert_allclose(aux["x"].numpy(), X)
    assert aux["none"] is None


def test_gradients_are_nested_as_the_arguments() -> None:
    def f(layers: Any, x: Any, y: Any) -> Any:
        return (layers["b"] + layers["W"][0] * x).sum() * y

    layers = {"W": [2.0, 3.0], "b": cr.tensor([1.0, 2.0])}
    by_layers, by_y = cr.grad(f, argnums=(0, -1))(layers, cr.ones(2), 10.0)
    assert by_layers["W"][0].item() == 20.0
    assert by_layers["W"][1].item() == 0.0  # not used: a zero of its shape
    assert by_layers["b"].numpy().tolist() == [10.0, 10.0]
    assert by_y.item() == 7.0


def test_vjp_and_jvp_are_the_two_products_with_the_jacobian() -> None:
    u = rng.standard_normal(4)
    y, back = cr.vjp(linear, X)
    np.testing.assert_allclose(y.numpy(), np.tanh(A @ X))
    np.testing.assert_allclose(back(u)[0].numpy(), u @ SLOPES)
    np.testing.assert_allclose(back(2 * u)[0].numpy(), 2 * u @ SLOPES)
    for run in both(lambda x, v: cr.jvp(linear, x, v)):
        y, dy = run(X, V)
        np.testing.assert_allclose(y.numpy(), np.tanh(A @ X))
        np.testing.assert_allclose(dy.numpy(), SLOPES @ V)


def test_jvp_of_nested_arguments_and_results() -> None:
    def f(p: Any) -> Any:
        return {"product": p["a"] * p["b"], "count": cr.tensor(3), "a": p["a"]}

    point = {"a": cr.tensor(2.0), "b": cr.tensor(5.0)}
    y, dy = cr.jvp(f, point, {"a": cr.tensor(1.0), "b": cr.tensor(10.0)})
    assert (y["product"].item(), dy["product"].item(), dy["a"].item()) == (10, 25, 1)
    assert dy["count"].item() == 0


def test_hvp_and_hessian_of_a_quadratic_form() -> None:
    for run in both(lambda x, v: cr.hvp(quadratic, x, v)):
        np.testing.assert_allclose(run(X, V).numpy(), (S + S.T) @ V)
    for run in both(cr.hessian(quadratic)):
        np.testing.assert_allclose(run(X).numpy(), S + S.T, atol=1e-14)


def test_the_hessian_of_a_linear_function_is_zero() -> None:
    assert cr.hvp(lambda x: x.sum(), X, V).numpy().tolist() == [0, 0, 0]
    assert cr.hessian(lambda x: x.sum())(X).numpy().tolist() == [[0.0] * 3] * 3


@pytest.mark.parametrize("argnum", [0, 1, -1, -2])
def test_jacobian_by_any_argument(argnum: int) -> None:
    def f(x: Any, y: Any) -> Any:
        return cr.outer(x, y)

    x, y = np.array([2.0, 3.0]), np.array([5.0, 7.0, 11.0])
    found = cr.jacobian(f, argnum)(x, y).numpy()
    if argnum % 2 == 0:
        wanted = np.einsum("ik,j->ijk", np.eye(2), y)
    else:
        wanted = np.einsum("i,jk->ijk", x, np.eye(3))
    np.testing.assert_allclose(found, wanted)


def test_jacobians_of_matrices_numbers_and_nothing() -> None:
    for run in both(cr.jacobian(linear)):
        np.testing.assert_allclose(run(X).numpy(), SLOPES)
    assert cr.jacobian(lambda x: x * x)(3.0).item() == 6.0
    assert cr.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert cr.jacobian(lambda x: x[:, None] * x)(X).shape == (3, 3, 3)
    assert (
        cr.jacobian(lambda x: cr.tensor([1.0, 2.0]))(X).numpy().tolist()
        == [[0] * 3] * 2
    )


def test_derivatives_agree_with_finite_differences() -> None:
    def f(x: Any) -> Any:
        return cr.log_softmax(cr.sin(x) * cr.tensor(A) + x)[1] @ cr.exp(-x)

    h = 1e-5
    steps = np.eye(3) * h
    value = [
        [f(X + a + b).item() for b in (*steps, *-steps)] for a in (*steps, *-steps)
    ]
    table = np.array(value)
    wanted = (table[:3, :3] - table[:3, 3:] - table[3:, :3] + table[3:, 3:]) / (
        4 * h * h
    )
    np.testing.assert_allclose(cr.hessian(f)(X).numpy(), wanted, atol=1e-4)
    np.testing.assert_allclose(cr.hvp(f, X, V).numpy(), wanted @ V, atol=1e-4)


def test_nested_gradients_do_not_confuse_the_inner_and_the_outer_variable() -> None:
    # d/dx (x · d/dy (x + y)) = 1, where a confused implementation answers 2.
    for run in both(cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))):
        assert run(1.0).item() == 1.0
    # d/dx (x · d/dy (x · y)) = d/dx x² = 2 x
    for run in both(cr.grad(lambda x: x * cr.grad(lambda y: x * y)(2.0))):
        assert run(5.0).item() == 10.0
    # the inner function is called with the outer variable itself
    for run in both(cr.grad(lambda x: cr.grad(lambda y: x * y * y)(x))):
        assert run(3.0).item() == 12.0
    inner = cr.jvp(lambda x: x * cr.jvp(lambda y: x + y, cr.tensor(1.0), 1.0)[1],
                   cr.tensor(1.0), cr.tensor(1.0))  # fmt: skip
    assert inner[1].item() == 1.0


def test_only_the_argument_is_differentiated_not_the_parameter_it_came_from() -> None:
    w = cr.parameter(3.0)
    assert cr.grad(lambda x: x * w)(w).item() == 3.0


def test_compiled_functions_can_be_differentiated() -> None:
    f = cr.compile(lambda x: (x**3).sum())
    assert cr.grad(f)(cr.tensor([2.0])).numpy().tolist() == [12.0]
    assert cr.hvp(f, cr.tensor([2.0]), cr.tensor([1.0])).numpy().tolist() == [12.0]
    cr.check_gradients(f, np.ones(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cr.grad(lambda x: x)(X), GradientError, "one floating-point number"),
        (lambda: cr.grad(lambda x: 1.0)(X), GradientError, "float, not a tensor"),
        (lambda: cr.grad(lambda x: (x > 0).sum())(X), GradientError, "int64"),
        (lambda: cr.grad(lambda x: x.sum())(cr.tensor([1])), DTypeError, "is int64"),
        (lambda: cr.grad(lambda x: x, argnums=2)(X), ArgumentError, "argnums=2"),
        (
            lambda: cr.grad(lambda x, y: x * y, argnums=(0, -2))(2.0, 3.0),
            ArgumentError,
            "named twice",
        ),
        (lambda: cr.jacobian(lambda x: x, 1)(X), ArgumentError, "argnum=1"),
        (lambda: cr.jacobian(lambda x: x[0])([X]), ArgumentError, "one tensor"),
        (lambda: cr.jvp(linear, X, V[:2]), ShapeError, "shapes must be"),
        (lambda: cr.jvp(linear, X, (V,)), ArgumentError, "nested alike"),
        (lambda: cr.vjp(linear, X)[1](np.ones(3)), ShapeError, "shapes must be"),
        (lambda: cr.vjp(linear, X)[1]([B]), ArgumentError, "nested alike"),
        (lambda: cr.hvp(linear, X, V), GradientError, "one floating-point number"),
    ],
)
def test_wrong_uses_are_errors_that_say_why(
    call: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


# The checks themselves. ---------------------------------------------------------------


def wrong_rule(x: Any) -> Any:
    """x², whose gradient passes through a factor that is not differentiated."""
    return cr.stop_gradient(x) * x


def wrong_second(x: Any) -> Any:
    """A function whose first gradient at x is right, and whose second is not."""
    frozen = cr.stop_gradient(x)
    return frozen * frozen * (x - frozen) + frozen**3 / 3 + 0 * x


def test_check_gradients_finds_a_wrong_first_and_a_wrong_second_derivative() -> None:
    with pytest.raises(CheckFailed, match="first derivative: the chain rule says"):
        cr.check_gradients(wrong_rule, X)
    cr.check_gradients(wrong_second, X, order=1)
    with pytest.raises(CheckFailed, match="second derivative"):
        cr.check_gradients(wrong_second, X)


def test_check_gradients_does_not_pass_over_nan() -> None:
    with pytest.raises(CheckFailed):
        cr.check_gradients(cr.log, np.array([-1.0]))


def test_check_numerics_names_the_first_operation_forward_and_backward() -> None:
    def f(x: Any) -> Any:
        return cr.sqrt(x).sum()

    x = cr.tensor([0.0, 4.0])
    with cr.check_numerics():
        assert f(x).item() == 2.0
        with pytest.raises(
            cr.errors.NumericsError, match=r"divide: Inf in 1 of 2 .*back"
        ):
            cr.grad(f)(x)
        with pytest.raises(
            cr.errors.NumericsError, match=r"log: NaN in 1 of 2 .*forward"
        ):
            cr.log(x - 1.0)
        compiled = cr.compile(lambda x: cr.exp(cr.log(x - 1.0)))
        with pytest.raises(cr.errors.NumericsError, match=r"log: NaN in 1 of 2"):
            compiled(x)
    assert np.isnan(compiled(x).numpy()[0])


def test_check_declared_finds_a_false_declaration() -> None:
    node = cr.tensor([1.0, 2.0]) * 2.0
    node.value = node.value.astype(np.float64)
    with pytest.raises(
        CheckFailed, match=r"multiply: declared float32\[2\], computed fl"
    ):
        cr.check_declared(lambda: node)


@pytest.mark.parametrize(
    ("base", "exponent", "by_base", "by_exponent"),
    [
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (0.0, -1.0, -math.inf, 0.0),  # 0⁻¹ = ∞ is no reason for a NaN
        (-2.0, 3.0, 12.0, 0.0),
        (math.nan, 2.0, math.nan, math.nan),
    ],
)
def test_a_power_of_no_positive_base_has_no_slope_along_its_exponent(
    base: float, exponent: float, by_base: float, by_exponent: float
) -> None:
    slopes = cr.grad(lambda a, b: a**b, argnums=(0, 1))(base, exponent)
    np.testing.assert_array_equal([g.item() for g in slopes], [by_base, by_exponent])


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (lambda x: (x, x * x), "tuple"),
        (lambda x: [x[0], x[1]], "list"),
        (lambda x: {"x": x}, "dict"),
        (lambda x: x.numpy(), "ndarray"),
        (lambda x: 1.0, "float"),
        (lambda x: None, "NoneType"),
    ],
)
def test_what_is_no_tensor_has_no_jacobian_instead_of_one_of_zeros(
    returned: Any, kind: str
) -> None:
    with pytest.raises(GradientError) as caught:
        cr.jacobian(returned)(X)
    assert caught.value.what == (
        f"jacobian: f returned {kind}, not a tensor: no operation leads back from it "
        "to the arguments"
    )
    assert caught.value.fix == "return one tensor, or differentiate each part"
