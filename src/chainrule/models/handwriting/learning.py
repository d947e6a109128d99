"""What a network that writes with a pen is trained to do.

Place on the road: above ``writing``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ... import nn
from ...errors import ArgumentError
from .writing import PenWriter


class PenWriting(nn.Module):
    """What a writer is trained to do: a module that returns its own loss.

    Formula: −Σ ln p of all points but the first ones, over how many there are: nats a
    point.

    ``cr.fit(models.PenWriting(writer), writer.examples(drawings))`` trains the writer.

    Arguments:
        writer: the network.

    Source: Graves (2013), equation 26.

    Example:
        >>> from chainrule import models
        >>> models.PenWriting(models.PenWriter()).outputs_loss
        True
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(self, writer: PenWriter) -> None:
        if not isinstance(writer, PenWriter):
            raise ArgumentError(
                f"PenWriting: {type(writer).__name__}: expected a PenWriter",
                fix="models.PenWriting(models.PenWriter.of(drawings))",
            )
        self.writer = writer

    def settings(self) -> dict[str, Any]:
        """The writer."""
        return {"writer": self.writer}

    def describe_settings(self) -> str:
        """Empty: the writer is printed below it."""
        return ""

    def forward(
        self, x: Any, lengths: Any, text: Any = None, training: bool = False
    ) -> Any:
        """Nats a point of these drawings."""
        total = self.writer.log_prob(x, lengths, text).sum()
        return -total / (lengths - 1).sum().astype(total.dtype)
