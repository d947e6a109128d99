"""Every algorithm walks, step by step, the path of its paper written out in NumPy.

The problem: a network of two layers, trained on other samples in every step, its
gradients derived by hand. Here is nothing of ``chainrule.optim``'s way of writing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from tests.agreement import each_engine

STEPS = 100
Path = list[list[Any]]


class Problem:
    """ŷ = W₂ tanh(W₁x + b₁) + b₂ and L = mean ‖ŷ − y‖², on eight samples a step."""

    def __init__(self) -> None:
        random = np.random.default_rng(3)
        self.x = random.normal(size=(40, 3))
        self.y = np.sin(self.x @ random.normal(size=(3, 2)))
        shapes = [(5, 3), (5,), (2, 5), (2,)]
        self.start = [random.normal(size=shape) for shape in shapes]

    def samples(self, step: int) -> tuple[Any, Any]:
        """Eight samples, others in each step."""
        rows = (np.arange(8) * 7 + 3 * step) % 40
        return self.x[rows], self.y[rows]

    def gradients(self, weights: list[Any], step: int) -> list[Any]:
        """∂L/∂(W₁, b₁, W₂, b₂), by the four equations of backpropagation."""
        W1, b1, W2, b2 = weights
        x, y = self.samples(step)
        a = np.tanh(x @ W1.T + b1)
        delta2 = 2 * (a @ W2.T + b2 - y) / len(x)
        delta1 = delta2 @ W2 * (1 - a**2)
        return [delta1.T @ x, delta1.sum(0), delta2.T @ a, delta2.sum(0)]


PROBLEM = Problem()


def loss(weights: list[Any], x: Any, y: Any) -> Any:
    """The problem's loss in tensors."""
    W1, b1, W2, b2 = weights
    out = cr.tanh(x @ W1.T + b1) @ W2.T + b2
    return ((out - y) ** 2).sum(axis=1).mean()


def path_of(
    make: Callable[[list[Any]], optim.Optimizer],
    compiled: bool,
    engine: str | None = None,
) -> Path:
    """The weights after each step of an optimizer."""
    weights = [cr.parameter(each) for each in PROBLEM.start]
    optimizer = make(weights)

    def step(x: Any, y: Any) -> None:
        optimizer.step(cr.backprop(loss(weights, x, y)))

    run = cr.compile(step, engine=engine) if compiled else step
    path = []
    for t in range(STEPS):
        run(*map(cr.tensor, PROBLEM.samples(t)))
        path.append([each.numpy().copy() for each in weights])
    return path


def assert_same(path: Path, expected: Path) -> None:
    """Every weight of every step, to rounding."""
    assert len(path) == len(expected) == STEPS
    for mine, other in zip(path, expected, strict=True):
        for w, v in zip(mine, other, strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-9, atol=1e-12)
    moved = [np.abs(w - v).max() for w, v in zip(path[-1], PROBLEM.start, strict=True)]
    assert min(moved) > 1e-3


# The papers. A transcription answers the path from the learning rates ηₜ, t = 0, 1, …,
# and what is done to the gradients g of the weights w in each step. -------------------


def same(gradients: list[Any], weights: list[Any]) -> list[Any]:
    """No transform."""
    return gradients


def cauchy(rates: Any, change: Any = same) -> Path:
    """Gradient descent."""
    w, path = [each.copy() for each in PROBLEM.start], []
    for t in range(STEPS):
        g = change(PROBLEM.gradients(w, t), w)
        w = [w[i] - rates(t)[i] * g[i] for i in range(4)]
        path.append(w)
    return path


def polyak(rates: Any, change: Any = same, mu: float = 0.9) -> Path:
    """The heavy ball: xₜ₊₁ = xₜ − ηgₜ + μ(xₜ − xₜ₋₁), for a constant η."""
    w = before = [each.copy() for each in PROBLEM.start]
    path, v = [], [0.0] * 4
    constant = rates(0) == rates(STEPS)
    for t in range(STEPS):
        g = change(PROBLEM.gradients(w, t), w)
        if constant:
            new = [
                w[i] - rates(t)[i] * g[i] + mu * (w[i] - before[i]) for i in range(4)
            ]
        else:  # PyTorch's convention: the rate multiplies the whole velocity
            v = [mu * v[i] + g[i] for i in range(4)]
            new = [w[i] - rates(t)[i] * v[i] for i in range(4)]
        before, w = w, new
        path.append(w)
    return path


