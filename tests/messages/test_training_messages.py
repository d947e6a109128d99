"""What networks and training say to everyday mistakes, verbatim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import callbacks, data, losses, models, nn, optim
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DataError,
    DTypeError,
    ForeignNameError,
    GradientError,
    OptionError,
    ScalarError,
    ShapeError,
)

x = np.linspace(-1, 1, 60, dtype=np.float32).reshape(20, 3)
y = np.arange(20) % 4


def network() -> nn.Sequential:
    """The network of all the mistakes."""
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4))


def fit(data: Any, model: nn.Module | None = None, **options: Any) -> Any:
    """An epoch, without progress."""
    return cr.fit(model or network(), data, epochs=1, progress=False, **options)


class KerasLike(callbacks.Callback):
    """Written as Keras wants it."""

    def on_epoch_end(self, epoch: int, logs: Any) -> None:  # type: ignore[override]
        """Never called."""


class LooksAtLogs(callbacks.Callback):
    """Looks for what Keras gives to an event."""

    def on_epoch_end(self, run: Any) -> None:
        run.row["seen"] = run.logs["loss"]


def with_nan() -> Any:
    """Data with a hole."""
    hole = x.copy()
    hole[3, 1] = np.nan
    return hole


def in_place() -> None:
    """PyTorch's way to change a parameter."""
    model = network()
    model[0].weight -= 0.1


def replaced() -> None:
    """A parameter that would be lost."""
    model = network()
    model[0].weight = model[0].weight * 0.5


def looked_at() -> Any:
    """A value asked for while it is traced."""
    return cr.compile(lambda x: cr.exp(x).item())(1.0)


def path_as_state() -> None:
    """A file's name where its contents belong."""
    network().load_state_dict("a.safetensors")  # type: ignore[arg-type]


class Forgetful(nn.Module):
    """A network whose forward does not return."""

    def forward(self, x: Any) -> None:
        """Computes, and keeps it to itself."""
        cr.exp(x)


class Copy(nn.Module):
    """A network that returns its loss."""

    outputs_loss = True

    def __init__(self) -> None:
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        """The squared error of a linear copy."""
        return losses.mse(self.inner(x), x)


class Rows(Copy):
    """One whose losses are those of the rows."""

    def forward(self, x: Any) -> Any:
        """As many numbers as there are examples."""
        return cr.square(self.inner(x) - x).mean(-1)


class Joint(Copy):
    """One of inputs and labels."""

    def forward(self, x: Any, y: Any, training: bool = False) -> Any:
        """The labels do not matter here."""
        return super().forward(x)


LAYER = "0 = Linear(3 → 5), weight (5, 3)"


class Optional(Copy):
    """A copy whose forward has an option."""

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        """The squared error, scaled."""
        return scale * super().forward(x)


Case = tuple[str, Callable[[], Any], type[ChainruleError], str, str | None, str | None]

