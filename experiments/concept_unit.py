"""A unit for faces that nobody asked for: the "Google Brain" network, in small.

Le et al. (2012) trained a network of three stages on frames of ten million videos,
without a label, and found a unit that answers to faces: it alone told faces from other
pictures with an accuracy of 81.7 %. Each stage is an autoencoder of local filters that
differ from place to place, pooling by the root of a sum of squares, and local contrast
normalisation; a billion weights, 1000 machines, three days.

Here the images are 32 × 32 brightnesses: photographs of CIFAR-10's ten kinds of things,
and one in ten is a face of the Olivetti set, moved, scaled and mirrored a little at
random. There are two stages: filters of 8 × 8 pixels with pooling and normalisation,
and units that see all of what these say. The images are normalised by local contrast as
well; without that the first stage learns where images are bright, and the unit that is
found is worse by far the longer it learns.

    chainrule experiment concept-unit [--quick] [--seed 0]

A stage is trained to have sparse pooled responses from which its input can be made
again:

    L = ‖x − Wᵀ W x‖² + λ Σ √(ε + H (W x)²),

with the local filters W, the fixed sums H of pooling, and Wᵀ the same filters in
reverse: the chain rule's own v ↦ vᵀ ∂(W x)/∂x. Both stages learn at once, the second
from what the first says, which it does not change. Le et al. learn two matrices for the
two directions; here they are one.

Then a part of the labels is looked at, once: which unit of the last stage, at which
threshold, tells faces from other photographs best? It is judged on photographs that are
new, and on people whom neither training nor that choice has seen; so are the best unit
of the same network with its first, random filters, and the best pixel. Half of these
images are faces: who guesses is right in 50 %. What labels can do is said beside it:
logistic regression on all pixels, with the labels that the units are chosen by.

Found with seeds 0 to 2, in five minutes on a busy machine: the best unit is right in
93.9 % (93.2 to 95.1 %), with random filters 64.3 %, the best pixel 68.4 %, and logistic
regression 93.9 %. The 48 new images that the unit of seed 0 answers to most are faces,
all of them. These faces are photographs of one studio, cut out alike, and easier than
the frames of videos are: the 81.7 % of the paper say nothing of how 93.9 % compare.
Many filters of the first stage look at the finest checkerboard, of which photographs
have next to nothing: there are more of them than are needed, and these cost nothing.
A third stage between the two, tried before the images were normalised, lost what was
found: pooled squares have no sign, and its best unit was right in 57 %, where that of
two stages had 85 %.

Sources: Le, Ranzato, Monga, Devin, Chen, Corrado, Dean & Ng, Building high-level
features using large scale unsupervised learning (2012); faces: Samaria & Harter,
Parameterisation of a stochastic model for human face identification (1994).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

import chainrule as cr
from chainrule import data, nn, optim, pictures
from chainrule.errors import FileError
from chainrule.pictures import new_figure

from .record import Clock, Options, Published, Record, save_small

#: Colours of Okabe and Ito (2008).
BLUE, ORANGE = "#0072B2", "#D55E00"

Array = np.ndarray[Any, np.dtype[Any]]

SUMMARY = "a unit that answers to faces, learned without a label"
DATA = "cifar-10, olivetti-faces"
PUBLISHED = (Published("best unit, accuracy", 0.817, "Le et al., 2012"),)

SIDE, PEOPLE, OF_EACH, UNSEEN = 32, 40, 10, 10
FACES = 0.1  # of the images that are learned from
SPARSITY, FLOOR = (0.3, 1.0), 1e-2  # λ of each stage, and ε
WINDOW = 7  # of the contrast normalisation of the images
MAPS, KERNEL, STRIDE, POOL, UNITS = 8, 8, 2, (3, 2), 64
#: First-layer units that are drawn of a unit of the last stage, and how many of these.
INPUTS, DRAWN = 6, 7


@dataclass(frozen=True)
class Plan:
    """How much of it: images to learn from, to choose by and to test with; epochs; how
    often, with other seeds; Adam's rate; and steps of gradient ascent."""

    images: int = 6000
    choosing: int = 1000
    test: int = 2000
    epochs: int = 15
    seeds: int = 3
    rate: float = 2e-3
    ascent: int = 300


