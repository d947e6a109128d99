"""Deep belief nets beside what enumeration says of small ones, and what they learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, optim
from chainrule.errors import ArgumentError, ChainruleError, DataError, StateError
from chainrule.models import DeepBeliefNet, UpDown
from chainrule.models.boltzmann.units import Binary

Array = np.ndarray[Any, Any]


def sigmoid(z: Any) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def states(n: int) -> Array:
    """All rows of n zeros and ones."""
    return (np.arange(1 << n)[:, None] >> np.arange(n)[::-1] & 1).astype(float)


def random_net(sizes: tuple[int, ...], labels: int | None = None) -> DeepBeliefNet:
    """A net in float64 all of whose parameters are drawn."""
    net = DeepBeliefNet(sizes, labels, dtype="float64")
    rng = np.random.default_rng(3)
    for parameter in net.parameters():
        parameter.assign(rng.normal(size=parameter.shape))
    return net


def log_of_bernoulli(x: Array, p: Array) -> Array:
    return np.asarray((x * np.log(p) + (1 - x) * np.log1p(-p)).sum(-1))


def log_top(net: DeepBeliefNet, v: Array) -> Array:
    """log p of states of the top's visible units (v must be all of them), (len(v),)."""
    top = net.top
    z = v @ top.weight.numpy().T + top.hidden_bias.numpy()
    weights = v @ top.visible_bias.numpy() + np.logaddexp(0, z).sum(-1)
    return np.asarray(weights - np.logaddexp.reduce(weights))


def joint_states(net: DeepBeliefNet) -> Array:
    """All states of the top's visible units; with labels, one class at a time."""
    h = states(net.units[-2].features)
    if net.labels is None:
        return h
    classes = np.eye(net.labels)
    return np.array([np.concatenate([a, b]) for a in h for b in classes])


def log_likelihood(net: DeepBeliefNet, x: Array) -> Array:
    """log p(x) of a net with one directed layer, by enumeration, (N,)."""
    h = joint_states(net)
    down = net.generative[0]
    means = sigmoid(
        h[:, : down.in_features] @ down.weight.numpy().T + down.bias.numpy()
    )
    joint = log_top(net, h) + log_of_bernoulli(x[:, None], means)
    return np.asarray(np.logaddexp.reduce(joint, axis=1))


# What it computes. --------------------------------------------------------------------


def test_the_way_up_is_a_sigmoid_of_each_layer_without_a_class() -> None:
    net = random_net((4, 3, 2, 5), labels=3)
    x = states(4)
    h = x
    for layer in net.recognition:
        h = sigmoid(h @ layer.weight.numpy().T + layer.bias.numpy())
    weight = net.top.weight.numpy()
    expected = sigmoid(h @ weight[:, :2].T + net.top.hidden_bias.numpy())
    np.testing.assert_allclose(net.encode(x).numpy(), expected, rtol=1e-12)
    tuned = net.to_sequential(7)
    np.testing.assert_allclose(tuned[:-1](x).numpy(), expected, rtol=1e-12)
    assert tuned(x).shape == (16, 7)


def test_logits_are_the_classes_given_the_data_by_enumeration() -> None:
    net = random_net((4, 3), labels=3)
    log_joint = log_top(net, joint_states(net)).reshape(16, 3)
    expected = log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
    found = cr.log_softmax(net(states(4))).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("labels", [None, 2])
def test_samples_have_the_means_of_the_enumerated_model(labels: int | None) -> None:
    net = random_net((5, 3, 2), labels)
    h = joint_states(net)
    down = net.generative[0]
    of_data = sigmoid(h[:, :3] @ down.weight.numpy().T + down.bias.numpy())
    weights = np.exp(log_top(net, h))
    clamped = None
    if labels is not None:
        clamped, weights = 1, weights * h[:, -1]
    expected = (weights / weights.sum()) @ of_data
    source = cr.random.Generator(1)
    drawn = net.sample(20_000, clamped, steps=60, generator=source).numpy()
    np.testing.assert_allclose(drawn.mean(0), expected, atol=0.012)