def sutskever(rates: Any, change: Any = same, mu: float = 0.9) -> Path:
    """u ← μu − η∇L(θ + μu), θ ← θ + u, for a constant η; the points θ + μu."""
    theta, path = [each.copy() for each in PROBLEM.start], []
    u: list[Any] = [0.0] * 4
    constant = rates(0) == rates(STEPS)
    for t in range(STEPS):
        if constant:
            ahead = [theta[i] + mu * u[i] for i in range(4)]
            g = change(PROBLEM.gradients(ahead, t), ahead)
            u = [mu * u[i] - rates(t)[i] * g[i] for i in range(4)]
            theta = [theta[i] + u[i] for i in range(4)]
            path.append([theta[i] + mu * u[i] for i in range(4)])
        else:  # as torch.optim.SGD documents it; u is the velocity, theta the weights
            g = change(PROBLEM.gradients(theta, t), theta)
            u = [mu * u[i] + g[i] for i in range(4)]
            theta = [theta[i] - rates(t)[i] * (g[i] + mu * u[i]) for i in range(4)]
            path.append(theta)
    return path


def duchi(rates: Any, change: Any = same, delta: float = 1e-10) -> Path:
    """Gₜ = Σ gτgτᵀ, x ← x − η (δI + diag(G)^½)⁻¹ g, with every past gradient kept."""
    w, path, past = [each.copy() for each in PROBLEM.start], [], []
    for t in range(STEPS):
        past.append(change(PROBLEM.gradients(w, t), w))
        s = [sum(g[i] ** 2 for g in past) for i in range(4)]
        w = [w[i] - rates(t)[i] * past[-1][i] / (delta + s[i] ** 0.5) for i in range(4)]
        path.append(w)
    return path


def hinton(
    rates: Any, change: Any = same, keep: float = 0.99, eps: float = 1e-8
) -> Path:
    """MeanSquare(t) = α MeanSquare(t − 1) + (1 − α) g²; g divided by its root."""
    w, path = [each.copy() for each in PROBLEM.start], []
    mean_square = [np.zeros_like(each) for each in w]
    for t in range(STEPS):
        g = change(PROBLEM.gradients(w, t), w)
        for i in range(4):
            mean_square[i] = keep * mean_square[i] + (1 - keep) * g[i] ** 2
        root = [np.sqrt(each) + eps for each in mean_square]
        w = [w[i] - rates(t)[i] * g[i] / root[i] for i in range(4)]
        path.append(w)
    return path


def kingma(rates: Any, change: Any = same, decay: float = 0.0) -> Path:
    """Algorithm 1; with decay, algorithm 2 of Loshchilov & Hutter, α = 1, λ = decay."""
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    theta, path = [each.copy() for each in PROBLEM.start], []
    m = [np.zeros_like(each) for each in theta]
    v = [np.zeros_like(each) for each in theta]
    t = 0
    while t < STEPS:
        t = t + 1
        g = change(PROBLEM.gradients(theta, t - 1), theta)
        eta, new = rates(t - 1), []
        for i in range(4):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            m_hat = m[i] / (1 - beta1**t)
            v_hat = v[i] / (1 - beta2**t)
            step = m_hat / (np.sqrt(v_hat) + epsilon) + decay * theta[i]
            new.append(theta[i] - eta[i] * step)
        theta = new
        path.append(theta)
    return path


def loshchilov(rates: Any, change: Any = same) -> Path:
    """AdamW with the default decay."""
    return kingma(rates, change, decay=0.01)


def zeiler(rates: Any, change: Any = same, rho: float = 0.9, eps: float = 1e-6) -> Path:
    """Δx = −RMS[Δx]/RMS[g] g, RMS[·] = √(E[·²] + ε), from sums over the whole past."""
    w, path, past, steps = [each.copy() for each in PROBLEM.start], [], [], []

    def mean_square(values: list[Any], i: int) -> Any:
        n = len(values)
        return sum((1 - rho) * rho ** (n - 1 - k) * values[k][i] ** 2 for k in range(n))

    for t in range(STEPS):
        past.append(change(PROBLEM.gradients(w, t), w))
        steps.append(
            [
                -np.sqrt(mean_square(steps, i) + eps)
                / np.sqrt(mean_square(past, i) + eps)
                * past[-1][i]
                for i in range(4)
            ]
        )
        w = [w[i] + rates(t)[i] * steps[-1][i] for i in range(4)]
        path.append(w)
    return path


