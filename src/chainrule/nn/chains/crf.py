"""The layer of a linear-chain conditional random field: what a tag expects beside it.

Place on the road: on ``paths``. Its loss is ``losses.crf``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ...errors import ArgumentError
from ...graph import Array
from ...initializers import Initializer
from ...ops.elementwise import where
from ..arguments import new_parameter, positive_size
from ..module import Module
from .paths import IMPOSSIBLE, BestPaths, Chain, best_paths, log_partition, marginals

#: From a tag to the next; None stands for what is before the first, and after the last.
Pair = tuple[int | None, int | None]


class CRF(Module):
    """A linear-chain conditional random field: the best row of tags, not the best tags.

    Formula: p(y | scores) = exp s(y) / Z, with the score of a row of tags
        s(y) = start[y₁] + Σₜ scores[t, yₜ] + Σₜ A[yₜ₋₁, yₜ] + end[y_T]
    and Z = Σ_y exp s(y) over all Kᵀ rows. A call returns argmax_y s(y).

    Shapes: scores (N, T, K) → integers (N, T), −1 behind the end of a sequence;
    ``transitions`` (K, K), ``start`` and ``end`` (K,).

    Initial values: 0, by which every tag is chosen by its own score.

    The scores are a network's, one for each tag at each step. It is trained by
    ``losses.crf(scores, tags, layer.chain(), lengths=lengths)``.

    Arguments:
        num_tags: K.
        forbidden: pairs (i, j) of tags of which j never follows i; (None, j) where j is
            never the first, (i, None) where i is never the last.

    Raises:
        ArgumentError: for a pair that is none of tags.

    Source: Lafferty, McCallum & Pereira (2001); above a recurrent network: Huang, Xu &
    Yu (2015).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.CRF(2, forbidden=[(1, 1)])  # no 1 after a 1
        >>> layer(cr.tensor([[[0.0, 2.0], [0.0, 3.0], [0.0, 2.0]]])).numpy()
        array([[1, 0, 1]])
    """

    def __init__(
        self,
        num_tags: int,
        *,
        forbidden: Iterable[Pair] = (),
        weight_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        size = self.num_tags = positive_size("CRF", "num_tags", num_tags)
        self.forbidden = [_checked(pair, size) for pair in forbidden]
        self.transitions = new_parameter(
            "transitions", (size, size), weight_init, dtype
        )
        self.start = new_parameter("start", (size,), weight_init, dtype)
        self.end = new_parameter("end", (size,), weight_init, dtype)

    def settings(self) -> dict[str, Any]:
        """The number of tags, and the pairs that are forbidden."""
        return {
            "num_tags": self.num_tags,
            "forbidden": [list(pair) for pair in self.forbidden],
        }

    def describe_settings(self) -> str:
        """``23, 200 pairs forbidden``"""
        count = len(self.forbidden)
        return f"{self.num_tags}" + (f", {count} pairs forbidden" if count else "")

    def chain(self) -> Chain:
        """Transitions, start and end; what is forbidden has the logarithm of 0."""
        parameters = self.transitions, self.start, self.end
        if not self.forbidden:
            return Chain(*parameters)
        parts = zip(self._allowed(), parameters, strict=True)
        return Chain(*(where(each, part, IMPOSSIBLE) for each, part in parts))

    def forward(self, scores: Any, lengths: Any = None) -> Any:
        """The best row of tags."""
        return self.best(scores, lengths).states

    def best(self, scores: Any, lengths: Any = None) -> BestPaths:
        """The best row of tags and its score, ``(states, scores)``: by Viterbi.

        Arguments:
            scores: (N, T, K).
            lengths: how many of the T steps are real, (N,); all when not given.
        """
        return best_paths(scores, self.chain(), lengths)

    def log_partition(self, scores: Any, lengths: Any = None) -> Any:
        """ln Z, (N,): the forward algorithm."""
        return log_partition(scores, self.chain(), lengths)

    def marginals(self, scores: Any, lengths: Any = None) -> Any:
        """The probability of each tag at each step, (N, T, K): ∂ ln Z/∂ scores.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> layer = nn.CRF(2, forbidden=[(1, 1)])
            >>> p = layer.marginals(cr.zeros((1, 2, 2)))  # 00, 01 and 10 are left
            >>> round(p.numpy()[0, 0, 1].item(), 4)
            0.3333
        """
        return marginals(scores, self.chain(), lengths)

    def _allowed(self) -> tuple[Array, Array, Array]:
        """Which transitions, starts and ends there are."""
        size = self.num_tags
        moves, start, end = np.ones((size, size), bool), *np.ones((2, size), bool)
        for before, after in self.forbidden:
            if before is None:
                start[after] = False
            elif after is None:
                end[before] = False
            else:
                moves[before, after] = False
        return moves, start, end


def _checked(pair: Any, size: int) -> Pair:
    """A pair of tags, or of one and None."""
    given = tuple(pair) if isinstance(pair, tuple | list) else ()
    tags = [each for each in given if each is not None]
    known = all(_is_tag(each, size) for each in tags)
    if len(given) != 2 or not tags or not known:
        raise ArgumentError(
            f"CRF: forbidden: {pair!r}: expected a pair (i, j) of tags from 0 to "
            f"{size - 1}, (None, j) or (i, None)"
        )
    return given[0], given[1]


def _is_tag(value: Any, size: int) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 0 <= value < size
