"""The algorithms by name, for those who choose one in words: ``fit`` and the command.

Place on the road: above the algorithms, below ``training``. It must not know of either
more than their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import unknown_option
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamw import AdamW
from .amsgrad import AMSGrad
from .conjugate_gradient import ConjugateGradient
from .gauss_newton import GaussNewton
from .gradient_descent import GradientDescent
from .hessian_free import HessianFree
from .lamb import LAMB
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .lion import Lion
from .minimizer import Minimizer
from .momentum import Momentum
from .muon import Muon
from .nadam import Nadam
from .nesterov import Nesterov
from .newton import Newton
from .optimizer import Optimizer
from .parameter_groups import Params
from .rmsprop import RMSProp
from .sgd import SGD
from .sparse_adam import SparseAdam
from .truncated_newton import TruncatedNewton

#: In the order in which they came; last those that evaluate the loss themselves.
IN_ORDER: tuple[type[Optimizer | Minimizer], ...] = (
    *(SGD, Momentum, Nesterov, Adagrad, RMSProp, Adadelta),
    *(Adam, AdamW, SparseAdam, Nadam, AMSGrad, LAMB, Lion, Muon),
    *(GradientDescent, ConjugateGradient, LBFGS, Newton, TruncatedNewton),
    *(GaussNewton, LevenbergMarquardt, HessianFree),
)
#: name → algorithm
ALGORITHMS: Mapping[str, type[Optimizer | Minimizer]] = MappingProxyType(
    {each.__name__.lower(): each for each in IN_ORDER}
)


def by_name(
    name: str, params: Params | None = None, **options: Any
) -> Optimizer | Minimizer:
    """The optimizer of a name, "adam" for ``optim.Adam``, in small or capital letters.

    Arguments:
        name: one of "sgd momentum nesterov adagrad rmsprop adadelta adam adamw
            sparseadam nadam amsgrad lamb lion muon gradientdescent conjugategradient
            lbfgs newton truncatednewton gaussnewton levenbergmarquardt hessianfree";
            "gradient_descent" is the same.
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        options: what the algorithm's class takes: ``lr`` and its hyper-parameters.

    Raises:
        OptionError: for a name or an option that is not known, with the nearest.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> optim.by_name("adam", [cr.parameter([1.0, 2.0])], lr=0.01)
        Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08; 1 parameter, 2 numbers)
    """
    plain = str(name).lower().replace("_", "").replace("-", "")
    algorithm: type[Any] | None = ALGORITHMS.get(plain)
    if algorithm is None:
        raise unknown_option("optimizer", name, ALGORITHMS)
    made: Optimizer | Minimizer = algorithm(params, **options)
    return made
