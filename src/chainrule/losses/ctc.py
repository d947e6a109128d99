"""Connectionist temporal classification: labels in order, without saying when.

Place on the road: beside the other losses. The labels between blanks are states in a
row, and the sum over all paths through them is that of ``nn.chains.bands``;
backpropagation through its loop is the backward recursion of the paper, so the gradient
is exact without a rule of its own.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, BoundsError, DataError, DTypeError, ShapeError
from ..graph import Node
from ..nn.chains.bands import Band, band_log_partition
from ..nn.chains.paths import IMPOSSIBLE
from ..nn.lengths import checked_lengths, real_steps
from ..ops import composed
from ..ops.arrays import lift
from ..ops.creation import arange, full
from ..ops.elementwise import logical_and, where
from ..ops.indexing import normal_index, take_along_axis
from ..ops.movement import broadcast_to, concatenate, pad
from .inputs import average, float_predictions

#: Padding behind the last label.
PADDING = -1

#: What is said of a target with more labels than steps, where both are known in a call
#: alone, and of a blank among the labels.
MORE_LABELS = (
    "ctc: more labels than steps of input, by {short},{row}: a label takes a step at "
    "least\nleave such samples out, or zero_infinity=True"
)
A_BLANK = (
    "ctc: targets {shape}: the blank {blank}{row}: labels are the other classes\n"
    "count labels from another number, or give the blank a class of its own: blank=…"
)


def ctc(
    logits: Any,
    targets: Any,
    *,
    input_lengths: Any = None,
    target_lengths: Any = None,
    blank: int = 0,
    zero_infinity: bool = False,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-probability that the outputs spell the labels, in order.

    At each step one of C symbols is emitted, a label or the blank. A path of T symbols
    spells what is left when equal neighbours are merged and blanks are taken out.

    Formula: ℓ = −ln Σ_{π spells y} Πₜ pₜ[πₜ], with p = softmax(z). With the labels
    between blanks, y′ = (␣, y₁, ␣, y₂, …, ␣), and α₀ = (1, 0, 0, …),
        αₜ(s) = [αₜ₋₁(s) + αₜ₋₁(s−1) + αₜ₋₁(s−2) where y′ₛ ∉ {␣, y′ₛ₋₂}] pₜ[y′ₛ]
    and the sum over π is α_T at the last label or the blank behind it.

    Shapes: logits (N, T, C), targets (N, S) → ().

    Arguments:
        logits: z, before the softmax; logarithms of probabilities do as well. A pair
            (logits, input_lengths) counts as both.
        targets: labels other than the blank, in the first places of each row; −1 fills
            the rest, unless ``target_lengths`` are given. A pair (targets,
            target_lengths) counts as both.
        input_lengths: how many of the T steps are real, (N,); all when not given.
        target_lengths: how many of the S labels are real, (N,).
        blank: the symbol for "no label".
        zero_infinity: whether a target that no path spells has the loss 0. Otherwise it
            has the loss ∞ where equal labels leave no room for the blank between them,
            and is an error where it has more labels than steps. Its gradient is 0.
        sample_weight, reduction: as for all losses. PyTorch's "mean" divides each loss
            by the length of its target first; this one does not.

    Raises:
        BoundsError: for a label, or a length, out of range.
        DataError: for a blank among the labels, or more labels than steps.
        ShapeError, DTypeError: for inputs of the wrong shape or kind.

    Source: Graves, Fernández, Gomez & Schmidhuber (2006), equations 5 to 8.

    Example:
        >>> import chainrule as cr
        >>> logits = cr.zeros((1, 2, 3))  # 9 paths; 11, 1␣ and ␣1 spell 1
        >>> round(ctc(logits, [[1]]).item(), 4), round(cr.log(9 / 3).item(), 4)
        (1.0986, 1.0986)
    """
    z, steps_real = pair_of(logits, input_lengths, "logits", "input_lengths")
    y, labels_real = pair_of(targets, target_lengths, "targets", "target_lengths")
    z = steps_of(float_predictions("ctc", z, "logits"))
    samples, steps, classes = z.shape
    symbol = blank_class(blank, classes)
    t = _input_lengths(steps_real, samples, steps)
    y, u = _labels(y, labels_real, z, symbol, t, zero_infinity)
    if steps_real is not None:
        real = real_steps("ctc: input", t, samples, steps)[:, :, None]
        z = where(real, z, 0.0)  # even a NaN behind the end must have no effect
    known = None if steps_real is None else t
    total = _log_probability(composed.log_softmax(z), y, u, known, symbol)
    impossible = total < IMPOSSIBLE / 2
    losses = where(impossible, 0.0 if zero_infinity else float("inf"), -total)
    return average("ctc", losses, "element", sample_weight, reduction)


def _log_probability(logp: Any, labels: Any, u: Any, lengths: Any, blank: int) -> Any:
    """ln of the sum over all paths that spell the labels, (N,)."""
    samples, steps, _ = logp.shape
    spelled, leap = _between_blanks(labels, blank)
    places = spelled.shape[1]
    index = broadcast_to(spelled[:, None, :], (samples, steps, places))
    emitted = take_along_axis(logp, index, axis=2)
    free = full((places,), 0.0, logp.dtype)
    place = arange(places)
    last = 2 * u[:, None]
    band = Band(
        stay=free,
        step=free,
        skip=where(leap, 0.0, IMPOSSIBLE),
        start=where(place <= 1, free, IMPOSSIBLE),
        end=where((place == last) | (place == last - 1), free, IMPOSSIBLE),
    )
    total = band_log_partition(emitted, band, lengths)
    if lengths is None:
        return total
    return where(lengths > 0, total, where(u == 0, 0.0, IMPOSSIBLE))