def test_layers_between_are_drawn_on_the_way_down() -> None:
    net = random_net((6, 4, 3, 2))
    v = cr.tensor(np.ones((30_000, 3)))
    found = net._descend(v, None, True, cr.random.Generator(2)).numpy()
    first, second = net.generative[1], net.generative[0]
    h = states(4)
    up = sigmoid(first.weight.numpy().sum(1) + first.bias.numpy())
    weights = np.exp(log_of_bernoulli(h, up))
    means = sigmoid(h @ second.weight.numpy().T + second.bias.numpy())
    np.testing.assert_allclose(found.mean(0), weights @ means, atol=0.012)


def test_samples_are_states_where_no_means_are_wanted() -> None:
    for sizes in ((4, 3), (5, 4, 3, 2)):
        drawn = random_net(sizes).sample(40, steps=3, means=False).numpy()
        assert drawn.shape == (40, sizes[0])
        assert set(np.unique(drawn)) == {0.0, 1.0}


def test_a_net_of_one_machine_returns_the_means_of_its_visible_units() -> None:
    net = random_net((4, 3))
    net.top.weight.assign(np.full((3, 4), 1e-9))
    found = net.sample(3, steps=2).numpy()
    expected = np.broadcast_to(sigmoid(net.top.visible_bias.numpy()), (3, 4))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_states_along_a_chain_are_kept_at_equal_distances() -> None:
    net = random_net((5, 3, 2))
    kept = net.sample(4, steps=6, keep=3, generator=cr.random.Generator(0)).numpy()
    assert kept.shape == (4, 3, 5)
    start = states(5)[:4]
    net.top.weight.assign(net.top.weight.numpy() * 1e-9 + 1e-12)
    net.top.visible_bias.assign([50.0, -50.0, 50.0])
    settled = net.sample(4, steps=6, keep=2, start=start).numpy()
    np.testing.assert_allclose(settled[:, 0], settled[:, 1], rtol=1e-6)


# How it learns. -----------------------------------------------------------------------


