"""What lectures on neural networks define, held against the library.

The numbers 1 to 8 are those of docs/conventions.md; 9 is held by
``tests/ops/test_corners.py``, 10 by ``test_casts.py`` there, 11 by ``test_sums.py``;
12 by ``tests/linalg/``, 13 by ``tests/protocols/``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

import chainrule as cr
from chainrule import losses, nn

Array = Any

# The four equations of backpropagation, written out. ---------------------------------


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def normal_density(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def normal_share(z: Array) -> Array:
    return (1 + erf(z / math.sqrt(2))) / 2


#: layer, σ(z), σ′(z)
ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], Any, Any]] = {
    "identity": (nn.Identity, lambda z: z, np.ones_like),
    "sigmoid": (nn.Sigmoid, sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (nn.Tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (nn.ReLU, lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
    "leaky relu": (
        lambda: nn.LeakyReLU(0.1),
        lambda z: np.where(z > 0, z, 0.1 * z),
        lambda z: np.where(z > 0, 1, 0.1),
    ),
    "elu": (
        nn.ELU,
        lambda z: np.where(z > 0, z, np.exp(z) - 1),
        lambda z: np.where(z > 0, 1, np.exp(z)),
    ),
    "softplus": (nn.Softplus, lambda z: np.log(1 + np.exp(z)), sigmoid),
    "gelu": (
        nn.GELU,
        lambda z: z * normal_share(z),
        lambda z: normal_share(z) + z * normal_density(z),
    ),
    "silu": (
        nn.SiLU,
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
    ),
}


def softmax(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


#: loss of (a, y), ∇ₐL of (a, y) for a batch of N samples of K outputs
LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Array, Array], Array]]] = {
    "½‖a − y‖²": (losses.half_squared_error, lambda a, y: (a - y) / len(a)),
    "‖a − y‖²": (losses.squared_error, lambda a, y: 2 * (a - y) / len(a)),
    "mse": (losses.mse, lambda a, y: 2 * (a - y) / a.size),
    "l1": (losses.l1, lambda a, y: np.sign(a - y) / a.size),
    "huber": (losses.huber, lambda a, y: np.clip(a - y, -1, 1) / a.size),
    "binary cross-entropy": (
        lambda a, y: losses.binary_cross_entropy(a, 1 * (y > 0)),
        lambda a, y: (sigmoid(a) - (y > 0)) / a.size,
    ),
    "cross-entropy": (
        lambda a, y: losses.cross_entropy(a, y.argmax(1)),
        lambda a, y: (softmax(a) - np.eye(a.shape[1])[y.argmax(1)]) / len(a),
    ),
    "hinge": (
        lambda a, y: losses.hinge(a, np.where(y > 0, 1, -1)),
        lambda a, y: -np.sign(y) * (np.sign(y) * a < 1) / a.size,
    ),
}


def close(found: Any, expected: Array) -> None:
    np.testing.assert_allclose(
        np.asarray(found), expected, rtol=1e-11, atol=1e-13 * (1 + abs(expected).max())
    )


@settings(max_examples=120)
@given(
    widths=st.lists(st.integers(1, 7), min_size=2, max_size=6),
    names=st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=5, max_size=5),
    loss=st.sampled_from(sorted(LOSSES)),
    samples=st.integers(1, 6),
    seed=st.integers(0, 2**32),
)
def test_the_four_equations_of_backpropagation_give_what_backprop_gives(
    widths: list[int], names: list[str], loss: str, samples: int, seed: int
) -> None:
    if loss == "cross-entropy":
        widths = [*widths[:-1], widths[-1] + 1]
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, widths[0]))
    y = rng.normal(size=(samples, widths[-1]))
    depth = len(widths) - 1
    W = [rng.normal(size=(widths[i + 1], widths[i])) for i in range(depth)]
    b = [rng.normal(size=widths[i + 1]) for i in range(depth)]
    chosen = [ACTIVATIONS[name] for name in names[:depth]]
    loss_of, gradient_of = LOSSES[loss]

    # The network, layer by layer, so that every z and a can be asked for.
    layers, zs, activations = [], [], [cr.tensor(x)]
    for i in range(depth):
        layer = nn.Linear(widths[i], widths[i + 1], dtype="float64")
        layer.load_state_dict({"weight": W[i], "bias": b[i]})
        layers.append(layer)
        zs.append(layer(activations[-1]))
        activations.append(chosen[i][0]().astype("float64")(zs[-1]))
    grads = cr.backprop(loss_of(activations[-1], y))

    # The lecture, one sample a row.
    a, z = [x], []
    for i in range(depth):
        z.append(a[i] @ W[i].T + b[i])
        a.append(chosen[i][1](z[i]))
    delta = gradient_of(a[-1], y) * chosen[-1][2](z[-1])  # δᴸ = ∇ₐL ⊙ σ′(zᴸ)
    for i in reversed(range(depth)):
        close(grads[zs[i]].numpy(), delta)
        close(grads[layers[i].weight].numpy(), delta.T @ a[i])  # ∂L/∂W = δ aᵀ
        assert layers[i].bias is not None
        close(grads[layers[i].bias].numpy(), delta.sum(0))  # ∂L/∂b = δ
        if i > 0:  # δˡ = (Wˡ⁺¹)ᵀ δˡ⁺¹ ⊙ σ′(zˡ)
            delta = (delta @ W[i]) * chosen[i - 1][2](z[i - 1])


# 1. Graphs by hand. -------------------------------------------------------------------


def test_1_the_graph_of_x_plus_y_times_z_has_the_values_of_the_lecture() -> None:
    x, y, z = cr.tensor(1.0), cr.tensor(-3.0), cr.tensor(4.0)
    d = x + y
    f = d * z
    grads = cr.backprop(f)
    assert (d.item(), f.item()) == (-2.0, -8.0)
    assert [grads[each].item() for each in (f, d, z, x, y)] == [1, 4, -2, 4, 4]


@pytest.mark.parametrize("x", [-1.3, 0.4, 2.0])
def test_1_fed_with_1_from_behind_a_diagram_gives_the_derivative(x: float) -> None:
    t = cr.tensor(x, "float64")

    def derivative(value: Any) -> float:
        return float(cr.backprop(value)[t].item())

    composition = math.cos(math.exp(x)) * math.exp(x)
    assert derivative(cr.sin(cr.exp(t))) == pytest.approx(composition, rel=1e-14)
    addition = math.cos(x) + math.exp(x)
    assert derivative(cr.sin(t) + cr.exp(t)) == pytest.approx(addition, rel=1e-14)
    assert derivative(3.5 * cr.sin(t)) == pytest.approx(3.5 * math.cos(x), rel=1e-14)


# 2. Which mean the mean squared error takes. ------------------------------------------


def test_2_the_gradient_2_over_n_belongs_to_the_mean_over_samples() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    layer = nn.Linear(3, 4, bias=False, dtype="float64")
    W = layer.weight.numpy()
    lecture = 2 / 6 * (x @ W.T - y).T @ x
    per_sample = cr.backprop(losses.mse(layer(x), y, per="sample"))
    per_element = cr.backprop(losses.mse(layer(x), y))
    close(per_sample[layer.weight].numpy(), lecture)
    close(per_element[layer.weight].numpy(), lecture / 4)


# 3. Signs and means of the losses of classes. -----------------------------------------


def test_3_a_loss_of_classes_is_positive_and_averages_over_the_batch() -> None:
    z, y = np.array([[2.0], [-1.0], [0.5]]), np.array([[1], [1], [0]])
    p = sigmoid(z)
    cost = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    close(losses.binary_cross_entropy(z, y), cost)
    two = np.concatenate([np.zeros_like(z), z], axis=1)
    close(losses.cross_entropy(two, y[:, 0]), cost)
    assert cost > 0


# 4. Whose δ is the gradient of a bias. ------------------------------------------------


def test_4_the_gradient_of_a_bias_is_the_delta_of_its_own_layer() -> None:
    cr.manual_seed(0)
    first, second = nn.Linear(3, 3, dtype="float64"), nn.Linear(3, 3, dtype="float64")
    assert first.bias is not None and second.bias is not None
    x = np.random.default_rng(0).normal(size=(1, 3))
    z1 = first(x)
    z2 = second(cr.tanh(z1))
    grads = cr.backprop(losses.half_squared_error(z2, np.ones((1, 3))))
    close(grads[first.bias].numpy(), grads[z1].numpy()[0])
    close(grads[second.bias].numpy(), grads[z2].numpy()[0])
    assert abs(grads[first.bias].numpy() - grads[z2].numpy()[0]).max() > 0.1


# 5. The sign of the error. ------------------------------------------------------------


def test_5_with_e_as_prediction_minus_target_both_gradients_have_a_plus() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=5)
    w, v = cr.tensor(rng.normal(size=(3, 4))), cr.tensor(rng.normal(size=4))
    h = cr.tanh(cr.tensor(x) @ w)
    prediction = h @ v
    loss = 0.5 * ((prediction - y) ** 2).sum()
    e = prediction.numpy() - y
    grads = cr.backprop(loss)
    close(grads[v].numpy(), h.numpy().T @ e)
    close(grads[h].numpy(), np.outer(e, v.numpy()))
    cr.check_gradients(
        lambda v: 0.5 * ((cr.tanh(x @ w) @ v - y) ** 2).sum(), v.numpy(), order=1
    )


# 6. The Δ rule, first values, and where descent ends. ---------------------------------


def test_6_the_delta_rule_is_a_step_down_half_the_squared_error() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.random((6, 2))
    layer = nn.Linear(3, 2, dtype="float64")
    alpha = 0.1
    W, b = layer.weight.numpy(), layer.bias
    assert b is not None
    out = sigmoid(x @ W.T + b.numpy())
    delta = (y - out) * out * (1 - out)  # Δ = (y − out) σ′(in)
    rule = W + alpha * delta.T @ x  # w ← w + α Σ out Δ

    def step(loss: Callable[..., Any]) -> Array:
        found = cr.backprop(loss(cr.sigmoid(layer(x)), y, reduction="sum"))
        return W - alpha * found[layer.weight].numpy()

    close(step(losses.half_squared_error), rule)
    close(step(losses.squared_error) - W, 2 * (rule - W))


def test_6_weights_from_n_0_1_saturate_a_wide_layer_and_glorot_does_not() -> None:
    cr.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(100, 400)).astype(np.float32)
    slopes = {}
    for name in ("normal", "glorot_uniform"):
        a = cr.sigmoid(nn.Linear(400, 400, weight_init=name)(x)).numpy()
        slopes[name] = (a * (1 - a)).mean()
    assert slopes["normal"] < 0.25 * slopes["glorot_uniform"]


def test_6_gradient_descent_may_end_at_a_saddle_that_is_no_minimum() -> None:
    def f(p: Any) -> Any:
        return p[0] ** 2 - p[1] ** 2 + p[1] ** 4

    p = cr.tensor([1.0, 0.0], "float64")
    for _ in range(200):
        p = p - 0.1 * cr.grad(f)(p)
    assert abs(cr.grad(f)(p).numpy()).max() < 1e-12
    curvatures = np.linalg.eigvalsh(cr.hessian(f)(p).numpy())
    assert curvatures.min() == pytest.approx(-2)


# 7. Matrices and their transposes; densities and posteriors. --------------------------


def test_7_weights_are_out_by_in_and_multiply_from_the_left() -> None:
    layer = nn.Linear(3, 2, dtype="float64")
    assert layer.bias is not None
    x = np.array([1.0, -2.0, 0.5])
    assert layer.weight.shape == (2, 3)
    close(layer(x).numpy(), layer.weight.numpy() @ x + layer.bias.numpy())
    close(layer(x[None]).numpy()[0], layer(x).numpy())


def test_7_a_recurrent_network_without_biases_is_that_of_the_lecture() -> None:
    """hₜ = tanh(W xₜ + U hₜ₋₁), and the lecture's six lines for the LSTM."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 4, 3))
    plain = nn.RNN(3, 2, bias=False, dtype="float64")
    gated = nn.LSTM(3, 2, bias=False, dtype="float64")
    W, U = plain.state_dict().values()
    Wi, Wf, Wc, Wo = np.split(gated.state_dict()["weight_ih_l0"], 4)
    Ui, Uf, Uc, Uo = np.split(gated.state_dict()["weight_hh_l0"], 4)
    r, h, C = np.zeros(2), np.zeros(2), np.zeros(2)
    states, context = gated(x)[0].numpy()[0], gated(x)[1][1].numpy()[0, 0]
    for t, xt in enumerate(x[0]):
        r = np.tanh(W @ xt + U @ r)
        C_hat = np.tanh(Wc @ xt + Uc @ h)
        i = 1 / (1 + np.exp(-(Wi @ xt + Ui @ h)))
        f = 1 / (1 + np.exp(-(Wf @ xt + Uf @ h)))
        o = 1 / (1 + np.exp(-(Wo @ xt + Uo @ h)))
        C = C * f + C_hat * i
        h = np.tanh(C) * o
        np.testing.assert_allclose(plain(x)[0].numpy()[0, t], r, rtol=1e-13)
        np.testing.assert_allclose(states[t], h, rtol=1e-13)
    np.testing.assert_allclose(context, C, rtol=1e-13)


