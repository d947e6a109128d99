"""What a function sees beside its arguments, and whether that is still what it was.

Place on the road: below the compiler, which asks this of the functions that it traces.
A program is made of what its function captured: the cells of its closure, globals,
default arguments, attributes, settings of modules. ``Captured`` follows all of it that
Python lets one see, from the names that the code really loads, and compares it
in every call. This file knows Python's objects, and nothing of tensors or programs.

Values that cannot be changed are compared; of what can be changed, lists and dicts are
compared entry by entry, modules and optimizers when ``settings_changes`` tells that one
of them was set, other objects in those attributes that the code names. Functions are
followed if they are the user's own.
"""

from __future__ import annotations

import copy
import dis
import functools
import os
import sys
import types
import weakref
from collections.abc import Iterable, Sequence, Set
from enum import Enum
from operator import is_
from typing import Any

import numpy as np

from ..errors import own_files
from ..graph import Array, Node, Watched, settings_changes
from ..variable import Parameter

#: What is compared by its type and how it is written.
VALUES = (
    int, float, complex, str, bytes, type(None), slice, range, Enum, np.generic,
    np.dtype,
)  # fmt: skip
#: What only refers to other things: its parts.
PARTS: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__func__", "__self__"),
    functools.partial: ("func", "args", "keywords"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}
#: A longer list or dict is data rather than settings: its entries are not followed.
MOST_ENTRIES = 100
#: A larger array, in bytes, is not compared in every call.
MOST_COMPARED = 16384
#: The methods that are called without their name in the code.
CALLED = (
    "__call__", "__contains__", "__getattr__", "__getitem__", "__iter__", "__len__",
    "forward", "rule",
)  # fmt: skip
#: Where the classes are that a module of the user's own is made of.
BASES = ("chainrule.nn.module.module", "chainrule.graph.variables")
PYTHON = os.path.dirname(os.__file__) + os.sep

#: Where a value stands: (cell, value), or (namespace, name, value).
Place = tuple[Any, ...]
#: (name, value, whether what is in it can change unseen, its place if that can).
Found = tuple[str, Any, bool, Place]