# fmt: off
CASES: list[Case] = [
    ("shape mismatch in a layer", lambda: network()(x[:, :2]), ShapeError,
     "Linear: x (20, 2): 2 ≠ 3; the last axis of x must have in_features elements",
     LAYER, "Linear(2, 5), or give it inputs with 3 features"),
    ("a loss for a model that returns its own", lambda: fit(x, Copy(), loss="mse"),
     ArgumentError, "loss='mse' for Copy, which returns its own loss", None,
     "leave loss= out; what it minimises is set in Copy(…)"),
    ("a loss function for it", lambda: cr.evaluate(Copy(), x, losses.mse),
     ArgumentError, "loss=mse for Copy, which returns its own loss", None,
     "leave loss= out; what it minimises is set in Copy(…)"),
    ("metrics for it", lambda: fit(x, Copy(), metrics=["r2"]), ArgumentError,
     "metrics=['r2'] for Copy, which returns its loss and no outputs to measure", None,
     "cr.evaluate the network inside it, in a callback or after training"),
    ("weights for it", lambda: fit((x, y, np.ones(20)), Joint()), ArgumentError,
     "Joint returns its own loss, in which all examples count alike, and the data has "
     "weights", None, "data without sample_weight"),
    ("targets for it", lambda: fit((x, y), Copy()), ArgumentError,
     "Copy takes no targets, and the data has some: Copy.forward takes (x)", None,
     "the inputs alone: cr.fit(model, x), or split.train.inputs"),
    ("targets for one with a mode", lambda: fit((x, y), models.Reconstruction(
        models.deep_autoencoder((3, 2)))), ArgumentError,
     "Reconstruction takes no targets, and the data has some: Reconstruction.forward "
     "takes (x)", None, "the inputs alone: cr.fit(model, x), or split.train.inputs"),
    ("targets for one with an option", lambda: fit((x, y), Optional()), ArgumentError,
     "Optional takes no targets, and the data has some: Optional.forward takes (x)",
     None, "the inputs alone: cr.fit(model, x), or split.train.inputs"),
    ("no targets for it", lambda: cr.evaluate(Joint(), x), ArgumentError,
     "Joint.forward takes (x, y), and is given 1 array: data of 1 input and no targets",
     None, "data=(x, y) for def forward(self, x, y, training=False): …"),
    ("two inputs for it", lambda: fit(data.Dataset((x, x)), Copy()), ArgumentError,
     "Copy.forward takes (x), and is given 2 arrays: data of 2 inputs and no targets",
     None, "data=(x, y) for def forward(self, x, y, training=False): …"),
    ("its loss is many numbers", lambda: fit(x, Rows()), ShapeError,
     "Rows has outputs_loss = True, and returns float32 (20,): expected one "
     "floating-point number", None, "reduce it with .mean()"),
    ("its outputs", lambda: cr.predict(Copy(), x), ArgumentError,
     "predict: Copy returns its loss, not outputs", None,
     "cr.predict(model.inner, x), of the network inside it; cr.evaluate for the loss"),
    ("codes of atoms", lambda: cr.predict(models.SparseCoding(3, 2), x), ArgumentError,
     "predict: SparseCoding returns its loss, not outputs", None,
     "cr.predict(model.encode, x); cr.evaluate for the loss"),
    ("a machine without what trains it", lambda: fit(x, models.RBM(3, 2)),
     ArgumentError, "loss=None for data without targets", None,
     "cr.fit(models.ContrastiveDivergence(model), x)"),
    ("an autoencoder without it", lambda: fit(x, models.deep_autoencoder((3, 2))),
     ArgumentError, "loss=None for data without targets", None,
     "cr.fit(models.Reconstruction(model), x)"),
    ("a deep machine without it", lambda: fit(x, models.DBM((3, 2, 2))),
     ArgumentError, "loss=None for data without targets", None,
     "model.pretrain(x), then cr.fit(models.ContrastiveDivergence(model, "
     "persistent=True), x); for classes model.to_sequential(10)"),
    ("a belief net with labels",
     lambda: fit((abs(x), y), models.DeepBeliefNet((3, 2, 2), labels=4)),
     GradientError, "fit: parameters generative.0.weight, generative.0.bias of "
     "DeepBeliefNet not reached by the loss: no gradient leads there, so training "
     "would never change them", None,
     "model.pretrain(x), then cr.fit(models.UpDown(model), x); for classes "
     "model.to_sequential(10)"),
    ("curvature of its outputs", lambda: fit(x, Copy(), optimizer=optim.GaussNewton()),
     ArgumentError, "fit: GaussNewton needs outputs and their loss apart, and Copy "
     "returns its loss", None, "optim.LBFGS() or optim.Adam(); or the network inside "
     "it with a loss: cr.fit(network, (x, y), loss='mse')"),
    ("labels from 1", lambda: fit((x, y + 1)), DataError,
     "Dataset 'data': targets: label 4 for 4 classes at row 3: labels go from 0 to 3",
     None, "subtract 1 where labels count from 1, or provide 5 classes"),
    ("labels below 0", lambda: fit((x, y - 1)), DataError,
     "Dataset 'data': targets: label -1 at row 0: labels count from 0",
     None, "subtract the smallest label, or task='regression' for numeric targets"),
    ("float labels", lambda: fit((x, y * 1.0), loss="cross_entropy"), DTypeError,
     "cross_entropy: logits (20, 4) with targets (20,) of float32: class numbers are "
     "integers", None, "targets.astype('int64')"),
    ("float labels without a loss", lambda: fit((x, y * 1.0)), ShapeError,
     "mse: predictions (20, 4) with targets (20,): the shapes must be equal; a loss "
     "never broadcasts", None,
     "give the network 1 output instead of 4; for class numbers, "
     "targets.astype('int64') with cross_entropy"),
    ("(N, 1) against (N,)", lambda: losses.mse(cr.zeros((5, 1)), cr.zeros(5)),
     ShapeError,
     "mse: predictions (5, 1) with targets (5,): the shapes must be equal; a loss "
     "never broadcasts", None, "predictions.squeeze(-1), or targets[..., None]"),
    ("NaN in the data", lambda: fit((with_nan(), y)), DataError,
     "Dataset 'data': inputs (20, 3): nan at row 3, column 1: every value must be "
     "finite", None,
     "leave the row out, or replace the value; data.read_table fills in missing values "
     "of a table"),
    ("empty data", lambda: fit((x[:0], y[:0])), DataError,
     "Dataset 'data': inputs (0, 3): no examples", None, None),
    ("one class", lambda: fit((x, y * 0)), DataError,
     "Dataset 'data': targets (20,): label 0 in every row: a classifier needs examples "
     "of two classes or more", None, "task='regression' if the targets are numeric"),
    ("a target too few", lambda: fit((x, y[:-1])), DataError,
     "Dataset 'data': inputs (20, 3) and targets (19,): 20 ≠ 19; every example needs "
     "one row in each", None, None),
    ("a list of two", lambda: fit([x, y]), ArgumentError,
     "data: a list of 2 arrays: expected a Dataset or (inputs, targets)", None,
     "a tuple: (x, y)"),
    ("a dict", lambda: fit({"x": x, "y": y}), ArgumentError,
     "data: expected a Dataset or (inputs, targets), got a dict", None,
     "data.load(name), or data.read_table(path, target=...).dataset()"),
    ("softmax before its loss",
     lambda: fit((x, y), nn.Sequential(nn.Linear(3, 4), nn.Softmax())), ArgumentError,
     "loss cross_entropy: the network ends in Softmax, and this loss takes logits, the "
     "numbers before Softmax", None,
     "leave the last layer out; cr.softmax(model(x)) are the probabilities"),
    ("sigmoid before its loss",
     lambda: cr.evaluate(nn.Sequential(network(), nn.Sigmoid()), (x, y),
                         loss="binary_cross_entropy"), ArgumentError,
     "loss binary_cross_entropy: the network ends in Sigmoid, and this loss takes "
     "logits, the numbers before Sigmoid", None,
     "leave the last layer out; cr.sigmoid(model(x)) are the probabilities"),
    ("sigmoid before a likelihood, inside",
     lambda: fit((x, x), nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Sigmoid())),
                 loss="bernoulli_nll"), ArgumentError,
     "loss bernoulli_nll: the network ends in Sigmoid, and this loss takes logits, the "
     "numbers before Sigmoid", None,
     "leave the last layer out; cr.sigmoid(model(x)) are the probabilities"),
    ("sigmoid of an autoencoder",
     lambda: fit((x, x), models.deep_autoencoder((3, 2), output=nn.Sigmoid),
                 loss="binary_cross_entropy"), ArgumentError,
     "loss binary_cross_entropy: the network ends in Sigmoid, and this loss takes "
     "logits, the numbers before Sigmoid", None,
     "leave the last layer out; cr.sigmoid(model(x)) are the probabilities"),
    ("sigmoid before focal", lambda: fit(
        (x, x), nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()), loss="focal"),
     ArgumentError,
     "loss focal: the network ends in Sigmoid, and this loss takes logits, the numbers "
     "before Sigmoid", None,
     "leave the last layer out; cr.sigmoid(model(x)) are the probabilities"),
    ("targets to the model", lambda: network()(x, y), ArgumentError,
     "Sequential: called with a second input, lengths, which none of its layers "
     "takes", "Sequential()",
     "model(x) predicts, model(x, training=True) trains; a loss takes the targets"),
    ("forward without return", lambda: cr.evaluate(Forgetful(), (x, y)), DTypeError,
     "tensor: NoneType with dtype object: a tensor holds numbers: bool, 8 to 64-bit "
     "integers, float32 or float64", None,
     "does a function forget to return its result? Compare with x is None"),
    ("a parameter in place", in_place, ArgumentError,
     "weight -= …: weight (5, 3): this would put a tensor in the place of a parameter",
     None,
     "weight.assign(weight - …) changes it; y = weight - … makes a new tensor"),
    ("a parameter replaced", replaced, ArgumentError,
     "Linear.weight = …: Tensor in place of parameter weight (5, 3): it would be "
     "neither trained nor saved", None,
     "layer.weight.assign(value) changes the parameter"),
    ("a state that is a path", path_as_state, ArgumentError,
     "load_state_dict: str: expected values by name; nothing was loaded", None,
     "model.load(path) reads a file"),
    ("item() while tracing", looked_at, cr.errors.TraceError,
     "item(): the result of exp () has no value while <lambda> is traced, so Python "
     "cannot look at it", None,
     "return it from the function and look at it outside; choose between values with "
     "cr.where(condition, a, b); or call the function without cr.compile"),
    ("rows of different lengths", lambda: cr.tensor([[1, 2], [3]]), DTypeError,
     "tensor: list with rows of different lengths: the values do not form an array",
     None, "give every row the same length"),
    ("an integer too large", lambda: cr.tensor(10**30), DTypeError,
     "tensor: int with dtype object: a tensor holds numbers: bool, 8 to 64-bit "
     "integers, float32 or float64", None,
     "it does not fit 64 bits: write it as a float, 1e+30"),
    ("for over a number", lambda: [*cr.tensor(1.0)], ScalarError,
     "for: (): a single number has nothing to go through", None,
     "x.item() is the number"),
    ("the gradient of a tensor", lambda: cr.grad(cr.tensor(1.0)), ArgumentError,  # type: ignore[arg-type]
     "grad: Tensor is not a function", None,
     "cr.grad(f)(x); for a loss at hand, cr.backprop(loss)[x]"),
    ("a function that only NumPy has", lambda: np.cbrt(cr.tensor(1.0, name="t")),
     DTypeError, "np.cbrt: t (): there is no such function of tensors", None,
     "np.cbrt(x.numpy()) is an array, without a gradient"),
    ("evaluate's data in two", lambda: cr.evaluate(network(), x, y), ArgumentError,
     "loss=an array (20,): expected a name or a function of (outputs, targets)", None,
     "inputs and targets are a pair: cr.evaluate(model, (x, y))"),
    ("a list of losses", lambda: fit((x, y), loss=["mse", "l1"]), ArgumentError,
     "loss=['mse', 'l1']: expected a name or a function of (outputs, targets)", None,
     "one function for all outputs, def loss(outputs, targets): return "
     "losses.mse(outputs[0], targets[0]) + losses.mse(outputs[1], targets[1])"),
    ("metrics by name", lambda: fit((x, y), metrics={"m": losses.mse}), ArgumentError,
     "metrics: a dict: expected a list of names and functions", None,
     "metrics=[metrics.FunctionMetric(function, name='…')]"),
    ("classes and one output", lambda: fit((x, y % 2), nn.Linear(3, 1)), DataError,
     "Dataset 'data': targets are class numbers, and the model has one output: "
     "cross_entropy needs one for each class", None,
     "loss='binary_cross_entropy' for two classes; "
     "data.Dataset(x, y, task='regression') for amounts"),
    ("validation without targets", lambda: fit((x, y), validation=x), DataError,
     "fit: validation: Dataset 'validation': 20 examples · inputs (3,) float32 has no "
     "targets to compare with", None,
     "validation=(x, y), a Dataset, or a fraction of the training data"),
    ("Keras's name of a column", lambda: fit(
        (x, y), callbacks=[callbacks.EarlyStopping("val_loss")]), OptionError,
     "unknown column to monitor 'val_loss': expected one of 'accuracy', "
     "'examples_per_second', 'loss', 'seconds'", None,
     "'validation_loss', which fit(…, validation=0.1) measures"),
    ("Keras's name of a column of the history", lambda: fit(
        (x, y), validation=0.5)["val_loss"], OptionError,
     "unknown column 'val_loss': expected one of 'accuracy', 'epoch', "
     "'examples_per_second', 'loss', 'seconds', 'validation_accuracy', "
     "'validation_loss'", None,
     "did you mean 'validation_loss'?"),
    ("Keras's arguments of a callback", lambda: fit((x, y), callbacks=[KerasLike()]),
     ArgumentError,
     "callbacks: KerasLike.on_epoch_end does not take one argument, the run", None,
     "def on_epoch_end(self, run): …, where run.epoch, run.batch, run.row and "
     "run.model are what others are given"),
    ("Keras's logs", lambda: fit((x, y), callbacks=[LooksAtLogs()]), ForeignNameError,
     "Run.logs: there is no such attribute here", None,
     "run.row['name'] = value adds a column to the history's row"),
    ("a layer by its name", lambda: network()["0"], BoundsError,  # type: ignore[index]
     "Sequential: layer '0' of 3", None, None),
]
# fmt: on


