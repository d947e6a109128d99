"""DLPack: memory shared with other array libraries, in both directions.

Place on the road: below the tensors. The capsules are NumPy's; what is decided here is
who may write. A tensor's value never changes, so its memory is lent to read only; where
the consumer cannot be told so, it gets a copy. Memory of others is taken over without a
copy where nobody can write to it through what was handed over, or where the caller says
that nobody will.

Source: the DLPack protocol, versions 0.8 and 1.x (dmlc.github.io/dlpack), as the Python
array API standard (2023.12) describes it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, DTypeError, SharingError
from ..graph import NO_PARAMS, Array, Node
from ..ops.arrays import as_array

#: A processor's memory: the only device there is.
CPU = (1, 0)
#: The name of a capsule that has a version and flags.
_VERSIONED = "dltensor_versioned"
#: The first version whose capsules can say that memory is read-only.
READ_ONLY_KNOWN = (1, 0)


def exported(
    array: Array,
    described: str,
    stream: Any,
    max_version: tuple[int, int] | None,
    dl_device: tuple[int, int] | None,
    copy: bool | None,
) -> Any:
    """The capsule of a value: its memory, read-only, or a copy.

    Arguments:
        array: the value.
        described: what messages call it.
        stream, max_version, dl_device, copy: those of ``__dlpack__``.

    Raises:
        SharingError: for another device; for ``copy=False`` where the consumer knows no
            read-only memory.
    """
    if stream is not None:
        raise SharingError(
            f"__dlpack__: {described}: stream={stream!r}: the memory of a processor "
            "has no streams",
            fix="stream=None",
        )
    if dl_device is not None and tuple(dl_device) != CPU:
        raise SharingError(
            f"__dlpack__: {described}: dl_device={tuple(dl_device)}: the value is in "
            f"the processor's memory, device {CPU}",
            fix="import it on the CPU, and move it with the other library",
        )
    known = max_version is not None and tuple(max_version) >= READ_ONLY_KNOWN
    if copy or not known:
        if copy is False:
            raise SharingError(
                f"__dlpack__: {described}: copy=False with max_version={max_version}: "
                "a tensor's memory is read-only, which DLPack can say from version 1.0 "
                "on",
                fix="max_version=(1, 0), or copy=None",
            )
        array = array.copy()
    return array.__dlpack__(max_version=max_version if known else None)


class Capsule:
    """A capsule that was already asked for, handed on to NumPy."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor of another library's array, by DLPack: ``torch``, ``jax``, ``numpy`` …

    A tensor's value never changes. So an array that its owner may still write to is
    copied unless ``copy=False`` promises that nobody will; one that is handed over
    read-only, as PyArrow's are, shares its memory.

    Arguments:
        x: an object with ``__dlpack__``, in the processor's memory.
        device: "cpu" or None: there is no other.
        copy: True copies; False shares the memory in any case, and whoever writes to it
            changes values that gradients were computed from; None shares memory that is
            read-only and copies any other.

    Raises:
        ArgumentError: for an object without ``__dlpack__``, and for another device.
        SharingError: for memory of another device.
        DTypeError: for numbers that no tensor holds, such as bfloat16.

    Example:
        >>> import chainrule as cr
        >>> import numpy as np
        >>> array = np.arange(3.0)
        >>> x = cr.from_dlpack(array, copy=False)
        >>> np.shares_memory(x.numpy(), array)
        True
    """
    if device not in (None, "cpu"):
        raise ArgumentError(f"from_dlpack: device={device!r}: expected 'cpu' or None")
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise ArgumentError(
            f"from_dlpack: {type(x).__name__}: it has no __dlpack__",
            fix="cr.tensor(values) takes nested lists, numbers and arrays",
        )
    kind, number = x.__dlpack_device__()
    if int(kind) != CPU[0]:
        raise SharingError(
            f"from_dlpack: {type(x).__name__} on device ({int(kind)}, {number}): "
            "tensors are in the processor's memory",
            fix="x.cpu() in PyTorch, jax.device_get(x) in JAX, brings it there",
        )
    array, may_change = _taken(x)
    if copy or (copy is None and may_change):
        array = as_array(array)
    view = array.view()
    view.flags.writeable = False
    return Node.kind(None, (), NO_PARAMS, view.shape, view.dtype, view)


def _taken(x: Any) -> tuple[Array, bool]:
    """The array of x's memory, and whether somebody may write to it."""
    try:
        capsule = x.__dlpack__(max_version=READ_ONLY_KNOWN)
    except TypeError:  # of the protocol before 1.0
        capsule = x.__dlpack__()
    read_only = is_read_only(capsule)
    try:
        array = np.from_dlpack(Capsule(capsule))
    except (BufferError, RuntimeError) as error:  # NumPy's, for types it has no name of
        raise _unknown_type(x, str(error)) from None
    if array.dtype not in dtypes.SUPPORTED:
        raise _unknown_type(x, f"its dtype is {array.dtype}")
    return array, not read_only


def is_read_only(capsule: Any) -> bool:
    """Whether a capsule says so: the lowest bit of the flags, which follow the version,
    a pointer to its maker and one to its deleter. NumPy 2.1 makes all arrays read-only.
    """
    if f'"{_VERSIONED}"' not in repr(capsule):
        return False
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = (
        ctypes.c_void_p,
        (ctypes.py_object, ctypes.c_char_p),
    )
    start = pointer(capsule, _VERSIONED.encode())
    flags = ctypes.c_uint64.from_address(start + 8 + 2 * ctypes.sizeof(ctypes.c_void_p))
    return bool(flags.value & 1)


def _unknown_type(x: Any, fault: str) -> DTypeError:
    return DTypeError(
        f"from_dlpack: {type(x).__name__}: {fault}: a tensor holds bool, 8 to 64-bit "
        "integers, float32 or float64",
        fix="convert it first, with its own library: x.float(), x.astype('float32')",
    )