def chen(rates: Any, change: Any = same, decay: float = 0.0) -> Path:
    """The paper's program 1: update = interp(g, m, β1); sign; m = interp(g, m, β2)."""

    def interp(x: Any, y: Any, a: float) -> Any:
        return (1 - a) * x + a * y

    w, path, m = [each.copy() for each in PROBLEM.start], [], [0.0] * 4
    for t in range(STEPS):
        g = change(PROBLEM.gradients(w, t), w)
        update = [np.sign(interp(g[i], m[i], 0.9)) for i in range(4)]
        m = [interp(g[i], m[i], 0.99) for i in range(4)]
        update = [update[i] + w[i] * decay for i in range(4)]
        w = [w[i] - update[i] * rates(t)[i] for i in range(4)]
        path.append(w)
    return path


def dozat(rates: Any, change: Any = same) -> Path:
    """torch.optim.NAdam's documentation, every product of μ from its beginning."""
    beta1, beta2, epsilon, psi = 0.9, 0.999, 1e-8, 4e-3

    def mu(i: int) -> float:
        return beta1 * (1 - 0.5 * 0.96 ** (i * psi))

    theta, path = [each.copy() for each in PROBLEM.start], []
    m, v = [0.0] * 4, [0.0] * 4
    for t in range(1, STEPS + 1):
        g = change(PROBLEM.gradients(theta, t - 1), theta)
        m = [beta1 * m[i] + (1 - beta1) * g[i] for i in range(4)]
        v = [beta2 * v[i] + (1 - beta2) * g[i] ** 2 for i in range(4)]
        now = np.prod([mu(i) for i in range(1, t + 1)])
        ahead = np.prod([mu(i) for i in range(1, t + 2)])
        m_hat = [
            mu(t + 1) * m[i] / (1 - ahead) + (1 - mu(t)) * g[i] / (1 - now)
            for i in range(4)
        ]
        v_hat = [v[i] / (1 - beta2**t) for i in range(4)]
        theta = [
            theta[i] - rates(t - 1)[i] * m_hat[i] / (np.sqrt(v_hat[i]) + epsilon)
            for i in range(4)
        ]
        path.append(theta)
    return path


def reddi(rates: Any, change: Any = same) -> Path:
    """v̂ₜ = max(v̂ₜ₋₁, vₜ), the largest of all v so far, with Adam's corrections."""
    theta, path, vs = [each.copy() for each in PROBLEM.start], [], []
    m = [np.zeros_like(each) for each in theta]
    v = [np.zeros_like(each) for each in theta]
    for t in range(1, STEPS + 1):
        g = change(PROBLEM.gradients(theta, t - 1), theta)
        m = [0.9 * m[i] + 0.1 * g[i] for i in range(4)]
        v = [0.999 * v[i] + 0.001 * g[i] ** 2 for i in range(4)]
        vs.append(v)
        largest = [np.max([each[i] for each in vs], axis=0) for i in range(4)]
        theta = [
            theta[i]
            - rates(t - 1)[i]
            * (m[i] / (1 - 0.9**t))
            / (np.sqrt(largest[i] / (1 - 0.999**t)) + 1e-8)
            for i in range(4)
        ]
        path.append(theta)
    return path


def you(rates: Any, change: Any = same, decay: float = 0.01) -> Path:
    """Algorithm 2 of LAMB, with φ(z) = z, for W₁ and W₂; Adam's step for b₁ and b₂."""
    x, path = [each.copy() for each in PROBLEM.start], []
    m = [np.zeros_like(each) for each in x]
    v = [np.zeros_like(each) for each in x]
    for t in range(1, STEPS + 1):
        g, new = change(PROBLEM.gradients(x, t - 1), x), []
        for i in range(4):
            m[i] = 0.9 * m[i] + 0.1 * g[i]
            v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2
            r = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-6)
            u = r + decay * x[i]
            phi = np.linalg.norm(x[i]) / np.linalg.norm(u) if i in (0, 2) else 1.0
            new.append(x[i] - rates(t - 1)[i] * phi * u)
        x = new
        path.append(x)
    return path