QUICK = Plan(
    images=1500, choosing=400, test=400, epochs=12, seeds=1, rate=6e-3, ascent=40
)


# Images. ------------------------------------------------------------------------------


def normalised(images: Array) -> Array:
    """Each with mean 0 and deviation 1, (N, 32, 32, 1): brightness and contrast tell
    nothing."""
    x = images.reshape(len(images), -1).astype(np.float32)
    x = x - x.mean(axis=1, keepdims=True)
    x /= x.std(axis=1, keepdims=True) + 1e-3
    return x.reshape(-1, SIDE, SIDE, 1)


def faces(people: range, count: int, rng: np.random.Generator) -> Array:
    """Faces of some people: parts of 56 to 64 of the 64 × 64 pixels, half mirrored."""
    from PIL import Image
    from scipy.io import loadmat

    folder = cr.config.data_folder
    path = folder and folder / "olivetti-faces" / "olivettifaces.mat"
    if path is None or not path.is_file():
        raise FileError(
            "olivetti-faces/olivettifaces.mat is not in the data folder",
            fix="CHAINRULE_DATA=a folder with olivetti-faces/olivettifaces.mat",
        )
    columns = loadmat(str(path))["faces"]  # (64 · 64, 400), a face a column
    whole = columns.T.reshape(PEOPLE, OF_EACH, 64, 64).swapaxes(2, 3)
    made = []
    for _ in range(count):
        face = whole[rng.choice(people), rng.integers(OF_EACH)]
        size = rng.integers(56, 65)
        y, x = rng.integers(0, 65 - size, 2)
        part = Image.fromarray(face[y : y + size, x : x + size])
        small = np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        made.append(small[:, ::-1] if rng.random() < 0.5 else small)
    return normalised(np.stack(made))


