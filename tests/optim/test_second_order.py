"""Newton and what is like it: products against whole matrices, textbook behaviour, and
the Moré–Garbow–Hillstrom functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    GradientError,
    NumericsError,
    OptionError,
    ShapeError,
)
from chainrule.optim.evaluation import At
from chainrule.optim.linear_cg import LinearCG
from chainrule.optim.products import (
    dense,
    gauss_newton_product,
    hessian_product,
)
from chainrule.training.objective import Weighted
from tests.agreement import each_engine
from tests.optim.problems import PROBLEMS, Problem

Array = np.ndarray[Any, Any]


def squares(residuals: Callable[..., Any]) -> optim.Composed:
    """Σ r², in its two parts."""
    return optim.Composed(residuals, lambda r, *data: (r**2).sum())


def bowl(n: int, worst: float, seed: int = 0) -> tuple[Array, Array]:
    """A symmetric positive definite matrix with eigenvalues from 1 to ``worst``."""
    random = np.random.default_rng(seed)
    q, _ = np.linalg.qr(random.normal(size=(n, n)))
    return q @ np.diag(np.geomspace(1, worst, n)) @ q.T, random.normal(size=n)


def parameter(values: Any) -> Any:
    return cr.Parameter(np.array(values, np.float64))


SADDLE_START = [0.3, 1e-3]


def saddle(w: Any) -> Any:
    """x² − y² + y⁴ / 4: a saddle at 0, minima at y = ±√2, of value −1."""
    return w[0] ** 2 - w[1] ** 2 + w[1] ** 4 / 4


# Products. ----------------------------------------------------------------------------


def matrix_of(
    product: Callable[[At], Any], w: Any, objective: Any, l2: float = 0.0
) -> Array:
    """The dense matrix of a product, as a minimizer of one vector sees it."""

    class Seen(optim.GradientDescent):
        looks_again = True

        def direction(self, at: At) -> Any:
            matrix = dense(product(at), list(at.gradient))
            keep.assign(matrix)
            return at.steepest, {}

    keep = cr.Variable(np.zeros((w.size, w.size)))
    start = w.numpy().copy()
    Seen([w], l2=l2).step(objective)
    w.assign(start)
    return np.asarray(keep.numpy())


@pytest.mark.parametrize("problem", PROBLEMS[6:20:3], ids=str)
def test_dense_hessians_are_those_of_cr_hessian(problem: Problem) -> None:
    x = problem.start + 0.01
    w = parameter(x)
    found = matrix_of(hessian_product, w, lambda: problem.value(w), l2=0.5)
    wanted = cr.hessian(problem.value)(cr.tensor(x)).numpy() + 0.5 * np.eye(x.size)
    np.testing.assert_allclose(found, wanted, 1e-10, 1e-10 * np.abs(wanted).max())


@pytest.mark.parametrize("loss", ["squares", "exponentials"])
@pytest.mark.parametrize("problem", PROBLEMS[6:20:3], ids=str)
def test_gauss_newton_matrices_are_jt_h_j(problem: Problem, loss: str) -> None:
    x = problem.start + 0.01
    w = parameter(x)
    scale = 1 / np.abs(problem.residuals(cr.tensor(x)).numpy()).max()
    functions = {
        "squares": lambda r: (r**2).sum(),
        "exponentials": lambda r: cr.exp(scale * r).sum(),
    }
    ell = functions[loss]
    objective = optim.Composed(lambda: problem.residuals(w), lambda r: ell(r))
    found = matrix_of(gauss_newton_product, w, objective, l2=0.25)
    J = cr.jacobian(problem.residuals)(cr.tensor(x)).numpy()
    H = cr.hessian(ell)(cr.tensor(problem.residuals(cr.tensor(x)).numpy())).numpy()
    wanted = J.T @ H @ J + 0.25 * np.eye(x.size)
    np.testing.assert_allclose(found, wanted, 1e-10, 1e-10 * np.abs(wanted).max())


def test_gauss_newton_products_take_several_outputs_and_skip_unused_ones() -> None:
    w = parameter([0.5, -0.3, 0.8])
    objective = optim.Composed(
        lambda: {"a": w[:2] ** 2, "b": cr.sin(w), "unused": w.sum()},
        lambda z: (z["a"] ** 2).sum() + (z["b"] ** 4).sum(),
    )
    found = matrix_of(gauss_newton_product, w, objective)
    x = w.numpy()
    first = np.diag([*(2 * (2 * x[:2]) ** 2), 0.0])
    second = np.diag(12 * np.sin(x) ** 2 * np.cos(x) ** 2)
    np.testing.assert_allclose(found, first + second, 1e-12, 1e-14)


def test_linear_conjugate_gradients_need_n_steps_for_n_eigenvalues() -> None:
    A, b = bowl(6, 30.0)
    w = parameter(np.zeros(6))
    optimizer = optim.TruncatedNewton([w])
    optimizer.step(lambda: 0.5 * w @ (A @ w) - b @ w)  # makes the solver
    w.assign(np.zeros(6))
    optimizer.load_state_dict(optim.TruncatedNewton([w]).state_dict())
    optimizer._choose(objective := lambda: 0.5 * w @ (A @ w) - b @ w)
    optimizer._start(())
    solver = LinearCG(optimizer, optimizer._programs, hessian_product, loop=8)
    progress = solver.run(True, 1e-12, 0.0, ())
    made = [each for each in progress if each.made]
    assert len(made) == 6 and made[-1].residual < 1e-12 < made[-2].residual
    (x,) = (each.numpy() for each in solver.x.values())
    np.testing.assert_allclose(x, np.linalg.solve(A, b), 1e-10)
    assert made[-1].model == pytest.approx(objective().item() - 0.5 * b @ x, rel=1e-10)


# Textbook behaviour. ------------------------------------------------------------------


@each_engine
@pytest.mark.parametrize("kind", ["damped", "exact", "saddle_free"])
def test_newton_needs_one_step_in_a_bowl(engine: str, kind: Any) -> None:
    A, b = bowl(8, 1e4)
    w = parameter(np.ones(8))
    optimizer = optim.Newton([w], kind=kind)
    optimizer.engine = engine
    iteration = optimizer.step(lambda: 0.5 * w @ (A @ w) - b @ w)
    assert (iteration.step_length, iteration.products) == (1.0, 8)
    np.testing.assert_allclose(w.numpy(), np.linalg.solve(A, b), 1e-9)


def test_near_a_minimum_newton_doubles_the_digits() -> None:
    w = parameter([0.5, 0.4, -0.3])  # the minimum is 0
    optimizer = optim.Newton([w], gradient_tolerance=1e-14)
    errors = []
    for _ in range(6):
        errors.append(np.abs(w.numpy()).max())
        optimizer.step(lambda: (cr.exp(w) - w).sum() + 0.1 * w.sum() ** 2)
    late = [(a, b) for a, b in itertools.pairwise(errors) if b > 1e-13]
    assert len(late) >= 3 and errors[-1] < 1e-14
    assert all(after < before**2 for before, after in late)


def test_newton_is_drawn_to_a_saddle_that_saddle_free_newton_leaves() -> None:
    w = parameter(SADDLE_START)
    optim.Newton([w], kind="exact").minimize(lambda: saddle(w))
    np.testing.assert_allclose(w.numpy(), [0, 0], atol=1e-6)
    for kind in ("saddle_free", "damped"):
        w = parameter(SADDLE_START)
        optim.Newton([w], kind=kind).minimize(lambda w=w: saddle(w))
        np.testing.assert_allclose(np.abs(w.numpy()), [0, np.sqrt(2)], atol=1e-5)


def test_conjugate_gradients_follow_negative_curvature_out_of_a_saddle() -> None:
    w = parameter([0.0, 1e-3])
    optim.TruncatedNewton([w]).minimize(lambda: saddle(w))
    np.testing.assert_allclose(np.abs(w.numpy()), [0, np.sqrt(2)], atol=1e-5)


def test_exact_newton_stops_where_its_step_leads_nowhere() -> None:
    w = parameter([2.0])
    optimizer = optim.Newton([w], kind="exact")
    last = optimizer.step(lambda: cr.log(w).sum() ** 2)
    assert last.stopped == "Newton's step leads where the loss is NaN or infinite"
    assert (last.step_length, w.numpy().item()) == (0.0, 2.0)


@pytest.mark.parametrize(
    "make",
    [
        optim.Newton,
        optim.TruncatedNewton,
        optim.GaussNewton,
        optim.LevenbergMarquardt,
        optim.HessianFree,
    ],
)
def test_l2_and_maximize_are_part_of_what_is_minimised(make: Any) -> None:
    A, b = bowl(4, 10.0)
    L = np.linalg.cholesky(A)
    residuals = L.T @ np.eye(4)
    w = parameter(np.ones(4))
    objective = optim.Composed(
        lambda: residuals @ w, lambda r: -(0.5 * (r**2).sum() - b @ w)
    )
    optimizer = make([w], l2=0.5, maximize=True, gradient_tolerance=1e-9)
    optimizer.minimize(objective, iterations=100)
    wanted = np.linalg.solve(A + 0.5 * np.eye(4), b)
    np.testing.assert_allclose(w.numpy(), wanted, 1e-7)


# Moré, Garbow and Hillstrom's functions. ----------------------------------------------


def reached(make: Callable[[Any], Any], problem: Problem, iterations: int) -> bool:
    """Whether a known minimum is reached from the standard start."""
    w = cr.Parameter(problem.start)
    optimizer = make([w])
    optimizer.engine = "numpy"
    objective = squares(lambda: problem.residuals(w))
    optimizer.minimize(objective, iterations=iterations)
    value = problem.value(cr.tensor(w.numpy())).item()
    return any(abs(value - least) <= 1e-6 * least + 1e-10 for least in problem.minima)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_levenberg_marquardt_reaches_a_known_minimum(problem: Problem) -> None:
    def make(params: Any) -> Any:
        return optim.LevenbergMarquardt(params, gradient_tolerance=1e-9)

    assert reached(make, problem, 600)


#: Where Gauss and Newton's method without damping ends elsewhere, as it may: large
#: residuals, or a Jacobian that is singular on the way.
NOT_BY_GAUSS_NEWTON = {11, 16, 18, 24}
#: Where Newton's method ends at another stationary point, or has not ended yet.
NOT_BY_NEWTON = {3, 10, 17, 18, 19}


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_gauss_newton_and_newton_reach_the_known_minima_of_most(
    problem: Problem,
) -> None:
    if problem.number not in NOT_BY_GAUSS_NEWTON:
        assert reached(
            lambda w: optim.GaussNewton(w, gradient_tolerance=1e-9), problem, 150
        )
    if problem.number not in NOT_BY_NEWTON:
        assert reached(lambda w: optim.Newton(w, gradient_tolerance=1e-9), problem, 150)


@pytest.mark.parametrize("problem", [PROBLEMS[i] for i in (0, 4, 6, 13, 19, 30)])
def test_truncated_newton_reaches_known_minima(problem: Problem) -> None:
    assert reached(
        lambda w: optim.TruncatedNewton(w, gradient_tolerance=1e-8), problem, 200
    )


# Networks. ----------------------------------------------------------------------------


def _regression(model: Any, rows: int, inputs: int, outputs: int) -> Any:
    random = np.random.default_rng(1)
    x = random.normal(size=(rows, inputs)).astype(np.float32)
    y = np.sin(x @ random.normal(size=(inputs, outputs))).astype(np.float32)
    return model, "mse", x, y


def _classes(model: Any, rows: int, inputs: int, outputs: int) -> Any:
    random = np.random.default_rng(2)
    x = random.normal(size=(rows, inputs)).astype(np.float32)
    y = np.argmax(x[:, :outputs] + 0.3 * random.normal(size=(rows, outputs)), 1)
    return model, "cross_entropy", x, y


def _network(name: str) -> Any:
    """Five small networks with their loss and data."""
    if name == "linear":
        return _regression(nn.Linear(4, 2), 60, 4, 2)
    if name == "tanh":
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        return _regression(model, 80, 3, 1)
    if name == "deep":
        layers = [nn.Linear(3, 6), nn.Sigmoid(), nn.Linear(6, 6), nn.Tanh()]
        return _regression(nn.Sequential(*layers, nn.Linear(6, 2)), 60, 3, 2)
    if name == "softmax":
        return _classes(nn.Linear(5, 3), 100, 5, 3)
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3))
    return _classes(model, 90, 4, 3)


NETWORKS = ["linear", "tanh", "deep", "softmax", "gelu"]
MINIMIZERS = {
    "newton": lambda: optim.Newton(l2=1e-3),
    "saddle-free": lambda: optim.Newton(kind="saddle_free", l2=1e-3),
    "truncated": lambda: optim.TruncatedNewton(l2=1e-3),
    "gauss-newton": lambda: optim.GaussNewton(l2=1e-3),
    "levenberg-marquardt": lambda: optim.LevenbergMarquardt(l2=1e-3),
    "hessian-free": lambda: optim.HessianFree(damping=0.1, l2=1e-3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_fit_with_each_of_them_beats_many_steps_of_gradient_descent(name: str) -> None:
    def fitted(make: Callable[[], Any], epochs: int) -> Any:
        cr.manual_seed(0)
        model, loss, x, y = _network(name)
        data = (x, y)
        history = cr.fit(
            model,
            data,
            loss=loss,
            metrics=[],
            optimizer=make(),
            epochs=epochs,
            progress=False,
            engine=None if name == "tanh" else "numpy",
        )
        penalty = sum(float((w.numpy() ** 2).sum()) for w in model.parameters())
        return history["loss"][-1] + 0.5e-3 * penalty, history

    reference, _ = fitted(lambda: optim.GradientDescent(l2=1e-3), 40)
    for kind, make in MINIMIZERS.items():
        value, history = fitted(make, 20)
        assert value <= reference + 1e-5, kind
        assert history["products"][0] > 0 and history["step_length"][0] > 0


@pytest.mark.parametrize("kind", MINIMIZERS)
def test_a_resumed_minimizer_goes_on_with_the_same_bits(kind: str) -> None:
    def begin() -> tuple[Any, Any, Any]:
        cr.manual_seed(0)
        model, _, x, y = _network("tanh")
        optimizer = MINIMIZERS[kind]().bound_to(model.parameters())
        objective = optim.Composed(
            lambda x, y: model(x), lambda z, x, y: losses.mse(z, y)
        )
        data = cr.tensor(x), cr.tensor(y)
        return model, optimizer, lambda: optimizer.step(objective, *data)

    model, optimizer, step = begin()
    for _ in range(3):
        step()
    weights, state = model.state_dict(), optimizer.state_dict()
    told = [step() for _ in range(3)]
    other, resumed, go_on = begin()
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    again = [go_on() for _ in range(3)]
    assert [each.loss for each in told] == [each.loss for each in again]
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("cut", range(1, 7))
def test_sums_over_parameters_have_one_order_however_late_they_are_compiled(
    cut: int,
) -> None:
    """In float64, where another order shows; weights of the values of every epoch."""
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 3))
    y = np.tanh(x @ random.normal(size=(3, 1)))

    def begin() -> tuple[Any, Any, Any]:
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
        model = model.astype("float64")
        optimizer = optim.HessianFree(model.parameters())
        objective = optim.Composed(
            lambda x, y: model(x), lambda z, x, y: losses.mse(z, y)
        )
        return model, optimizer, lambda: optimizer.step(objective, x, y)

    model, optimizer, step = begin()
    for _ in range(cut):
        step()
    weights, state = model.state_dict(), optimizer.state_dict()
    step()
    other, resumed, go_on = begin()
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    go_on()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("scale", [2.0**-26, 2.0**26])
def test_scales_of_the_loss_do_not_matter_to_the_first_damping(scale: float) -> None:
    found = []
    for factor in (1.0, scale):
        cr.manual_seed(0)
        model, _, x, y = _network("tanh")
        objective = optim.Composed(
            lambda x, y, model=model: model(x),
            lambda z, x, y, factor=factor: factor * losses.mse(z, y),
        )
        optimizer = optim.HessianFree(model.parameters(), gradient_tolerance=0.0)
        steps = [optimizer.step(objective, x, y) for _ in range(4)]
        found.append([each.loss / factor for each in steps])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def ill_scaled(
    preconditioned: bool,
) -> tuple[optim.HessianFree, optim.Composed, list[Any]]:
    """Least squares with columns that differ in size by 10⁴."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 20)) * np.logspace(-2, 2, 20)
    w = parameter(np.zeros((20, 1)))
    y = x @ (random.normal(size=(20, 1)) / np.logspace(-2, 2, 20)[:, None])
    optimizer = optim.HessianFree(
        [w], damping=1e-6, preconditioned=preconditioned, gradient_tolerance=0.0
    )
    objective = optim.Composed(lambda x, y: x @ w, lambda z, x, y: losses.mse(z, y))
    return optimizer, objective, [x, y + 0.1 * random.normal(size=y.shape)]