class Captured:
    """What functions and objects see as of now.

    Arguments:
        roots: the functions and objects.
        without: the names of what is not looked at.
        read: the names of the arrays that the program reads anew in every call.

    Attributes:
        state: name → value of whatever decides what they do, in a fixed order.
        arrays: name → array, of all NumPy arrays.
        unseen: the names of arrays that are too large to be compared.
    """

    def __init__(
        self,
        roots: Sequence[Any],
        without: Set[str] = frozenset(),
        read: Set[str] = frozenset(),
    ) -> None:
        self.state: dict[str, Any] = {}
        self.arrays: dict[str, Array] = {}
        self.unseen: list[str] = []
        self._without, self._read = without, read
        self._mark = settings_changes.last
        self._marked = Marked()
        self._cells: list[Place] = []
        self._named: list[Place] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._keys: list[tuple[dict[Any, Any], list[Any]]] = []
        self._contents: list[tuple[Array, Any, bytes | None]] = []
        self._names = dict.fromkeys(CALLED)
        self._spaces: list[tuple[str, Any, bool | None]] = []
        self._absent: list[tuple[Any, str]] = []
        self._chains: list[list[Any]] = []
        self._places: set[tuple[int, str]] = set()
        self._seen: dict[int, tuple[str, Any]] = {}  # objects are kept: no id twice
        self._roots = {id(root) for root in roots}
        self._pending: list[Found] = [(_name(each), each, True, ()) for each in roots]
        known = -1
        while known != (known := len(self._names) + len(self._spaces)) or self._pending:
            while self._pending:
                self._look(*self._pending.pop())
            for space in [*self._spaces]:
                self._look_up(self._names, *space)
        for chain in self._chains:
            self._look_for_defaults(chain)
        self._marked.keep_nothing_alive()
        self._contained = any((self._lists, self._keys, self._contents))
        del self._seen, self._spaces, self._chains  # they would keep instances alive

    def holds(self) -> bool:
        """Whether every object is the one that it was. If not, all may be equal still:
        ``difference`` tells.

        This runs in every call of a compiled function.
        """
        mark = settings_changes.last
        if self._mark is not mark:
            if not self._marked.hold():
                return False
            self._mark = mark
        try:
            for cell, value in self._cells:
                if cell.cell_contents is not value:
                    return False
            for space, name, value in self._named:
                if space[name] is not value:
                    return False
            for space, name in self._absent:
                if name in space:
                    return False
            return self._contents_hold() if self._contained else True
        except Exception:  # noqa: BLE001 (what was there is not, or refuses to be read)
            return False

    def _contents_hold(self) -> bool:
        """The same of what is in lists, dicts and arrays."""
        for values, known in self._lists:
            if len(values) != len(known) or not all(map(is_, values, known)):
                return False
        for keys, known in self._keys:  # their values are among those by name
            if len(keys) != len(known) or (len(known) > 1 and [*keys] != known):
                return False
        for array, kind, bytes_then in self._contents:
            if (array.shape, array.dtype) != kind:
                return False
            if bytes_then is not None and array.tobytes() != bytes_then:
                return False
        return True

    def _look(self, name: str, value: Any, open: bool, place: Place) -> None:
        """Follows one value."""
        while name in self.state:
            name += "′"
        if name in self._without:
            self.state[name] = None
            return
        if place:
            (self._cells if len(place) == 2 else self._named).append(place)
        if isinstance(value, VALUES):
            self.state[name] = value
        elif id(value) in self._seen:
            self.state[name] = f"is {self._seen[id(value)][0]}"
        else:
            self._seen[id(value)] = name, value
            self.state[name] = value
            inside = self._inside(name, value, open)
            self._pending += [*inside][::-1]

    def _inside(self, name: str, value: Any, open: bool) -> Iterable[Found]:
        kind = type(value)
        if isinstance(value, np.ndarray):
            self._array(name, value, open)
        elif kind in PARTS:
            self.state[name] = kind.__name__
            return [(name, getattr(value, each), open, ()) for each in PARTS[kind]]
        elif isinstance(value, (tuple, list, dict)):
            return self._entries(name, value, open)
        elif isinstance(value, types.FunctionType):
            return self._function(value)
        elif isinstance(value, weakref.ref):  # an instance, which is not kept alive
            self._seen[id(value())] = name, value()
            self._marked.weakly.append(id(value()))
            return self._object(name, value())
        elif not isinstance(value, Node):
            return self._object(name, value)
        elif isinstance(value, Parameter):
            self._marked.parameters.append((value, value.frozen))
            return [(f"{name}.frozen", value.frozen, False, ())]
        return []

    def _array(self, name: str, array: Array, open: bool) -> None:
        if not open:
            return
        self.arrays[name] = array
        kind = array.shape, array.dtype
        if name in self._read:
            self.state[name] = kind
            self._contents.append((array, kind, None))
        elif array.nbytes <= MOST_COMPARED:
            self.state[name] = *kind, array.tobytes()
            self._contents.append((array, kind, array.tobytes()))
        else:
            self.unseen.append(name)

    def _entries(self, name: str, value: Any, open: bool) -> Iterable[Found]:
        if len(value) > MOST_ENTRIES:
            return []
        named = isinstance(value, dict)
        if not open and not isinstance(value, tuple):
            kept = self._marked.wholes if named else self._marked.lists
            kept.append((value, copy.copy(value)))
        keys = [*value] if named else [*range(len(value))]
        values = [*(value.values() if named else value)]
        self.state[name] = type(value), *keys
        if open and named:
            self._keys.append((value, keys))
            self._named += [(value, key, value[key]) for key in keys]
        elif open and not isinstance(value, tuple):
            self._lists.append((value, values))
        shown = [repr(key) if isinstance(key, VALUES) else "…" for key in keys]
        labels = [f"{name}[{key}]" for key in shown]
        return [(a, b, open, ()) for a, b in zip(labels, values, strict=True)]

    def _function(self, function: types.FunctionType) -> Iterable[Found]:
        """What a function refers to. Of one that is installed only what was put into
        it, which nobody changes.
        """
        code, of = function.__code__, f"{function.__name__}."
        root = id(function) in self._roots
        own = root or is_users(code.co_filename)
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                value = cell.cell_contents
            except ValueError:  # not set yet
                continue
            if not own:
                self._marked.cells.append((cell, value))
            place = (cell, value) if own else ()
            yield name if root else of + name, value, own, place
        if own:
            yield of + "__defaults__", function.__defaults__, True, ()
            yield of + "__kwdefaults__", function.__kwdefaults__, True, ()
            names, attributes = loaded(code)
            self._names.update(attributes)
            self._look_up(names, "", function.__globals__, True)

    def _object(self, name: str, value: Any) -> Iterable[Found]:
        """What decides what an object does, as far as that is known."""
        cls = value if isinstance(value, type) else type(value)
        own, attributes = of_user(cls), getattr(value, "__dict__", {})
        if cls is value:
            users = [each for each in cls.__mro__ if of_user(each)]
            self._spaces += [(each.__name__, vars(each), False) for each in users]
            self._chains.append([vars(each) for each in users])
            return
        if own:
            yield cls.__name__, cls, True, ()
        if isinstance(value, Watched):
            slots = [n for c in cls.__mro__ for n in getattr(c, "__slots__", ())]
            in_slots = {n: getattr(value, n, None) for n in slots}
            self._marked.slots += [(value, n, each) for n, each in in_slots.items()]
            self._marked.wholes.append((attributes, dict(attributes)))
            attributes = in_slots | attributes
            if not any(_reads_settings(each) for each in cls.__mro__):
                named = {
                    k: a
                    for k, a in attributes.items()
                    if isinstance(a, VALUES) and not k.startswith("_")
                }
                self._spaces.append((name, named, None))
                attributes = {k: a for k, a in attributes.items() if k not in named}
        elif cls.__module__.startswith("chainrule."):
            attributes, whole = _callable(attributes), attributes
            if attributes:
                self._marked.parts.append((whole, attributes))
        else:
            if hasattr(value, "__dict__") and not _installed(value):
                self._spaces.append((name, attributes, True))
                users = [vars(each) for each in cls.__mro__ if own and of_user(each)]
                self._chains.append([attributes, *users])
            if own and any("__slots__" in vars(each) for each in cls.__mro__):
                self._spaces.append((name, _Slots(value), True))
            return
        for attribute, each in attributes.items():
            yield f"{name}.{attribute}", each, own, ()

    def _look_up(
        self, names: Iterable[str], label: str, space: Any, all: bool | None
    ) -> None:
        """Follows the names that a namespace has. Functions of a class are not expected
        to be replaced (False); for a module's values there is a mark (None).
        """
        for name in [*names]:
            if name in space and (id(space), name) not in self._places:
                self._places.add((id(space), name))
                value = space[name]
                if _installed(value):
                    continue
                fixed = all is None or (not all and callable(value))
                shown = f"{label}.{name}" if label else name
                place = () if fixed else (space, name, value)
                self._pending.append((shown, value, True, place))

    def _look_for_defaults(self, chain: list[Any]) -> None:
        """Of a value that a class has for its instances, remembers where another one
        would come before it: in an instance, and in the classes between.
        """
        for name in self._names:
            at = next((i for i, space in enumerate(chain) if name in space), 0)
            if at and not callable(chain[at][name]):
                self._absent += [(space, name) for space in chain[:at]]