def newton_schulz(G: Any, eps: float = 0.0) -> Any:
    """Jordan's function of this name, without bfloat16, and with ε = 0."""
    a, b, c = (3.4445, -4.7750, 2.0315)
    X = G / (np.linalg.norm(G) + eps)
    if G.shape[0] > G.shape[1]:
        X = X.T
    for _ in range(5):
        A = X @ X.T
        B = b * A + c * A @ A
        X = a * X + B @ X
    return X.T if G.shape[0] > G.shape[1] else X


def jordan(
    rates: Any, change: Any = same, scale: Any = None, decay: float = 0.1
) -> Path:
    """torch.optim.Muon's documentation for W₁ and W₂; AdamW for b₁ and b₂."""
    scale = scale or (lambda n, m: 0.2 * np.sqrt(max(n, m)))
    theta, path = [each.copy() for each in PROBLEM.start], []
    B: list[Any] = [0.0] * 4
    m, v = [0.0] * 4, [0.0] * 4
    for t in range(1, STEPS + 1):
        g, new = change(PROBLEM.gradients(theta, t - 1), theta), []
        for i in range(4):
            eta = rates(t - 1)[i]
            shrunk = theta[i] - eta * decay * theta[i]
            if i in (0, 2):
                B[i] = 0.95 * B[i] + g[i]
                O = newton_schulz(g[i] + 0.95 * B[i])  # noqa: E741
                new.append(shrunk - eta * scale(*theta[i].shape) * O)
            else:
                m[i] = 0.9 * m[i] + 0.1 * g[i]
                v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2
                root = np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8
                new.append(shrunk - eta * m[i] / (1 - 0.9**t) / root)
        theta = new
        path.append(theta)
    return path


PAPERS = [
    (optim.SGD, cauchy, 0.05),
    (optim.Momentum, polyak, 0.02),
    (optim.Nesterov, sutskever, 0.02),
    (optim.Adagrad, duchi, 0.05),
    (optim.RMSProp, hinton, 0.005),
    (optim.Adam, kingma, 0.01),
    (optim.AdamW, loshchilov, 0.01),
    (optim.Adadelta, zeiler, 1.0),
    (optim.Lion, chen, 0.002),
    (optim.Nadam, dozat, 0.01),
    (optim.AMSGrad, reddi, 0.01),
    (optim.LAMB, you, 0.01),
    (optim.Muon, jordan, 0.01),
]
each_paper = pytest.mark.parametrize(
    ("algorithm", "paper", "eta"), PAPERS, ids=[row[1].__name__ for row in PAPERS]
)
each_mode = pytest.mark.parametrize(
    "compiled", [False, True], ids=["eager", "compiled"]
)


@each_mode
@each_paper
def test_it_takes_the_steps_of_its_paper(
    algorithm: Any, paper: Any, eta: float, compiled: bool
) -> None:
    path = path_of(lambda weights: algorithm(weights, lr=eta), compiled)
    assert_same(path, paper(lambda t: [eta] * 4))


@each_mode
@each_paper
def test_a_schedule_gives_the_rate_of_every_step(
    algorithm: Any, paper: Any, eta: float, compiled: bool
) -> None:
    def rates(t: int) -> list[float]:
        if t < 10:
            return [0.1 * eta + 0.9 * eta * t / 10] * 4
        return [eta / 2 * (1 + np.cos(np.pi * min(t - 10, 60) / 60))] * 4

    schedule = optim.Warmup(10, optim.Cosine(eta, steps=60), start=0.1 * eta)
    path = path_of(lambda weights: algorithm(weights, lr=schedule), compiled)
    assert_same(path, paper(rates))


@each_mode
@each_paper
def test_a_function_serves_as_a_schedule(
    algorithm: Any, paper: Any, eta: float, compiled: bool
) -> None:
    path = path_of(lambda w: algorithm(w, lr=lambda t: eta / (1 + 0.1 * t)), compiled)
    assert_same(path, paper(lambda t: [eta / (1 + 0.1 * t)] * 4))


@each_mode
@each_paper
def test_groups_have_rates_of_their_own(
    algorithm: Any, paper: Any, eta: float, compiled: bool
) -> None:
    def make(weights: list[Any]) -> optim.Optimizer:
        W1, b1, W2, b2 = weights
        return algorithm(
            [{"params": [W1, W2]}, {"params": (b1, b2), "lr": eta / 4}], lr=eta
        )

    rates = [eta, eta / 4, eta, eta / 4]
    assert_same(path_of(make, compiled), paper(lambda t: rates))