def test_the_preconditioner_is_the_mean_of_squared_gradients() -> None:
    optimizer, objective, (x, y) = ill_scaled(True)
    optimizer.step(objective, x, y)
    ((metric,), preconditioner) = (
        optimizer._solvers()[0].metric.values(),
        optimizer._solvers()[1],
    )
    assert preconditioner is not None
    preconditioner.measure(0.5, (x, y))
    (w,) = optimizer.parameters
    gradients = 2 * (x @ w.numpy() - y) * x
    wanted = ((gradients**2).mean(0)[:, None] + 0.5) ** 0.75
    np.testing.assert_allclose(metric.numpy(), wanted, 1e-9)


def test_a_preconditioner_spares_products_where_weights_differ_in_scale() -> None:
    """To the same loss, with at most half of the products."""
    made = []
    for preconditioned in (False, True):
        optimizer, objective, data = ill_scaled(preconditioned)
        products = 0
        while True:
            step = optimizer.step(objective, *data)
            if step.loss < 0.0095:
                break
            products += step.products
        made.append(products)
    assert made[1] <= 0.5 * made[0], made


def test_a_preconditioned_run_goes_on_to_the_bit() -> None:
    optimizer, objective, data = ill_scaled(True)
    for _ in range(2):
        optimizer.step(objective, *data)
    state = optimizer.state_dict()
    (w,) = optimizer.parameters
    other, again, _ = ill_scaled(True)
    (v,) = other.parameters
    v.assign(w)
    other.load_state_dict(state)
    optimizer.step(objective, *data)
    other.step(again, *data)
    np.testing.assert_array_equal(w.numpy(), v.numpy())


