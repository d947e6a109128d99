"""What everyday mistakes with optimizers say, word for word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DTypeError,
    GradientError,
    OptionError,
    ShapeError,
    TraceError,
)

W = cr.parameter(np.zeros((2, 3)), name="W")
B = cr.parameter(np.zeros(3))
NAN = float("nan")


def exhausted() -> Any:
    """A generator that has been used."""
    parameters = (w for w in [W, B])
    optim.SGD(parameters)
    return parameters


class Model:
    """Something with the method that models have."""

    def parameters(self) -> Any:
        """Nothing."""


MADE_BEFORE = optim.Adam()
#: What needs parameters, used without.
UNBOUND: dict[str, Any] = {
    "step": lambda: optim.Adam().step({W: np.ones((2, 3))}),
    "state_dict": lambda: optim.Adam().state_dict(),
    "load_state_dict": lambda: optim.Adam().load_state_dict({}),
    "save": lambda: optim.Adam().save("nowhere.safetensors"),
    "load": lambda: optim.Adam().load("nowhere.safetensors"),
}

MISTAKES: list[tuple[Any, type[ChainruleError], str, str | None]] = [
    # What is to be trained.
    (
        lambda: optim.Adam([]),
        ArgumentError,
        "Adam: no parameters: there is nothing to train",
        "a generator such as model.parameters() can be used once: call it again, or "
        "keep a list of it",
    ),
    (
        lambda: optim.Adam(exhausted()),
        ArgumentError,
        "Adam: no parameters: there is nothing to train",
        "a generator such as model.parameters() can be used once: call it again, or "
        "keep a list of it",
    ),
    (
        lambda: optim.SGD([{"params": [W]}, {"params": []}]),
        ArgumentError,
        "SGD: group 1: no parameters: there is nothing to train",
        "a generator such as model.parameters() can be used once: call it again, or "
        "keep a list of it",
    ),
    (
        lambda: optim.SGD([W, B, W]),
        ArgumentError,
        "SGD: parameter W (2, 3) is given twice, as number 0 and as number 2: each can "
        "be updated once in a step",
        "leave one of them out",
    ),
    (
        lambda: optim.SGD([{"params": [B, W]}, {"params": [W]}]),
        ArgumentError,
        "SGD: parameter W (2, 3) is given twice, as number 1 of group 0 and as number "
        "0 of group 1: each can be updated once in a step",
        "leave one of them out",
    ),
    (
        lambda: optim.SGD(W),
        ArgumentError,
        "SGD: a parameter (2, 3) is not a list of parameters",
        "[W]",
    ),
    (
        lambda: optim.SGD(Model()),
        ArgumentError,
        "SGD: Model is not a list of parameters",
        "model.parameters()",
    ),
    (
        lambda: optim.SGD(Model().parameters),
        ArgumentError,
        "SGD: method is not a list of parameters",
        "parameters()",
    ),
    (
        lambda: optim.SGD({"W": W}),
        ArgumentError,
        "SGD: dict is not a list of parameters",
        '[{"params": [W, b]}] for a group; list(d.values()) for a dict',
    ),
    (
        lambda: optim.SGD("W"),
        ArgumentError,
        "SGD: str is not a list of parameters",
        None,
    ),
    (
        lambda: optim.SGD([W, cr.tensor([1.0])]),
        ArgumentError,
        "SGD: element 1 is a tensor (1,), not a parameter",
        "cr.parameter(value) makes one",
    ),
    (
        lambda: optim.SGD([W, np.zeros(3)]),
        ArgumentError,
        "SGD: element 1 is ndarray, not a parameter",
        "cr.parameter(value) makes one",
    ),
    (
        lambda: optim.SGD([W, cr.Variable([1.0])]),
        ArgumentError,
        "SGD: element 1 is a variable (1,), not a parameter",
        "cr.parameter(value) makes one",
    ),
    (
        lambda: optim.SGD([("W", W)]),
        ArgumentError,
        "SGD: element 0 is tuple, not a parameter",
        "model.parameters(), not model.named_parameters()",
    ),
    (
        lambda: optim.SGD([cr.parameter([1, 2], name="n")]),
        DTypeError,
        "parameter: n (2,) is int64: only floating-point numbers can be trained",
        "write 1.0 in place of 1, or dtype='float32'; cr.Variable holds numbers that "
        "are not trained",
    ),
    (
        lambda: optim.SGD([{"params": [W]}, B]),
        ArgumentError,
        "SGD: group 1 is a parameter (3,): either every element is a group, or none",
        '[{"params": [W1, b1]}, {"params": [W2, b2], "lr": 0.1}]',
    ),
    (
        lambda: optim.SGD([{"lr": 0.1}]),
        ArgumentError,
        'SGD: group 0 has no "params"',
        '{"params": [W, b], "lr": 0.1}',
    ),
    # Learning rates.
    (
        lambda: optim.SGD([W], lr=-0.1),
        ArgumentError,
        "SGD: lr = -0.1: lr must be a positive number or a schedule",
        "to keep parameters as they are: layer.freeze()",
    ),
    (
        lambda: optim.SGD([W], lr=0),
        ArgumentError,
        "SGD: lr = 0: lr must be a positive number or a schedule",
        "to keep parameters as they are: layer.freeze()",
    ),
    (
        lambda: optim.SGD([W], lr=NAN),
        ArgumentError,
        "SGD: lr = nan: lr must be a positive number or a schedule",
        None,
    ),
    (
        lambda: optim.SGD([W], lr=float("inf")),
        ArgumentError,
        "SGD: lr = inf: lr must be a positive number or a schedule",
        None,
    ),
    (
        lambda: optim.SGD([W], lr="0.1"),
        ArgumentError,
        "SGD: lr = '0.1': str is not a number; lr must be a positive number or a "
        "schedule",
        "lr=0.1",
    ),
    (
        lambda: optim.SGD([W], lr="cosine"),
        ArgumentError,
        "SGD: lr = 'cosine': str is not a number; lr must be a positive number or a "
        "schedule",
        "lr=0.001, or a schedule such as optim.Cosine(0.001, steps=1000)",
    ),
    (
        lambda: optim.SGD([W], lr=True),
        ArgumentError,
        "SGD: lr = True: bool is not a number; lr must be a positive number or a "
        "schedule",
        None,
    ),
    (
        lambda: optim.SGD([W], lr=cr.tensor(0.1)),
        ArgumentError,
        "SGD: lr = tensor(0.1, dtype=float32): Tensor is not a number; lr must be a "
        "positive number or a schedule",
        None,
    ),
    (
        lambda: optim.SGD([W], lr=None),
        ArgumentError,
        "SGD: lr = None: NoneType is not a number; lr must be a positive number or a "
        "schedule",
        None,
    ),
    (
        lambda: optim.SGD([{"params": [W]}, {"params": [B], "lr": -1}]),
        ArgumentError,
        "SGD: group 1: lr = -1: lr must be a positive number or a schedule",
        "to keep parameters as they are: layer.freeze()",
    ),
    (
        lambda: setattr(optim.SGD([W]), "lr", NAN),
        ArgumentError,
        "optimizer: lr = nan: lr must be a positive number or a schedule",
        None,
    ),
    (
        lambda: setattr(optim.SGD([W], lr=optim.Constant(0.1)), "lr", 0.1),
        ArgumentError,
        "lr = 0.1: the learning rate of group 0 is the schedule Constant(lr=0.1), "
        "which decides it in every step",
        "lr = optim.Constant(0.1), or another schedule",
    ),
    (
        lambda: setattr(optim.SGD([W]), "lr", lambda t: t / 0),
        ArgumentError,
        "optimizer: lr = nan: lr must be finite",
        None,
    ),
    # Other hyper-parameters.
    (
        lambda: optim.Momentum([W], momentum=1.0),
        ArgumentError,
        "Momentum: momentum = 1.0: momentum must be at least 0 and less than 1",
        None,
    ),
    (
        lambda: optim.Nesterov([W], momentum=-0.1),
        ArgumentError,
        "Nesterov: momentum = -0.1: momentum must be at least 0 and less than 1",
        None,
    ),
    (
        lambda: optim.RMSProp([W], alpha=1.5),
        ArgumentError,
        "RMSProp: alpha = 1.5: alpha must be at least 0 and less than 1",
        None,
    ),
    (
        lambda: optim.Adam([W], betas=(0.9, 1.0)),
        ArgumentError,
        "Adam: betas[1] = 1.0: betas[1] must be at least 0 and less than 1",
        None,
    ),
    (
        lambda: optim.Adam([W], betas=0.9),
        ArgumentError,
        "Adam: betas = 0.9: betas must be two numbers, each at least 0 and less than 1",
        "betas=(0.9, 0.999)",
    ),
    (
        lambda: optim.Adam([{"params": [W], "betas": (NAN, 0.9)}]),
        ArgumentError,
        "Adam: group 0: betas[0] = nan: betas[0] must be at least 0 and less than 1",
        None,
    ),
    (
        lambda: optim.Adam([W], eps=0.0),
        ArgumentError,
        "Adam: eps = 0.0: eps must be positive",
        None,
    ),
    (
        lambda: optim.AdamW([W], weight_decay=-0.01),
        ArgumentError,
        "AdamW: weight_decay = -0.01: weight_decay must not be negative",
        None,
    ),
    (
        lambda: optim.Adagrad([W], initial_accumulator_value=-1.0),
        ArgumentError,
        "Adagrad: initial_accumulator_value = -1.0: initial_accumulator_value must not "
        "be negative",
        None,
    ),
    (
        lambda: optim.SGD([W], maximize=1),  # type: ignore[arg-type]
        ArgumentError,
        "SGD: maximize = 1: maximize must be True or False",
        None,
    ),
    (
        lambda: optim.SGD([{"params": [W], "maximize": "yes"}]),
        ArgumentError,
        "SGD: group 0: maximize = 'yes': maximize must be True or False",
        None,
    ),
    # Options that are not there.
    (
        lambda: optim.SGD([W], momentum=0.9),
        OptionError,
        "unknown option of SGD 'momentum': expected one of 'lr', 'maximize', 'params', "
        "'transforms'",
        "optim.Momentum(parameters, lr, momentum=0.9) is a class of its own",
    ),
    (
        lambda: optim.SGD([W], nesterov=True),
        OptionError,
        "unknown option of SGD 'nesterov': expected one of 'lr', 'maximize', 'params', "
        "'transforms'",
        "optim.Nesterov(parameters, lr, momentum=0.9) is a class of its own",
    ),
    (
        lambda: optim.Adam([W], weight_decay=1e-4),
        OptionError,
        "unknown option of Adam 'weight_decay': expected one of 'betas', 'eps', 'lr', "
        "'maximize', 'params', 'transforms'",
        "transforms=[optim.L2(0.0001)] adds λw to the gradients; optim.AdamW decays "
        "the weights themselves",
    ),
    (
        lambda: optim.Adam([W], beta=(0.9, 0.99)),
        OptionError,
        "unknown option of Adam 'beta': expected one of 'betas', 'eps', 'lr', "
        "'maximize', 'params', 'transforms'",
        "did you mean 'betas'?",
    ),
    (
        lambda: optim.by_name("adam", [W], learning_rate=0.1),
        OptionError,
        "unknown option of Adam 'learning_rate': expected one of 'betas', 'eps', 'lr', "
        "'maximize', 'params', 'transforms'",
        "lr=0.001",
    ),
    (
        lambda: optim.Adam([{"params": [W], "bettas": (0.9, 0.99)}]),
        OptionError,
        "unknown option in group 0 of Adam 'bettas': expected one of 'betas', 'eps', "
        "'lr', 'maximize', 'params', 'transforms'",
        "did you mean 'betas'?",
    ),
    (
        lambda: optim.SGD([{"params": [W], "momentum": 0.9}]),
        OptionError,
        "unknown option in group 0 of SGD 'momentum': expected one of 'lr', "
        "'maximize', 'params', 'transforms'",
        "optim.Momentum(parameters, lr, momentum=0.9) is a class of its own",
    ),
    (
        lambda: optim.SGD([W], transforms=optim.ClipNorm(1.0)),
        ArgumentError,
        "SGD: transforms = ClipNorm(max_norm=1.0): transforms must be a list, applied "
        "in order",
        "transforms=[ClipNorm(max_norm=1.0)]",
    ),
    (
        lambda: optim.SGD([W], transforms=["clip"]),
        ArgumentError,
        "SGD: transforms[0] = 'clip': a transform is a function from gradients to "
        "gradients",
        "transforms=[optim.ClipNorm(1.0)]",
    ),
    (
        lambda: optim.SGD([W], transforms=[optim.ClipNorm]),
        ArgumentError,
        "SGD: transforms[0] = <class 'chainrule.optim.transforms.Cl...: a transform is "
        "a function from gradients to gradients",
        "transforms=[optim.ClipNorm(1.0)]",
    ),
    # Without parameters.
    *(
        (
            use,
            ArgumentError,
            f"Adam.{name}: it was made without parameters, as a specification: there "
            "is nothing to change",
            "optim.Adam(model.parameters()), or optimizer.bound_to(model.parameters())"
            "; cr.fit does it by itself",
        )
        for name, use in UNBOUND.items()
    ),
    (
        lambda: optim.Adam([W, B]).bound_to([B]),
        ArgumentError,
        "Adam.bound_to: it has 2 parameters, 9 numbers already",
        "a specification has none: optim.Adam(lr=…)",
    ),
    (
        lambda: optim.Adam().bound_to([]),
        ArgumentError,
        "Adam: no parameters: there is nothing to train",
        "a generator such as model.parameters() can be used once: call it again, or "
        "keep a list of it",
    ),
    (
        lambda: optim.Adam().bound_to([{"params": [W], "bettas": (0.9, 0.99)}]),
        OptionError,
        "unknown option in group 0 of Adam 'bettas': expected one of 'betas', 'eps', "
        "'lr', 'maximize', 'params', 'transforms'",
        "did you mean 'betas'?",
    ),
    (
        lambda: cr.trace(lambda: MADE_BEFORE.bound_to([W])),
        TraceError,
        "Adam: made inside a compiled function, where its state would start anew in "
        "every call",
        "make the optimizer once, before the function",
    ),
    # Steps.
    (
        lambda: optim.SGD([W]).step((W * W).sum()),
        ArgumentError,
        "SGD.step: Tensor is not a mapping from parameters to gradients",
        "optimizer.step(cr.backprop(loss))",
    ),
    (
        lambda: optim.SGD([W, B]).step({W: np.ones((2, 3))}),
        GradientError,
        "SGD.step: parameter 1, (3,), is given no gradient",
        "leave it out of the optimizer, or give its gradient",
    ),
    (
        lambda: optim.SGD([W]).step({W: np.ones(3)}),
        ShapeError,
        "SGD.step: gradient (3,) of parameter W (2, 3): a gradient has the shape of "
        "its parameter",
        None,
    ),
    (
        lambda: cr.trace(lambda: optim.SGD([W])),
        TraceError,
        "SGD: made inside a compiled function, where its state would start anew in "
        "every call",
        "make the optimizer once, before the function",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "kind", "message", "fix"),
    MISTAKES,
    ids=[f"{i}: {row[2][:50]}" for i, row in enumerate(MISTAKES)],
)
def test_a_mistake_is_one_clear_error(
    mistake: Any, kind: type[ChainruleError], message: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    assert type(caught.value) is kind
    assert caught.value.what == message
    assert caught.value.fix == fix


def test_no_mistake_has_changed_a_parameter() -> None:
    assert not W.numpy().any()
    assert not B.numpy().any()


def test_the_whole_message_names_the_users_line() -> None:
    with pytest.raises(OptionError) as caught:
        optim.SGD([W], momentum=0.9)
    first, place, fix = str(caught.value).split("\n")
    assert first.startswith("unknown option of SGD 'momentum'")
    assert place.startswith("  called at  test_optimizer_messages.py:")
    assert place.endswith("optim.SGD([W], momentum=0.9)")
    assert fix.startswith("  fix        optim.Momentum(")
