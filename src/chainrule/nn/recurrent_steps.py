"""From what a recurrent layer answers to what the next layer takes.

A recurrent layer answers a pair (output, state). In a ``Sequential``, one of these two
stands behind it: every step, or the last one alone.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from ..ops.composed import expand_dims
from ..ops.elementwise import maximum, where
from ..ops.indexing import take_along_axis
from ..ops.movement import broadcast_to, concatenate
from ..ops.primitive import lift
from .lengths import checked_lengths
from .module import Module


class LastStep(Module):
    """A sequence as one vector: what stands at its end.

    Of what ``RNN``, ``LSTM`` or ``GRU`` answers, the final h of the last layer; in both
    directions the forward one, from the last step, beside the backward one, from the
    first. Of a tensor, its last step; with ``lengths``, the last real one of each
    sequence, 0 where there is none.

    Shapes: (output (N, T, D·H), state) → (N, D·H), for D directions; (N, T, H) →
    (N, H).

    Raises:
        ShapeError: for a tensor that is not (N, T, H), or has no step.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.LSTM(4, 8), nn.LastStep(), nn.Linear(8, 2))
        >>> model(cr.zeros((3, 5, 4)), [5, 2, 4]).shape
        (3, 2)
    """

    def forward(self, x: Any, lengths: Any = None) -> Any:
        """The end of each sequence."""
        if isinstance(x, tuple):
            return _final(*_output_and_state("LastStep", x))
        (node,) = lift([x])
        sequence: Any = node
        if len(node.shape) != 3 or (node.shape[1] == 0 and lengths is None):
            raise ShapeError(
                f"LastStep: x {node.shape}: expected (N, T, H) with a step, or what a "
                "recurrent layer answers"
            )
        if lengths is None:
            return sequence[:, -1]
        samples, steps, size = node.shape
        known = checked_lengths("LastStep: sequence", lengths, samples, steps)
        known = expand_dims(known, 1)
        if not steps:
            return sequence.sum(axis=1)
        place = broadcast_to(maximum(known - 1, 0)[:, :, None], (samples, 1, size))
        last = take_along_axis(sequence, place, axis=1)[:, 0]
        return where(known > 0, last, 0.0)


class AllSteps(Module):
    """A sequence as it is: of what ``RNN``, ``LSTM`` or ``GRU`` answers, the output.

    Shapes: (output (N, T, D·H), state) → (N, T, D·H).

    Raises:
        ArgumentError: for anything but such a pair.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.GRU(4, 8), nn.AllSteps(), nn.Linear(8, 2))
        >>> model(cr.zeros((3, 5, 4))).shape
        (3, 5, 2)
    """

    def forward(self, x: Any) -> Any:
        """The output of every step."""
        return _output_and_state("AllSteps", x)[0]


def _output_and_state(layer: str, x: Any) -> tuple[Any, Any]:
    """The output, and h of the state."""
    if not isinstance(x, tuple) or len(x) != 2:
        raise ArgumentError(
            f"{layer}: x is {type(x).__name__}: expected the pair (output, state) of a "
            "recurrent layer",
            fix=f"put {layer}() right behind RNN, LSTM or GRU",
        )
    output, state = x
    h = state[0] if isinstance(state, tuple) else state
    return lift([output])[0], lift([h])[0]


def _final(output: Any, h: Any) -> Any:
    if len(output.shape) != 3 or len(h.shape) != 3:
        raise ShapeError(
            f"LastStep: output {output.shape} and state {h.shape}: expected (N, T, H) "
            "and (layers, N, H), as a recurrent layer answers"
        )
    directions = output.shape[-1] // h.shape[-1]
    last = [h[number] for number in range(-directions, 0)]
    return last[0] if directions == 1 else concatenate(last, axis=-1)