def test_a_preconditioner_needs_examples() -> None:
    w = parameter([1.0])
    objective = optim.Composed(lambda: 1.0 * w, lambda z: (z**2).sum())
    optimizer = optim.HessianFree([w], preconditioned=True)
    with pytest.raises(ArgumentError) as caught:
        optimizer.step(objective)
    assert str(caught.value).startswith(
        "HessianFree.step: preconditioned=True: the data have no examples, whose "
        "gradients it squares"
    )


def test_dropout_draws_one_mask_for_all_products_of_an_iteration() -> None:
    cr.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 1)
    ).astype("float64")
    random = np.random.default_rng(0)
    x, y = (
        cr.tensor(random.normal(size=(20, 3))),
        cr.tensor(random.normal(size=(20, 1))),
    )
    objective = optim.Composed(
        lambda: model(x, training=True), lambda z: losses.mse(z, y)
    )
    # Were the masks of curvature and loss two, no step of a last linear layer in an
    # exactly quadratic loss would end where its gradient is 0.
    model[0].freeze()
    optimizer = optim.GaussNewton(model[3].parameters(), gradient_tolerance=1e-9)
    optimizer.step(objective)
    assert optimizer._now.gradient_norm < 1e-9


def test_the_curvature_is_that_of_other_examples_in_every_iteration() -> None:
    cr.manual_seed(0)
    model, _, x, y = _network("tanh")
    optimizer = optim.HessianFree(model.parameters(), damping=0.1, curvature_share=0.25)
    data = cr.tensor(x), cr.tensor(y), cr.tensor(3.0)
    state = optimizer.state_dict()
    for i in range(6):
        optimizer.load_state_dict({**state, "step": np.array(i)})
        inputs, targets, number = optimizer._part(data)
        rows = slice(i % 4 * 20, i % 4 * 20 + 20)
        np.testing.assert_array_equal(inputs.numpy(), x[rows])
        np.testing.assert_array_equal(targets.numpy(), y[rows])
        assert number is data[2]
    optimizer.load_state_dict(state)
    objective = optim.Composed(lambda x, y: model(x), lambda z, x, y: losses.mse(z, y))
    steps = [optimizer.step(objective, *data[:2]) for _ in range(6)]
    assert steps[-1].loss < 0.5 * steps[0].loss