def test_7_posteriors_divided_by_priors_decode_as_likelihoods_do() -> None:
    rng = np.random.default_rng(0)
    prior = rng.dirichlet(np.ones(4))
    likelihood = rng.dirichlet(np.ones(9), size=4)  # p(o | s), a row for each state
    posterior = prior[:, None] * likelihood
    posterior /= posterior.sum(0)
    scores = np.log(posterior) - np.log(prior)[:, None]
    constant = scores - np.log(likelihood)
    close(constant - constant[:1], np.zeros((4, 9)))
    assert (scores.argmax(0) == likelihood.argmax(0)).all()
    assert (posterior.argmax(0) != likelihood.argmax(0)).any()


# Linear and logistic regression as one-layer networks. --------------------------------


def descend(
    net: nn.Module, loss: Callable[[], Any], rate: float, steps: int
) -> list[float]:
    """Full-batch gradient descent with Nesterov's momentum; the losses."""
    parameters = net.parameters()
    before = [cr.Variable(p.numpy()) for p in parameters]

    @cr.compile
    def step() -> Any:
        value = loss()
        grads = cr.backprop(value)
        for p, ahead in zip(parameters, before, strict=True):
            new = p - rate * grads[p]
            p.assign(new + 0.9 * (new - ahead))
            ahead.assign(new)
        return value

    return [step().item() for _ in range(steps)]