def blocks(n: int, seed: int = 0) -> Array:
    """Six bits: two groups of three that mostly agree within a group."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 2, (n, 2)).repeat(3, axis=1)
    return np.asarray(groups ^ (rng.random((n, 6)) < 0.05), "float32")


def test_a_second_layer_that_starts_as_the_first_one_reversed_only_gains() -> None:
    x = blocks(400)
    cr.manual_seed(0)
    lone = models.RBM(6, 4, dtype="float64")
    cr.fit(
        models.ContrastiveDivergence(lone, steps=3),
        x.astype(float),
        optimizer=optim.Momentum(lr=0.1),
        epochs=5,
        batch_size=20,
        progress=False,
    )
    net = DeepBeliefNet((6, 4, 6), dtype="float64")
    up, down = net.recognition[0], net.generative[0]
    up.weight.assign(lone.weight.numpy())
    up.bias.assign(lone.hidden_bias.numpy())
    down.weight.assign(lone.weight.numpy().T)
    down.bias.assign(lone.visible_bias.numpy())
    net.top.weight.assign(lone.weight.numpy().T)
    net.top.visible_bias.assign(lone.hidden_bias.numpy())
    net.top.hidden_bias.assign(lone.visible_bias.numpy())

    def bound() -> float:
        """Mean over data of Σ_h q(h | x) [log p(x | h) + log p(h) − log q(h | x)]."""
        h = states(4)
        q = sigmoid(x @ up.weight.numpy().T + up.bias.numpy())
        means = sigmoid(h @ down.weight.numpy().T + down.bias.numpy())
        log_q = log_of_bernoulli(h, q[:, None])
        log_p = log_of_bernoulli(x[:, None], means) + log_top(net, h)
        return float((np.exp(log_q) * (log_p - log_q)).sum(1).mean())

    z = states(6) @ lone.weight.numpy().T + lone.hidden_bias.numpy()
    weights = states(6) @ lone.visible_bias.numpy() + np.logaddexp(0, z).sum(-1)
    before = weights - np.logaddexp.reduce(weights)
    of_machine = before[(x @ (1 << np.arange(6)[::-1])).astype(int)].mean()
    tied = bound()
    assert tied == pytest.approx(of_machine, rel=1e-9)  # nothing is lost
    cr.fit(
        models.ContrastiveDivergence(net.top, steps=5, persistent=True, binarize=True),
        sigmoid(x @ up.weight.numpy().T + up.bias.numpy()),
        optimizer=optim.Momentum(lr=0.02),
        epochs=30,
        batch_size=20,
        progress=False,
    )
    assert bound() > tied + 0.005
    assert log_likelihood(net, x).mean() > bound()


def pretrained(**options: Any) -> DeepBeliefNet:
    net = DeepBeliefNet((6, 4, 5))
    net.pretrain(blocks(400), batch_size=20, progress=False, **options)
    return net


def test_pretraining_finds_structure_and_up_down_finds_more() -> None:
    x = blocks(400)
    net = pretrained(epochs=5)
    first = log_likelihood(net, x).mean()
    assert first > 6 * np.log(0.5) + 0.2  # better than six coins
    learner = UpDown(net, steps=5)
    described = cr.evaluate(learner, x)["loss"]
    cr.fit(
        learner,
        x,
        optimizer=optim.Momentum(lr=0.02),
        epochs=20,
        batch_size=20,
        progress=False,
    )
    assert log_likelihood(net, x).mean() > first + 0.5
    assert cr.evaluate(learner, x)["loss"] < described
    assert not np.allclose(  # recognition and generation have come apart
        net.recognition[0].weight.numpy(), net.generative[0].weight.numpy().T, atol=0.01
    )


def test_pretraining_is_a_machine_a_layer_on_what_the_layers_below_make() -> None:
    net = pretrained(epochs=3, seed=7)
    up, down = net.recognition[0], net.generative[0]
    np.testing.assert_array_equal(up.weight.numpy(), down.weight.numpy().T)
    x = sigmoid(blocks(400) @ up.weight.numpy().T + up.bias.numpy()).astype("float32")
    cr.manual_seed(8)  # the layer's own: 7 and its number
    alone = models.RBM(4, 5)
    alone.fit_visible_bias(x)
    cr.fit(
        models.ContrastiveDivergence(alone, binarize=True),  # states, not means
        x,
        optimizer=optim.Momentum(lr=0.1),
        epochs=3,
        batch_size=20,
        seed=8,
        progress=False,
    )
    np.testing.assert_allclose(
        net.top.weight.numpy(), alone.weight.numpy(), rtol=1e-3, atol=1e-5
    )


def test_the_gradients_of_up_down_are_the_local_rules_of_the_paper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = random_net((5, 4, 3, 2), labels=2)
    drawn: list[Array] = []
    for kind in (Binary, models.Softmax):
        draw = kind.sample

        def recorded(self: Any, z: Any, source: Any = None, draw: Any = draw) -> Any:
            found = draw(self, z, source)
            drawn.append(found.numpy())
            return found

        monkeypatch.setattr(kind, "sample", recorded)
    x, y = states(5)[::4], np.arange(8) % 2
    gradients = cr.backprop(UpDown(net, steps=1)(x, y, training=True))
    h1, h2, h_top, v_mean, v_label, s1 = drawn
    v = np.concatenate([h2, np.eye(2)[y]], 1)
    after = np.concatenate([v_mean, v_label], 1)

    def up(layer: nn.Linear, below: Array) -> Array:
        return sigmoid(below @ layer.weight.numpy().T + layer.bias.numpy())

    def hidden(v: Array) -> Array:
        return sigmoid(v @ net.top.weight.numpy().T + net.top.hidden_bias.numpy())

    s0 = up(net.generative[0], s1)
    delta = {  # what is predicted minus what was there, and from what
        net.generative[0]: (up(net.generative[0], h1) - x, h1),
        net.generative[1]: (up(net.generative[1], h2) - h1, h2),
        net.recognition[0]: (up(net.recognition[0], s0) - s1, s0),
        net.recognition[1]: (up(net.recognition[1], s1) - v_mean, s1),
    }
    for layer, (difference, source) in delta.items():
        expected = difference.T @ source / len(x)
        np.testing.assert_allclose(gradients[layer.weight].numpy(), expected, rtol=1e-9)
        np.testing.assert_allclose(
            gradients[layer.bias].numpy(), difference.mean(0), rtol=1e-9
        )
    contrast = (hidden(after).T @ after - hidden(v).T @ v) / len(x)
    np.testing.assert_allclose(
        gradients[net.top.weight].numpy(), contrast, rtol=1e-9, atol=1e-12
    )
    assert h_top.shape == (8, 2)


def prototypes(n: int) -> tuple[Array, Array]:
    """Eight noisy bits of three kinds, and which kind it is."""
    rng = np.random.default_rng(1)
    kinds = np.array([[1] * 4 + [0] * 4, [0] * 4 + [1] * 4, [1, 0] * 4])
    y = rng.integers(0, 3, n)
    return np.asarray(kinds[y] ^ (rng.random((n, 8)) < 0.08), "float32"), y


@pytest.fixture(scope="module")
def joint() -> DeepBeliefNet:
    """A net that knows the three kinds."""
    net = DeepBeliefNet((8, 12, 16), labels=3)
    net.pretrain(prototypes(600), epochs=40, batch_size=20, progress=False)
    return net


def test_a_clamped_class_is_dreamt_with_its_mean_and_recognised(
    joint: DeepBeliefNet,
) -> None:
    x, y = prototypes(600)
    source = cr.random.Generator(0)
    classes = np.arange(600) % 3
    drawn = joint.sample(600, classes, steps=200, generator=source).numpy()
    for kind in range(3):
        difference = drawn[classes == kind].mean(0) - x[y == kind].mean(0)
        assert np.abs(difference).max() < 0.25
    assert cr.evaluate(joint, (x, y))["accuracy"] > 0.95


def test_up_down_keeps_a_joint_model_right(joint: DeepBeliefNet) -> None:
    x, y = prototypes(600)
    net = DeepBeliefNet(**joint.settings())
    net.load_state_dict(joint.state_dict())
    learner = UpDown(net, steps=3)
    before = cr.evaluate(learner, (x, y))["loss"]
    cr.fit(
        learner,
        (x, y),
        optimizer=optim.SGD(lr=0.05),
        epochs=10,
        batch_size=20,
        progress=False,
    )
    assert cr.evaluate(learner, (x, y))["loss"] < before
    assert cr.evaluate(net, (x, y))["accuracy"] > 0.95


def test_a_net_and_its_learner_come_back_from_files(
    joint: DeepBeliefNet, tmp_path: Path
) -> None:
    joint.save(tmp_path / "net.safetensors")
    again = cr.load(tmp_path / "net.safetensors")
    assert repr(again) == repr(joint)
    first, second = (
        each.sample(2, 1, steps=5, generator=cr.random.Generator(4)).numpy()
        for each in (joint, again)
    )
    np.testing.assert_array_equal(first, second)
    UpDown(joint, steps=2).save(tmp_path / "learner.safetensors")
    learner = cr.load(tmp_path / "learner.safetensors")
    assert isinstance(learner, UpDown) and learner.steps == 2
    assert learner.net.settings() == joint.settings()


def test_real_data_and_names_of_classes() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)).astype("float32")
    net = DeepBeliefNet((models.Gaussian(5), 4, 3), labels=2)
    names = np.where(x[:, 0] > 0, "right", "left")
    net.pretrain((x, names), epochs=2, progress=False)
    assert net.class_names == ("left", "right")
    assert net.sample(3, 1, steps=5).shape == (3, 5)
    assert repr(net).startswith("DeepBeliefNet(Gaussian(5) ↔ 4 ↔ 3, labels=2\n")


NAMES = ("circle", "square", "triangle")


def test_tuning_counts_classes_as_the_net_does(tmp_path: Path) -> None:
    x, y = prototypes(90)
    words = np.array(NAMES)[y]
    net = DeepBeliefNet((8, 4, 3), labels=3)
    net.pretrain((x, words), epochs=1, progress=False)
    learner = UpDown(net, steps=1)
    assert learner.class_names == net.class_names == NAMES
    two = y > 0  # without circles a square is still class 1
    few = (x[two], words[two])
    described = cr.evaluate(learner, few)["loss"]
    assert described == pytest.approx(cr.evaluate(learner, (x[two], y[two]))["loss"])
    how: dict[str, Any] = {"optimizer": optim.SGD(lr=0.1), "progress": False}
    cr.fit(learner, few, **how)
    assert net.class_names == NAMES
    learner.save(tmp_path / "learner.safetensors")
    assert cr.load(tmp_path / "learner.safetensors").net.class_names == NAMES
    first, again = (
        net.sample(3, which, steps=2, generator=cr.random.Generator(0)).numpy()
        for which in (["square", "circle", "circle"], [1, 0, 0])
    )
    np.testing.assert_array_equal(first, again)
    assert net.sample(3, "square", steps=2).shape == (3, 8)


def test_names_of_a_net_trained_on_numbers_must_be_all_of_them() -> None:
    x, y = prototypes(90)
    words = np.array(NAMES)[y]
    net = DeepBeliefNet((8, 4, 3), labels=3)
    net.pretrain((x, y), epochs=1, progress=False)
    learner = UpDown(net, steps=1)
    how: dict[str, Any] = {"optimizer": optim.SGD(lr=0.1), "progress": False}
    with pytest.raises(ArgumentError) as caught:
        cr.fit(learner, (x[y > 0], words[y > 0]), **how)
    assert caught.value.what == (
        "UpDown: 2 class names for a net with labels=3, which knows none: which units "
        "they mean is not known"
    )
    assert caught.value.fix == (
        "net.class_names = (…), all names in the order of the numbers that it was "
        "trained with"
    )
    cr.fit(learner, (x, words), **how)
    assert net.class_names == NAMES


def test_checkpoints_of_layers_are_gone_on_from(tmp_path: Path) -> None:
    whole = pretrained(epochs=2, checkpoints=tmp_path)
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == ["layer-recognition.0", "layer-top"]
    times = [path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")]
    again = pretrained(epochs=2, checkpoints=tmp_path)
    assert times == [p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")]
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(value, again.state_dict()[name])


def test_ctrl_c_ends_it_with_what_was_learned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(self: Any, run: Any) -> None:
        run.stop("interrupted")

    monkeypatch.setattr(cr.callbacks.Checkpoint, "on_epoch_end", stop)
    net = DeepBeliefNet((6, 4, 5))
    found = net.pretrain(blocks(40), checkpoints=tmp_path, progress=False)
    assert [history.stopped for history in found.values()] == ["interrupted"]
    assert net.recognition[0].weight.numpy().any()
    assert not net.top.weight.numpy().any()


# Mistakes. ----------------------------------------------------------------------------

x8 = np.zeros((4, 8), "float32")
known = random_net((8, 3, 2))
with_labels = random_net((8, 3, 2), labels=2)
frozen, named = random_net((8, 3, 2)), random_net((8, 3, 2), labels=2)
named.class_names = ("one", "two")
frozen.top.freeze()

# fmt: off
MISTAKES: list[tuple[str, Callable[[], Any], type[ChainruleError], str, str | None]] = [
    ("one layer", lambda: DeepBeliefNet((8,)), ArgumentError,
     "DeepBeliefNet: sizes=(8,): expected the units of two layers or more, from the "
     "data up", "(784, 500, 500, 2000)"),
    ("no hidden units", lambda: DeepBeliefNet((8, 0)), ArgumentError,
     "DeepBeliefNet: sizes[1]=0: expected a whole number of at least 1", None),
    ("real hidden units", lambda: DeepBeliefNet((8, models.Gaussian(3), 2)),
     ArgumentError, "DeepBeliefNet: sizes[1]=Gaussian(3): hidden units are binary",
     "3; only the data may be of another kind"),
    ("not learned", lambda: DeepBeliefNet((8, 3, 2)).sample(2), StateError,
     "DeepBeliefNet: sample before recognition.0 has learned anything: its weights "
     "are 0", "net.pretrain(x) first, or net.load(path)"),
    ("not learned, as a classifier", lambda: DeepBeliefNet((8, 3)).to_sequential(2),
     StateError, "DeepBeliefNet: to_sequential before top has learned anything: its "
     "weights are 0", "net.pretrain(x) first, or net.load(path)"),
    ("not learned, tuned",
     lambda: UpDown(DeepBeliefNet((8, 3)))(x8, training=True), StateError,
     "DeepBeliefNet: UpDown before top has learned anything: its weights are 0",
     "net.pretrain(x) first, or net.load(path)"),
    ("data of another range", lambda: known.pretrain(x8 + 2, progress=False), DataError,
     "RBM: data (4, 8): 2 at position (0, 0): expected 0 to 1 for binary units",
     "divide images of 0 … 255 by 255; models.Gaussian(…) for other real values"),
    ("labels of a net without", lambda: known.sample(2, 1), ArgumentError,
     "sample: labels of a DeepBeliefNet without any",
     "DeepBeliefNet(sizes, labels=10), trained on (x, y)"),
    ("logits of a net without", lambda: known.logits(x8), ArgumentError,
     "DeepBeliefNet: logits of a net without labels",
     "DeepBeliefNet(sizes, labels=10), trained on (x, y)"),
    ("no such class", lambda: with_labels.sample(2, [0, 2]), DataError,
     "sample: labels: label 2 for 2 classes at row 1: labels go from 0 to 1",
     "subtract 1 where labels count from 1, or provide 3 classes"),
    ("labels for other chains", lambda: with_labels.sample(2, [0, 1, 1]), ArgumentError,
     "sample: labels (3,) for 2 chains: expected one class, or one for each", None),
    ("more kept than made", lambda: known.sample(2, steps=3, keep=4), ArgumentError,
     "sample: keep=4 of steps=3: expected no more than that", None),
    ("start of other chains", lambda: known.sample(2, start=x8), ArgumentError,
     "sample: start (4, 8) for 2 chains: expected one row for each", None),
    ("training without labels", lambda: with_labels.pretrain(x8), ArgumentError,
     "DeepBeliefNet.pretrain: a net with labels=2, and data without",
     "(x, y) with class numbers y; or DeepBeliefNet(sizes) alone"),
    ("training with another class",
     lambda: with_labels.pretrain((x8, [0, 1, 2, 0])), DataError,
     "DeepBeliefNet.pretrain: targets: label 2 for 2 classes at row 2: labels go from "
     "0 to 1", "subtract 1 where labels count from 1, or provide 3 classes"),
    ("texts for a net of numbers", lambda: with_labels.sample(2, "two"), ArgumentError,
     "sample: labels are texts, and the net knows no class names",
     "numbers; or net.class_names = (…), the names in their order"),
    ("a class that the net does not know", lambda: named.sample(2, "three"), DataError,
     "sample: labels (1,): label 'three', first at row 0: none of the 2 classes: "
     "'one', 'two'", "correct them, or name every class in classes="),
    ("classes as rows", lambda: with_labels.pretrain((x8, np.eye(4)[:, :2])), DataError,
     "DeepBeliefNet.pretrain: targets (4, 2): expected one class number a row",
     "y.argmax(1) where the classes are rows of 0 and 1"),
    ("frozen layers", lambda: frozen.pretrain(x8), ArgumentError,
     "DeepBeliefNet.pretrain: top.weight is frozen, and every layer is trained",
     "unfreeze() first, and freeze what is to stay for cr.fit"),
    ("validating on other data",
     lambda: known.pretrain(x8, validation=x8),  # type: ignore[arg-type]
     ArgumentError, "DeepBeliefNet.pretrain: validation=ndarray: expected a fraction "
     "of the examples to train on, between 0 and 1", "validation=0.1"),
    ("tuning something else", lambda: UpDown(nn.Linear(2, 3)),  # type: ignore[arg-type]
     ArgumentError, "UpDown: Linear: expected a DeepBeliefNet",
     "models.DeepBeliefNet((784, 500, 2000)), pretrained"),
    ("tuning without labels", lambda: UpDown(with_labels)(x8), ArgumentError,
     "UpDown: a net with labels=2, and data without", "cr.fit(model, (x, y))"),
    ("tuning with labels", lambda: UpDown(known)(x8, [0] * 4), ArgumentError,
     "UpDown: a net without labels, and data with some", "cr.fit(model, x)"),
]
# fmt: on


@pytest.mark.parametrize(
    ("mistake", "error", "what", "fix"),
    [pytest.param(*rest, id=name) for name, *rest in MISTAKES],
)
def test_the_message_of_a_mistake(
    mistake: Callable[[], Any], error: type[Exception], what: str, fix: str | None
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    assert type(caught.value) is error
    lines = str(caught.value).split("\n")
    assert lines[0] == what
    fixes = [line.removeprefix("  fix        ") for line in lines if "  fix  " in line]
    assert fixes == ([fix] if fix else [])


def test_a_data_set_is_taken_as_it_is() -> None:
    x, y = prototypes(60)
    split = data.Split(data.Dataset(x, y), data.Dataset(x, y), None)
    net = DeepBeliefNet((8, 3), labels=3)
    assert list(net.pretrain(split, epochs=1, progress=False)) == ["top"]