class Marked:
    """What modules, optimizers and other objects of ours have as attributes, and what
    is in their lists and dicts: whatever cannot change without a mark.

    After a mark a look at them tells in microseconds whether it was another object that
    changed, as a new one does while it is made. ``Captured`` fills the lists with pairs
    of what there is and what was in it.
    """

    def __init__(self) -> None:
        #: ``vars`` of objects, and dicts
        self.wholes: list[tuple[Any, dict[Any, Any]]] = []
        #: ``vars`` of objects of which only what can be called counts
        self.parts: list[tuple[Any, dict[str, Any]]] = []
        self.lists: list[tuple[list[Any], list[Any]]] = []
        self.slots: list[tuple[Any, str, Any]] = []
        self.cells: list[tuple[types.CellType, Any]] = []
        self.parameters: list[tuple[Parameter, bool]] = []
        #: the ids of instances that must not be kept alive
        self.weakly: list[int] = []
        #: whether all of it is here
        self.complete = True

    def keep_nothing_alive(self) -> None:
        """Forgets everything if it would keep an instance that nobody else keeps."""
        if not self.weakly:
            return
        kept = [
            each for _, known in self.wholes + self.parts for each in known.values()
        ]
        kept += [each for _, known in self.lists for each in known]
        kept += [each for found in (*self.slots, *self.cells) for each in found]
        if any(type(each) in PARTS or id(each) in self.weakly for each in kept):
            self.wholes, self.parts, self.lists, self.slots = [], [], [], []
            self.cells, self.parameters, self.complete = [], [], False

    def hold(self) -> bool:
        """Whether each of them is the object that it was."""
        if not self.complete:
            return False
        try:
            for cell, value in self.cells:
                if cell.cell_contents is not value:
                    return False
            for parameter, frozen in self.parameters:
                if parameter.frozen is not frozen:
                    return False
            for item, name, value in self.slots:
                if getattr(item, name, None) is not value:
                    return False
            for values, then in self.lists:
                if len(values) != len(then) or not all(map(is_, values, then)):
                    return False
            wholes = all(_agree(*pair) for pair in self.wholes)
            return wholes and all(_agree(_callable(a), b) for a, b in self.parts)
        except Exception:  # noqa: BLE001 (what was there is not, or refuses to be read)
            return False


