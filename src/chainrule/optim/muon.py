"""Muon. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ArgumentError
from ..ops.composed import norm
from ..ops.elementwise import maximum
from .adamw import AdamW
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import by_largest, squarable

#: a, b and c of the iteration X ← aX + (bA + cA²)X, A = XXᵀ, which makes the singular
#: values of X about 1 in five steps; chosen by Jordan for the steepest start.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon(AdamW):
    """Momentum whose steps are orthogonal matrices; AdamW for all but matrices.

    Formula::

        m ← μ m + (1 − μ) g
        o = UVᵀ, where U S Vᵀ = (1 − μ) g + μ m, by five Newton–Schulz steps
        w ← w − η (s o + λ w)

    for a matrix w, where g = ∂L/∂w, m the momentum (0 at first), μ = ``momentum``,
    η = ``lr``, λ = ``weight_decay``. UVᵀ has the directions of the momentum, all of
    them equally strong, the rare ones too. For w of n rows and k columns, s is
    0.2 √max(n, k) with ``adjust_lr_fn="match_rms_adamw"``: the steps are then as large
    as AdamW's are on average over a long training, and one learning rate and decay
    serve all parameters. (Adam's first steps are up to five times larger: a short
    training wants a larger η than AdamW.) With "original", s = √max(1, n/k), for which
    Jordan takes η = 0.02.

    Parameters of another number of axes (biases, gains, filters of convolutions, stacks
    of matrices as those of ``nn.EnsembleLinear``) are trained by ``AdamW`` with the
    same ``lr`` and ``weight_decay``. Embedding tables and the last layer are better
    trained so too, says its author: put them in a group with ``"use_muon": False``.

    ``torch.optim.Muon`` refuses what is no matrix and has "original" by default; its
    momentum, decay, coefficients and number of iterations are the same. Here the
    iteration is computed in the dtype of the weight, and begins with a matrix that is
    divided by its norm alone, without an ε, however large or small it is.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that; NaN
    and ±∞ make the weights NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        momentum: μ, at least 0 and less than 1.
        weight_decay: λ, at least 0.
        betas: β₁ and β₂ of AdamW; its ε is 10⁻⁸.
        adjust_lr_fn: "match_rms_adamw" or "original".
        use_muon: whether matrices get these steps, or AdamW's too; for groups.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Jordan et al., Muon: an optimizer for hidden layers in neural networks
    (2024); the scale of AdamW: Liu et al., Muon is scalable for LLM training (2025).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> W = cr.parameter([[1.0, 1.0], [1.0, 1.0]])
        >>> optimizer = optim.Muon([W], lr=1.0, weight_decay=0.0)
        >>> optimizer.step({W: [[100.0, 0.0], [0.0, 0.01]]})
        >>> (1 - W.numpy()).round(2)  # 0.2 √2 times about the identity
        array([[0.2 , 0.  ], [0.  , 0.01]], dtype=float32)
    """

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.001,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.999),
        adjust_lr_fn: str = "match_rms_adamw",
        use_muon: bool = True,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        options = {
            "momentum": momentum,
            "weight_decay": weight_decay,
            "betas": betas,
            "eps": 1e-8,
            "adjust_lr_fn": adjust_lr_fn,
            "use_muon": use_muon,
        }
        Optimizer.__init__(self, params, lr, options, transforms, maximize)

    def slots_of(self, w: Any, options: Mapping[str, Any]) -> Sequence[str]:
        """M of a matrix, m and v of everything else."""
        return ("momentum",) if _is_matrix(w, options) else self.slots

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Jordan's lines for a matrix, AdamW's for everything else."""
        options = step.options
        self._check_remembers(w, step)
        if not _is_matrix(w, options):
            return super().rule(w, g, step)
        mu, g = options["momentum"], squarable(g)
        m = mu * step.state["momentum"] + (1 - mu) * g
        o = orthogonal((1 - mu) * g + mu * m)
        s = SCALES[options["adjust_lr_fn"]](*w.shape)
        return w - step.lr * (s * o + options["weight_decay"] * w), {"momentum": m}

    def _check_remembers(self, w: Any, step: Step) -> None:
        """An error where ``use_muon`` was set after the optimizer was made."""
        if set(step.state) != set(self.slots_of(w, step.options)):
            raise ArgumentError(
                f"Muon.step: use_muon = {step.options['use_muon']}: it was set after "
                "the optimizer began to remember what the other way needs",
                fix='optim.Muon([{"params": [...], "use_muon": False}, ...])',
            )


def _is_matrix(w: Any, options: Any) -> bool:
    return len(w.shape) == 2 and w.size > 0 and options["use_muon"]


def orthogonal(g: Any) -> Any:
    """UVᵀ of a matrix U S Vᵀ, about: singular values between 0.7 and 1.2, and less
    where they were less than a hundredth of the largest.

    Example:
        >>> import chainrule as cr, numpy as np
        >>> x = orthogonal(cr.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]]))
        >>> np.linalg.svd(x.numpy(), compute_uv=False).round(1)
        array([1.1, 0.7], dtype=float32)
    """
    a, b, c = COEFFICIENTS
    wide = g.shape[0] <= g.shape[1]
    _, x = by_largest(g if wide else g.T)
    x = x / maximum(norm(x), 1.0)  # the norm is at least 1 now, or 0
    for _ in range(ITERATIONS):
        A = x @ x.T
        x = a * x + (b * A + c * (A @ A)) @ x
    return x if wide else x.T


#: ``adjust_lr_fn`` ↦ s for a weight of n rows and m columns
SCALES = {
    "original": lambda n, m: max(1.0, n / m) ** 0.5,
    "match_rms_adamw": lambda n, m: 0.2 * max(n, m) ** 0.5,
}
