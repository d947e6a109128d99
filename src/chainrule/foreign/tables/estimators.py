"""Arguments of other libraries' estimators."""

from collections.abc import Mapping

_RATE = "optimizer='adam' has the usual settings of its paper"

#: Options of scikit-learn's multilayer perceptrons, and of skorch's networks.
OPTIONS: Mapping[str, str] = {
    "solver": "optimizer='adam'",
    "learning_rate": "learning_rate_init=0.001",
    "lr": "learning_rate_init=0.001",
    "max_epochs": "max_iter=200",
    "epochs": "max_iter=200",
    "module": "module_factory=make, a function of (inputs, outputs)",
    "hidden_layers": "hidden_layer_sizes=(100,)",
    "shuffle": "leave it out: the examples of every epoch are shuffled",
    "momentum": "optimizer='momentum', or 'nesterov'",
    "nesterovs_momentum": "optimizer='nesterov'",
    "power_t": _RATE,
    "beta_1": _RATE,
    "beta_2": _RATE,
    "epsilon": _RATE,
    "max_fun": "max_iter=200",
    "weight_decay": "alpha=0.0001, divided by the number of examples",
    "criterion": "loss='squared_error'",
    "seed": "random_state=0",
    **dict.fromkeys(
        ("latent_dim", "encoding_dim", "code_size"),
        "n_components=2",
    ),
}