def _between_blanks(labels: Any, blank: int) -> tuple[Any, Any]:
    """y′, the labels between blanks (N, 2S + 1), and where α may skip a blank."""
    samples, size = labels.shape
    blanks = full((samples, size + 1, 1), blank, "int64")
    pairs = concatenate([blanks[:, 1:], labels[:, :, None]], axis=2)
    spelled = concatenate([pairs.reshape(samples, 2 * size), blanks[:, 0]], axis=1)
    before = pad(labels[:, :-1], [(0, 0), (1, 0)], blank) if size else labels
    after_other = logical_and(labels != before, arange(size) > 0)
    never = full((samples, size + 1, 1), False, "bool")
    leaps = concatenate([never[:, 1:], after_other[:, :, None]], axis=2)
    leap = concatenate([leaps.reshape(samples, 2 * size), never[:, 0]], axis=1)
    return spelled, leap


# Checks of the arguments. -----------------------------------------------------------


def pair_of(value: Any, lengths: Any, name: str, other: str) -> tuple[Any, Any]:
    """Values and their lengths, given as a pair or by keyword.

    Raises:
        ArgumentError: for both, or another number of tensors.
    """
    if not isinstance(value, tuple) or not any(_is_array(each) for each in value):
        return value, lengths
    if len(value) != 2:
        raise ArgumentError(
            f"ctc: {name}: {len(value)} tensors: expected one, or ({name}, {other})"
        )
    if lengths is not None:
        raise ArgumentError(
            f"ctc: both a pair ({name}, {other}) and {other}: expected one"
        )
    return value


def _is_array(value: Any) -> bool:
    return isinstance(value, Node) or hasattr(value, "dtype")


def steps_of(z: Any) -> Any:
    """Logits as they are, where they are (N, T, C).

    Raises:
        ShapeError: for any other shape.
    """
    if len(z.shape) != 3:
        raise ShapeError(
            f"ctc: logits {z.shape}: expected (N, T, C), C symbols at each of T steps",
            fix="logits[None] for a single sequence" if len(z.shape) == 2 else None,
        )
    return z


def blank_class(blank: Any, classes: int) -> int:
    """The blank as one of the classes.

    Raises:
        ArgumentError, BoundsError: for anything else.
    """
    try:
        symbol = operator.index(blank)
    except TypeError:
        raise ArgumentError(f"ctc: blank={blank!r}: expected a class number") from None
    if not 0 <= symbol < classes:
        raise BoundsError(
            f"ctc: blank={symbol} for {classes} classes: expected 0 to {classes - 1}",
            fix="the blank is one of the C symbols: the network has an output for it",
        )
    return symbol


def _input_lengths(lengths: Any, samples: int, steps: int) -> Any:
    if lengths is None:
        return full((samples,), steps, "int64")
    return checked_lengths("ctc: input", lengths, samples, steps)


def _labels(
    targets: Any, lengths: Any, z: Any, blank: int, t: Any, lenient: bool
) -> tuple[Any, Any]:
    """The labels, every one a class that is not the blank, and how many are real."""
    (node,) = lift([targets])
    samples, _, classes = z.shape
    if node.shape[1:] == (0,) or node.shape == (0,):
        node = full((samples, 0), PADDING, "int64")  # an empty list has no dtype
    if len(node.shape) != 2 or node.shape[0] != samples:
        raise ShapeError(
            f"ctc: targets {node.shape} for logits {z.shape}: expected ({samples}, S), "
            "the labels of each sample",
            fix="pad shorter rows with -1",
        )
    if not dtypes.is_integer(node.dtype):
        raise DTypeError(
            f"ctc: targets {node.shape} of {node.dtype}: labels are integers",
            fix="targets.astype('int64')",
        )
    y: Any = node
    y = y.astype(dtypes.int64)
    size = y.shape[1]
    if lengths is None:
        u = (y != PADDING).astype(dtypes.int64).sum(axis=1)
    else:
        u = checked_lengths("ctc: target", lengths, samples, size)
    _refuse_longer(u, t, lenient)
    if not lenient:
        u = t - normal_index(t - u, size=z.shape[1] + 1, what=MORE_LABELS)
    inside = arange(size) < u[:, None]
    blanks = where(logical_and(inside, y == blank), -1, 0)
    what = A_BLANK.replace("{shape}", str(y.shape)).replace("{blank}", str(blank))
    y = where(inside, y, (blank + 1) % classes)
    y = y + normal_index(blanks, size=1, what=what)  # adds 0, or raises an error
    return normal_index(y, size=classes, what="ctc: label"), u


def _refuse_longer(u: Any, t: Any, lenient: bool) -> None:
    if lenient or u.value is None or t.value is None:
        return
    rows = np.flatnonzero(u.value > t.value)
    if rows.size:
        row = int(rows[0])
        raise DataError(
            f"ctc: row {row}: a target of {u.value[row]} labels for {t.value[row]} "
            "steps of input: a label takes a step at least",
            fix="leave such samples out, or zero_infinity=True",
        )
