"""A mixture of experts: several networks, and one that says whom to ask.

Place on the road: above the layers that experts are made of.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from ..ops.composed import softmax, stack
from ..ops.movement import broadcast_to, concatenate
from .arguments import new_parameter
from .module import Module

#: What a mixture of experts returns.
ANSWERS = ("mean", "mixture")


class MixtureOfExperts(Module):
    """Experts for parts of the inputs, weighed by a gate that learns which part is
    whose.

    Formula: y = Σₖ gₖ(x) Eₖ(x), with gates g = softmax(gate(x)). Trained by the squared
    error of y, experts share the work. With ``answer="mixture"`` it returns what
    describes the density Σₖ gₖ(x) N(y; Eₖ(x), σₖ² 1): with that as the loss, which is
    the paper's, experts compete for each example.

    Shapes: (N, D) → (N, T), where every expert makes T numbers and the gate K; with
    "mixture" → (N, K (T + 2)): the gate's logits, ln σ² of each expert, and their
    answers, as ``models.MixtureDensity(K)`` takes them. ``log_variance`` (K,).

    Initial values: those of its parts; ``log_variance`` 0.

    Arguments:
        experts: K networks of the same input and output, one after the other.
        gate: a network of the same input, with K outputs.
        answer: "mean", or "mixture".

    Raises:
        ArgumentError: without experts or a gate, or for an unknown answer.
        ShapeError: in a call, where experts answer with other shapes than (N, T), or
            the gate with other than (N, K).

    Source: Jacobs, Jordan, Nowlan & Hinton, Adaptive mixtures of local experts (1991).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> experts = [nn.Linear(3, 2) for _ in range(4)]
        >>> layer = nn.MixtureOfExperts(*experts, gate=nn.Linear(3, 4))
        >>> layer(cr.zeros((5, 3))).shape, layer.gates(cr.zeros((5, 3))).shape
        ((5, 2), (5, 4))
    """

    def __init__(self, *experts: Module, gate: Module, answer: str = "mean") -> None:
        fix = "nn.MixtureOfExperts(nn.Linear(3, 2), nn.Linear(3, 2), gate=…)"
        if not experts:
            raise ArgumentError("MixtureOfExperts: there are no experts", fix=fix)
        for name, part in (*((f"expert {i}", e) for i, e in enumerate(experts)),
                           ("gate", gate)):  # fmt: skip
            if not isinstance(part, Module):
                raise ArgumentError(
                    f"MixtureOfExperts: {name} is a {type(part).__name__}: expected a "
                    "layer",
                    fix=fix,
                )
        if answer not in ANSWERS:
            raise ArgumentError(
                f"MixtureOfExperts: answer={answer!r}: expected 'mean' or 'mixture'"
            )
        self.experts = list(experts)
        self.gate = gate
        self.answer = answer
        self.log_variance = None
        if answer == "mixture":
            dtype = next((p.dtype for p in gate.parameters()), None)
            shape = (len(experts),)
            self.log_variance = new_parameter("log_variance", shape, "zeros", dtype)

    def settings(self) -> dict[str, Any]:
        """The parts, and what is returned."""
        return {"experts": self.experts, "gate": self.gate, "answer": self.answer}

    @classmethod
    def from_settings(cls, settings: Any) -> Any:
        """A mixture of these experts."""
        rest = {"gate": settings["gate"], "answer": settings["answer"]}
        return cls(*settings["experts"], **rest)

    def describe_settings(self) -> str:
        """``4 experts``"""
        mixture = ", answer='mixture'" if self.answer == "mixture" else ""
        return f"{len(self.experts)} experts{mixture}"

    def gates(self, x: Any, *, training: bool | None = None) -> Any:
        """gₖ(x), how much each expert is asked, (N, K)."""
        return softmax(self._logits(x, training), axis=-1)

    def _logits(self, x: Any, training: bool | None) -> Any:
        logits = self.gate(x, training=training)
        count = len(self.experts)
        if len(logits.shape) != 2 or logits.shape[1] != count:
            raise ShapeError(
                f"MixtureOfExperts: gate {logits.shape} for {count} experts: expected "
                f"(N, {count})",
                fix=f"a gate that ends in {count} outputs",
            )
        return logits

    def forward(self, x: Any, training: bool = False) -> Any:
        """Σₖ gₖ(x) Eₖ(x), or what describes the mixture."""
        logits = self._logits(x, training)  # (N, K)
        answers = [each(x, training=training) for each in self.experts]
        shapes = {each.shape for each in answers}
        if len(shapes) > 1 or len(answers[0].shape) != 2:
            shown = ", ".join(map(str, sorted(shapes)))
            raise ShapeError(
                f"MixtureOfExperts: experts {shown}: expected (N, T) of all of them"
            )
        if self.log_variance is None:
            parts = stack(answers, axis=1)  # (N, K, T)
            return (softmax(logits, axis=-1)[:, :, None] * parts).sum(axis=1)
        spread = broadcast_to(self.log_variance, logits.shape)  # (N, K)
        return concatenate([logits, spread, *answers], axis=1)
