"""Assigning a name that does nothing is one error that says what works, everywhere."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, optim, runs, training
from chainrule.errors import ArgumentError, ForeignNameError, OptionError
from chainrule.foreign import Settled, of_package
from chainrule.training import callbacks, metrics
from chainrule.training.history import History

NO_SWITCH = (
    "leave it out: a call predicts unless it says model(x, training=True); cr.fit does"
)
FREEZE = "parameter.freeze(), or the freeze() of its layer; parameter.unfreeze()"


class Own(nn.Module):
    """A network of a user's, with attributes of its own."""

    def __init__(self) -> None:
        self.inner = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


def adam() -> Any:
    groups: Any = [{"params": [cr.parameter([1.0])]}, {"params": [cr.parameter([2.0])]}]
    return optim.Adam(groups)


def dataset() -> Any:
    return data.Dataset(np.ones((4, 2)), [0, 1, 0, 1])


REFUSED: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: cr.parameter([1.0]), "requires_grad", FREEZE),
    (lambda: cr.parameter([1.0]), "trainable", FREEZE),
    (lambda: cr.parameter([1.0]), "frozen", FREEZE),
    (lambda: cr.parameter([1.0]), "shape",
     "W.reshape(shape) is another tensor; a parameter keeps its shape"),
    (lambda: cr.parameter([1.0]), "value",
     "W.assign(new value) changes a parameter; no other tensor ever changes"),
    (lambda: cr.Variable(1), "nam", "did you mean 'name'?"),
    (lambda: cr.tensor([1.0]), "requires_grad",
     "leave it out: grads = cr.backprop(loss) has the gradient of every float tensor; "
     "cr.stop_gradient(x) ends it there"),
    (lambda: cr.tensor([1.0]), "data",
     "x.numpy() reads the value; W.assign(new value) changes a parameter's"),
    (lambda: nn.Sequential(nn.Linear(2, 2)), "training", NO_SWITCH),
    (Own, "training", NO_SWITCH),
    (Own, "trainable",
     "layer.freeze() and layer.unfreeze(), of a network or of a part"),
    (lambda: nn.Dropout(0.5), "rate", "p=0.5"),
    (lambda: nn.Linear(2, 2), "bais", "did you mean 'bias'?"),
    (lambda: nn.BatchNorm1d(2), "zzz",
     "it has num_features, eps, momentum; a subclass of BatchNorm1d may have more"),
    (adam, "learning_rate", "optimizer.lr"),
    (adam, "beta", "did you mean 'betas'?"),
    (adam, "weight_decay",
     "transforms=[optim.L2(0.0001)] adds λw to the gradients; optim.AdamW decays the "
     "weights themselves"),
    (lambda: adam().groups[1], "beta", "did you mean 'betas'?"),
    (lambda: callbacks.EarlyStopping("loss"), "patiense", "did you mean 'patience'?"),
    (lambda: callbacks.EarlyStopping("loss"), "restore_best_weights",
     "callbacks.EarlyStopping(restore_best=True)"),
    (metrics.Accuracy, "treshold", "did you mean 'threshold'?"),
    (History, "epoch_list", "did you mean 'epochs'?"),
    (dataset, "nam", "did you mean 'name'?"),
    (lambda: data.Stream([(np.eye(2), np.eye(2))]), "lenght", "did you mean 'length'?"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "name", "fix"), REFUSED)
def test_an_attribute_that_is_not_there_cannot_be_assigned(
    make: Callable[[], Any], name: str, fix: str
) -> None:
    owner = make()
    with pytest.raises(ForeignNameError) as caught:
        setattr(owner, name, 1)
    kind = type(owner).__name__
    lines = str(caught.value).split("\n")
    assert lines[0] == (
        f"{kind}.{name} = …: there is no such attribute, so it would have no effect"
    )
    assert lines[1].startswith("  called at  test_assignments.py:")
    assert lines[2] == f"  fix        {fix}"


