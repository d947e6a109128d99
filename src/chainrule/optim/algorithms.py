"""The algorithms by name, for those who choose one in words: ``fit`` and the command.

Place on the road: above the algorithms, below ``training``. It must not know of either
more than their names: an algorithm is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import unknown_option

if TYPE_CHECKING:
    from .minimizer import Minimizer
    from .optimizer import Optimizer
    from .parameter_groups import Params

#: In the order in which they came; last those that evaluate the loss themselves.
IN_ORDER = (
    *("SGD", "Momentum", "Nesterov", "Adagrad", "RMSProp", "Adadelta", "Adam"),
    *("AdamW", "SparseAdam", "Nadam", "AMSGrad", "LAMB", "Lion", "Muon"),
    *("GradientDescent", "ConjugateGradient", "LBFGS", "Newton", "TruncatedNewton"),
    *("GaussNewton", "LevenbergMarquardt", "HessianFree"),
)


class _Algorithms(Mapping[str, "type[Optimizer | Minimizer]"]):
    """Names in small letters → algorithms, which are imported when looked up."""

    def __init__(self, classes: Iterable[str]) -> None:
        self._classes = {name.lower(): name for name in classes}

    def __getitem__(self, name: str) -> type[Optimizer | Minimizer]:
        package = importlib.import_module(__name__.rpartition(".")[0])
        found: type[Optimizer | Minimizer] = getattr(package, self._classes[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __repr__(self) -> str:
        return f"<the algorithms {', '.join(self)}>"


#: name → algorithm
ALGORITHMS: Mapping[str, type[Optimizer | Minimizer]] = _Algorithms(IN_ORDER)


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
