"""``Module``: a function with parameters, made of other such functions.

Place on the road: above the compiler, written with public operators only. It must not
know any layer. A module is a plain Python object: whatever attribute holds a parameter,
another module, or a list or dict of them, belongs to it, under the attribute's name.
Whether a network trains or predicts is an argument of the call, ``model(x,
training=True)``, never a state of the module.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from numpy.typing import DTypeLike

from ... import dtypes, errors, saving
from ...errors import ArgumentError, DTypeError, ForeignNameError
from ...foreign import (
    advised_layer,
    assigned_here,
    no_attribute,
    no_such_setting,
    of_package,
)
from ...graph import Array, Watched
from ...variable import Parameter, Variable
from .call import Call, in_dtype_of_parameters, takes, watchers
from .description import describe
from .settings import with_setting
from .state import Loaded, check_state, checked_names, fitting_state, saved_names

if TYPE_CHECKING:
    from .summary import Summary

#: Names that no module takes notice of, a user's own neither.
NO_EFFECT = frozenset({"requires_grad", "trainable", "training"})


class Module(Watched):
    """The base of layers and networks. Subclasses make their parts in ``__init__`` and
    write ``forward``; users call the object.

    A ``forward`` that behaves differently in training takes ``training`` by keyword and
    passes it on to the modules that it calls. A module whose parts depend on it must
    take it; a call that forgets to pass it on is an error.

    Class attributes:
        depends_on_training: whether ``forward`` by itself behaves differently in
            training, as ``Dropout`` does.
        ends_in: the name of the part whose outputs are its own, where a module calls
            parts one after the other, as an autoencoder its decoder.
        takes_ids: whether its input is integers, as that of ``Embedding`` is.
        outputs_loss: whether what it returns is its own loss, one floating-point
            number: ``cr.fit`` and ``cr.evaluate`` then call it with the inputs and,
            where the data has them, the targets, and take no ``loss=``.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> class Residual(nn.Module):
        ...     def __init__(self, width):
        ...         self.inner = nn.Linear(width, width)
        ...     def forward(self, x):
        ...         return x + cr.tanh(self.inner(x))
        >>> net = Residual(3)
        >>> [(name, p.shape) for name, p in net.named_parameters()]
        [('inner.weight', (3, 3)), ('inner.bias', (3,))]
        >>> net(cr.zeros((2, 3))).shape
        (2, 3)
    """

    depends_on_training: ClassVar[bool] = False
    ends_in: ClassVar[str] = ""
    takes_ids: ClassVar[bool] = False
    outputs_loss: ClassVar[bool] = False
    #: The table of ``foreign`` with the options that such layers have elsewhere.
    options_elsewhere: ClassVar[str] = "nn.LAYER"

    @advised_layer
    def __init__(self) -> None:
        """A module takes no arguments unless its class says so."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Gives the package's own layers errors with advice for wrong arguments."""
        super().__init_subclass__(**options)
        make = vars(cls).get("__init__")
        if make is not None and cls.__module__.startswith("chainrule."):
            type.__setattr__(cls, "__init__", advised_layer(make))

    if not TYPE_CHECKING:  # a type checker that saw it would accept any attribute

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, "nn.MODULE")

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the outputs of a classifier stand for, in their order; None where that
        is not known.

        ``cr.fit`` sets it to the names of the classes of its data: of labels that are
        texts, in alphabetical order. From then on every label that is a name means the
        same output: in ``fit``, ``evaluate`` and ``predict``, and after ``save`` and
        ``load``. ``model.class_names = None`` forgets them.

        Raises:
            ArgumentError: when it is set to something that is not two or more different
                texts.

        Example:
            >>> from chainrule import nn
            >>> model = nn.Linear(4, 3)
            >>> model.class_names = ["cat", "dog", "owl"]
            >>> model.class_names
            ('cat', 'dog', 'owl')
        """
        return vars(self).get("_class_names")

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        if names is None:
            vars(self).pop("_class_names", None)
        elif names != self.class_names:
            super().__setattr__("_class_names", checked_names(names))

    def __setattr__(self, name: str, value: Any) -> None:
        old = vars(self).get(name)
        if isinstance(old, Variable) and not isinstance(value, Variable | None):
            kind = type(old).__name__.lower()
            raise ArgumentError(
                f"{type(self).__name__}.{name} = …: {type(value).__name__} in place of "
                f"{kind} {old.describe()}: it would be neither trained nor saved",
                fix=f"layer.{name}.assign(value) changes the {kind}",
            )
        if name == "frozen":
            raise ForeignNameError(
                f"{type(self).__name__}.frozen = …: it says whether the module is "
                "frozen, and cannot be set",
                fix="layer.freeze() and layer.unfreeze()",
            )
        if name in NO_EFFECT and not hasattr(type(self), name):
            raise no_such_setting(self, name, "nn.MODULE")
        if of_package(type(self)) and not assigned_here():
            self._set_from_outside(name, value)
        else:
            super().__setattr__(name, value)

    def _set_from_outside(self, name: str, value: Any) -> None:
        """A user changes a layer of this package: what has no effect is refused."""
        old, kind, settings = vars(self).get(name), type(self), self.settings()
        if name not in vars(self) and not hasattr(kind, name):
            known = tuple(each for each in settings if each in vars(self))
            tables = ("nn.MODULE", self.options_elsewhere)
            raise no_such_setting(self, name, *tables, known=known)
        is_value = isinstance(value, (Module, Variable)) or isinstance(old, Variable)
        a_part = _held(name, settings.get(name), Module)
        if name in vars(self) and name in settings and not (is_value or a_part):
            for part, attribute, new in with_setting(self, name, value):
                Watched.__setattr__(part, attribute, new)
            return
        if isinstance(old, Module) and not isinstance(value, Module | None):
            raise ArgumentError(
                f"{kind.__name__}.{name} = {value!r}: {type(value).__name__} in place "
                f"of the layer {old!r}",
                fix=f"give it another layer, or change a setting of {name}",
            )
        super().__setattr__(name, value)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The module's function. Subclasses write it; users call the module itself."""
        raise ArgumentError(
            f"{type(self).__name__}: forward is not defined",
            fix=f"def forward(self, x): … in class {type(self).__name__}",
        )

    def __call__(
        self, *inputs: Any, training: bool | None = None, **options: Any
    ) -> Any:
        """``forward``, with ``training`` passed on if it takes that argument.

        A NumPy array of float64 becomes float32 where all parameters are float32; a
        tensor keeps its dtype.

        Arguments:
            training: True in a training step; without it a network predicts, and a
                part that is frozen always does.

        Raises:
            ArgumentError: when a call inside another module forgets to pass
                ``training`` on.
        """
        inputs = in_dtype_of_parameters(self, inputs)
        if self.frozen:
            training = False
        call = Call(self, errors.layers.get(), training)
        token = errors.layers.set((*call.around, call))
        try:
            call.refuse_forgotten_training()
            if takes(type(self).forward, "training"):
                options["training"] = bool(training)
            else:
                call.refuse_forgotten_parts()
            for watcher in watchers.get():
                watcher.before(self, inputs)
            try:
                output = self.forward(*inputs, **options)
            except TypeError as error:
                call.explain_wrong_arguments(error, inputs, options)
                raise
            for watcher in watchers.get():
                watcher.after(self, inputs, output)
            return output
        finally:
            errors.layers.reset(token)

    # Parts. --------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """Pairs (name, module) of the modules that this one holds directly."""
        for name, value in vars(self).items():
            yield from _held(name, value, Module)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Pairs (path, module): this module under "", then all inside it, once each."""
        seen: set[int] = set()
        pending: list[tuple[str, Module]] = [("", self)]
        while pending:
            path, module = pending.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            inside = [(_join(path, name), part) for name, part in module.children()]
            pending.extend(reversed(inside))

    def own_variables(self) -> Iterator[tuple[str, Variable]]:
        """Pairs (name, variable) of what this module holds itself, not in its parts."""
        for name, value in vars(self).items():
            yield from _held(name, value, Variable)

    def named_variables(self) -> Iterator[tuple[str, Variable]]:
        """Pairs (path, variable) of parameters and of variables that are not trained,
        such as running averages. A shared one comes once, under its first path.
        """
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, variable in module.own_variables():
                if id(variable) not in seen:
                    seen.add(id(variable))
                    yield _join(path, name), variable

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Pairs (path, parameter), each parameter once."""
        for path, variable in self.named_variables():
            if isinstance(variable, Parameter):
                if len(path) > len(variable.path):  # that in the outermost network
                    variable.path = path
                yield path, variable

    def parameters(self) -> list[Parameter]:
        """Every parameter once, in the order of ``named_parameters``."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def frozen(self) -> bool:
        """Whether ``freeze`` was called for this module, and ``unfreeze`` for none of
        the parts in it.
        """
        return "_frozen" in vars(self) and all(
            "_frozen" in vars(part) for _, part in self.named_modules()
        )

    def freeze(self) -> None:
        """Keeps this module, with all parts in it, as it is now.

        Steps of optimizers leave its parameters alone: neither gradients nor momentum
        nor weight decay change them. It computes as in prediction also where the call
        says ``training=True``: the averages of ``BatchNorm`` do not move, and nothing
        is dropped. Compiled functions notice. What is in front of it learns through
        it, and ``cr.backprop`` has all its gradients.

        A part can be unfrozen again: ``model.freeze(); model[-1].unfreeze()`` trains
        the last layer alone. A parameter that two modules share is frozen with either.
        Files do not store what is frozen; copies are as the original is.

        To leave the parameters of a part out of the optimizer is something else: the
        averages of its ``BatchNorm`` move, and its dropout drops.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn, optim
            >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
            >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
            >>> model[0].freeze()
            >>> before = model.state_dict()
            >>> loss = model(cr.ones((4, 2)), training=True).sum()
            >>> optimizer.step(cr.backprop(loss))
            >>> after = model.state_dict()
            >>> [name for name in after if (after[name] != before[name]).any()]
            ['1.bias', '1.running_mean', '1.running_var']
        """
        for _, part in self.named_modules():
            Watched.__setattr__(part, "_frozen", True)
        for parameter in self.parameters():
            parameter.freeze()

    def unfreeze(self) -> None:
        """Ends ``freeze``, for this module and all parts in it."""
        for _, part in self.named_modules():
            if "_frozen" in vars(part):
                Watched.__delattr__(part, "_frozen")
        for parameter in self.parameters():
            parameter.unfreeze()

    @property
    def num_parameters(self) -> int:
        """The number of trainable values."""
        return sum(parameter.size for parameter in self.parameters())

    # State. --------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of the values of all variables, by path."""
        return {path: v.array.copy() for path, v in self.named_variables()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Sets the values of all variables or, on any error, of none.

        Arguments:
            state: values by name, as ``state_dict`` returns them.
            strict: whether names and shapes must be those of this network. With False
                whatever fits is loaded, and the rest stays as it is.

        Returns:
            What was loaded and what was not: ``.missing``, ``.unexpected`` and
            ``.misshapen`` are empty where everything fits.

        Raises:
            StateError: for missing or extra names; where not ``strict``, if nothing
                fits.
            ShapeError: for a value of another shape.
            DTypeError: for values that are not numbers.

        Example:
            >>> from chainrule import nn
            >>> small = nn.Sequential(nn.Linear(2, 3))
            >>> large = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
            >>> print(large.load_state_dict(small.state_dict(), strict=False))
            2 of 4 values were loaded
            missing, so as they were: 1.weight, 1.bias
        """
        return self._load("load_state_dict", state, strict)

    def _load(self, operation: str, state: Mapping[str, Any], strict: bool) -> Loaded:
        own, name = dict(self.named_variables()), type(self).__name__
        if strict:
            arrays = check_state(operation, name, own, state)
            report = Loaded(tuple(arrays))
        else:
            arrays, report = fitting_state(operation, name, own, state)
        for path, array in arrays.items():
            own[path].assign(array)
        return report

    def astype(self, dtype: DTypeLike) -> Self:
        """A copy of the network whose floating-point values have another dtype.

        Arguments:
            dtype: float32 or float64.

        Example:
            >>> from chainrule import nn
            >>> nn.Linear(2, 3).astype("float64").weight.dtype
            dtype('float64')
        """
        wanted = dtypes.as_dtype(dtype)
        if not dtypes.is_float(wanted):
            raise DTypeError(f"astype: {wanted}: weights are float32 or float64")
        converted = {
            id(v): v.like(v.array.astype(wanted))
            for _, v in self.named_variables()
            if dtypes.is_float(v.dtype)
        }
        return copy.deepcopy(self, dict(converted))

    # Files. --------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments from which ``cr.load`` builds this layer again.

        They are JSON values, which may contain modules. Values of parameters do not
        belong here: a file stores those as arrays.
        """
        return {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The layer of these settings: the reverse of ``settings``."""
        return cls(**settings)

    def save(
        self, path: str | PathLike[str], notes: Mapping[str, Any] | None = None
    ) -> None:
        """Writes all values, and how the network is built, in one step or not at all.

        Arguments:
            path: the file, by convention ``….safetensors``; it replaces an existing
                one.
            notes: anything else to keep with it, of JSON's types;
                ``saving.read(path)[1]["notes"]`` returns it.

        Raises:
            FileError: when it cannot be written; an older file stays as it was.

        Example:
            >>> import chainrule as cr, tempfile, os
            >>> from chainrule import nn
            >>> folder = tempfile.mkdtemp()
            >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
            >>> model.save(os.path.join(folder, "model.safetensors"))
            >>> cr.load(os.path.join(folder, "model.safetensors"))
            Sequential(
              (0): Linear(2 → 3)
              (1): Tanh()
            )
        """
        settings: dict[str, Any] = {"model": describe(self), "notes": dict(notes or {})}
        if self.class_names is not None:
            settings["class_names"] = list(self.class_names)
        saving.write(path, self.state_dict(), settings)

    def load(self, path: str | PathLike[str], strict: bool = True) -> Loaded:
        """Sets all values to those of a saved network or, on any error, none.

        Arguments:
            path: a file written by ``save``.
            strict: as of ``load_state_dict``.

        Returns:
            What was loaded and what was not, as ``load_state_dict`` says it.

        Raises:
            FileError: for a missing, damaged or foreign file.
            StateError, ShapeError: when the file's values do not fit this network.
        """
        arrays, settings = saving.read(path)
        names = saved_names(f"load: {path}", settings)
        report = self._load(f"load: {path}", arrays, strict)
        if strict:
            self.class_names = names
        return report

    # Printed form. -------------------------------------------------------------------

    def summary(
        self,
        input_shape: Sequence[Any] | None = None,
        batch: int = 1,
        dtype: DTypeLike | Sequence[DTypeLike] | None = None,
        examples: int | None = None,
    ) -> Summary:
        """A table of the layers: shapes, parameters, operations and bytes.

        Arguments:
            input_shape: the shape of one sample, such as ``(784,)``; for several
                inputs a list of shapes. Without it the table has no output shapes.
            batch: the number of samples.
            dtype: of the input; by default integers if the first layer takes ids, else
                floats. For several inputs a list.
            examples: the number of examples that the network is trained on: a line
                below the table says how many weights there are for each.

        Returns:
            An object that prints as the table, with the rows in ``.rows``.

        Example:
            >>> from chainrule import nn
            >>> model = nn.Sequential(nn.Linear(784, 10), nn.ReLU())
            >>> model.summary((784,)).num_parameters
            7850
        """
        from .summary import summarise  # most programs print none

        return summarise(self, input_shape, batch, dtype, examples)

    def __repr__(self) -> str:
        inside = [f"  ({name}): {_indented(part)}" for name, part in self.children()]
        head = f"{type(self).__name__}({self.describe_settings()})"
        return f"{head[:-1]}\n" + "\n".join(inside) + "\n)" if inside else head

    def describe_settings(self) -> str:
        """The settings as shown in printed forms and messages: ``512 → 10``."""
        shown = self.settings().items()
        return ", ".join(
            f"{name}={value!r}"
            for name, value in shown
            if not _held(name, value, Module)
        )


def _held(name: str, value: Any, kind: type) -> list[tuple[str, Any]]:
    """Pairs (name, object) of the objects of a class that an attribute holds, also in
    lists, tuples and dicts.
    """
    if isinstance(value, kind):
        return [(name, value)]
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, (list, tuple)):
        items = enumerate(value)
    elif isinstance(value, dict):
        items = value.items()
    return [
        pair
        for key, item in items  # a vocabulary has very many, none of which can hold one
        if isinstance(item, (kind, list, tuple, dict))
        for pair in _held(f"{name}.{key}", item, kind)
    ]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _indented(module: Module) -> str:
    return repr(module).replace("\n", "\n  ")
