"""The pictures of the documentation that are drawn from programs; see generate.py."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, losses, models, nn, optim, pictures, sampling
from chainrule.models.generation import Sampling, sample
from chainrule.runs.sampling import SamplesOverTime


def first_graph() -> str:
    """The lectures' first graph, f = (x + y) · z, with every value and derivative."""
    x = cr.tensor(1.0, name="x")
    y = cr.tensor(-3.0, name="y")
    z = cr.tensor(4.0, name="z")
    s = x + y
    f = s * z
    return cr.explain(f).svg()


def rnn_through_time(file: str) -> None:
    """A network that learns to spell, as the page on sequences trains it."""
    letters = "helo"
    word = np.array([letters.index(letter) for letter in "hello"])
    x, y = np.eye(4, dtype="float32")[word[None, :-1]], word[None, 1:]
    cr.manual_seed(0)
    speller = nn.Sequential(nn.RNN(4, 8), nn.AllSteps(), nn.Linear(8, 4))
    optimizer = optim.Adam(speller.parameters(), lr=0.02)
    cr.fit(speller, (x, y), optimizer=optimizer, epochs=20, progress=False)
    names = list(letters)
    found: Any = cr.explain(speller, x, y, feature_names=names, class_names=names)
    found.through_time().save(file)


def xor(file: str) -> None:
    """XOR with one layer and with two, as the tutorial trains them."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    labels = np.array([[0], [1], [1], [0]], "float32")
    figure = pictures.new_figure(8.5, 3.7)
    for number, name in enumerate(("One layer", "Two layers")):
        cr.manual_seed(0)
        hidden = [nn.Linear(2, 8), nn.Tanh()] if number else []
        model = nn.Sequential(*hidden, nn.Linear(8 if number else 2, 1))
        optimizer = optim.Adam(model.parameters(), lr=0.05)

        @cr.compile
        def step(
            model: nn.Module = model, optimizer: optim.Optimizer = optimizer
        ) -> cr.Tensor:
            loss = losses.binary_cross_entropy(model(corners, training=True), labels)
            optimizer.step(cr.backprop(loss))
            return loss

        for _ in range(301):
            step()
        ax = figure.add_axes((0.07 + 0.5 * number, 0.14, 0.41, 0.74))
        pictures.decision_boundary(model, corners, labels, ax=ax)
        ax.set_title(f"{name}: {ax.get_title()}", fontsize=10)
    pictures.save(figure, file)


def boltzmann_digits(file: str) -> None:
    """What the machine of the page on Boltzmann machines dreams."""
    x = (np.asarray(data.load("digits").train.inputs) > 0.5).astype("float32")
    cr.manual_seed(0)
    rbm = models.RBM(64, 100)
    rbm.fit_visible_bias(x)
    learning = models.ContrastiveDivergence(rbm, persistent=True)
    descent = optim.SGD(lr=optim.Cosine(0.1, 60 * data.num_batches(len(x), 20)))
    cr.fit(learning, x, optimizer=descent, epochs=60, batch_size=20, progress=False)
    drawn = rbm.sample(60, steps=500, means=True).numpy().reshape(-1, 8, 8)
    pictures.save(pictures.image_grid(drawn, columns=10), file)


def gan_digits(file: str) -> None:
    """Digits from the same noise in the course of a GAN's training."""
    x = data.load("digits").train.inputs
    cr.manual_seed(0)
    gan = models.mlp_gan(64, 32, (128, 128), output=nn.Sigmoid, batch_norm=True)
    log = SamplesOverTime(gan)
    adam = optim.Adam(lr=1e-3, betas=(0.5, 0.999))
    how = {"epochs": 200, "callbacks": [log], "progress": False}
    cr.fit(gan, x, optimizer=adam, **how)
    rows = [drawn.reshape(-1, 8, 8) for drawn in log.samples.values()]
    names = [f"epoch {epoch}" for epoch in log.samples]
    pictures.save(pictures.reconstructions(*rows, names=names), file)


