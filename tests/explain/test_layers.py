"""z, a, δ, ∇W and ∇b of networks, against the four equations written out in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn
from chainrule.errors import ArgumentError

Array = Any


def logistic(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


#: layer → σ, σ′
ACTIVATIONS: dict[str, tuple[Any, Callable[..., Array], Callable[..., Array]]] = {
    "sigmoid": (nn.Sigmoid, logistic, lambda z: logistic(z) * (1 - logistic(z))),
    "tanh": (nn.Tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (nn.ReLU, lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky": (
        lambda: nn.LeakyReLU(0.1),
        lambda z: np.where(z > 0, z, 0.1 * z),
        lambda z: np.where(z > 0, 1, 0.1),
    ),
}
#: name → ∇ₐL for N samples (rows)
LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "half_squared_error": lambda a, y: (a - y) / len(a),
    "squared_error": lambda a, y: 2 * (a - y) / len(a),
    "mse": lambda a, y: 2 * (a - y) / a.size,
}


def network(widths: list[int], activation: Any, seed: int) -> Any:
    """Linear, σ, Linear, σ, … in float64 with random weights."""
    rng = np.random.default_rng(seed)
    parts: list[Any] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        linear = nn.Linear(fan_in, fan_out)
        linear.weight = cr.parameter(rng.normal(size=(fan_out, fan_in)), name="weight")
        linear.bias = cr.parameter(rng.normal(size=fan_out), name="bias")
        parts += [linear, activation()]
    return nn.Sequential(*parts)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [[3, 2], [2, 5, 3], [4, 6, 1, 5, 2]], ids=str)
def test_the_layers_obey_the_four_equations_of_backpropagation(
    widths: list[int], activation: str, loss: str
) -> None:
    layer, sigma, sigma_prime = ACTIVATIONS[activation]
    model = network(widths, layer, seed=len(widths))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(7, widths[0])), rng.normal(size=(7, widths[-1]))
    found = cr.explain(model, x, y, loss=loss)

    weights = [part.weight.numpy() for part in list(model)[::2]]
    biases = [part.bias.numpy() for part in list(model)[::2]]
    z, a = [], [x]
    for W, b in zip(weights, biases, strict=True):
        z.append(a[-1] @ W.T + b)
        a.append(sigma(z[-1]))
    delta = [LOSSES[loss](a[-1], y) * sigma_prime(z[-1])]  # δ⁽ᴸ⁾ = ∇ₐL ⊙ σ′(z⁽ᴸ⁾)
    for W, below in zip(weights[:0:-1], z[-2::-1], strict=True):
        delta.insert(0, delta[0] @ W * sigma_prime(below))  # (Wᵀδ) ⊙ σ′(z)

    assert len(found.layers) == len(weights)
    for i, each in enumerate(found.layers):
        np.testing.assert_allclose(each.z, z[i], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(each.a, a[i + 1], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(each.delta, delta[i], rtol=1e-10, atol=1e-14)
        wanted = sum(np.outer(d, h) for d, h in zip(delta[i], a[i], strict=True))
        np.testing.assert_allclose(each.grad_W, wanted, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(each.grad_b, delta[i].sum(0), rtol=1e-10, atol=1e-13)


def test_the_text_names_every_quantity_of_every_layer() -> None:
    model = network([2, 3, 1], nn.Tanh, seed=0)
    text = str(cr.explain(model, np.ones((4, 2)), np.zeros((4, 1))))
    head = "Sequential: 2 layers with parameters; L = half_squared_error = "
    assert text.startswith(head)
    assert "L is the average over 4 samples, so each δ includes 1/4" in text
    for line in (
        "layer 1: 0 = Linear(",
        "  z⁽¹⁾ = W⁽¹⁾ x + b⁽¹⁾ ",
        "  a⁽¹⁾ = σ(z⁽¹⁾) ",
        "  δ⁽¹⁾ = ∂L/∂z⁽¹⁾ ",
        "  ∇W⁽¹⁾ = δ⁽¹⁾ xᵀ ",
        "  ∇b⁽¹⁾ = δ⁽¹⁾ ",
        "layer 2: 2 = Linear(",
        "  z⁽²⁾ = W⁽²⁾ a⁽¹⁾ + b⁽²⁾ ",
        "  ∇W⁽²⁾ = δ⁽²⁾ (a⁽¹⁾)ᵀ ",
    ):
        assert line in text


def test_a_large_network_is_described_by_statistics() -> None:
    model = nn.Sequential(nn.Linear(50, 40), nn.ReLU(), nn.Linear(40, 10))
    rng = np.random.default_rng(0)
    found = cr.explain(model, rng.normal(size=(8, 50)), rng.integers(0, 10, 8))
    text = str(found)
    assert "L = cross_entropy" in text  # integer targets are classes
    assert "∇W⁽¹⁾ = δ⁽¹⁾ xᵀ          (40, 50)     min " in text
    assert len(text.split("\n")) < 20
    assert found.layers[0].z.dtype == np.float32  # the network's own, not NumPy's


def test_a_network_written_as_functions_has_its_layers_too() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(2, 4)
            self.second = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            h = cr.sigmoid(self.first(x))
            return h + cr.leaky_relu(self.second(h), 0.1)

    model = Net()
    found = cr.explain(model, [[1.0, -1.0]], [[0.0] * 4])
    first, second = found.layers
    assert (first.path, second.path) == ("first", "second")
    np.testing.assert_allclose(first.a, logistic(first.z), rtol=1e-6)
    leaky = np.where(second.z > 0, second.z, 0.1 * second.z)
    np.testing.assert_allclose(second.a, leaky, rtol=1e-6)  # without what is added


def test_noise_and_normalisation_are_no_part_of_an_activation() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.LayerNorm(4))
    found = cr.explain(model, np.ones((5, 3)), np.zeros((5, 4)), training=True)
    linear, norm = found.layers
    np.testing.assert_array_equal(linear.a, linear.z)
    assert set(norm.gradients) == {"weight", "bias"}


def test_a_layer_called_twice_has_two_deltas_and_one_summed_gradient() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    found = cr.explain(model, [[1.0, 2.0]], [[0.0, 0.0]])
    one, two = found.layers
    total = one.delta.T @ np.array([[1.0, 2.0]]) + two.delta.T @ one.a
    np.testing.assert_allclose(one.grad_W, total, rtol=1e-5)
    np.testing.assert_array_equal(one.grad_W, two.grad_W)
    assert str(found).count("called 2 times: the ∇ are sums over all its calls") == 2


def test_a_single_example_is_no_batch() -> None:
    model = nn.Linear(2, 1)
    found = cr.explain(model, [1.0, 2.0], [0.5], loss=lambda a, y: ((a - y) ** 2).sum())
    (layer,) = found.layers
    np.testing.assert_allclose(layer.grad_W, 2 * (layer.z - 0.5) * [[1, 2]], rtol=1e-6)


def test_a_layer_that_the_loss_forgets_is_said_to_have_no_delta() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.used, self.unused = nn.Linear(1, 1), nn.Linear(1, 1)

        def forward(self, x: Any) -> Any:
            self.unused(x)
            return self.used(x)

    found = cr.explain(Net(), [[1.0]], [[0.0]])
    assert "the loss does not depend on this layer: no δ" in str(found)
    forgotten = next(each for each in found.layers if each.path == "unused")
    with pytest.raises(cr.errors.GradientError, match="no δ: the loss does not"):
        _ = forgotten.delta


def test_a_parameter_of_another_name_is_found_by_that_name() -> None:
    found = cr.explain(nn.Embedding(5, 3), cr.tensor([1, 1]), np.zeros((2, 3)))
    (layer,) = found.layers
    (name,) = layer.gradients
    assert layer.gradients[name].shape == (5, 3)
    with pytest.raises(cr.errors.ArgumentError, match="has no bias, so no ∇b"):
        _ = layer.grad_b


def test_the_graph_of_a_network_carries_the_textbooks_names() -> None:
    model = network([2, 3, 1], nn.Tanh, seed=0)
    found = cr.explain(model, np.ones((4, 2)), np.zeros((4, 1)))
    assert {"x", "y", "W⁽¹⁾", "b⁽¹⁾", "z⁽¹⁾", "a⁽¹⁾", "W⁽²⁾", "L"} <= set(found.names)
    assert found.names["z⁽¹⁾"] is found.node("z1")
    np.testing.assert_array_equal(found.gradient("z1"), found.layers[0].delta)
    assert "∂L/∂z⁽¹⁾" in found["z1"]


def test_a_weight_and_its_finite_difference_agree_through_a_whole_network() -> None:
    model = network([2, 3, 1], nn.Tanh, seed=3)
    x, y = np.ones((4, 2)), np.zeros((4, 1))
    found = cr.explain(model, x, y, loss=losses.mse)
    for entry in range(6):
        expected = found.layers[0].grad_W.reshape(-1)[entry]
        assert found.difference("W1", entry).value == pytest.approx(expected, rel=1e-6)


def test_a_network_with_several_inputs_says_which_layer_reads_which() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.left, self.right = nn.Linear(2, 3), nn.Linear(4, 3)
            self.deep, self.head = nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x: Any, y: Any) -> Any:
            a = cr.tanh(self.left(x))
            return self.head(self.deep(a) + self.right(y))

    x, y = cr.ones((5, 2)), cr.ones((5, 4))
    explanation = cr.explain(Two(), (x, y), cr.zeros((5, 1)))
    text = str(explanation)
    assert "z⁽¹⁾ = W⁽¹⁾ x1 + b⁽¹⁾" in text
    assert "z⁽²⁾ = W⁽²⁾ a⁽¹⁾ + b⁽²⁾" in text
    assert "z⁽³⁾ = W⁽³⁾ x2 + b⁽³⁾" in text
    assert "∇W⁽³⁾ = δ⁽³⁾ x2ᵀ" in text
    assert "W⁽⁴⁾ a" not in text  # a sum of two layers is no layer's activation
    for layer in explanation.layers:  # type: ignore[union-attr]
        assert layer.delta.shape == layer.z.shape


def test_several_inputs_as_a_list_are_refused_with_the_cure() -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.explain(nn.Linear(2, 1), [cr.ones((5, 2)), cr.ones((5, 4))], cr.ones((5, 1)))
    assert str(caught.value).split("\n")[0] == (
        "explain: x is a list of 2 arrays: several inputs are a tuple"
    )


def test_a_network_that_returns_its_loss_is_explained_alike() -> None:
    cr.manual_seed(0)
    x = np.random.default_rng(0).uniform(size=(5, 4))
    model = models.deep_autoencoder(
        (4, 3, 2), nn.Tanh, output=nn.Sigmoid, dtype=np.float64
    )
    own = cr.explain(models.Reconstruction(model, "mse"), x)
    plain = cr.explain(model, x, x, loss="mse")
    assert [layer.path for layer in own.layers] == [
        "autoencoder.encoder.0", "autoencoder.encoder.2", "autoencoder.decoder.0",
        "autoencoder.decoder.2",
    ]  # fmt: skip
    for one, other in zip(own.layers, plain.layers, strict=True):
        for name in ("z", "a", "delta", "grad_W", "grad_b"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name))
    head = own.text().splitlines()[:2]
    assert head[0].startswith("Reconstruction: 4 layers with parameters; L = Reconstru")
    assert head[1].startswith("Each δ is ∂L/∂z, where L combines 5 samples")
    assert "Reconstruction(x)" in own.html()


def test_the_activation_is_not_what_its_loss_makes_of_it() -> None:
    model = models.deep_autoencoder((4, 2), output=nn.Sigmoid)
    found = cr.explain(models.Reconstruction(model, "bernoulli_nll"), np.eye(4))
    last = found.layers[-1]
    assert last.a_node is last.z_node


def test_labels_go_to_a_network_that_takes_them() -> None:
    net = models.DeepBeliefNet((4, 3, 2), labels=3)
    found = cr.explain(models.UpDown(net, 1), np.eye(4), np.arange(4) % 3)
    assert [each.path for each in found.layers] == [
        "net.recognition.0", "net.generative.0",
    ]  # fmt: skip


@pytest.mark.parametrize(("call", "what", "fix"), [
    (lambda m: cr.explain(m), "explain: Reconstruction needs an input to compute a "
     "loss", "cr.explain(model, x)"),
    (lambda m: cr.explain(m, np.eye(4), loss="mse"),
     "loss='mse' for Reconstruction, which returns its own loss",
     "leave loss= out; what it minimises is set in Reconstruction(…)"),
    (lambda m: cr.explain(m, np.eye(4), np.eye(4)),
     "Reconstruction takes no targets, and the data has some: Reconstruction.forward "
     "takes (x)", "the inputs alone: cr.fit(model, x), or split.train.inputs"),
])  # fmt: skip
def test_what_it_says_of_one_that_returns_its_loss(
    call: Callable[[Any], Any], what: str, fix: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(models.Reconstruction(models.deep_autoencoder((4, 2))))
    assert (caught.value.what, caught.value.fix) == (what, fix)
