"""Which kernels a convolution becomes: convolutions, products, sums of windows.

Place on the road: one of the files that ``rules`` lists. Where a kernel
sees one pixel, or a result all of the input, a convolution is a product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....compiler.program import Instruction
from ....shapes import Shape
from .calls import Call
from .convolution_spec import Axis, Correlation, Phase, adjoint_phases, forward_phases
from .elementwise import widened
from .group import Operation
from .kernel_gradient_spec import KernelGradient, share_vectors
from .kernels import (
    Convolution,
    ConvolutionGradient,
    Step,
)
from .planner import Planner
from .products import open_product, paired
from .views import View, whole


def place_convolution(planner: Planner, instruction: Instruction) -> None:
    """``convolution``: a kernel of that name."""
    x, w = instruction.inputs
    kernel = planner.nodes[w].shape[1:-1]
    _place(planner, instruction, planner.nodes[x].shape[1:-1], kernel, turned=False)


def place_transposed(planner: Planner, instruction: Instruction) -> None:
    """``convolution_transposed``: the adjoint, by phases."""
    _, w = instruction.inputs
    kernel = planner.nodes[w].shape[1:-1]
    _place(planner, instruction, instruction.params["size"], kernel, turned=True)


def place_kernel_gradient(planner: Planner, instruction: Instruction) -> None:
    """``convolution_kernel``: shares of pixels, each summed apart, and their sum."""
    node, params = instruction.node, instruction.params
    shapes = [planner.nodes[slot].shape for slot in instruction.inputs]
    if 0 in node.shape or 0 in shapes[0] or 0 in shapes[1]:
        planner.nothing(instruction)
        return
    x, z = (_channels_last(planner, slot) for slot in instruction.inputs)
    size, out = x.shape[1:-1], z.shape[1:-1]
    rows, terms, outputs = _as_matrices(params, size, node.shape, x.shape[0])
    if rows == x.shape[0] and 1 not in (rows, terms, outputs):
        a, b = z.reshape((1, rows, outputs)), x.reshape((1, rows, terms))
        if a is not None and b is not None:
            space = (1, outputs, terms)
            open_product(planner, instruction, a.transpose((0, 2, 1)), b, space)
            return
    pairs = planner.holds_bfloat16(x)
    if pairs:  # of images, so that all taps of all pixels see the same ones
        x, z = (paired(planner, each, 0) for each in (x, z))
    low = tuple(before for before, _ in params["padding"])
    (phase,) = forward_phases(
        size, node.shape[1:-1], out, params["stride"], low, params["dilation"]
    )
    x_strides, z_strides = x.strides[:-1], z.strides[:-1]
    if len(size) == 1:
        phase = _flat(phase)
        x_strides, z_strides = _flat_strides(x_strides), _flat_strides(z_strides)
    given = params["groups"], x.shape[-1], z.shape[-1]
    channels = _channels(*given)
    mixed = share_vectors(*channels)
    if mixed:
        channels = 1, channels[1], z.shape[-1]
    spec = KernelGradient(
        x.shape[0], *channels, phase.axes, x_strides, z_strides, node.dtype,
        _is_depthwise(*given), mixed,
    )  # fmt: skip
    _place_shares(planner, instruction, spec, x, z, pairs)


def _place_shares(
    planner: Planner,
    instruction: Instruction,
    spec: KernelGradient,
    x: View,
    z: View,
    pairs: bool,
) -> None:
    """The kernel, and the sum of its shares, which others may join."""
    node, dtype = instruction.node, instruction.node.dtype
    buffer = planner.new_buffer(dtype, spec.shares * spec.elements)
    given = tuple(
        (view.buffer, (planner.buffers[view.buffer].size,)) for view in (x, z)
    )
    shape = (spec.shares, *node.shape)
    shares = whole(buffer, shape)
    if spec.along_outputs:
        turned = (spec.shares, *node.shape[1:], node.shape[0])
        last = len(turned) - 1
        shares = whole(buffer, turned).transpose((0, last, *range(1, last)))
    offsets = x.offset, z.offset
    planner.start(ConvolutionGradient(given, ((buffer, shape),), spec, offsets, pairs))
    if spec.shares == 1:
        planner.views[instruction.output] = replace(
            shares, shape=node.shape, strides=shares.strides[1:]
        )
        return
    store = planner.out(instruction)
    call = Call("sum", {}, (dtype,), dtype)
    planner.place(Operation(call, (shares,), shape, store, (0,)))


def _place(
    planner: Planner, instruction: Instruction, size: Shape, kernel: Shape, turned: bool
) -> None:
    given, weights = instruction.inputs
    node, params = instruction.node, instruction.params
    source = planner.nodes[given].shape
    out = source[1:-1] if turned else node.shape[1:-1]
    if 0 in node.shape or 0 in source or 0 in planner.nodes[weights].shape:
        planner.nothing(instruction)
        return
    x = _channels_last(planner, given)
    w = whole(*planner.contiguous(weights))
    if _place_product(planner, instruction, x, w, size, turned):
        return
    low = tuple(before for before, _ in params["padding"])
    find = adjoint_phases if turned else forward_phases
    phases = find(size, kernel, out, params["stride"], low, params["dilation"])
    groups, inputs, outputs = _channels(params["groups"], source[-1], node.shape[-1])
    depthwise = _is_depthwise(params["groups"], source[-1], node.shape[-1])
    pairs = planner.holds_bfloat16(x)
    if pairs:
        found = None if depthwise else _channels_in_pairs(planner, x, w, inputs, turned)
        pairs = found is not None
        x, w = found or (widened(planner, each, each.shape) for each in (x, w))
        inputs //= 1 + pairs
    strides = x.strides[:-1]
    if len(size) == 1:
        phases = tuple(map(_flat, phases))
        strides = _flat_strides(strides)
    correlation = Correlation(
        node.shape[0], groups, inputs, outputs, phases, strides, (), node.dtype,
        depthwise,
    )  # fmt: skip
    _start(planner, instruction, x, w, correlation, turned, pairs)


def _channels_in_pairs(
    planner: Planner, x: View, w: View, inputs: int, turned: bool
) -> tuple[View, View] | None:
    """bfloat16 as words of two, neighbours among the inputs that are summed over; None
    where these are odd.
    """
    if any(n % 2 for n in (inputs, x.offset, *x.strides[:-1])):
        return None
    strides = (*(n // 2 for n in x.strides[:-1]), 1)
    x = View(x.buffer, (*x.shape[:-1], x.shape[-1] // 2), strides, x.offset // 2)
    if turned:  # w is (inputs, taps …, outputs)
        return x, paired(planner, w, 0)
    return x, whole(w.buffer, (*w.shape[:-1], w.shape[-1] // 2))


def _place_product(
    planner: Planner,
    instruction: Instruction,
    x: View,
    w: View,
    size: Shape,
    turned: bool,
) -> bool:
    """A convolution that is a product of matrices, if it is one."""
    node, params = instruction.node, instruction.params
    rows, terms, columns = _as_matrices(params, size, w.shape, node.shape[0])
    if rows == 0 or 1 in (terms, columns):
        return False
    strides = (0, 1, terms)
    if turned:
        terms, columns, strides = columns, terms, (0, terms, 1)
    a = x.reshape((1, rows, terms))
    if a is None:
        return False
    b = View(w.buffer, (1, terms, columns), strides, w.offset)
    open_product(planner, instruction, a, b, (1, rows, columns))
    return True


def _as_matrices(
    params: Mapping[str, Any], size: Shape, weights: Shape, batch: int
) -> tuple[int, int, int]:
    """Rows, terms and outputs of a convolution of images of ``size`` as a product;
    no rows where it is none.

    It is one where each result sees one pixel, and each pixel is seen by one result, or
    where each image is seen as a whole, by one result.
    """
    outputs, *kernel, inputs = weights
    if params["groups"] > 1 or any(any(each) for each in params["padding"]):
        return 0, 0, 0
    if math.prod(kernel) == 1 and math.prod(params["stride"]) == 1:
        return batch * math.prod(size), inputs, outputs
    if tuple(kernel) == size and math.prod(params["dilation"]) == 1:
        return batch, math.prod(size) * inputs, outputs
    return 0, 0, 0


def _is_depthwise(groups: int, inputs: int, outputs: int) -> bool:
    """Whether each output channel has an input channel of its own."""
    return groups == inputs == outputs > 1


def _channels(groups: int, inputs: int, outputs: int) -> tuple[int, int, int]:
    """Groups, and the inputs and outputs of each."""
    if _is_depthwise(groups, inputs, outputs):
        return 1, 1, outputs
    return groups, inputs // groups, outputs // groups


def _flat(phase: Phase) -> Phase:
    """A sequence as an image of one row."""
    return Phase((Axis(1, 1, 1, 1, 0, 1), *phase.axes), phase.row, ((0,), *phase.order))


def _flat_strides(strides: tuple[int, ...]) -> tuple[int, ...]:
    image, pixel = strides
    return image, 0, pixel


def _channels_last(planner: Planner, slot: int) -> View:
    """A value whose channels are neighbours in memory, copied only if they are not."""
    view = planner.views[slot]
    if isinstance(view, View):
        planner.force(view)
        if view.strides[-1] == 1 or view.shape[-1] == 1:
            return view
    buffer, shape = planner.contiguous(slot)
    return whole(buffer, shape)


def _start(
    planner: Planner,
    instruction: Instruction,
    x: View,
    w: View,
    correlation: Correlation,
    turned: bool,
    pairs: bool,
) -> None:
    """Opens the kernel."""
    node, store = instruction.node, planner.out(instruction)
    call = Call("product", {}, (node.dtype, node.dtype), node.dtype)
    kernel = Convolution(
        node.shape, frozenset(), [Step(call, ())], [], x, w, correlation, turned,
        pairs=pairs,
    )  # fmt: skip
    planner.open(kernel, store)