def _callable(attributes: Any) -> dict[str, Any]:
    return {name: each for name, each in attributes.items() if callable(each)}


def _agree(now: dict[Any, Any], then: dict[Any, Any]) -> bool:
    """Whether two dicts have the same objects in the same order."""
    if len(now) != len(then) or not all(map(is_, now, then)):
        return False
    return all(map(is_, now.values(), then.values()))


class _Slots:
    """The attributes of an object that has ``__slots__``, as a namespace."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __contains__(self, name: str) -> bool:
        member = getattr(type(self.value), name, None)
        return isinstance(member, types.MemberDescriptorType) and hasattr(
            self.value, name
        )

    def __getitem__(self, name: str) -> Any:
        return getattr(self.value, name)


def _reads_settings(cls: type) -> bool:
    """Whether the code of a class of ours reads attributes, which is not looked at."""
    return cls.__module__.startswith("chainrule.") and cls.__module__ not in BASES


def _name(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__)


def _installed(value: Any) -> bool:
    """Whether a value is a module of Python's that is not the user's own."""
    module = isinstance(value, types.ModuleType)
    return module and not is_users(getattr(value, "__file__", None) or PYTHON)


@functools.cache
def is_users(file: str) -> bool:
    """Whether a file is the user's own: not of this package, Python or another one.

    Example:
        >>> is_users("train.py"), is_users("<stdin>"), is_users(np.__file__)
        (True, True, False)
    """
    installed = "site-packages" in file or "dist-packages" in file
    return not (installed or own_files[file] or file.startswith(PYTHON))


def of_user(cls: type) -> bool:
    """Whether a class is the user's own."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    return cls.__module__ == "__main__" if file is None else is_users(file)


@functools.lru_cache(maxsize=4096)
def loaded(code: types.CodeType) -> tuple[dict[str, None], dict[str, None]]:
    """The globals and the attributes that code loads, functions inside it included.

    Example:
        >>> [list(names) for names in loaded((lambda x: settings.beta * x.T).__code__)]
        [['settings'], ['beta', 'T']]
    """
    names: dict[str, None] = {}
    attributes: dict[str, None] = {}
    pending = [code]
    while pending:
        each = pending.pop()
        for instruction in dis.get_instructions(each):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                names[instruction.argval] = None
            elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
                attributes[str(instruction.argval)] = None
        pending += [c for c in each.co_consts if isinstance(c, types.CodeType)]
    return names, attributes


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same to a program: in type too, and −0.0 is not 0."""
    if type(a) is tuple and type(b) is tuple:
        return len(a) == len(b) and all(map(same, a, b))
    known = type(a) is type(b) and isinstance(a, VALUES)
    return a is b or (known and repr(a) == repr(b))


def difference(old: Captured, new: Captured) -> list[str]:
    """The names of what differs, or is in one of them only."""
    a, b = old.state, new.state
    return [n for n in a | b if not same(a.get(n, old), b.get(n, new))]
