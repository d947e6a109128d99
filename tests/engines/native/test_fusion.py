"""Which operations share a kernel, and what is left in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import (
    Check,
    Contraction,
    Fused,
    FusedKernel,
    Product,
    Schedule,
    Sweep,
)


def schedule(f: Any, *examples: Any) -> Schedule:
    """The kernels of a function."""
    return fuse(plan(run_passes(cr.trace(f, *examples))))


def names(kernel: Any) -> list[str]:
    """The operations of a kernel."""
    return [step.call.name for step in kernel.steps]


X = np.ones((8, 32), np.float32)


def test_an_elementwise_chain_is_one_kernel_that_stores_its_result_alone() -> None:
    (kernel,) = schedule(lambda x: cr.exp(x) * cr.tanh(x) + 1.0, X).kernels
    assert isinstance(kernel, Sweep)
    assert len(kernel.stores) == 1


def test_the_example_of_placement_is_a_sweep_and_a_product() -> None:
    def f(x: Any, w: Any) -> Any:
        a = x * 2.0
        return cr.tanh(a @ w + a)

    first, second = schedule(f, X, np.ones((32, 32), np.float32)).kernels
    assert isinstance(first, Sweep)
    assert names(first) == ["multiply"]
    assert isinstance(second, Product)
    assert names(second) == ["product", "add", "tanh"]


def test_softmax_is_one_kernel_over_its_rows() -> None:
    (kernel,) = schedule(cr.softmax, X).kernels
    assert isinstance(kernel, Sweep)
    assert kernel.reduced == {1}
    assert names(kernel) == ["max", "subtract", "exp", "sum", "divide"]


def test_softmax_and_its_gradient_are_one_kernel() -> None:
    def f(x: Any, g: Any) -> Any:
        y, back = cr.vjp(cr.softmax, x)
        return y, back(g)[0]

    assert len(schedule(f, X, X).kernels) == 1


def test_bias_and_activation_are_computed_on_the_products_registers() -> None:
    w, b = np.ones((16, 32), np.float32), np.ones(16, np.float32)
    (kernel,) = schedule(lambda x, w, b: cr.relu(x @ w.T + b), X, w, b).kernels
    assert isinstance(kernel, Product)
    assert names(kernel) == ["product", "add", "relu"]
    assert len(kernel.stores) == 1


def test_movements_make_no_kernels_of_their_own() -> None:
    (kernel,) = schedule(lambda x: (x.T[::2] * 2.0).reshape(4, 4, 8), X).kernels
    assert names(kernel) == ["multiply"]


def test_a_weight_is_updated_in_place_by_the_product_of_its_gradient() -> None:
    w = cr.parameter(np.ones((16, 32), np.float32))

    def step(x: Any) -> Any:
        loss = cr.tanh(x @ w.T).sum()
        w.assign(w - 0.1 * cr.backprop(loss)[w])
        return loss

    found = schedule(step, X)
    kinds = [{found.buffers[buffer].kind for buffer in k.writes} for k in found.kernels]
    assert kinds[-1] == {"variable"}  # after everything that reads the old value
    assert isinstance(found.kernels[-1], Product)
    assert names(found.kernels[-1])[-2:] == ["multiply", "subtract"]


def test_variables_that_exchange_their_values_are_not_overwritten_early() -> None:
    a, b = cr.parameter(np.zeros((2, 3))), cr.parameter(np.ones((2, 3)))

    def swap() -> None:
        first, second = a.read(), b.read()
        a.assign(second)
        b.assign(first)

    cr.compile(swap, engine="native")()
    np.testing.assert_array_equal(a.numpy(), np.ones((2, 3)))
    np.testing.assert_array_equal(b.numpy(), np.zeros((2, 3)))


def test_a_sum_of_everything_is_cut_into_parts_by_its_size_alone() -> None:
    first, second = schedule(lambda x: x.sum(), np.ones(1_000_003, np.float32)).kernels
    assert isinstance(first, Sweep)
    assert isinstance(second, Sweep)
    assert second.shape == (first.parts,)


def test_an_index_is_checked_before_it_is_used() -> None:
    index = np.zeros(5, np.int64)
    check, gather = schedule(lambda x, i: cr.take(x, i) * 2.0, X, index).kernels
    assert isinstance(check, Check)
    assert names(gather) == ["gather", "multiply"]


def layer_norm(x: Any, w: Any, b: Any) -> Any:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / cr.sqrt(var + 1e-5) * w + b


def batch_norm(x: Any, w: Any, b: Any) -> Any:
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    return cr.relu((x - mean) / cr.sqrt(var + 1e-5) * w + b)


def both_ways(norm: Any) -> Any:
    """The result of a layer and its gradients."""

    def f(x: Any, g: Any, w: Any, b: Any) -> Any:
        y, back = cr.vjp(norm, x, w, b)
        return (y, *back(g))

    return f


ROWS, IMAGES = (np.ones((512, 128), np.float32), np.ones((8, 16, 16, 32), np.float32))


def large_kernels(f: Any, *examples: Any) -> list[FusedKernel]:
    """The kernels over as many points as the first argument has."""
    kernels = schedule(f, *examples).kernels
    assert all(isinstance(each, Fused) for each in kernels)
    size = examples[0].size
    return [k for k in kernels if isinstance(k, Fused) and k.rows * k.row_size == size]


def test_layer_normalisation_and_all_its_gradients_are_one_walk() -> None:
    w = np.ones(128, np.float32)
    (kernel,) = large_kernels(both_ways(layer_norm), ROWS, ROWS, w, w)
    assert sum(step.across for step in kernel.steps) == 2  # those of w and b
    assert kernel.writes.isdisjoint(kernel.reads)


def test_batch_normalisation_walks_twice_for_statistics_and_twice_each_way() -> None:
    w = np.ones(32, np.float32)
    kernels = large_kernels(both_ways(batch_norm), IMAGES, IMAGES, w, w)
    assert len(kernels) == 4
    sizes = [sum(a.strides[-1] == 1 and any(a.strides[:-1])
                 for a in {*k.accesses}) for k in kernels]  # fmt: skip
    assert sizes == [1, 1, 2, 2]  # x, x, x and g, x and g: nothing else is read
    stored = [sum(not k.steps[n].across for n, _ in k.stores) for k in kernels]
    assert stored == [0, 0, 1, 1]  # y and the gradient of x: nothing else is written


def test_a_sum_of_columns_waits_for_a_kernel_that_has_the_elements() -> None:
    def f(g: Any, x: Any) -> Any:
        return g.sum(0), cr.softmax(g * x)

    assert len(large_kernels(f, ROWS, ROWS)) == 1


def test_a_cheap_value_is_computed_again_and_a_costly_one_is_kept() -> None:
    def f(cheap: bool) -> Any:
        def g(x: Any) -> Any:
            y = x - 1.0 if cheap else cr.exp(x)
            return y * y.sum(0)

        return g

    for cheap, stores in ((True, 0), (False, 1)):
        first, _ = large_kernels(f(cheap), ROWS)
        assert sum(not first.steps[n].across for n, _ in first.stores) == stores


def test_means_over_the_pixels_of_each_image_are_rows_of_their_own() -> None:
    (kernel,) = large_kernels(lambda x: x.mean((1, 2)), IMAGES)
    assert kernel.reduced == {1, 2}
    assert not kernel.across


def test_the_mask_and_deviations_of_a_normalised_layer_are_not_stored() -> None:
    layer = nn.Sequential(
        nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
    )
    last = nn.Conv2d(16, 16, 3, padding=1, bias=False)
    x = np.zeros((8, 32, 32, 16), np.float32)

    def f(x: Any) -> Any:
        found = cr.backprop((last(layer(x, training=True)) ** 2).mean())
        return [found[p] for p in (*layer.parameters(), *last.parameters())]

    found = schedule(f, x)
    loops = [kernel for kernel in found.kernels if isinstance(kernel, Fused)]
    stored = [
        names(kernel)[number]
        for kernel in loops
        for number, access in kernel.stores
        if found.buffers[access.buffer].size == x.size
    ]
    assert "subtract" not in stored
    assert "greater" not in stored
    assert ["add"] not in [names(each) for each in loops]  # ∇z is one pass
    masking = [k for k in loops if "where" in names(k)]
    (masked,) = [k for k in masking if isinstance(k, Contraction)]
    assert names(masked)[:3] == ["product", "subtract", "multiply"]
