"""Losses for very many classes: trees and samples against enumeration and the full
softmax.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import BoundsError, DataError, DTypeError, ShapeError
from chainrule.nn.many_classes.huffman import huffman

COUNTS = np.array([40, 1, 7, 7, 20, 3, 2, 11, 5])
K, D, N = len(COUNTS), 4, 6
RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(N, D)), RNG.integers(0, K, N)


def tree_head() -> nn.HierarchicalSoftmax:
    cr.manual_seed(0)
    return nn.HierarchicalSoftmax(D, COUNTS, weight_init="normal", dtype="float64")


def sampled_head(**options: object) -> nn.SampledSoftmax:
    cr.manual_seed(0)
    options = {"num_sampled": 5, "dtype": "float64", **options}
    return nn.SampledSoftmax(D, COUNTS, **options)  # type: ignore[arg-type]


def check_parameters(head: nn.Module, loss: Callable[[], cr.Tensor]) -> None:
    """Gradients against central differences, number by number, in float64."""
    gradients = cr.backprop(loss())
    for parameter in head.parameters():
        start, found = parameter.array.copy(), gradients[parameter].numpy()
        for place in np.ndindex(start.shape):
            values = []
            for h in (1e-5, -1e-5):
                moved = start.copy()
                moved[place] += h
                parameter.assign(moved)
                values.append(loss().item())
            measured = (values[0] - values[1]) / 2e-5
            assert abs(found[place] - measured) < 1e-9, (parameter.name, place)
        parameter.assign(start)


# The tree. ---------------------------------------------------------------------------


def path_lengths(counts: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.abs(huffman(counts).signs).sum(axis=1)
    return lengths


def least_cost(counts: np.ndarray) -> float:
    """Σ count · length of an optimal code: the sum of all weights that are joined."""
    heap, total = [float(c) for c in counts], 0.0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


@pytest.mark.parametrize("classes", [2, 3, 9, 257, 5000])
def test_no_tree_has_shorter_paths_on_average(classes: int) -> None:
    counts = np.random.default_rng(classes).zipf(1.5, classes).clip(max=10**6)
    assert (path_lengths(counts) * counts).sum() == least_cost(counts)


def test_paths_are_those_of_a_binary_tree() -> None:
    tree = huffman(COUNTS)
    ways = {
        tuple(zip(n[s != 0].tolist(), s[s != 0].tolist(), strict=True))
        for n, s in zip(tree.nodes, tree.signs, strict=True)
    }
    assert len(ways) == K  # each class has its own
    assert {path[0][0] for path in ways} == {0}  # and all begin at the root
    steps = set(itertools.chain.from_iterable(ways))
    assert len(steps) == 2 * (K - 1)  # both ways of each inner node lead somewhere


def test_equal_counts_make_a_balanced_tree() -> None:
    assert path_lengths(np.ones(64)).tolist() == [6] * 64


def test_probabilities_of_all_classes_sum_to_1() -> None:
    p = cr.exp(tree_head().log_probabilities(X)).numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-13)


def test_the_loss_of_the_tree_is_that_of_its_probabilities() -> None:
    head = tree_head()
    logp = head.log_probabilities(X).numpy()[np.arange(N), LABELS]
    np.testing.assert_allclose(head(X, LABELS).item(), -logp.mean(), rtol=1e-13)


def test_inputs_that_share_a_label_are_as_many_with_it() -> None:
    head, x = tree_head(), cr.tensor(RNG.normal(size=(N, 3, D)))
    together = head.surprise(x, LABELS).numpy()
    for c in range(3):
        alone = head.surprise(x[:, c], LABELS).numpy()
        np.testing.assert_allclose(together[:, c], alone, rtol=1e-12)


def test_gradients_of_the_tree_agree_with_differences() -> None:
    head = tree_head()
    cr.check_gradients(lambda x: head(x, LABELS), X)
    check_parameters(head, lambda: head(X, LABELS))


# The sample. -------------------------------------------------------------------------


def test_classes_are_drawn_by_their_frequencies() -> None:
    cr.manual_seed(0)
    n, p = 200_000, COUNTS**0.75 / (COUNTS**0.75).sum()
    drawn = np.bincount(nn.ClassSampler(COUNTS)(n).numpy(), minlength=K)
    spread = np.sqrt(n * p * (1 - p))
    assert (np.abs(drawn - n * p) < 4 * spread).all()


def test_the_alias_tables_hold_the_exact_probabilities() -> None:
    sampler = nn.ClassSampler(COUNTS, 0.5)
    kept, alias = sampler.kept.array.astype(float), sampler.alias.array
    p = kept + np.bincount(alias, 1 - kept, minlength=K)
    expected = COUNTS**0.5 / (COUNTS**0.5).sum()
    np.testing.assert_allclose(p / K, expected, rtol=1e-6)
    np.testing.assert_allclose(
        np.exp(sampler.log_probabilities.array), expected, rtol=1e-6
    )


def test_if_all_classes_are_taken_it_is_the_full_softmax() -> None:
    head = sampled_head()
    full = losses.cross_entropy(head.logits(X), LABELS)
    every = head.compared(
        cr.tensor(X), cr.tensor(LABELS), cr.tensor(np.arange(K)), np.zeros(K)
    )
    np.testing.assert_allclose(every.item(), full.item(), rtol=1e-13)
    expected, found = cr.backprop(full), cr.backprop(every)
    for parameter in head.parameters():
        np.testing.assert_allclose(
            found[parameter].numpy(), expected[parameter].numpy(), atol=1e-14
        )


def test_the_sampled_sum_of_exponentials_is_unbiased() -> None:
    head = sampled_head(num_sampled=3)
    x, labels = X[:1], LABELS[:1]
    z = head.logits(x).numpy()[0]
    once = cr.compile(lambda: head(x, labels, training=True))
    estimates = [np.exp(once().item()) for _ in range(4000)]
    mean, error = np.mean(estimates), np.std(estimates) / np.sqrt(len(estimates))
    exact = np.exp(z).sum() / np.exp(z[labels[0]])
    assert abs(mean - exact) < 4 * error
    assert error < 0.02 * exact  # so that the line above says something


def test_the_loss_becomes_that_of_the_full_softmax_as_the_sample_grows() -> None:
    full = sampled_head()(X, LABELS).item()
    away = []
    for size in (4, 256, 16384):
        head = sampled_head(num_sampled=size)
        values = [head(X, LABELS, training=True).item() for _ in range(8)]
        away.append(np.sqrt(np.mean((np.array(values) - full) ** 2)))
    assert away[0] > 2 * away[1] > 4 * away[2]
    assert away[2] < 0.03


def test_gradients_of_the_sample_agree_with_differences() -> None:
    head = sampled_head()
    drawn, log_expected = cr.tensor([0, 4, 4, 7]), np.log([1.4, 0.8, 0.8, 0.3])

    def loss(x: cr.Tensor) -> cr.Tensor:
        value: cr.Tensor = head.compared(x, cr.tensor(LABELS), drawn, log_expected)
        return value

    cr.check_gradients(loss, X)
    check_parameters(head, lambda: loss(cr.tensor(X)))


# Both. -------------------------------------------------------------------------------


def heads() -> list[nn.Module]:
    return [tree_head(), sampled_head()]


@pytest.mark.parametrize("head", heads(), ids=["tree", "sample"])
def test_a_step_changes_the_rows_of_the_batch_alone(head: nn.Module) -> None:
    classes = 400
    if isinstance(head, nn.SampledSoftmax):
        head = nn.SampledSoftmax(D, np.ones(classes), 8)
    else:
        head = nn.HierarchicalSoftmax(D, np.ones(classes), weight_init="normal")
    x = X[:2].astype(np.float32)
    before = head.weight.array.copy()
    optimizer = optim.SGD(head.parameters(), lr=0.1)

    @cr.compile
    def step(x: cr.Tensor, labels: cr.Tensor) -> cr.Tensor:
        options = {"training": True} if head.depends_on_training else {}
        loss: cr.Tensor = head(x, labels, **options)
        optimizer.step(cr.backprop(loss))
        return loss

    step(x, np.array([3, 5]))
    changed = (head.weight.array != before).any(axis=1).sum()
    assert 0 < changed <= 20


@pytest.mark.parametrize("head", heads(), ids=["tree", "sample"])
def test_files_bring_back_what_was_saved(head: nn.Module, tmp_path: Path) -> None:
    head.save(tmp_path / "head.safetensors")
    again = cr.load(tmp_path / "head.safetensors")
    assert repr(again) == repr(head)
    assert again(X, LABELS).item() == head(X, LABELS).item()


@pytest.mark.parametrize("head", heads(), ids=["tree", "sample"])
def test_wrong_inputs_are_named(head: nn.Module) -> None:
    name = type(head).__name__
    with pytest.raises(ShapeError, match=rf"{name}: x \(6, 4\) with labels \(5,\)"):
        head(X, LABELS[:5])
    with pytest.raises(ShapeError, match=rf"{name}: x \(6, 3\): 3 ≠ 4"):
        head(X[:, :3], LABELS)
    with pytest.raises(DTypeError, match=rf"{name}: labels \(6,\) of float64"):
        head(X, LABELS * 1.0)
    with pytest.raises(BoundsError, match=rf"{name}: label"):
        head(X, LABELS + K)


@pytest.mark.parametrize("make", [nn.HierarchicalSoftmax, nn.SampledSoftmax])
def test_wrong_counts_are_named(make: Callable[..., nn.Module]) -> None:
    with pytest.raises(DataError, match=r"counts \(1,\): expected one number for each"):
        make(4, [3])
    with pytest.raises(DataError, match=r"counts\[1\] is 0: expected numbers above 0"):
        make(4, [3, 0])
