"""Names of ``optim``, and attributes of an optimizer."""

from collections.abc import Mapping

from .phrases import NOTHING_TO_ZERO

STEP = "optimizer.step(cr.backprop(loss))"

#: Attributes and methods of an optimizer.
OPTIMIZER: Mapping[str, str] = {
    "zero_grad": NOTHING_TO_ZERO,
    "minimize": STEP,
    "apply_gradients": STEP,
    "update": STEP,
    "param_groups": "optimizer.groups",
    "learning_rate": "optimizer.lr",
}

SCHEDULE = "a schedule takes the place of the number: optim.Adam(params, lr=optim.%s)"

#: Names of ``optim``.
NAMES: Mapping[str, str] = {
    "lr_scheduler": SCHEDULE % "Cosine(0.001, steps=1000)",
    "StepLR": SCHEDULE % "StepDecay(…)",
    "ExponentialLR": SCHEDULE % "Exponential(…)",
    "CosineAnnealingLR": SCHEDULE % "Cosine(…)",
    "OneCycleLR": SCHEDULE % "OneCycle(…)",
    "MultiStepLR": SCHEDULE % "Piecewise(…)",
    "LinearLR": SCHEDULE % "Warmup(…)",
    "RMSprop": "optim.RMSProp(params)",
    "AdaGrad": "optim.Adagrad(params)",
}