#: Results that are read, and the base of schedules, which users write.
FREE = {"Evaluation", "Gradients", "Graph", "Schedule"}
MODULES = (cr, optim, data, callbacks, metrics, training, runs)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_class_with_settings_knows_its_attributes(module: Any) -> None:
    for name in set(module.__all__) - FREE:
        kind = getattr(module, name)
        if not inspect.isclass(kind) or not of_package(kind):
            continue
        settings = getattr(kind, "__dataclass_params__", None)
        closed = (settings is not None and settings.frozen) or not kind.__dictoffset__
        known = (Settled, nn.Module, optim.Updater, Exception)
        assert closed or issubclass(kind, known), name


def test_a_run_says_how_it_is_stopped() -> None:
    class Goal(callbacks.Callback):
        def on_epoch_end(self, run: Any) -> None:
            self.seen = run.epoch  # of its own
            run.stop_training = True

    with pytest.raises(ForeignNameError, match=r"run\.stop\(\"why\"\)"):
        cr.fit(nn.Linear(2, 2), dataset(), callbacks=[Goal()], progress=False)


def test_a_schedule_and_a_setting_that_is_not_there_are_refused_too() -> None:
    with pytest.raises(AttributeError):
        optim.Cosine(0.1, steps=10).lr = 0.2  # type: ignore[misc]
    with pytest.raises(OptionError, match="unknown setting 'dtypes'"):
        cr.config.dtypes = "float64"  # type: ignore[attr-defined]


def test_classes_of_a_user_have_attributes_of_their_own() -> None:
    class Quiet(nn.Dropout):
        pass

    class Mine(optim.SGD):
        pass

    own: Any = Own()
    quiet: Any = Quiet(0.5)
    optimizer: Any = Mine([cr.parameter(1.0)], lr=0.1)
    own.scale = quiet.rate = optimizer.history = 3
    assert (own.scale, quiet.rate, optimizer.history) == (3, 3, 3)


# Settings of layers. ------------------------------------------------------------------


def test_a_setting_of_a_layer_has_effect_at_once_and_is_checked() -> None:
    dropout = nn.Dropout(0.5)
    dropout.p = 0
    x = cr.ones((3, 4))
    np.testing.assert_array_equal(dropout(x, training=True).numpy(), x.numpy())
    assert isinstance(dropout.p, float)
    with pytest.raises(ArgumentError, match="p=3: expected a probability"):
        dropout.p = 3
    assert dropout.p == 0
    conv = nn.Conv2d(1, 2, 3)
    conv.stride = 2  # type: ignore[assignment]
    assert conv.stride == (2, 2)
    assert conv(cr.ones((1, 7, 7, 1))).shape == (1, 3, 3, 2)


def test_a_setting_that_shapes_follow_from_cannot_be_changed() -> None:
    layer = nn.Linear(2, 3)
    with pytest.raises(ArgumentError) as caught:
        layer.out_features = 5
    lines = str(caught.value).split("\n")
    assert lines[0] == (
        "Linear.out_features = 5: its values have their shapes since it was made: "
        "weight (3, 2), bias (3,)"
    )
    assert lines[2] == "  fix        make another layer: Linear(…, out_features=5)"
    assert layer.out_features == 3


def test_a_layer_is_not_replaced_by_a_number() -> None:
    residual: Any = nn.Residual(nn.Linear(2, 2))
    (name, _), *_ = residual.children()
    with pytest.raises(ArgumentError, match=re.escape("int in place of the layer")):
        setattr(residual, name, 3)


def settings_of(layer: nn.Module) -> dict[str, Any]:
    held = dict(layer.own_variables())
    known = vars(layer)
    return {n: v for n, v in layer.settings().items() if n in known and n not in held}


