"""Layers that choose what of a recurrent layer's output the next layer gets.

A recurrent layer returns a pair (output, state). In a ``Sequential``, one of these two
layers follows it: ``AllSteps`` or ``LastStep``.
"""

from __future__ import annotations

from typing import Any

from ...errors import ArgumentError, ShapeError
from ...ops.arrays import lift
from ...ops.composed import expand_dims
from ...ops.elementwise import maximum, where
from ...ops.indexing import take_along_axis
from ...ops.movement import broadcast_to, concatenate
from ..lengths import checked_lengths
from ..module import Module


class LastStep(Module):
    """A sequence as one vector, the one at its end.

    From the pair that a recurrent layer returns, the final h of the last layer; with
    two directions the forward one, from the last step, next to the backward one, from
    the first. From a tensor, the last step; with ``lengths``, the last real
    step of each sequence, 0 if it has none.

    Shapes: (output (N, T, D·H), state) → (N, D·H), for D directions; (N, T, H) →
    (N, H). Of ``ConvLSTM``, (output (N, T, H, W, D·K), state) → (N, H, W, D·K).

    Raises:
        ShapeError: for a tensor that is not (N, T, H), or has no steps.

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
                f"LastStep: x {node.shape}: expected (N, T, H) with at least one step, "
                "or the pair that a recurrent layer returns"
            )
        if lengths is None:
            return sequence[:, -1]
        samples, steps, size = node.shape
        known = checked_lengths("LastStep: sequence", lengths, samples, steps)
        known = expand_dims(known, 1)
        if not steps:
            return sequence.sum(axis=1)
        index = broadcast_to(maximum(known - 1, 0)[:, :, None], (samples, 1, size))
        last = take_along_axis(sequence, index, axis=1)[:, 0]
        return where(known > 0, last, 0.0)


class AllSteps(Module):
    """The whole sequence: the output in the pair that a recurrent layer returns.

    Shapes: (output (N, T, D·H), state) → (N, T, D·H), and of ``ConvLSTM`` alike.

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
            fix=f"put {layer}() right after a recurrent layer, such as LSTM",
        )
    output, state = x
    h = state[0] if isinstance(state, tuple) else state
    return lift([output])[0], lift([h])[0]


def _final(output: Any, h: Any) -> Any:
    if len(output.shape) != len(h.shape) or len(output.shape) < 3:
        raise ShapeError(
            f"LastStep: output {output.shape} and state {h.shape}: expected (N, T, H) "
            "and (layers, N, H), as a recurrent layer returns them"
        )
    directions = output.shape[-1] // h.shape[-1]
    last = [h[number] for number in range(-directions, 0)]
    return last[0] if directions == 1 else concatenate(last, axis=-1)
