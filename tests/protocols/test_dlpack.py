"""Memory shared with other libraries: what is copied, and who may write to it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError, SharingError, TraceError
from chainrule.protocols.dlpack import Capsule, is_read_only

DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64")


class Old:
    """An exporter, or a consumer's view of one, of the protocol before 1.0."""

    def __init__(self, of: Any, device: tuple[int, int] = (1, 0)) -> None:
        self.of, self.device = of, device

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.of.__dlpack__(stream=stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


def address(of: Any) -> int:
    """Where the first element is."""
    return int(np.asarray(of).ctypes.data)


# From tensors. ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_numpy_takes_a_tensor_without_a_copy_and_cannot_write(
    shape: tuple[int, ...], dtype: str
) -> None:
    x = cr.tensor(np.ones(shape, dtype))
    array = np.from_dlpack(x)
    assert array.shape == shape and array.dtype == dtype
    assert address(array) == address(x.numpy())
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, x.numpy())


def test_views_are_shared_as_they_lie_in_memory() -> None:
    x = cr.tensor(np.arange(12.0).reshape(3, 4))
    for view in (x.T, x[1:, ::2], x[0], cr.broadcast_to(x[0], (3, 4))):
        array = np.from_dlpack(view)
        np.testing.assert_array_equal(array, view.numpy())
        assert np.shares_memory(array, view.numpy())


def test_a_consumer_that_knows_no_read_only_memory_gets_a_copy_of_its_own() -> None:
    x = cr.tensor([1.0, 2.0])
    for capsule in (x.__dlpack__(), x.__dlpack__(max_version=(0, 8))):
        assert '"dltensor"' in repr(capsule)
    assert address(np.from_dlpack(Old(x))) != address(x.numpy())
    assert "versioned" in repr(x.__dlpack__(max_version=(1, 0)))
    assert "versioned" in repr(x.__dlpack__(max_version=(2, 3)))


def test_a_copy_that_was_asked_for_may_be_written_to() -> None:
    x = cr.tensor([1.0, 2.0])
    for version in (None, (1, 0)):
        capsule = x.__dlpack__(copy=True, max_version=version)
        assert not is_read_only(capsule)
        taken = np.from_dlpack(Capsule(capsule))
        assert not np.shares_memory(taken, x.numpy())
    assert is_read_only(x.__dlpack__(max_version=(1, 0)))


def test_the_memory_lives_as_long_as_whoever_took_it() -> None:
    x = cr.tensor(np.arange(1000.0))
    array = np.from_dlpack(x)
    del x
    gc.collect()
    assert [np.arange(1000.0) for _ in range(10)] and array.sum() == 499500.0


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_compiled_result_that_was_handed_over_is_not_written_again(
    engine: str,
) -> None:
    double = cr.compile(lambda x: x * 2.0, engine=engine)
    kept = [np.from_dlpack(double(cr.full((100,), float(i)))) for i in range(20)]
    assert [array[0] for array in kept] == [2.0 * i for i in range(20)]


def test_a_parameter_hands_over_its_value_of_now() -> None:
    w = cr.parameter(np.ones(3))
    array = np.from_dlpack(w)
    w.assign(2 * w)

    @cr.compile
    def step() -> Any:
        w.assign(w * 3.0)
        return w.sum()

    step()
    step()
    np.testing.assert_array_equal(array, np.ones(3))
    np.testing.assert_array_equal(np.from_dlpack(w), np.full(3, 18.0))
    assert w.__dlpack_device__() == (1, 0)


# To tensors. --------------------------------------------------------------------------


def test_memory_that_its_owner_may_write_to_is_copied() -> None:
    array = np.arange(3.0)
    for owner in (array, Old(array)):
        x = cr.from_dlpack(owner)
        array[0] += 1.0
        assert x.numpy()[0] == array[0] - 1.0


def test_memory_that_is_handed_over_read_only_is_shared() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    column = pa.array([1.0, 2.0])
    x, y = cr.from_dlpack(array), cr.from_dlpack(column)
    assert address(x.numpy()) == address(array)
    assert address(y.numpy()) == column.buffers()[1].address
    z = cr.tensor([1, 2])
    assert address(cr.from_dlpack(z).numpy()) == address(z.numpy())


@pytest.mark.parametrize("owner", [lambda a: a, Old])
def test_copy_false_shares_in_any_case_and_copy_true_never(
    owner: Callable[[Any], Any],
) -> None:
    array = np.arange(3.0)
    shared = cr.from_dlpack(owner(array), copy=False)
    assert address(shared.numpy()) == address(array)
    assert not shared.numpy().flags.writeable
    assert array.flags.writeable
    array.flags.writeable = False
    if owner is not Old:
        copied = cr.from_dlpack(owner(array), copy=True)
        assert address(copied.numpy()) != address(array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_was_taken_over_computes_as_any_tensor(dtype: str) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))[:, ::2]
    x = cr.from_dlpack(array, copy=False)
    assert isinstance(x, cr.Tensor)
    np.testing.assert_array_equal((x + x).numpy(), array + array)
    for engine in ("numpy", "native"):
        double = cr.compile(lambda x: x + x, engine=engine)
        np.testing.assert_array_equal(double(x).numpy(), array + array)
    if dtype.startswith("float"):
        grads = cr.backprop((x * x).sum())
        np.testing.assert_array_equal(grads[x].numpy(), 2 * array)


# What is refused. ---------------------------------------------------------------------

t: Any = cr.tensor([1.0, 2.0], name="t")
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: t.__dlpack__(stream=2), SharingError,
     "__dlpack__: t (2,): stream=2: the memory of a processor has no streams"),
    (lambda: t.__dlpack__(dl_device=(2, 0)), SharingError,
     "__dlpack__: t (2,): dl_device=(2, 0): the value is in the processor's memory, "
     "device (1, 0)"),
    (lambda: t.__dlpack__(copy=False), SharingError,
     "__dlpack__: t (2,): copy=False with max_version=None: a tensor's memory is "
     "read-only, which DLPack can say from version 1.0 on"),
    (lambda: cr.from_dlpack([1.0]), ArgumentError,
     "from_dlpack: list: it has no __dlpack__"),
    (lambda: cr.from_dlpack(t, device="cuda"), ArgumentError,
     "from_dlpack: device='cuda': expected 'cpu' or None"),
    (lambda: cr.from_dlpack(Old(t, (2, 1))), SharingError,
     "from_dlpack: Old on device (2, 1): tensors are in the processor's memory"),
    (lambda: cr.from_dlpack(np.ones(2, np.float16)), DTypeError,
     "from_dlpack: ndarray: its dtype is float16: a tensor holds bool, 8 to 64-bit "
     "integers, float32 or float64"),
    (lambda: cr.from_dlpack(np.ones(2, complex)), DTypeError,
     "from_dlpack: ndarray: its dtype is complex128: a tensor holds bool, 8 to 64-bit "
     "integers, float32 or float64"),
    (lambda: cr.trace(lambda a: np.from_dlpack(a), t), TraceError,
     "__dlpack__: a (2,) has no value while <lambda> is traced, so Python cannot look "
     "at it"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "kind", "message"), WRONG)
def test_what_cannot_be_shared_is_one_error_that_says_why(
    made: Callable[[], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        made()
    assert str(caught.value).split("\n")[0] == message


def test_errors_of_sharing_are_those_that_consumers_wait_for() -> None:
    with pytest.raises(BufferError):
        t.__dlpack__(dl_device=(2, 0))