def autoencoder_codes(file: str) -> None:
    """Digits of scikit-learn in two numbers, of a network and of PCA."""
    digits = data.load("digits")
    x = digits.train.inputs
    cr.manual_seed(0)
    model = models.deep_autoencoder((64, 64, 32, 2), output=nn.Sigmoid)
    objective = models.Reconstruction(model, "squared_error")
    cr.fit(objective, x, optimizer=optim.Adam(lr=0.01), epochs=40, progress=False)
    off = digits.test.inputs - x.mean(axis=0)
    components = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:2]
    found = {
        "autoencoder": cr.predict(model.encoder, digits.test.inputs),
        "PCA": off @ components.T,
    }
    panels = {
        f"{name}: {100 * share:.0f} % right by five neighbours": codes
        for name, codes in found.items()
        for share in [pictures.neighbour_accuracy(codes, digits.test.targets)]
    }
    with pictures.windowless():
        pictures.save(pictures.codes(panels, digits.test.targets), file, dpi=80)


def attention(file: str) -> None:
    """What a network looks at that writes words backwards, as its page trains it."""
    letters_of = itertools.product
    words = ["".join(w) for n in (1, 2, 3) for w in letters_of("aeios", repeat=n)]
    words = [words[i] for i in np.random.default_rng(0).permutation(len(words))]
    cr.manual_seed(0)
    letters = data.Characters.fit(words, special=["unknown"])
    network = models.Seq2Seq(len(letters), len(letters), 32, attention="general")
    backwards = models.Translator(network, letters, letters)
    cr.fit(
        models.TeacherForcing(network),
        backwards.pairs([(w, w[::-1]) for w in words[:128]], buckets=1),
        optimizer=optim.Adam(network.parameters(), optim.Cosine(0.01, 60 * 4)),
        epochs=60,
        batch_size=32,
        progress=False,
    )
    maps = [backwards.attention(word) for word in ("sea", "iao", "es")]
    weights, sources, targets = zip(*maps, strict=True)
    with pictures.windowless():
        figure = pictures.attention_maps(weights, sources, targets)
        pictures.save(figure, file)


def drawing_tokens(file: str) -> None:
    """How temperature, top-k and top-p change what is drawn, of eight tokens."""
    shares = np.array([0.42, 0.22, 0.13, 0.09, 0.06, 0.04, 0.025, 0.015])
    logits = np.log(shares)[None].repeat(100_000, 0).astype("float32")
    rules = {
        "temperature 1": {},
        "temperature 0.5": {"temperature": 0.5},
        "temperature 2": {"temperature": 2.0},
        "top_k=3": {"top_k": 3},
        "top_p=0.8": {"top_p": 0.8},
    }
    figure = pictures.new_figure(8.5, 2.2)
    for number, (name, options) in enumerate(rules.items()):
        how = Sampling(**options)  # type: ignore[arg-type]
        source = cr.random.Generator(0)
        drawn = sample(logits, how.amounts(), how, source).numpy()
        ax = figure.add_axes((0.06 + 0.19 * number, 0.16, 0.16, 0.68))
        ax.bar(range(8), np.bincount(drawn, minlength=8) / len(drawn))
        ax.set_title(name, fontsize=10)
        ax.set_ylim(0, 0.75)
        ax.set_xticks([])
        if number:
            ax.set_yticklabels([])
    pictures.save(figure, file)


