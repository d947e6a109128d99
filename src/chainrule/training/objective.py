"""``Objective``: the loss to minimise, by name, as a function, the usual one, or what
the model itself returns.

Place on the road: between ``losses`` and the training step. It must not know of the
optimizer or of the loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import losses, nn, tree
from ..dtypes import is_float
from ..errors import ArgumentError, ShapeError
from ..graph import Node
from ..nn.ensemble import Members
from ..wording import counted

#: The loss for what a data set's targets are, and the metrics shown beside it.
LOSS_OF_KIND = {"classification": "cross_entropy", "regression": "mse"}
METRICS_OF_KIND = {"classification": ("accuracy",), "regression": ("r2",)}

#: Losses whose float targets are not amounts: distributions, or one class against the
#: rest.
METRICS_OF_LOSS: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("accuracy",),
    "binary_cross_entropy": (),
    "bernoulli_nll": (),
    "cosine_embedding": (),
    "dice": (),
    "focal": (),
    "kl_divergence": (),
    "negative_binomial_nll": (),
    "poisson_nll": (),
    "hinge": (),
}

#: Losses of one logit an example, whose targets are 0 and 1.
BINARY_LOSSES = {"binary_cross_entropy", "bernoulli_nll"}

#: Losses whose targets are class numbers, with an axis less than the outputs.
LOSSES_OF_CLASSES = {"cross_entropy", "ctc"}

#: Losses of class numbers for which accuracy means nothing.
LOSSES_WITHOUT_ACCURACY = {"ctc"}

#: Losses of logits, and the layers that would turn them into probabilities before.
LAYERS_OF_LOSS: dict[str, tuple[type[nn.Module], ...]] = {
    "cross_entropy": (nn.Softmax,),
    "ctc": (nn.Softmax,),
    "kl_divergence": (nn.Softmax,),
    "binary_cross_entropy": (nn.Sigmoid,),
    "bernoulli_nll": (nn.Sigmoid,),
    "dice": (nn.Softmax, nn.Sigmoid),
    "focal": (nn.Softmax, nn.Sigmoid),
}


#: What trains a model that is no function to be fitted to targets, by its class.
TRAINED_BY = {
    "Autoencoder": "cr.fit(models.Reconstruction(model), x)",
    "RBM": "cr.fit(models.ContrastiveDivergence(model), x)",
    "DBM": "model.pretrain(x), then cr.fit(models.ContrastiveDivergence(model, "
    "persistent=True), x); for classes model.to_sequential(10)",
    "Seq2Seq": "cr.fit(models.TeacherForcing(model), data.bucket_pairs(sources, "
    "targets))",
    "Transformer": "cr.fit(models.TeacherForcing(model), data.bucket_pairs(sources, "
    "targets))",
    "Translator": "cr.fit(models.TeacherForcing(translator.model), "
    "translator.pairs(pairs))",
    "DeepBeliefNet": "model.pretrain(x), then cr.fit(models.UpDown(model), x); for "
    "classes model.to_sequential(10)",
}


class Weighted(NamedTuple):
    """The targets of examples that do not count alike: what a step is given for them,
    and callbacks as ``run.targets``.

    Attributes:
        targets: (N, …), or several such.
        sample_weight: (N,).
    """

    targets: Any
    sample_weight: Any


def unweighted(targets: Any) -> tuple[Any, Any]:
    """The targets alone, and the weights or None.

    Example:
        >>> unweighted(Weighted([0, 1], [1.0, 2.0]))
        ([0, 1], [1.0, 2.0])
        >>> unweighted([0, 1])
        ([0, 1], None)
    """
    if isinstance(targets, Weighted):
        return targets.targets, targets.sample_weight
    return targets, None


class Objective:
    """A loss function, and its name for messages and histories.

    Arguments:
        loss: a name of ``losses``, a function of (outputs, targets), or, where the data
            has no targets, of the outputs alone.
        kind: what the targets are: "classification", "regression", "other" or "none".
        instead: what trains the model without a loss, for messages; "" where nothing.

    Raises:
        OptionError: for an unknown name, with the nearest.
        ArgumentError: for something that is neither, or no loss for data without
            targets.
    """

    #: Whether the loss only says in training which way to go: of values that the model
    #: draws, whose gradient is not that of the number.
    is_direction = False

    def __init__(self, loss: Any, kind: str, instead: str = "") -> None:
        self.kind = kind
        self.has_targets = kind != "none"
        if loss is None:
            loss = LOSS_OF_KIND.get(kind)
        if loss is None or (isinstance(loss, str) and not self.has_targets):
            raise _no_loss(loss, self.has_targets, instead)
        self.function: Callable[..., Any]
        if isinstance(loss, str):
            self.function = losses.by_name(loss)
            self.name = loss
        elif callable(loss):
            if isinstance(loss, type):
                raise ArgumentError(
                    f"loss={loss.__name__} is a class",
                    fix=f"make one: loss={loss.__name__}()",
                )
            self.function = loss
            self.name = getattr(loss, "__name__", type(loss).__name__)
        else:
            raise _not_a_loss(loss)
        self.counts_classes = self.function is losses.by_name("cross_entropy")
        self.is_known = self.function in losses.BY_NAME.values()
        self.is_binary = self.is_known and self.name in BINARY_LOSSES
        if not self.has_targets:
            self._check_takes_outputs_alone()

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The loss of a batch: one floating-point number.

        Raises:
            ShapeError: when the function returns something else.
        """
        targets, weights = unweighted(targets)
        options = {} if weights is None else {"sample_weight": weights}
        if isinstance(outputs, Members):
            loss = outputs.loss(self.function, targets, **options)
        elif self.has_targets:
            loss = self.function(outputs, targets, **options)
        else:
            loss = self.function(outputs, **options)
        return one_number(loss, f"loss {self.name}")

    def arguments(self, inputs: Any, targets: Any) -> Any:
        """What the model is called with: several are a tuple."""
        return inputs

    def fitted(self, outputs: Any, targets: Any) -> Any:
        """Targets ``(N,)`` as ``(N, 1)`` where every output is ``(N, 1)``; all others
        as they are.

        The losses themselves refuse such a pair, which might be meant in two ways. Here
        it cannot be: each example has one output and one target. A function of one's
        own is given what the data holds.
        """
        if isinstance(targets, Weighted):
            return targets._replace(targets=self.fitted(outputs, targets.targets))
        shape = getattr(targets, "shape", ())
        if len(shape) != 1 or not self.is_known or self.name in LOSSES_OF_CLASSES:
            return targets
        if not (is_float(targets.dtype) or self.is_binary):
            return targets
        leaves = tree.flatten(outputs)[0]
        if all(getattr(leaf, "shape", None) == (*shape, 1) for leaf in leaves):
            return targets.reshape(-1, 1)
        return targets

    @property
    def usual_metrics(self) -> tuple[str, ...]:
        """The names of the metrics that are shown by default."""
        if self.name in LOSSES_WITHOUT_ACCURACY:
            return ()
        if self.kind == "regression" and self.function is losses.BY_NAME.get(self.name):
            return METRICS_OF_LOSS.get(self.name, METRICS_OF_KIND[self.kind])
        return METRICS_OF_KIND.get(self.kind, ())

    def refuse_probabilities(self, model: nn.Module) -> None:
        """Refuses a network that ends in probabilities while its loss expects logits.

        It would learn slowly and look as if it worked.

        Raises:
            ArgumentError: naming the superfluous layer.
        """
        last = last_layer(getattr(model, model.ends_in) if model.ends_in else model)
        named = self.function is losses.BY_NAME.get(self.name)
        if named and isinstance(last, LAYERS_OF_LOSS.get(self.name, ())):
            name = type(last).__name__
            raise ArgumentError(
                f"loss {self.name}: the network ends in {name}, and this loss takes "
                f"logits, the numbers before {name}",
                fix=f"leave the last layer out; cr.{name.lower()}(model(x)) are the "
                "probabilities",
            )

    def check_takes_weights(self) -> None:
        """Refuses a function that weights of examples cannot be given to.

        Raises:
            ArgumentError: naming it.
        """
        try:
            known = inspect.signature(self.function).parameters
        except ValueError:  # no signature is known
            return
        kinds = {each.kind for each in known.values()}
        if "sample_weight" not in known and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise ArgumentError(
                f"loss {self.name} takes no sample_weight, and the data has weights",
                fix="def loss(outputs, targets, sample_weight=None): …, as those of "
                "cr.losses",
            )

    def refuse_metrics(self, metrics: Any) -> None:
        """Nothing to refuse: a metric itself says what it cannot measure."""

    def _check_takes_outputs_alone(self) -> None:
        try:
            inspect.signature(self.function).bind(None)
        except TypeError:
            raise ArgumentError(
                f"loss {self.name} takes targets, and the data has none",
                fix="data=(x, y), or a loss that is a function of the outputs alone",
            ) from None
        except ValueError:  # no signature is known
            return