def test_linear_regression_finds_scikit_learns_solution() -> None:
    x, y = load_diabetes(return_X_y=True)
    # The same space of features in uncorrelated coordinates: descent is quick there.
    x = np.linalg.svd(x - x.mean(0), full_matrices=False)[0] * math.sqrt(len(x))
    y = (y - y.mean()) / y.std()
    net = nn.Linear(10, 1, dtype="float64")
    descend(net, lambda: losses.mse(net(x), y[:, None]), rate=0.2, steps=400)
    peer = LinearRegression().fit(x, y)
    assert net.bias is not None
    np.testing.assert_allclose(net.weight.numpy()[0], peer.coef_, atol=1e-10)
    np.testing.assert_allclose(net.bias.item(), peer.intercept_, atol=1e-10)


def standardised(x: Array) -> Array:
    return (x - x.mean(0)) / x.std(0)


def test_logistic_regression_finds_scikit_learns_solution() -> None:
    x, y = load_iris(return_X_y=True)
    x, y = standardised(x[y > 0, 1:3]), y[y > 0] - 1  # two classes that overlap
    net = nn.Linear(2, 1, dtype="float64")
    descend(
        net,
        lambda: losses.binary_cross_entropy(net(x), y[:, None]),
        rate=1.0,
        steps=6000,
    )
    peer = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(x, y)
    assert net.bias is not None
    np.testing.assert_allclose(net.weight.numpy(), peer.coef_, rtol=1e-4)
    np.testing.assert_allclose(net.bias.numpy(), peer.intercept_, rtol=1e-4)