def best_rows(file: str) -> None:
    """Tags chosen one by one and together: what neighbours expect changes shares."""
    tags, words = ("O", "B-NP", "I-NP"), ("in", "the", "old", "house", ".")
    scores = [[3, 0, 1], [1, 2, 2], [1, 1.5, 1.8], [0, 2, 1.9], [3, 0, 0]]
    crf = nn.CRF(3, forbidden=[(None, 2), (0, 2)], dtype="float64")
    crf.transitions.assign([[0, 1, 0], [0, -1, 1.5], [0, -1, 1]])
    z = np.array([scores])
    alone = np.exp(z[0]) / np.exp(z[0]).sum(axis=1, keepdims=True)
    parts = {
        "each word alone": (alone, alone.argmax(axis=1)),
        "all together": (crf.marginals(z).numpy()[0], crf(z).numpy()[0]),
    }
    figure = pictures.new_figure(8, 2.6)
    for place, (title, (shares, row)) in enumerate(parts.items()):
        ax = figure.add_axes((0.09 + 0.49 * place, 0.14, 0.4, 0.72))
        ax.imshow(shares.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.plot(range(len(words)), row, "o-", color="#D55E00", lw=2)
        ax.set_xticks(range(len(words)), words)
        ax.set_yticks(range(3), tags)
        ax.set_title(title, fontsize=10)
    pictures.save(figure, file, dpi=80)


def attention_on_words(file: str) -> None:
    """How much each word of a few texts counts, as a small network has learned."""
    rng = np.random.default_rng(0)
    plain = ["the", "film", "was", "a", "plot", "cast", "long", "story", "and"]
    telling = {"good": ["superb", "moving", "funny"], "bad": ["dull", "awful", "flat"]}
    texts, labels = [], []
    for number in range(400):
        labels.append(("good", "bad")[number % 2])
        words = [
            *rng.choice(plain, rng.integers(3, 9)),
            rng.choice(telling[labels[-1]]),
        ]
        texts.append(" ".join(rng.permutation(words)))
    cr.manual_seed(0)
    model = models.TextClassifier.of(
        texts, labels, network="embeddings", pooling="attention", width=16
    )
    examples = model.examples(texts, labels, buckets=1)
    adam = optim.Adam(lr=0.01)
    cr.fit(model, examples, optimizer=adam, epochs=15, batch_size=40, progress=False)
    shown = [
        "the cast was superb and the plot a long story",
        "a long and awful film",
        "funny the story was and the film moving",
    ]
    figure = pictures.new_figure(8, 2.2)
    ax = figure.add_axes((0.01, 0.02, 0.98, 0.96))
    for line, text in enumerate(shown):
        ids = model.rows([text])[0][None]
        x = model.embedding(ids)
        counts = model.pool.weights(x, np.ones((*ids.shape, 1), bool)).numpy()[0]
        words = text.split()
        for place, (word, count) in enumerate(zip(words, counts, strict=True)):
            colour = (0.85, 0.37, 0.0, min(1.0, float(count)))
            ax.text(
                0.02 + 0.095 * place, 0.8 - 0.32 * line, word, fontsize=12,
                bbox={"facecolor": colour, "edgecolor": "none"},
            )  # fmt: skip
    ax.set_axis_off()
    pictures.save(figure, file, dpi=80)


def markov_chains(file: str) -> None:
    """The page on Markov chains: draws of a curved density with one trajectory, its
    energy, and the trace of four chains.
    """
    curved = _banana
    draws = sampling.nuts(curved, cr.zeros(2), draws=2000, target_accept=0.9)
    figure = pictures.new_figure(11, 3.4)
    where, energy, trace = figure.subplots(1, 3)
    flat = draws.flat[::4]
    where.plot(flat[:, 0], flat[:, 1], ".", ms=1.5, color="#999999")
    q, p = np.array([-1.5, 2.0]), np.array([1.2, 0.6])
    slope = cr.compile(cr.value_and_grad(curved))
    path, total, step = [q], [], 0.15
    for _ in range(30):
        value, gradient = slope(q)
        total.append(0.5 * p @ p - value.item())
        p = p + 0.5 * step * gradient.numpy()
        q = q + step * p
        p = p + 0.5 * step * slope(q)[1].numpy()
        path.append(q)
    where.plot(*np.array(path).T, ".-", ms=4, lw=1, color="#0072B2")
    where.set(title="2000 draws, one trajectory", xlabel="q₀", ylabel="q₁")
    energy.plot(np.array(total) - total[0], color="#0072B2")
    energy.set(title="H along it, less H at its start", xlabel="leapfrog steps")
    for chain, colour in zip(draws.values, ("k", "#0072B2", "#E69F00", "#009E73"),
                             strict=True):  # fmt: skip
        trace.plot(chain[:200, 0], lw=0.7, color=colour)
    trace.set(title="q₀ of four chains", xlabel="draws")
    _bare(where, energy, trace)
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.16, top=0.9, wspace=0.2)
    pictures.save(figure, file)


def _banana(q: cr.Tensor) -> cr.Tensor:
    """A density that is curved."""
    return -((q[1] - 0.3 * q[0] ** 2) ** 2) - 0.5 * q[0] ** 2