class OwnLoss(Objective):
    """The objective of a model that returns its loss, ``outputs_loss = True``.

    Arguments:
        model: a module that is called with the inputs and, where the data has them, the
            targets.
        loss: None.
        kind: as of ``Objective``.

    Raises:
        ArgumentError: for a loss.

    Example:
        >>> import chainrule as cr
        >>> class Distance(nn.Module):
        ...     outputs_loss = True
        ...     def __init__(self):
        ...         self.centre = cr.parameter([0.0, 0.0])
        ...     def forward(self, x):
        ...         return ((x - self.centre) ** 2).mean()
        >>> OwnLoss(Distance(), None, "none").name
        'Distance'
    """

    def __init__(self, model: nn.Module, loss: Any, kind: str) -> None:
        self.name = type(model).__name__
        if loss is not None:
            shown = getattr(loss, "__name__", None) or repr(loss)
            raise ArgumentError(
                f"loss={shown} for {self.name}, which returns its own loss",
                fix=f"leave loss= out; what it minimises is set in {self.name}(…)",
            )
        self.takes: Callable[..., Any] = model.forward
        self.kind = kind
        self.has_targets = kind != "none"
        self.is_direction = model.depends_on_training
        self.counts_classes = self.is_known = self.is_binary = False

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The loss of a batch, which the model has returned.

        Raises:
            ShapeError: when it is not one floating-point number.
        """
        return one_number(outputs, f"{self.name} has outputs_loss = True, and")

    def arguments(self, inputs: Any, targets: Any) -> Any:
        """Inputs and targets, one after the other.

        Raises:
            ArgumentError: where the model takes targets and there are none, or the
                other way round.
        """
        given = (inputs, targets) if self.has_targets else (inputs,)
        several = [part if isinstance(part, tuple) else (part,) for part in given]
        arguments = tuple(each for part in several for each in part)
        signature = inspect.signature(self.takes)
        mode = {"training": True} if "training" in signature.parameters else {}
        try:
            bound = signature.bind(*arguments, **mode).arguments
        except TypeError:
            raise self._mismatch(len(several[0]), len(arguments)) from None
        filled = [signature.parameters[name] for name in bound if name not in mode]
        if any(map(_is_option, filled)):
            raise self._mismatch(len(several[0]), len(arguments))
        return arguments

    @property
    def usual_metrics(self) -> tuple[str, ...]:
        """None: there are no outputs to measure."""
        return ()

    def refuse_probabilities(self, model: nn.Module) -> None:
        """Nothing to refuse."""

    def check_takes_weights(self) -> None:
        """Refuses weights of examples, which the model is not given.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError(
            f"{self.name} returns its own loss, in which all examples count alike, and "
            "the data has weights",
            fix="data without sample_weight",
        )

    def refuse_metrics(self, metrics: Any) -> None:
        """Refuses metrics of outputs, which are not known.

        Raises:
            ArgumentError: for any metric.
        """
        if metrics is None or (isinstance(metrics, (list, tuple)) and not metrics):
            return
        raise ArgumentError(
            f"metrics={metrics!r} for {self.name}, which returns its loss and no "
            "outputs to measure",
            fix="cr.evaluate the network inside it, in a callback or after training",
        )

    def _mismatch(self, num_inputs: int, num_given: int) -> ArgumentError:
        """The error for a forward that cannot be called with what the data has."""
        known = inspect.signature(self.takes).parameters.values()
        places = [each for each in known if each.kind is each.POSITIONAL_OR_KEYWORD]
        named = [each.name for each in places if not _is_option(each)]
        takes = f"{self.name}.{self.takes.__name__} takes ({', '.join(named)})"
        if self.has_targets and len(named) <= num_inputs:
            return ArgumentError(
                f"{self.name} takes no targets, and the data has some: {takes}",
                fix="the inputs alone: cr.fit(model, x), or split.train.inputs",
            )
        has = "targets" if self.has_targets else "no targets"
        return ArgumentError(
            f"{takes}, and is given {counted(num_given, 'array')}: data of "
            f"{counted(num_inputs, 'input')} and {has}",
            fix="data=(x, y) for def forward(self, x, y, training=False): …",
        )