def test_logistic_regression_with_a_penalty_finds_scikit_learns_solution() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = standardised(x)
    C = 0.02
    net = nn.Linear(30, 1, dtype="float64")

    def loss() -> Any:
        penalty = (net.weight**2).sum() / (2 * C * len(x))
        return losses.binary_cross_entropy(net(x), y[:, None]) + penalty

    descend(net, loss, rate=0.3, steps=2000)
    peer = LogisticRegression(C=C, tol=1e-12, max_iter=10_000).fit(x, y)
    assert net.bias is not None
    np.testing.assert_allclose(net.weight.numpy(), peer.coef_, atol=1e-6)
    np.testing.assert_allclose(net.bias.numpy(), peer.intercept_, atol=1e-6)


def test_softmax_regression_finds_scikit_learns_solution() -> None:
    x, y = load_iris(return_X_y=True)
    x = standardised(x)
    net = nn.Linear(4, 3, weight_init="zeros", dtype="float64")

    def loss() -> Any:
        penalty = (net.weight**2).sum() / (2 * len(x))
        return losses.cross_entropy(net(x), y) + penalty

    descend(net, loss, rate=0.5, steps=2000)
    peer = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(net.weight.numpy(), peer.coef_, atol=1e-6)
    probabilities = cr.softmax(net(x)).numpy()
    np.testing.assert_allclose(probabilities, peer.predict_proba(x), atol=1e-6)


