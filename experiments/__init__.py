"""Experiments: published results and figures, found again.

``python -m experiments NAME`` runs one, draws what there is to see, and keeps what it
measured beside what was published, in ``results/`` and in the table of ``README.md``.

The docstring of a file says what was found before, by whom and when, and how it is run
here; its ``run`` takes ``Options`` and answers a ``Record``. They use the package as
anyone would.
"""

#: Name on the command line ↦ file, in the order of the table.
EXPERIMENTS = {
    "mnist": "mnist",
    "fashion-mnist": "fashion_mnist",
    "cifar-10": "cifar10",
    "cifar-10-time": "cifar10_time",
    "shakespeare-lstm": "shakespeare_lstm",
    "shakespeare-gpt": "shakespeare_gpt",
    "optimizers": "optimizers",
    "hessian-free": "hessian_free",
    "hessian-free-all": "hessian_free_all",
    "tables": "tables",
    "vanishing-gradients": "vanishing_gradients",
    "overfitting": "overfitting",
}
