"""Counter-based random numbers: a pure function of a state, the same on every engine.

The generator is Philox4x32-10 (Salmon et al., 2011, "Parallel random numbers: as easy
as 1, 2, 3"): ten rounds of multiplication and exclusive-or turn a counter and a key
into four random words. The state is four 32-bit words: two of key, from the seed, and
two that count the draws. One draw gives any number of words: word i comes from the
counter (i // 4, draw), so no two draws overlap and any part of one can be computed by
itself, on any number of threads.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import DTypeError, ShapeError
from ..graph import Array, Node
from ..shapes import Shape
from .primitive import Kind, Primitive

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW, _WORD = np.uint64(0xFFFFFFFF), np.uint64(32)
ROUNDS = 10


def philox(
    counter: tuple[Array, Array, Array, Array], key: tuple[int, int]
) -> list[Array]:
    """Four random 32-bit words for each counter of four 32-bit words (as uint64
    arrays).
    """
    c0, c1, c2, c3 = counter
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for _ in range(ROUNDS):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (second >> _WORD) ^ c1 ^ k0,
            second & _LOW,
            (first >> _WORD) ^ c3 ^ k1,
            first & _LOW,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return [c0, c1, c2, c3]


def words(state: Array, count: int) -> Array:
    """The first ``count`` random words of the draw that ``state`` stands for."""
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    low, high = np.uint64(state[2]), np.uint64(state[3])
    counter = (
        blocks & _LOW,
        blocks >> _WORD,
        np.full_like(blocks, low),
        np.full_like(blocks, high),
    )
    drawn = philox(counter, (int(state[0]), int(state[1])))
    return np.stack(drawn, axis=-1).reshape(-1)[:count].astype(np.uint32)


def _check_state(operation: str, state: Node) -> None:
    if state.dtype != dtypes.uint32:
        raise DTypeError(
            f"{operation}: state {state.describe()} is {state.dtype}: expected four "
            "uint32",
            fix="pass the state of a generator: cr.random.Generator(seed)",
        )
    if state.shape != (4,):
        raise ShapeError(f"{operation}: state {state.describe()}: expected shape (4,)")


def _infer_bits(state: Node, shape: Shape) -> tuple[Shape, DType]:
    _check_state("random_bits", state)
    return shape, dtypes.uint32


random_bits = Primitive(
    "random_bits",
    "uniformly random 32-bit words",
    _infer_bits,
    lambda state, shape: words(state, shapes.size(shape)).reshape(shape),
    kind=Kind.RANDOM,
)


def _infer_uniform(state: Node, shape: Shape, dtype: DType) -> tuple[Shape, DType]:
    _check_state("random_uniform", state)
    return shape, dtype


def _uniform(state: Array, shape: Shape, dtype: DType) -> Array:
    """24 random bits make a float32 in [0, 1); 53 bits, from two words, a float64."""
    count = shapes.size(shape)
    if dtype == dtypes.float32:
        drawn = (words(state, count) >> np.uint32(8)).astype(np.float32)
        return (drawn * np.float32(2.0**-24)).reshape(shape)
    pairs = words(state, 2 * count).astype(np.uint64).reshape(-1, 2)
    mantissa = ((pairs[:, 0] << _WORD) | pairs[:, 1]) >> np.uint64(11)
    return (mantissa.astype(np.float64) * 2.0**-53).reshape(shape)


random_uniform = Primitive(
    "random_uniform",
    "uniform on [0, 1)",
    _infer_uniform,
    _uniform,
    kind=Kind.RANDOM,
)


def _infer_next(state: Node) -> tuple[Shape, DType]:
    _check_state("next_state", state)
    return state.shape, state.dtype


def _next(state: Array) -> Array:
    draws = (int(state[2]) | int(state[3]) << 32) + 1
    return np.array(
        [state[0], state[1], draws & 0xFFFFFFFF, draws >> 32 & 0xFFFFFFFF], np.uint32
    )


next_state = Primitive(
    "next_state", "the state of the next draw", _infer_next, _next, kind=Kind.RANDOM
)


def seeded_state(seed: int) -> Array:
    """The state for a seed: its low and high word as key, no draws yet."""
    return np.array([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, 0, 0], np.uint32)