# XOR. ---------------------------------------------------------------------------------

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ODD = np.array([[0], [1], [1], [0]])


def accuracy(net: nn.Module) -> float:
    return float(((net(XOR).numpy() > 0) == ODD).mean())


@pytest.mark.parametrize("seed", range(5))
def test_logistic_regression_cannot_learn_xor(seed: int) -> None:
    cr.manual_seed(seed)
    net = nn.Linear(2, 1, weight_init="normal", dtype="float64")
    found = descend(net, lambda: losses.binary_cross_entropy(net(XOR), ODD), 1.0, 800)
    # Its loss is convex, and lowest where it knows nothing: p = ½ for all four.
    assert found[-1] == pytest.approx(math.log(2), abs=1e-9)
    assert abs(net.weight.numpy()).max() < 1e-3
    assert accuracy(net) <= 0.75


def test_no_line_separates_xor_and_the_best_gets_three_of_four() -> None:
    net = nn.Linear(2, 1, dtype="float64")
    rng = np.random.default_rng(0)
    best = 0.0
    for weights in rng.normal(size=(500, 3)):
        net.load_state_dict({"weight": weights[None, :2], "bias": weights[2:]})
        best = max(best, accuracy(net))
    assert best == 0.75


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hidden", [nn.Tanh, nn.Sigmoid, lambda: nn.Maxout(8, 8)])
def test_two_layers_learn_xor(hidden: Callable[[], nn.Module], seed: int) -> None:
    cr.manual_seed(seed)
    net = nn.Sequential(nn.Linear(2, 8), hidden(), nn.Linear(8, 1)).astype("float64")
    found = descend(net, lambda: losses.binary_cross_entropy(net(XOR), ODD), 0.3, 1500)
    assert accuracy(net) == 1.0
    assert found[-1] < 0.1