def bands(file: str) -> None:
    """The page on Markov chains: what four methods make of two clusters of points."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-2, -0.7, 20), random.uniform(0.7, 2, 20)])
    y = np.sin(2 * x) + 0.1 * random.normal(size=40)
    x, y = x[:, None].astype("f4"), y[:, None].astype("f4")
    grid = np.linspace(-4, 4, 161, dtype="f4")[:, None]
    noise, prior = {"precision": 100.0, "learned": False}, models.GaussianPrior(1.0)

    def network(outputs: int = 1) -> nn.Sequential:
        cr.manual_seed(0)
        return nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, outputs))

    def gaussian() -> models.GaussianLikelihood:
        return models.GaussianLikelihood(**noise)

    chains = models.NUTS(network(), gaussian(), prior)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page says what they warn of
        chains.fit(x, y)
    others: list[models.Posterior] = [
        models.DeepEnsemble(network(), gaussian(), prior),
        models.MeanField(network(), gaussian(), prior),
        models.Laplace(network(), gaussian(), prior),
    ]
    for each in others:
        each.fit(
            x, y, epochs=3000, batch_size=40, progress=False,
            optimizer=optim.Adam(lr=optim.Cosine(0.01, 3000)),
        )  # fmt: skip
    figure = pictures.new_figure(11, 2.9)
    axes = figure.subplots(1, 4, sharey=True)
    named = zip(
        axes, ("NUTS", "deep ensemble", "mean field", "Laplace"), [chains, *others],
        strict=True,
    )  # fmt: skip
    for ax, name, posterior in named:
        said = posterior.predict(grid)
        mean, spread = said.mean[:, 0], said.epistemic[:, 0]
        for width in (1, 2):
            ax.fill_between(
                grid[:, 0], mean - width * spread, mean + width * spread,
                color="#0072B2", alpha=0.25, lw=0,
            )  # fmt: skip
        ax.plot(grid[:, 0], mean, color="#0072B2", lw=1.2)
        ax.plot(x[:, 0], y[:, 0], "k.", ms=3)
        ax.set(title=name, ylim=(-4, 4), xlim=(-4, 4))
    _bare(*axes)
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.1, top=0.89, wspace=0.08)
    pictures.save(figure, file)


def forecast(file: str) -> None:
    """A year of airline passengers, forecast by a linear network."""
    series = data.load_series("airline")
    cr.manual_seed(0)
    made = models.Forecaster.of(series[:120], horizon=12, model="linear")
    cr.fit(
        models.Forecasting(made),
        made.examples(series[:120]),
        optimizer=optim.Adam(lr=0.005),
        epochs=150,
        progress=False,
    )
    with pictures.windowless():
        ax = made.predict(series[:120]).plot(series.values[120:132], 48)
    pictures.save(ax.figure, file)


def speech_alignment(file: str) -> None:
    """Three spoken digits, and the states that Gaussians align them with."""
    from experiments.spoken_digits import features, joined, recordings

    given = [each for each, _ in recordings() if each.speaker in ("george", "theo")]
    model = models.GaussianRecogniser.of(
        given[::3], features=features("gmm"), states=8, mixtures=1, connected=True
    )
    model.learn(given[::3], iterations=3)
    (string,) = joined(given, 1, (3, 3), 4)
    pictures.save(model.draw(string), file)


def _bare(*axes: Any) -> None:
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.title.set_fontsize(10)


#: file → what draws it with matplotlib, whose releases draw other bytes: they are drawn
#: anew by ``python docs/generate.py --drawings`` only.
DRAWINGS: dict[str, Callable[[str], None]] = {
    "images/attention.png": attention,
    "images/autoencoder-codes.png": autoencoder_codes,
    "images/attention-on-words.png": attention_on_words,
    "images/best-rows-of-tags.png": best_rows,
    "images/boltzmann-digits.png": boltzmann_digits,
    "images/drawing-tokens.png": drawing_tokens,
    "images/forecast.png": forecast,
    "images/gan-digits-over-time.png": gan_digits,
    "images/markov-chains.png": markov_chains,
    "images/posterior-bands.png": bands,
    "images/rnn-through-time.svg": rnn_through_time,
    "images/speech-alignment.png": speech_alignment,
    "images/xor.png": xor,
}

#: file → what draws it.
PICTURES: dict[str, Callable[[], str]] = {"images/first-graph.svg": first_graph}