@pytest.mark.parametrize(
    "layer",
    [
        nn.Dropout(0.5), nn.BatchNorm2d(3), nn.LayerNorm(3), nn.Conv2d(2, 4, 3),
        nn.ConvTranspose2d(2, 4, 3), nn.LSTM(2, 3), nn.MultiheadAttention(4, 2),
        nn.MaxPool2d(2), nn.Embedding(5, 3), nn.GELU(), nn.Softmax(),
        nn.TransformerEncoderLayer(4, 2, 8), nn.Upsample(scale_factor=2),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_every_setting_can_be_given_its_own_value_and_changes_nothing(
    layer: nn.Module,
) -> None:
    before = repr(vars(layer))
    for name, value in settings_of(layer).items():
        setattr(layer, name, value)
    assert repr(vars(layer)) == before


def test_a_setting_that_parts_were_made_from_reaches_them() -> None:
    model: Any = models.GPT(10, 8, 2, 2, 4, dropout=0.5)
    model.dropout = 0.25
    modules = [part for _, part in model.named_modules()]
    rates = [part.p for part in modules if isinstance(part, nn.Dropout)]
    rates += [p.dropout for p in modules if isinstance(p, nn.MultiheadAttention)]
    assert len(rates) == 5
    assert set(rates) == {0.25}


# Hyper-parameters of optimizers. ------------------------------------------------------


def test_a_hyper_parameter_that_is_set_counts_from_the_next_step_on() -> None:
    def run(change: bool) -> Any:
        w = cr.parameter([1.0, -2.0])
        optimizer: Any = optim.Adam(
            [w], betas=(0.5, 0.999) if not change else (0.9, 0.9)
        )
        if change:
            optimizer.betas = (0.5, 0.999)
        for _ in range(3):
            optimizer.step(cr.backprop((w * w).sum()))
        return w.numpy().copy()

    np.testing.assert_array_equal(run(True), run(False))


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_compiled_functions_notice_settings_and_hyper_parameters(engine: str) -> None:
    w = cr.parameter([1.0, -2.0])
    optimizer: Any = optim.Adam([w], lr=0.1)
    dropout = nn.Dropout(0.5)

    @cr.compile(engine=engine)
    def step(x: Any) -> Any:
        optimizer.step(cr.backprop((w * w).sum()))
        return dropout(x, training=True)

    twin = cr.parameter([1.0, -2.0])
    eager: Any = optim.Adam([twin], lr=0.1)
    x = np.ones(1000, np.float32)
    for betas, rate in (((0.9, 0.999), 0.5), ((0.5, 0.9), 0.25), ((0.5, 0.9), 0.25)):
        optimizer.betas = eager.betas = betas
        dropout.p = rate
        y = step(x).numpy()
        eager.step(cr.backprop((twin * twin).sum()))
        assert y.max() == pytest.approx(1 / (1 - rate))
        np.testing.assert_allclose(w.numpy(), twin.numpy(), rtol=1e-6)
    assert len(step.specialisations) == 2


def test_hyper_parameters_are_read_and_set_for_all_groups_or_for_one() -> None:
    optimizer = adam()
    optimizer.betas = (0.5, 0.9)
    optimizer.groups[1].eps = 1e-4
    assert optimizer.betas == (0.5, 0.9)
    assert [group.betas for group in optimizer.groups] == [(0.5, 0.9)] * 2
    assert [group.eps for group in optimizer.groups] == [1e-8, 1e-4]
    assert [group.eps for group in copy.deepcopy(optimizer).groups] == [1e-8, 1e-4]


def test_a_hyper_parameter_is_checked_when_it_is_set() -> None:
    optimizer = adam()
    with pytest.raises(ArgumentError, match=r"group 0: betas\[1\] = 9"):
        optimizer.betas = (0.5, 9)
    with pytest.raises(ArgumentError, match="transforms must be a list"):
        optimizer.transforms = optim.L2(0.1)
    assert optimizer.betas == (0.9, 0.999)


def test_the_options_of_a_group_are_no_items() -> None:
    group = adam().groups[1]
    with pytest.raises(ForeignNameError) as caught:
        group["lr"] = 0.1
    assert str(caught.value).split("\n")[2] == (
        "  fix        optimizer.groups[1].lr = …"
    )
    with pytest.raises(ForeignNameError, match=re.escape("group 1['lr']: the options")):
        group["lr"]
    with pytest.raises(ArgumentError, match="decided when the optimizer is made"):
        group.parameters = []
