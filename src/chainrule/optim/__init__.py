"""Optimizers: how gradients change parameters.

    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    optimizer.step(cr.backprop(loss))              # at once, or inside of cr.compile

Place on the road: after ``backprop``, below ``training``. Made of public operators;
knows nothing of layers or losses.

- ``SGD Momentum Nesterov Adagrad RMSProp Adadelta Adam AdamW SparseAdam Nadam AMSGrad
  LAMB Lion Muon``: each its paper's lines, in a file of its own. ``optimizer.py`` has
  what they share; ``updater.py`` what has nothing to do with gradients. Made without
  parameters, ``optim.Adam(lr=0.01)``, one is a specification, for ``cr.fit``.
- ``GradientDescent ConjugateGradient LBFGS``: a ``Minimizer`` each, which is given the
  loss itself and evaluates it as often as it needs to: ``optimizer.step(loss, x, y)``,
  ``optimizer.minimize(loss)``. ``Newton GaussNewton LevenbergMarquardt`` are such, with
  a dense matrix of second derivatives, for small networks; ``TruncatedNewton
  HessianFree`` multiply by it only.
  ``Backtracking StrongWolfe`` are line searches, ``Composed`` an objective in parts.
- ``Constant StepDecay Exponential Piecewise Cosine Warmup OneCycle``: schedules, given
  as ``lr``.
- ``ClipNorm ClipValue L1 L2``: transforms of gradients, given as ``transforms``; as
  functions on gradients, ``clip_by_norm clip_by_value l1_penalty l2_penalty``.
- ``Accumulator``: the gradients of several batches, for one step. ``WeightAverage``:
  the weights of several steps, Polyak's average and the exponential one.

What other libraries have as arguments is composed here: ``weight_decay`` of SGD is
``transforms=[L2(λ)]``, its ``momentum`` is the class ``Momentum``.
"""

from typing import TYPE_CHECKING

from ..public import listing, missing_names

if TYPE_CHECKING:
    from .accumulation import Accumulator
    from .adadelta import Adadelta
    from .adagrad import Adagrad
    from .adam import Adam
    from .adamw import AdamW
    from .algorithms import ALGORITHMS, by_name
    from .amsgrad import AMSGrad
    from .composed import Composed
    from .conjugate_gradient import ConjugateGradient
    from .evaluation import At, Line, Moved, Way
    from .gauss_newton import GaussNewton
    from .gradient_descent import GradientDescent
    from .hessian_free import HessianFree
    from .iteration import Iteration
    from .lamb import LAMB
    from .lbfgs import LBFGS
    from .levenberg_marquardt import LevenbergMarquardt
    from .line_search import Backtracking, LineSearch, StrongWolfe
    from .lion import Lion
    from .minimizer import Minimizer
    from .momentum import Momentum
    from .muon import Muon
    from .nadam import Nadam
    from .nesterov import Nesterov
    from .newton import Newton
    from .optimizer import Optimizer, Step
    from .parameter_groups import Group
    from .rmsprop import RMSProp
    from .schedules import (
        Constant,
        Cosine,
        Exponential,
        OneCycle,
        Piecewise,
        Schedule,
        StepDecay,
        Warmup,
    )
    from .sgd import SGD
    from .sparse_adam import SparseAdam
    from .transforms import (
        L1,
        L2,
        ClipNorm,
        ClipValue,
        clip_by_norm,
        clip_by_value,
        global_norm,
        l1_penalty,
        l2_penalty,
    )
    from .truncated_newton import TruncatedNewton
    from .updater import Updater
    from .weight_average import WeightAverage

#: Imported when first used: a training has one of the algorithms.
LATER = {
    ".accumulation": ["Accumulator"],
    ".adadelta": ["Adadelta"],
    ".adagrad": ["Adagrad"],
    ".adam": ["Adam"],
    ".adamw": ["AdamW"],
    ".algorithms": ["ALGORITHMS", "by_name"],
    ".amsgrad": ["AMSGrad"],
    ".composed": ["Composed"],
    ".conjugate_gradient": ["ConjugateGradient"],
    ".evaluation": ["At", "Line", "Moved", "Way"],
    ".gauss_newton": ["GaussNewton"],
    ".gradient_descent": ["GradientDescent"],
    ".hessian_free": ["HessianFree"],
    ".iteration": ["Iteration"],
    ".lamb": ["LAMB"],
    ".lbfgs": ["LBFGS"],
    ".levenberg_marquardt": ["LevenbergMarquardt"],
    ".line_search": ["Backtracking", "LineSearch", "StrongWolfe"],
    ".lion": ["Lion"],
    ".minimizer": ["Minimizer"],
    ".momentum": ["Momentum"],
    ".muon": ["Muon"],
    ".nadam": ["Nadam"],
    ".nesterov": ["Nesterov"],
    ".newton": ["Newton"],
    ".optimizer": ["Optimizer", "Step"],
    ".parameter_groups": ["Group"],
    ".rmsprop": ["RMSProp"],
    ".schedules": [
        "Constant",
        "Cosine",
        "Exponential",
        "OneCycle",
        "Piecewise",
        "Schedule",
        "StepDecay",
        "Warmup",
    ],
    ".sgd": ["SGD"],
    ".sparse_adam": ["SparseAdam"],
    ".transforms": [
        "L1",
        "L2",
        "ClipNorm",
        "ClipValue",
        "clip_by_norm",
        "clip_by_value",
        "global_norm",
        "l1_penalty",
        "l2_penalty",
    ],
    ".truncated_newton": ["TruncatedNewton"],
    ".updater": ["Updater"],
    ".weight_average": ["WeightAverage"],
}

__all__ = [
    "ALGORITHMS",
    "L1",
    "L2",
    "LAMB",
    "LBFGS",
    "SGD",
    "AMSGrad",
    "Accumulator",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "At",
    "Backtracking",
    "ClipNorm",
    "ClipValue",
    "Composed",
    "ConjugateGradient",
    "Constant",
    "Cosine",
    "Exponential",
    "GaussNewton",
    "GradientDescent",
    "Group",
    "HessianFree",
    "Iteration",
    "LevenbergMarquardt",
    "Line",
    "LineSearch",
    "Lion",
    "Minimizer",
    "Momentum",
    "Moved",
    "Muon",
    "Nadam",
    "Nesterov",
    "Newton",
    "OneCycle",
    "Optimizer",
    "Piecewise",
    "RMSProp",
    "Schedule",
    "SparseAdam",
    "Step",
    "StepDecay",
    "StrongWolfe",
    "TruncatedNewton",
    "Updater",
    "Warmup",
    "Way",
    "WeightAverage",
    "by_name",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "l1_penalty",
    "l2_penalty",
]

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(
        __name__, advice="optim.NAMES", options="optim.OPTIONS", later=LATER
    )