class GameObjective(OwnLoss):
    """The objective of a game: the loss of its first player.

    Arguments:
        model: the game.
        loss: None.
        kind: as of ``Objective``.
    """

    def __init__(self, model: nn.Game, loss: Any, kind: str) -> None:
        super().__init__(model, loss, kind)
        self.players = model.players
        self.takes = model.turns

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The loss of the first player."""
        return self.of(self.players[0], outputs[self.players[0]])

    def of(self, player: Any, loss: Any) -> Any:
        """A player's loss, checked.

        Raises:
            ArgumentError: for somebody who does not play.
            ShapeError: where it is not one floating-point number.
        """
        if player not in self.players:
            raise ArgumentError(
                f"{self.name}.turns yields {player!r}: the players are "
                f"{' and '.join(self.players)}"
            )
        return one_number(loss, f"{self.name}.turns, in the turn of {player},")


def _is_option(parameter: inspect.Parameter) -> bool:
    """Whether an argument is a setting, not data: it has a default other than None."""
    default = parameter.default
    return default is not parameter.empty and default is not None


def objective_of(model: nn.Module, loss: Any, kind: str, weighted: bool) -> Objective:
    """What is minimised: the loss, or what the model returns; checked against both.

    Arguments:
        model: the network.
        loss, kind: as of ``Objective``.
        weighted: whether examples have weights.

    Raises:
        ArgumentError: for a loss that does not suit the model or the data.

    Example:
        >>> objective_of(nn.Linear(2, 3), None, "classification", False).name
        'cross_entropy'
    """
    objective: Objective
    if isinstance(model, nn.Game):
        objective = GameObjective(model, loss, kind)
    elif model.outputs_loss:
        objective = OwnLoss(model, loss, kind)
    else:
        objective = Objective(loss, kind, trained_by(model))
    objective.refuse_probabilities(model)
    if weighted:
        objective.check_takes_weights()
    return objective


def trained_by(model: nn.Module) -> str:
    """What trains a model that no loss of its outputs would train; "" for others.

    Example:
        >>> trained_by(nn.Linear(2, 3))
        ''
    """
    kind = type(model)
    ours = kind.__module__.startswith("chainrule.")
    return TRAINED_BY.get(kind.__name__, "") if ours else ""


def last_layer(model: nn.Module) -> nn.Module:
    """The last layer of a ``Sequential``, and of one that it ends in.

    Example:
        >>> last_layer(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU())))
        ReLU()
    """
    while isinstance(model, nn.Sequential) and len(model):
        model = model[-1]
    return model


def one_number(loss: Any, source: str) -> Any:
    """A loss; an error for what is not one floating-point number."""
    if not isinstance(loss, Node) or loss.shape or not is_float(loss.dtype):
        shown = (
            f"{loss.dtype} {loss.shape}"
            if isinstance(loss, Node)
            else type(loss).__name__
        )
        raise ShapeError(
            f"{source} returns {shown}: expected one floating-point number",
            fix="reduce it with .mean()",
        )
    return loss


def _not_a_loss(loss: Any) -> ArgumentError:
    fix = f"one of the names {', '.join(sorted(losses.BY_NAME))}"
    shown = repr(loss)
    if isinstance(loss, (list, tuple, dict)):
        fix = (
            "one function for all outputs, def loss(outputs, targets): return "
            "losses.mse(outputs[0], targets[0]) + losses.mse(outputs[1], targets[1])"
        )
    elif hasattr(loss, "shape"):
        shown = f"an array {tuple(loss.shape)}"
        fix = "inputs and targets are a pair: cr.evaluate(model, (x, y))"
    what = f"loss={shown}: expected a name or a function of (outputs, targets)"
    return ArgumentError(what, fix=fix)


def _no_loss(loss: Any, has_targets: bool, instead: str) -> ArgumentError:
    if has_targets:
        return ArgumentError(
            "no loss is given, and there is no usual one for several targets",
            fix="loss=a function of (outputs, targets), both as the data nests them",
        )
    return ArgumentError(
        f"loss={loss!r} for data without targets",
        fix=instead
        or "loss=a function of the model's outputs; or data=(x, x) to reconstruct the "
        "inputs",
    )
