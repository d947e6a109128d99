"""The mark that tells whether any variable has changed."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.graph import changes


def test_changes_tell_when_a_variable_may_differ_or_may_be_shared() -> None:
    w = cr.Variable([1.0])

    def changed(act: Any) -> bool:
        before = changes.last
        kept.append(act())
        return changes.last is not before

    kept: list[Any] = []
    assert changed(lambda: w.assign([2.0]))
    assert changed(w.read)  # a graph may share its storage now
    assert not changed(w.read)
    assert not changed(lambda: w.shape)
    assert changed(lambda: setattr(w, "array", np.ones(1, np.float32)))
    assert changed(w.numpy)