@pytest.mark.parametrize(
    ("mistake", "error", "what", "layer", "fix"),
    [pytest.param(*rest, id=name) for name, *rest in CASES],
)
def test_the_message_of_an_everyday_mistake(
    mistake: Callable[[], Any],
    error: type[Exception],
    what: str,
    layer: str | None,
    fix: str | None,
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    assert type(caught.value) is error
    found = [line.split(maxsplit=2) for line in str(caught.value).split("\n")[1:]]
    lines = str(caught.value).split("\n")
    assert lines[0] == what
    places = [line for line in lines if line.startswith("  called at  ")]
    assert len(places) == 1, found
    assert places[0].startswith("  called at  test_training_messages.py:")
    rest = [f"  in layer   {layer}"] if layer else []
    rest += [places[0]] + ([f"  fix        {fix}"] if fix else [])
    assert lines[1:] == rest


def test_a_layer_may_share_or_drop_a_parameter() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    second.bias = None
    both = nn.Sequential(first, second)
    assert [name for name, _ in both.named_parameters()] == ["0.weight", "0.bias"]


def test_distributions_are_measured_by_accuracy_and_not_by_r2() -> None:
    history = fit((x, np.eye(4, dtype=np.float32)[y]), loss="cross_entropy")
    assert "accuracy" in history
    assert "r2" not in history
