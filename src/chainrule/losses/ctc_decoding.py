"""What the outputs of connectionist temporal classification spell.

Beside the loss ``ctc``, for networks that are trained: it looks at values, and no
gradient passes through it.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from ..graph import Array, no_value
from ..nn.lengths import checked_lengths
from ..ops import composed
from ..ops.arrays import lift
from .ctc import blank_class, pair_of, steps_of
from .inputs import float_predictions

Prefix = tuple[int, ...]


class Decoding(NamedTuple):
    """Labels, and the logarithm of their probability."""

    labels: list[int]
    log_probability: float


def ctc_decode(
    logits: Any,
    input_lengths: Any = None,
    *,
    blank: int = 0,
    beam_width: int | None = None,
) -> list[Decoding]:
    """The labels that each sample's outputs spell.

    Without ``beam_width`` the best path: the most probable symbol of every step, equal
    neighbours merged, blanks taken out. Its probability is that of this one path. With
    it, a search over prefixes: at every step the ``beam_width`` most probable
    prefixes are kept, each with the sum over all of its paths. That finds labels
    whose probability is spread over many paths; a beam wide enough is exact.

    Shapes: logits (N, T, C) → N decodings.

    Arguments:
        logits: as for ``ctc``; a pair (logits, input_lengths) counts as both.
        input_lengths: how many of the T steps are real, (N,); all when not given.
        blank: the symbol for "no label".
        beam_width: how many prefixes are kept, at least 1.

    Returns:
        For each sample ``(labels, log_probability)``.

    Raises:
        ShapeError, BoundsError: for inputs that ``ctc`` would refuse.
        TraceError: inside of a compiled function.

    Source: Graves et al. (2006), section 3.2; prefixes with a beam: Hannun et al.
    (2014).

    Example:
        >>> import numpy as np
        >>> p = np.array([[[0.6, 0.4], [0.6, 0.4]]])  # 1: 0.24 + 0.24 + 0.16; ␣␣: 0.36
        >>> logits = np.log(p)
        >>> ctc_decode(logits)[0].labels, ctc_decode(logits, beam_width=2)[0].labels
        ([], [1])
    """
    value, lengths = pair_of(logits, input_lengths, "logits", "input_lengths")
    z = steps_of(float_predictions("ctc_decode", value, "logits"))
    samples, steps, classes = z.shape
    symbol = blank_class(blank, classes)
    width = _width(beam_width)
    if z.value is None:
        raise no_value(z, "ctc_decode")
    counts = np.full(samples, steps)
    if lengths is not None:
        known = checked_lengths("ctc_decode: input", lengths, samples, steps)
        counts = lift([known])[0].value
    logp = np.asarray(composed.log_softmax(z).value, np.float64)
    return [
        _best_path(logp[row, :count], symbol)
        if width is None
        else _best_prefix(logp[row, :count], symbol, width)
        for row, count in enumerate(counts.tolist())
    ]


def _best_path(logp: Array, blank: int) -> Decoding:
    path = logp.argmax(axis=1)
    starts = np.ones(len(path), bool)
    starts[1:] = path[1:] != path[:-1]
    labels = path[starts & (path != blank)]
    return Decoding(labels.tolist(), float(logp.max(axis=1).sum()))


def _best_prefix(logp: Array, blank: int, width: int) -> Decoding:
    """The search: for every kept prefix, ln of the probability of its paths that end in
    a blank, and of those that end in its last label.
    """
    prefixes: list[Prefix] = [()]
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)
    for step in logp:
        extended = _extensions(prefixes, in_blank, in_label, step, blank)
        stays_blank = np.logaddexp(in_blank, in_label) + step[blank]
        last = [prefix[-1] if prefix else blank for prefix in prefixes]
        stays_label = np.where(
            [bool(p) for p in prefixes], in_label + step[last], -np.inf
        )
        known = {prefix: place for place, prefix in enumerate(prefixes)}
        for place, prefix in enumerate(prefixes):
            parent = known.get(prefix[:-1]) if prefix else None
            if (
                parent is not None
            ):  # its parent with one label more is the prefix itself
                way = extended[parent, prefix[-1]]
                stays_label[place] = np.logaddexp(stays_label[place], way)
                extended[parent, prefix[-1]] = -np.inf
        stays = np.logaddexp(stays_blank, stays_label)
        scores = np.concatenate([stays, extended.ravel()])
        kept = np.argsort(-scores, kind="stable")[:width]
        kept = kept[scores[kept] > -np.inf]
        if not kept.size:
            return Decoding([], -np.inf)
        old, new = kept[kept < len(prefixes)], kept[kept >= len(prefixes)]
        parents, labels = np.divmod(new - len(prefixes), logp.shape[1])
        pairs = zip(parents.tolist(), labels.tolist(), strict=True)
        longer = [(*prefixes[parent], label) for parent, label in pairs]
        prefixes = [prefixes[place] for place in old.tolist()] + longer
        impossible = np.full(len(new), -np.inf)
        in_blank = np.concatenate([stays_blank[old], impossible])
        in_label = np.concatenate([stays_label[old], scores[new]])
    totals = np.logaddexp(in_blank, in_label)
    best = int(np.argmax(totals))
    return Decoding(list(prefixes[best]), float(totals[best]))


def _extensions(
    prefixes: list[Prefix], in_blank: Array, in_label: Array, step: Array, blank: int
) -> Array:
    """ln of the probability of each prefix followed by each label, (prefixes, C).

    The label that it ends in counts anew only behind a blank.
    """
    extended: Array = np.logaddexp(in_blank, in_label)[:, None] + step
    for place, prefix in enumerate(prefixes):
        if prefix:
            extended[place, prefix[-1]] = in_blank[place] + step[prefix[-1]]
    extended[:, blank] = -np.inf
    return extended


def _width(beam_width: Any) -> int | None:
    if beam_width is None:
        return None
    try:
        width = operator.index(beam_width)
    except TypeError:
        width = 0
    if width < 1 or isinstance(beam_width, bool):
        raise ArgumentError(
            f"ctc_decode: beam_width={beam_width!r}: expected at least 1, or None"
        )
    return width