def examples(plan: Plan, seed: int) -> tuple[Array, ...]:
    """What is learned from; images and whether they are faces, to choose by; the same
    to test with, of other people."""
    rng = np.random.default_rng(seed)
    split = data.load("cifar-10", flatten=False)
    things = [
        normalised(np.asarray(part.inputs).mean(axis=-1))
        for part in (split.train, split.test)
    ]
    known, unseen = range(PEOPLE - UNSEEN), range(PEOPLE - UNSEEN, PEOPLE)
    number = round(FACES * plan.images)
    others = things[0][: plan.images - number]
    learned = np.concatenate([others, faces(known, number, rng)])
    parts: list[Array] = [learned]
    # the last photographs of the training part, which are not learned from
    for people, photographs, n in (
        (known, things[0][-plan.choosing // 2 :], plan.choosing // 2),
        (unseen, things[1], plan.test // 2),
    ):
        parts.append(np.concatenate([faces(people, n, rng), photographs[:n]]))
        parts.append(np.arange(2 * n) < n)
    return tuple(parts)


# The network. -------------------------------------------------------------------------


class Stage(nn.Module):
    """Local filters, each place its own; pooling; local contrast normalisation.

    Arguments:
        channels, size: of the input, (N, size, size, channels).
        maps: filters at each place.
        kernel, stride: of the filters.
        pool: side and stride of the pooled squares; None leaves the filters as they
            are.
        sparsity: λ.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        maps: int,
        kernel: int,
        stride: int,
        pool: tuple[int, int] | None,
        sparsity: float,
    ) -> None:
        self.sparsity = sparsity
        self.filters = nn.LocallyConnected2d(
            channels, maps, size, kernel, stride, bias=False
        )
        self.pool = nn.LPPool2d(2, *pool) if pool else nn.Identity()
        self.norm = nn.LocalContrastNorm(3) if pool else nn.Identity()

    def forward(self, x: Any) -> Any:
        """What it says of its input."""
        return self.norm(self.pool(self.filters(x)))

    def cost(self, x: Any) -> Any:
        """How badly the filters' responses make the input again, and how sparse they
        are when pooled."""
        s, transposed = cr.vjp(self.filters, x)
        rest = transposed(s)[0] - x
        pooled = self.pool(s)
        sparse = cr.sqrt(FLOOR + pooled * pooled)
        return ((rest * rest).sum() + self.sparsity * sparse.sum()) / x.shape[0]


class StageByStage(nn.Module):
    """The sum of all stages' costs: each learns from what the one before it says."""

    outputs_loss: ClassVar[bool] = True

    def __init__(self, stages: nn.Sequential) -> None:
        self.stages = stages

    def forward(self, x: Any) -> Any:
        """The cost of a batch."""
        normalise, *stages = self.stages
        x, total = normalise(x), 0.0
        for stage in stages:
            total = total + stage.cost(x)
            x = cr.stop_gradient(stage(x))
        return total


def network() -> nn.Sequential:
    """Contrast normalisation, and the two stages."""
    first, second = SPARSITY
    return nn.Sequential(
        nn.LocalContrastNorm(WINDOW),
        Stage(1, SIDE, MAPS, KERNEL, STRIDE, POOL, first),  # 13 × 13 × 8, 6 × 6 × 8
        Stage(MAPS, 6, UNITS, 6, 1, None, second),  # 1 × 1 × 64
    )


# What its units answer to. ------------------------------------------------------------


@dataclass(frozen=True)
class Detector:
    """A unit that tells faces from other images.

    Arguments:
        unit: its number.
        sign: 1 where it says more of faces, −1 where less.
        accuracy: on images that it was not chosen by.
    """

    unit: int
    sign: float
    accuracy: float


def accuracies(values: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Of every column (N, U) the best accuracy of "v > t", or of its contrary, that a
    threshold t gives; the sign, −1 for the contrary; and t: each (U,)."""
    order = np.argsort(values, axis=0)
    yes = labels[order]
    none = np.zeros((1, values.shape[1]))
    # with the first k of the order below t: right are the 0s there and the 1s after
    below = np.concatenate([none, np.cumsum(~yes, axis=0)])
    after = labels.sum() - np.concatenate([none, np.cumsum(yes, axis=0)])
    right = (below + after) / len(labels)
    k = np.maximum(right, 1 - right).argmax(axis=0)
    columns = np.arange(values.shape[1])
    ranked = np.take_along_axis(values, order, axis=0)
    edges = np.concatenate([ranked[:1] - 1, ranked, ranked[-1:] + 1])
    best = right[k, columns]
    t = (edges[k, columns] + edges[k + 1, columns]) / 2
    return np.maximum(best, 1 - best), np.where(best >= 0.5, 1.0, -1.0), t


def detector(chosen: Array, labels: Array, test: Array, truth: Array) -> Detector:
    """The column that agrees best with the labels, and its accuracy on the test."""
    found, signs, thresholds = accuracies(chosen, labels)
    unit = int(found.argmax())
    said = signs[unit] * (test[:, unit] - thresholds[unit]) > 0
    return Detector(unit, float(signs[unit]), float((said == truth).mean()))


def responses(model: nn.Module, x: Array) -> Array:
    """Of all units of the last stage, (N, U)."""
    return np.asarray(cr.predict(model, x)).reshape(len(x), -1)


def best_stimuli(
    net: nn.Module, directions: Array, roots: Array, seed: int, steps: int
) -> Array:
    """The images that units answer to most, by gradient ascent from noise.

    Formula: max r(x) over x = R z with ‖z‖ fixed, x of mean 0 and deviation 1. With R =
    1 every image is as good as any other of its contrast, which is what Le et al. ask
    for; with R = C^½, C being the covariance of photographs, an image is better the
    likelier it is as one (a Gaussian's likelihood), and noise is not likely.

    Arguments:
        directions: (K, U), what r is made of: 1 or −1 for a unit, 0 for all others.
        roots: R, (1024, 1024), symmetric.

    Returns:
        (K, 32, 32), the best of four that start differently each.
    """
    starts = 4
    wanted = np.repeat(directions, starts, axis=0).astype(np.float32)

    def image(z: Any, roots: Any) -> Any:
        x = z @ roots
        x = x - x.mean(axis=1, keepdims=True)
        x = x / cr.sqrt((x * x).mean(axis=1, keepdims=True))
        return x.reshape(-1, SIDE, SIDE, 1)

    @cr.compile
    def climb(z: Any, rate: Any, roots: Any) -> Any:
        def total(z: Any) -> Any:
            said = net(image(z, roots)).reshape(len(wanted), -1)
            each = (said * wanted).sum(axis=1)
            return each.sum(), (each, image(z, roots))

        (_, (said, x)), g = cr.value_and_grad(total, has_aux=True)(z)
        z = z + rate * g / cr.sqrt((g * g).mean(axis=1, keepdims=True))
        return z / cr.sqrt((z * z).mean(axis=1, keepdims=True)), said, x

    rng = np.random.default_rng(seed)
    z: Any = rng.normal(size=(len(wanted), SIDE * SIDE)).astype(np.float32)
    said = x = z
    for step in range(steps):
        z, said, x = climb(z, np.float32(0.2 * (1 - step / steps)), roots)
    best = said.numpy().reshape(-1, starts).argmax(axis=1)
    shown = x.numpy().reshape(-1, starts, SIDE, SIDE)
    return np.asarray(shown[np.arange(len(best)), best])


def likely(photographs: Array) -> Array:
    """C^½ of photographs: what makes likely images of noise, float32."""
    flat = photographs.reshape(len(photographs), -1)
    return data.Whitening.fit(flat, epsilon=1e-6).inverse.astype(np.float32)


# The experiment. ----------------------------------------------------------------------


def strongest_inputs(net: nn.Sequential, unit: int) -> Array:
    """The first filters behind the strongest weights of a unit, each at its place in
    the image and with the weight's sign, (INPUTS, 32, 32).

    Of the filters that are pooled for such an input the middle one is drawn.
    """
    weights = net[2].filters.weight.numpy()[0, 0, unit]  # (6, 6, maps)
    first = net[1].filters.weight.numpy()  # (13, 13, maps, 8, 8, 1)
    middle, step = POOL[0] // 2, POOL[1]
    drawn = np.zeros((INPUTS, SIDE, SIDE))
    order = np.argsort(-np.abs(weights), axis=None)[:INPUTS]
    for canvas, place in zip(drawn, order, strict=True):
        i, j, kind = np.unravel_index(place, weights.shape)
        row, column = i * step + middle, j * step + middle
        y, x = row * STRIDE, column * STRIDE
        filter_ = first[row, column, kind, :, :, 0]
        canvas[y : y + KERNEL, x : x + KERNEL] = np.sign(weights[i, j, kind]) * filter_
    return drawn


def learned(images: Array, plan: Plan, seed: int) -> tuple[nn.Sequential, Any]:
    """The network, and the history of its training."""
    cr.manual_seed(seed)
    net = network()
    history = cr.fit(
        StageByStage(net),
        images,
        optimizer=optim.Adam(lr=plan.rate),
        epochs=plan.epochs,
        batch_size=100,
        seed=seed,
        progress=False,
    )
    return net, history


def linear(chosen: Array, labels: Array, test: Array, truth: Array) -> float:
    """The accuracy of logistic regression on pixels, which is given the labels."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.01, max_iter=300).fit(chosen, labels)
    return float(model.score(test, truth))


def measure(plan: Plan, seed: int) -> tuple[dict[str, float], Any]:
    """The accuracies of one run, and what is drawn of it."""
    images, x, labels, test, truth = examples(plan, seed)
    cr.manual_seed(seed)
    before = network()
    flat, flat_test = x.reshape(len(x), -1), test.reshape(len(test), -1)
    net, history = learned(images, plan, seed)
    said = responses(net, test)
    found = detector(responses(net, x), labels, said, truth)
    others = {
        "random filters": detector(
            responses(before, x), labels, responses(before, test), truth
        ),
        "best pixel": detector(flat, labels, flat_test, truth),
    }
    values = {"best unit": found.accuracy}
    values |= {name: each.accuracy for name, each in others.items()}
    values["with labels, linear"] = linear(flat, labels, flat_test, truth)
    return values, (net, found, said, test, truth, history)


def draw(options: Options, plan: Plan, seen: Any) -> list[str]:
    """Pictures of the unit, of what it sees, and of what units combine."""
    net, found, said, test, truth, _ = seen
    values = found.sign * said[:, found.unit]
    order = np.argsort(-values)[:48]
    most, right = test[order, :, :, 0], truth[order].sum()
    weights = net[2].filters.weight.numpy()[0, 0].reshape(UNITS, -1)
    strong = np.argsort(-np.linalg.norm(weights, axis=1))
    units = [found.unit, *(u for u in strong if u != found.unit)][:DRAWN]
    signs = np.where(np.arange(DRAWN) == 0, found.sign, 1.0)
    directions = signs[:, None] * np.eye(UNITS)[units]
    how = (options.seed, plan.ascent)
    # photographs without faces: these must not come from there
    best = best_stimuli(net, directions, likely(test[~truth]), *how)
    plain = np.eye(SIDE * SIDE, dtype=np.float32)
    any_image = best_stimuli(net, directions[:1], plain, *how)
    mean_face = test[truth][:, :, :, 0].mean(axis=0)
    rows: list[Array] = []
    for unit, sign, stimulus in zip(units, signs, best, strict=True):
        rows += [stimulus[None], sign * strongest_inputs(net, unit)]
    grids: dict[str, tuple[Array, int, str]] = {
        "stimulus": (np.stack([best[0], any_image[0], mean_face]), 3, ""),
        "images": (most, 12, f"new images it answers to most: {right} of 48 are faces"),
        "hierarchy": (
            np.concatenate(rows),
            1 + INPUTS,
            "units of the last stage: best stimulus, strongest inputs",
        ),
    }
    names = []
    for name, (tiles, columns, title) in grids.items():
        above = ("likely image", "any image", "mean face") if not title else ()
        with pictures.windowless():
            figure = pictures.image_grid(
                tiles, values="signed", columns=columns, title=title, titles=above
            )
        names.append(f"concept-unit-{name}.png")
        save_small(figure, options.picture(names[-1]))
    figure = new_figure(5.6, 3.2)
    ax = figure.subplots()
    for kind, label, colour in ((truth, "faces", ORANGE), (~truth, "others", BLUE)):
        ax.hist(values[kind], 60, alpha=0.6, color=colour, label=label)
    ax.set(xlabel="what the unit says", ylabel="new images")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save_small(figure, options.picture("concept-unit-responses.png"))
    return [*names, "concept-unit-responses.png"]


def run(options: Options) -> Record:
    """Learns with every seed, chooses a unit, judges it, draws that of the first."""
    clock = Clock()
    plan = QUICK if options.quick else Plan()
    runs = [measure(plan, options.seed + n) for n in range(plan.seeds)]
    shown = draw(options, plan, runs[0][1])
    mean = {
        f"accuracy, {name}": float(np.mean([values[name] for values, _ in runs]))
        for name in runs[0][0]
    }
    history = runs[0][1][-1]
    return Record(
        name="concept-unit",
        summary=SUMMARY,
        measured=mean,
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=plan.epochs,
        settings={"plan": asdict(plan), "runs": [values for values, _ in runs]},
        history=[{"loss": float(loss)} for loss in history["loss"]],
        pictures=shown,
    )
