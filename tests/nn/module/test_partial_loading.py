"""Loading what fits: ``strict=False`` says what was loaded and what was not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ArgumentError, DTypeError, ShapeError, StateError


def source() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 5))


def target() -> nn.Sequential:
    last = nn.Linear(4, 1)
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), last)


def test_what_fits_is_loaded_and_the_rest_is_named() -> None:
    state = {**source().state_dict(), "9.weight": np.ones(3)}
    model = target()
    before = model.state_dict()
    report = model.load_state_dict(state, strict=False)
    assert report.loaded == ("0.weight", "0.bias")
    assert report.missing == ("3.weight", "3.bias")
    assert report.unexpected == ("9.weight",)
    assert report.misshapen == {"2.weight": ((5, 3), (4, 3)), "2.bias": ((5,), (4,))}
    after = model.state_dict()
    for name, value in after.items():
        kept = state if name in report.loaded else before
        np.testing.assert_array_equal(value, kept[name])
    assert str(report) == (
        "2 of 6 values were loaded\n"
        "missing, so as they were: 3.weight, 3.bias\n"
        "unexpected, not used: 9.weight\n"
        "of another shape, so as they were: 2.weight (5, 3) for (4, 3), 2.bias (5,) "
        "for (4,)"
    )


def test_a_strict_load_reports_that_everything_fits() -> None:
    report = source().load_state_dict(source().state_dict())
    assert (report.missing, report.unexpected, report.misshapen) == ((), (), {})
    assert str(report) == "4 of 4 values were loaded"
    with pytest.raises(StateError):
        target().load_state_dict(source().state_dict())


def test_a_file_is_loaded_in_part_too(tmp_path: Any) -> None:
    source().save(tmp_path / "model.safetensors")
    model = target()
    report = model.load(tmp_path / "model.safetensors", strict=False)
    assert report.loaded == ("0.weight", "0.bias")
    with pytest.raises(StateError):
        model.load(tmp_path / "model.safetensors")


def test_where_nothing_fits_it_is_an_error_all_the_same() -> None:
    model = target()
    with pytest.raises(StateError) as caught:
        model.load_state_dict({"body.0.weight": np.ones((3, 2))}, strict=False)
    assert str(caught.value).split("\n")[0] == (
        "load_state_dict: Sequential: missing 0.weight, 0.bias, 2.weight, 2.bias, "
        "3.weight and 1 more; unexpected body.0.weight; nothing was loaded"
    )
    with pytest.raises(ShapeError, match=r"0\.weight \(2, 3\): expected \(3, 2\)"):
        model.load_state_dict({"0.weight": np.ones((2, 3))}, strict=False)
    with pytest.raises(DTypeError, match="expected numbers"):
        model.load_state_dict({"0.bias": np.array(["a", "b", "c"])}, strict=False)
    with pytest.raises(ArgumentError, match="expected values by name"):
        model.load_state_dict("model.safetensors", strict=False)  # type: ignore[arg-type]