@pytest.mark.parametrize("total, share", [(10, 0.3), (7, 0.5), (80, 0.25), (3, 1e-9)])
def test_every_example_has_its_turn_in_the_curvature(total: int, share: float) -> None:
    optimizer = optim.HessianFree([parameter([1.0])], curvature_share=share)
    state, rows = optimizer.state_dict(), np.arange(total)
    seen: list[int] = []
    for i in range(-(-total // max(1, round(share * total)))):
        optimizer.load_state_dict({**state, "step": np.array(i)})
        (part,) = optimizer._part((rows,))
        assert part.size == max(1, round(share * total))
        seen += part.tolist()
    assert set(seen) == {*range(total)}


def test_parts_are_taken_of_arrays_within_nested_data() -> None:
    optimizer = optim.HessianFree([parameter([1.0])], curvature_share=0.5)
    x = np.arange(12.0).reshape(6, 2)
    data = (x, {"k": [2 * x, None]}), Weighted(3 * x, x[:, 0]), np.zeros(4), 1.0
    (first, named), weighted, other, number = optimizer._part(data)
    np.testing.assert_array_equal(first, x[:3])
    np.testing.assert_array_equal(named["k"][0], 2 * x[:3])
    assert named["k"][1] is None and isinstance(weighted, Weighted)
    np.testing.assert_array_equal(weighted.targets, 3 * x[:3])
    np.testing.assert_array_equal(weighted.sample_weight, x[:3, 0])
    assert other is data[2] and number == 1.0


class Two(nn.Module):
    """Of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Any, z: Any) -> Any:
        return cr.tanh(self.a(x)) + self.b(z)


@pytest.mark.parametrize("kind", ["weights", "inputs"])
def test_fit_takes_parts_of_weighted_examples_and_of_several_inputs(kind: str) -> None:
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(40, n)).astype(np.float32) for n in (3, 2))
    weights = random.uniform(0.1, 2.0, 40)
    cr.manual_seed(0)
    model = nn.Linear(3, 2) if kind == "weights" else Two()
    data = (x, y, weights) if kind == "weights" else cr.data.Dataset((x, 2 * x), y)
    optimizer = optim.HessianFree(curvature_share=0.3)
    run = cr.fit(model, data, loss="mse", optimizer=optimizer, epochs=8, progress=False)
    assert run["loss"][-1] < 0.9 * run["loss"][0]


# Mistakes. ----------------------------------------------------------------------------


def message(call: Callable[[], Any], kind: type[ChainruleError] = ArgumentError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return caught.value.what


COMPOSED_ONLY = [optim.GaussNewton, optim.LevenbergMarquardt, optim.HessianFree]


@pytest.mark.parametrize("make", COMPOSED_ONLY)
def test_a_plain_function_hides_the_outputs(make: Any) -> None:
    w = parameter([1.0])
    with pytest.raises(ArgumentError) as caught:
        make([w]).step(lambda: (w * w).sum())
    assert caught.value.what == (
        f"{make.__name__}.step: the objective is a plain function: the curvature Jᵀ H "
        "J is made of the network's outputs and of their loss, and needs both apart"
    )
    assert caught.value.fix == (
        "optim.Composed(lambda x, y: model(x), lambda z, x, y: losses.mse(z, y)); "
        "cr.fit makes it by itself"
    )


EVERY = [optim.LBFGS, optim.TruncatedNewton, *COMPOSED_ONLY]


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize(
    ("given", "what"),
    [
        (lambda w: (w * w).sum(), "a number"),
        (lambda w: cr.backprop((w * w).sum()), "gradients"),
        (lambda w: 1.0, "1.0"),
    ],
)
def test_what_is_no_function_is_refused_by_every_minimizer(
    make: Any, given: Any, what: str
) -> None:
    w = parameter([1.0])
    assert message(lambda: make([w]).step(given(w))) == (
        f"{make.__name__}.step: it was given {what}: it evaluates the loss itself, as "
        "often as it needs to, and so it takes the function that computes it"
    )


@pytest.mark.parametrize("make", [optim.LBFGS, optim.GaussNewton, EVERY[-2]])
def test_without_parameters_there_is_nothing_to_change(make: Any) -> None:
    assert message(lambda: make().step(lambda: cr.tensor(1.0))) == (
        f"{make.__name__}.step: it was made without parameters, as a specification: "
        "there is nothing to change"
    )


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize(
    ("returned", "kind", "what"),
    [
        (1.5, GradientError, "1.5, a float: it was not computed from the parameters by "
         "operations of tensors"),
        (np.float32(2), GradientError, "np.float32(2.0), a float32: it was not "
         "computed from the parameters by operations of tensors"),
        (None, ShapeError, "None: expected one floating-point number; its return is "
         "missing"),
        ((1, 2), ShapeError, "a tuple: expected one floating-point number"),
    ],
)  # fmt: skip
def test_an_objective_that_returns_no_loss_is_told_why(
    make: Any, returned: Any, kind: Any, what: str
) -> None:
    w = parameter([1.0])
    objective: Any = lambda: returned  # noqa: E731
    if make in COMPOSED_ONLY:
        objective = optim.Composed(lambda: 2 * w, lambda z: returned)
    assert message(lambda: make([w]).step(objective), kind) == (
        f"{make.__name__}.step: the objective returned {what}"
    )


@pytest.mark.parametrize("make", EVERY)
def test_an_objective_that_does_not_take_the_data_is_refused(make: Any) -> None:
    w = parameter([1.0])
    objective: Any = lambda x: (w * x).sum()  # noqa: E731
    if make in COMPOSED_ONLY:
        objective = optim.Composed(lambda x: w * x, lambda z, x: z.sum())
    assert message(lambda: make([w]).minimize(objective, 1.0, 2.0)) == (
        f"{make.__name__}.step: the objective does not take the data, 2 arguments: "
        "too many positional arguments"
    )


@pytest.mark.parametrize("iterations", [1.5, -1, "10", True])
def test_iterations_are_a_whole_number(iterations: Any) -> None:
    w = parameter([1.0])
    found = message(
        lambda: optim.LBFGS([w]).minimize(lambda: w.sum(), iterations=iterations)
    )
    assert found == (
        f"LBFGS.minimize: iterations = {iterations!r}: iterations must be a whole "
        "number, at least 0"
    )


@pytest.mark.parametrize("make", COMPOSED_ONLY)
@pytest.mark.parametrize("climb", [False, True])
def test_a_loss_that_is_not_convex_is_refused(make: Any, climb: bool) -> None:
    w = parameter([0.4, 0.2])
    sign = 1.0 if climb else -1.0
    objective = optim.Composed(lambda: 2 * w, lambda z: sign * (z**2).sum() + z.sum())
    found = message(lambda: make([w], maximize=climb).step(objective))
    turned = "maximize=True: " if climb else ""
    sort = "concave" if climb else "convex"
    assert found == (
        f"{make.__name__}.step: {turned}the loss, as a function of the outputs, is not "
        f"{sort}: Jᵀ H J has the curvature -8, and a step by it may lead nowhere"
    )
    np.testing.assert_array_equal(w.numpy(), [0.4, 0.2])


@pytest.mark.parametrize("make", COMPOSED_ONLY)
@pytest.mark.parametrize(
    "outputs, loss",
    [
        (lambda w: cr.ones((2,)) * 3, lambda w, z: ((z - w) ** 2).sum()),
        (lambda w: w * 2, lambda w, z: (w * w).sum()),
        (lambda w: (w * 2, cr.ones(2)), lambda w, z: ((z[1] - w) ** 2).sum()),
    ],
    ids=["outputs reach nothing", "outputs are not used", "those used reach nothing"],
)
def test_outputs_that_reach_no_parameter_are_told(
    make: Any, outputs: Any, loss: Any
) -> None:
    w = parameter([0.4, 0.2])
    objective = optim.Composed(lambda: outputs(w), lambda z: loss(w, z))
    with pytest.raises(GradientError) as caught:
        make([w]).step(objective)
    assert caught.value.what == (
        f"{make.__name__}.step: parameter (2,) not reached by the outputs that the "
        "loss is computed from, only by the loss itself: Jᵀ H J is 0"
    )
    assert caught.value.fix == (
        "compute in Composed.outputs whatever depends on parameters, or "
        "optim.LBFGS(), which takes the loss as a whole"
    )
    np.testing.assert_array_equal(w.numpy(), [0.4, 0.2])


@pytest.mark.parametrize("make", COMPOSED_ONLY)
def test_a_loss_that_reaches_parameters_beside_its_outputs_is_minimised(
    make: Any,
) -> None:
    w, b = parameter([3.0]), parameter([3.0])
    objective = optim.Composed(lambda: w - 1, lambda z: (z**2).sum() + (b**2).sum())
    make([w, b]).minimize(objective, iterations=300)
    np.testing.assert_allclose([w.item(), b.item()], [1.0, 0.0], atol=1e-4)


@pytest.mark.parametrize("make", COMPOSED_ONLY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 0.1, 0.01])
def test_regression_is_convex_also_at_its_minimum(
    make: Any, dtype: str, scale: float
) -> None:
    random = np.random.default_rng(0)
    x = (scale * random.normal(size=(200, 1))).astype(dtype)
    y = x + (scale * random.normal(size=(200, 1))).astype(dtype)
    cr.manual_seed(0)
    model = nn.Linear(1, 1, dtype=dtype)
    optimizer = make(damping=1e-3) if make is not optim.GaussNewton else make()
    cr.fit(model, (x, y), loss="mse", optimizer=optimizer, epochs=40, progress=False)
    columns = np.hstack([x, np.ones_like(x)])
    wanted, *_ = np.linalg.lstsq(columns, y, rcond=None)
    least = np.square(columns @ wanted - y).mean()
    assert np.square(model(cr.tensor(x)).numpy() - y).mean() < 1.02 * least


def test_a_network_too_large_for_a_dense_matrix_is_told_its_memory() -> None:
    w = cr.Parameter(np.zeros((1000, 100), np.float32))
    with pytest.raises(ArgumentError) as caught:
        optim.Newton([w]).step(lambda: (w * w).sum())
    assert caught.value.what == (
        "Newton.step: the Hessian of 100 000 numbers: its 100 000 × 100 000 second "
        "derivatives take 74.5 GiB; at most 0.25 GiB are taken"
    )
    assert caught.value.fix == (
        "optim.TruncatedNewton() or optim.HessianFree(), which multiply by the matrix "
        "and never form it"
    )
    for make in (optim.GaussNewton, optim.LevenbergMarquardt):
        found = message(lambda make=make: make([w]).step(squares(lambda: w)))
        assert found.startswith(f"{make.__name__}.step: the matrix Jᵀ H J of 100 000")


def test_options_out_of_range_are_refused_in_words() -> None:
    def wrong_kind() -> Any:
        return optim.Newton(kind="exakt")  # type: ignore[arg-type]

    assert message(wrong_kind, OptionError) == (
        "unknown kind of Newton 'exakt': expected one of 'damped', "
        "'exact', 'saddle_free'"
    )
    assert message(lambda: optim.HessianFree(curvature_share=0.0)) == (
        "HessianFree: curvature_share = 0.0: curvature_share must be more than 0 and "
        "at most 1"
    )
    assert message(lambda: optim.LevenbergMarquardt(damping=-1.0)) == (
        "LevenbergMarquardt: damping = -1.0: damping must be positive"
    )
    assert message(lambda: optim.TruncatedNewton(most_products=0)) == (
        "TruncatedNewton: most_products = 0: most_products must be a whole number, at "
        "least 1"
    )
    assert message(lambda: optim.HessianFree(decay=1.0)) == (
        "HessianFree: decay = 1.0: decay must be at least 0 and less than 1"
    )


@pytest.mark.parametrize("make", [optim.Newton, optim.TruncatedNewton, *COMPOSED_ONLY])
def test_nan_at_the_start_changes_nothing(make: Any) -> None:
    w = parameter([-1.0])
    objective = optim.Composed(lambda: cr.log(w), lambda z: (z**2).sum())
    found = message(lambda: make([w]).step(objective), NumericsError)
    assert found.startswith(
        f"{make.__name__}.step: the loss is NaN where the iteration begins: log: "
    )
    assert w.numpy().item() == -1.0
