"""Samples of convolutions and windows, by their definition: loops over all elements."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.ops.primitive import REGISTRY
from tests.contracts.samples import LAYOUTS, Array, Sample, Values, laid_out

P = REGISTRY

#: (S, K, stride, padding, dilation, groups, channels, out channels).
CASES: tuple[tuple[Any, ...], ...] = (
    ((5,), (3,), (1,), ((0, 0),), (1,), 1, 2, 3),
    ((6,), (2,), (2,), ((1, 0),), (2,), 1, 1, 2),
    ((1,), (1,), (1,), ((0, 0),), (1,), 1, 1, 1),
    ((4, 5), (3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1, 2, 3),
    ((5, 4), (2, 2), (2, 3), ((0, 0), (0, 0)), (1, 1), 1, 1, 2),
    ((4, 4), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3, 3, 3),
    ((4, 3), (2, 2), (1, 2), ((1, 0), (0, 1)), (2, 1), 2, 4, 2),
    ((3, 3), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1, 3, 2),
    ((3, 3), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 2, 2, 4),
    ((3, 4, 3), (2, 2, 1), (1, 2, 1), ((0, 1), (0, 0), (0, 0)), (1, 1, 1), 1, 1, 2),
)

#: (S, K, stride, dilation, channels) of windows.
WINDOWS: tuple[tuple[Any, ...], ...] = (
    ((5,), (3,), (1,), (1,), 2),
    ((6,), (2,), (2,), (1,), 1),
    ((7,), (2,), (3,), (2,), 2),
    ((4, 6), (2, 2), (2, 2), (1, 1), 2),
    ((5, 5), (3, 2), (2, 1), (1, 2), 1),
    ((5, 4), (2, 1), (3, 2), (1, 1), 2),
    ((2, 3, 2), (1, 2, 2), (1, 1, 1), (1, 1, 1), 1),
)


def counted(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """How many windows there are along each axis."""
    return tuple(
        len(range(0, a + n + b - d * (k - 1), s))
        for n, k, s, (a, b), d in zip(
            size, kernel, stride, padding, dilation, strict=True
        )
    )


def terms(case: Any, samples: int) -> Iterator[tuple[Any, Any, Any]]:
    """The elements (of x, of w, of z) of which a convolution adds up x · w into z."""
    size, kernel, stride, padding, dilation, groups, channels, outs = case
    counts = counted(size, kernel, stride, padding, dilation)
    inner = np.ndindex(*kernel), range(channels // groups)
    for n, i, o, a, c in itertools.product(
        range(samples), np.ndindex(*counts), range(outs), *inner
    ):
        place = tuple(
            i * s + a * d - before
            for i, a, s, d, (before, _) in zip(
                i, a, stride, dilation, padding, strict=True
            )
        )
        if all(0 <= p < length for p, length in zip(place, size, strict=True)):
            channel = o // (outs // groups) * (channels // groups) + c
            yield (n, *place, channel), (o, *a, c), (n, *i, o)


def summed(case: Any, which: int) -> Any:
    """The definition of one of the three forms, which is what the other two give."""

    def expected(a: Array, b: Array) -> Array:
        size, kernel, stride, padding, dilation, groups, channels, outs = case
        samples = (a if which != 1 else b).shape[0]
        counts = counted(size, kernel, stride, padding, dilation)
        shapes = [(samples, *size, channels), (outs, *kernel, channels // groups),
                  (samples, *counts, outs)]  # fmt: skip
        total = np.zeros(shapes[which], np.result_type(a, b, np.float32))
        for places in terms(case, samples):
            given = [place for i, place in enumerate(places) if i != which]
            if which == 0:
                given = given[::-1]  # z, w
            total[places[which]] += a[given[0]] * (1.0 * b[given[1]])
        return total

    return expected


def forms(case: Any, samples: int = 2) -> dict[str, tuple[tuple[Any, Any], Any, int]]:
    """Name → the shapes of the operands, the static arguments, and what is summed."""
    size, kernel, stride, padding, dilation, groups, channels, outs = case
    x, w = (samples, *size, channels), (outs, *kernel, channels // groups)
    z = (samples, *counted(size, kernel, stride, padding, dilation), outs)
    shared = {"stride": stride, "padding": padding, "dilation": dilation,
              "groups": groups}  # fmt: skip
    return {
        "convolution": ((x, w), shared, 2),
        "convolution_transposed": ((z, w), {"size": size, **shared}, 0),
        "convolution_kernel": ((x, z), {"kernel": kernel, **shared}, 1),
    }


def three_forms(name: str) -> Iterator[Sample]:
    """Samples of a convolution or one of its adjoints."""
    values = Values(1500)

    def sample(case: Any, samples: int, layout: str, place: int = 0) -> Sample:
        (a, b), params, which = forms(case, samples)[name]
        arrays = [values(a), values(b)]
        arrays[place] = laid_out(arrays[place], layout)
        return Sample(
            lambda a, b: P[name](a, b, **params),
            tuple(arrays),
            summed(case, which),
            "fiub",
            label=f"{a} {b} {layout}",
        )

    for case in CASES:
        yield sample(case, 2, "C")
    yield sample(CASES[3], 0, "C")
    for layout in LAYOUTS[1:]:
        yield sample(CASES[4], 2, layout, 0)
        yield sample(CASES[4], 2, layout, 1)


def every_window(x: Array, kernel: Any, stride: Any, dilation: Any) -> Array:
    """The windows of x, one element after the other."""
    none = ((0, 0),) * len(kernel)
    counts = counted(x.shape[1:-1], kernel, stride, none, dilation)
    result = np.zeros((x.shape[0], *counts, *kernel, x.shape[-1]), x.dtype)
    for i in np.ndindex(*counts):
        for a in np.ndindex(*kernel):
            place = tuple(map(lambda i, a, s, d: i * s + a * d, i, a, stride, dilation))
            result[(slice(None), *i, *a)] = x[(slice(None), *place)]
    return result


def added(y: Array, size: Any, stride: Any, dilation: Any) -> Array:
    """Windows added to what they lie on, one element after the other."""
    counts, kernel = y.shape[1 : len(size) + 1], y.shape[len(size) + 1 : -1]
    result = np.zeros((y.shape[0], *size, y.shape[-1]), y.dtype)
    for i in np.ndindex(*counts):
        for a in np.ndindex(*kernel):
            place = tuple(map(lambda i, a, s, d: i * s + a * d, i, a, stride, dilation))
            result[(slice(None), *place)] += y[(slice(None), *i, *a)]
    return result


def looking() -> dict[str, list[Sample]]:
    """Windows, and their adjoint."""
    values, found = Values(1600), dict[str, list[Sample]](windows=[], overlap_add=[])
    for size, kernel, stride, dilation, channels in WINDOWS:
        static = {"kernel": kernel, "stride": stride, "dilation": dilation}
        back = {"size": size, "stride": stride, "dilation": dilation}
        x = values((2, *size, channels))
        for layout in LAYOUTS if size == (5, 5) else ("C",):
            given = laid_out(x, layout)
            found["windows"].append(
                Sample(lambda x, s=static: P["windows"](x, **s), (given,),
                       lambda x, s=static: every_window(x, **s), "fiub",
                       label=f"{x.shape} {static} {layout}")
            )  # fmt: skip
            given = laid_out(every_window(x, **static), layout)
            found["overlap_add"].append(
                Sample(lambda x, s=back: P["overlap_add"](x, **s), (given,),
                       lambda x, s=back: added(x, **s), "fiu",
                       label=f"{given.shape} {back} {layout}")
            )  # fmt: skip
    return found


def convolutions() -> dict[str, list[Sample]]:
    """Primitive → its samples."""
    names = ("convolution", "convolution_transposed", "convolution_kernel")
    return {**{name: list(three_forms(name)) for name in names}, **looking()}
