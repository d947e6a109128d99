"""Experiments: published results and figures, found again.

``chainrule experiment NAME`` runs one, draws what there is to see, and keeps what it
measured beside what was published; in a copy of the repository also in ``results/`` and
in the table of ``README.md``. ``chainrule experiment list`` shows them all.

The docstring of a file says what was found before, by whom and when, and how it is run
here; ``SUMMARY`` and ``DATA`` are what is listed of it; its ``run`` takes ``Options``
and answers a ``Record``. They use the package as anyone would, which carries them along
as ``chainrule.experiments`` when it is installed: they import each other relatively.
"""

#: Name on the command line ↦ file, in the order of the table.
EXPERIMENTS = {
    "mnist": "mnist",
    "mixed-precision": "mixed_precision",
    "mnist-rows": "mnist_rows",
    "moving-digits": "moving_digits",
    "fashion-mnist": "fashion_mnist",
    "cifar-10": "cifar10",
    "cifar-10-all": "cifar10_all",
    "cifar-10-time": "cifar10_time",
    "language-models": "language_models",
    "word-vectors": "word_vectors",
    "pronunciation": "pronunciation",
    "pronunciation-ensemble": "pronunciation_ensemble",
    "pronunciation-stress": "pronunciation_stress",
    "optimizers": "optimizers",
    "hessian-free": "hessian_free",
    "hessian-free-all": "hessian_free_all",
    "deep-autoencoder": "deep_autoencoder",
    "deep-autoencoder-pretrained": "deep_autoencoder_pretrained",
    "autoencoder-2d": "autoencoder_2d",
    "denoising": "denoising",
    "belief-net": "belief_net",
    "belief-net-long": "belief_net_long",
    "few-labels": "few_labels",
    "few-labels-all": "few_labels_all",
    "joint-belief-net": "joint_belief_net",
    "tables": "tables",
    "uci-regression": "uci_regression",
    "uci-regression-all": "uci_regression_all",
    "uncertainty": "uncertainty",
    "vanishing-gradients": "vanishing_gradients",
    "overfitting": "overfitting",
    "rbm": "rbm",
    "dbm": "dbm",
    "dbm-full": "dbm_full",
    "dbm-long": "dbm_long",
    "vae-mnist": "vae_mnist",
    "vae-mnist-long": "vae_mnist_long",
    "vae-mnist-50": "vae_mnist_50",
    "vae-pictures": "vae_pictures",
    "natural-images": "natural_images",
    "chunking": "chunking",
    "sentences": "sentences",
    "forecasting": "forecasting",
    "prices": "prices",
    "chorales": "chorales",
    "spoken-digits": "spoken_digits",
    "handwriting": "handwriting",
    "handwriting-writing": "handwriting_writing",
    "concept-unit": "concept_unit",
    "gan-gaussians": "gan_gaussians",
    "gan-mnist": "gan_mnist",
}