@each_mode
@each_paper
def test_transforms_apply_in_order_before_the_rule(
    algorithm: Any, paper: Any, eta: float, compiled: bool
) -> None:
    """Clip the norm of all, then each value, then a penalty on W₁ and W₂ only."""

    def make(weights: list[Any]) -> optim.Optimizer:
        W1, b1, W2, b2 = weights
        penalties = [optim.L2(0.01), optim.L1(0.003)]
        groups = [{"params": [W1, W2], "transforms": penalties}, {"params": [b1, b2]}]
        clips = [optim.ClipNorm(0.5), optim.ClipValue(0.2)]
        return algorithm(groups, lr=eta, transforms=clips)

    clipped = []

    def change(g: list[Any], w: list[Any]) -> list[Any]:
        norm = np.linalg.norm(np.concatenate([each.ravel() for each in g]))
        clipped.append(norm > 0.5)
        g = [each * 0.5 / norm if norm > 0.5 else each for each in g]
        g = [np.clip(each, -0.2, 0.2) for each in g]
        for i in (0, 2):
            g[i] = g[i] + 0.01 * w[i] + 0.003 * np.sign(w[i])
        return g

    assert_same(path_of(make, compiled), paper(lambda t: [eta] * 4, change))
    assert sum(clipped) > 0


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda w: optim.Momentum(w, 0.02, momentum=0.5),
            lambda: polyak(lambda t: [0.02] * 4, mu=0.5),
        ),
        (
            lambda w: optim.Nesterov(w, 0.02, momentum=0.5),
            lambda: sutskever(lambda t: [0.02] * 4, mu=0.5),
        ),
        (
            lambda w: optim.RMSProp(w, 0.005, alpha=0.9, eps=1e-3),
            lambda: hinton(lambda t: [0.005] * 4, keep=0.9, eps=1e-3),
        ),
        (
            lambda w: optim.Adagrad(w, 0.05, eps=0.1),
            lambda: duchi(lambda t: [0.05] * 4, delta=0.1),
        ),
        (
            lambda w: optim.AdamW(w, 0.01, weight_decay=0.3),
            lambda: kingma(lambda t: [0.01] * 4, decay=0.3),
        ),
        (
            lambda w: optim.Adam(w, 0.01, transforms=[optim.L2(0.1)]),
            lambda: kingma(
                lambda t: [0.01] * 4,
                lambda g, w: [a + 0.1 * b for a, b in zip(g, w, strict=True)],
            ),
        ),
        (
            lambda w: optim.Adadelta(w, rho=0.95, eps=1e-4),
            lambda: zeiler(lambda t: [1.0] * 4, rho=0.95, eps=1e-4),
        ),
        (
            lambda w: optim.Lion(w, 0.002, weight_decay=0.3),
            lambda: chen(lambda t: [0.002] * 4, decay=0.3),
        ),
        (
            lambda w: optim.LAMB(w, 0.01, weight_decay=0.3),
            lambda: you(lambda t: [0.01] * 4, decay=0.3),
        ),
        (
            lambda w: optim.Muon(w, 0.01, weight_decay=0.3),
            lambda: jordan(lambda t: [0.01] * 4, decay=0.3),
        ),
        (
            lambda w: optim.Muon(w, 0.01, adjust_lr_fn="original"),
            lambda: jordan(
                lambda t: [0.01] * 4, scale=lambda n, m: max(1, n / m) ** 0.5
            ),
        ),
    ],
    ids=[
        *("momentum", "nesterov", "rmsprop", "adagrad", "adamw", "adam with L2"),
        *("adadelta", "lion", "lamb", "muon", "muon, original"),
    ],
)
def test_hyper_parameters_are_where_the_formula_has_them(
    make: Any, expected: Any
) -> None:
    assert_same(path_of(make, compiled=True), expected())


def test_hyper_parameters_can_differ_between_groups() -> None:
    def make(weights: list[Any]) -> optim.Optimizer:
        W1, b1, W2, b2 = weights
        groups = [{"params": [W1, b1, W2]}, {"params": [b2], "momentum": 0.0}]
        return optim.Momentum(groups, 0.02)

    path = path_of(make, compiled=True)
    expected = []
    w, v = PROBLEM.start, [0.0] * 4
    for t in range(STEPS):
        g = PROBLEM.gradients(w, t)
        v = [(0.9 if i < 3 else 0.0) * v[i] + g[i] for i in range(4)]
        w = [w[i] - 0.02 * v[i] for i in range(4)]
        expected.append(w)
    assert_same(path, expected)


