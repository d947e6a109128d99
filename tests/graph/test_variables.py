"""The marks that tell whether any variable, or any setting, has changed."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.graph import changes, settings_changes


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


def test_every_assignment_to_a_module_or_optimizer_is_marked_as_a_change() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Dropout(0.5))
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def changed(act: Any) -> bool:
        before = settings_changes.last
        act()
        return settings_changes.last is not before

    assert changed(lambda: setattr(model[1], "p", 0.1))
    assert changed(lambda: setattr(layer, "bias", cr.parameter(np.zeros(2, "f"))))
    assert changed(lambda: delattr(layer, "bias"))
    assert changed(lambda: setattr(optimizer, "transforms", ()))
    assert changed(lambda: setattr(optimizer.groups[0], "transforms", ()))
    assert not changed(lambda: layer.weight.assign(layer.weight * 2))
    assert not changed(lambda: setattr(optimizer, "lr", 0.5))
    assert not changed(lambda: [layer.weight, model.parameters(), model[1].p])