def test_nesterov_is_what_pytorch_documents() -> None:
    """b ← μb + g; g ← g + μb; θ ← θ − γg (torch.optim.SGD, nesterov=True)."""
    expected = []
    w, b = PROBLEM.start, [0.0] * 4
    for t in range(STEPS):
        g = PROBLEM.gradients(w, t)
        b = [0.9 * b[i] + g[i] for i in range(4)]
        g = [g[i] + 0.9 * b[i] for i in range(4)]
        w = [w[i] - 0.02 * g[i] for i in range(4)]
        expected.append(w)
    assert_same(path_of(lambda w: optim.Nesterov(w, 0.02), True), expected)


def test_adamw_decay_in_the_papers_symbols_is_lr_times_weight_decay() -> None:
    """θ ← θ − ηₜ(α m̂/(√v̂ + ε) + λθ), with lr = αηₜ and λ = α·weight_decay."""
    alpha, weight_decay = 0.01, 0.3

    def paper() -> Path:
        lam, path = alpha * weight_decay, []
        theta = PROBLEM.start
        m = v = [0.0] * 4
        for t in range(1, STEPS + 1):
            eta = 0.99**t
            g = PROBLEM.gradients(theta, t - 1)
            m = [0.9 * m[i] + 0.1 * g[i] for i in range(4)]
            v = [0.999 * v[i] + 0.001 * g[i] ** 2 for i in range(4)]
            hats = [
                m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
                for i in range(4)
            ]
            theta = [
                theta[i] - eta * (alpha * hats[i] + lam * theta[i]) for i in range(4)
            ]
            path.append(theta)
        return path

    schedule = optim.Exponential(alpha * 0.99, factor=0.99)
    path = path_of(
        lambda w: optim.AdamW(w, lr=schedule, weight_decay=weight_decay), True
    )
    assert_same(path, paper())


@each_engine
@each_paper
def test_compiled_steps_are_the_eager_ones(
    algorithm: Any, paper: Any, eta: float, engine: str
) -> None:
    def make(weights: list[Any]) -> optim.Optimizer:
        return algorithm(weights, lr=eta, transforms=[optim.ClipNorm(0.5)])

    # A pass turns products around, which rounds differently: after 100 steps, 1e-11.
    paths = zip(path_of(make, False), path_of(make, True, engine), strict=True)
    for one, two in paths:
        for w, v in zip(one, two, strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-11, atol=1e-13)


@each_paper
def test_float32_parameters_follow_the_path_to_their_precision(
    algorithm: Any, paper: Any, eta: float
) -> None:
    weights = [cr.parameter(each.astype("float32")) for each in PROBLEM.start]
    optimizer = algorithm(weights, lr=eta)
    for t in range(STEPS):
        x, y = (cr.tensor(each.astype("float32")) for each in PROBLEM.samples(t))
        optimizer.step(cr.backprop(loss(weights, x, y)))
    for w, v in zip(weights, paper(lambda t: [eta] * 4)[-1], strict=True):
        assert w.dtype == np.float32
        np.testing.assert_allclose(w.numpy(), v, rtol=2e-3, atol=2e-4)


def test_amsgrad_walks_towards_the_minimum_and_adam_away_from_it() -> None:
    """Reddi et al., figure 1: 1010x once in 101 steps, −10x else, on [−1, 1]."""
    ends = []
    for algorithm in (optim.Adam, optim.AMSGrad):
        x = cr.parameter(np.float64(0.0))
        schedule = lambda t: 0.5 / cr.sqrt(t + 1.0)  # noqa: E731
        optimizer = algorithm([x], lr=schedule, betas=(0.9, 0.99))

        @cr.compile
        def step(slope: Any, x: Any = x, optimizer: Any = optimizer) -> None:
            optimizer.step({x: slope})
            x.assign(cr.clip(x.read(), -1.0, 1.0))

        for t in range(5050):
            step(np.float64(1010.0 if t % 101 == 1 else -10.0))
        ends.append(x.item())
    assert ends[0] > 0.8
    assert ends[1] < -0.3
