"""Features of natural images: oriented edges, found without a label by three models.

Patches of 24 photographs, whitened, are given to a sparse autoencoder, to sparse coding
and to reconstruction ICA. Each comes to features that are local, oriented and of one
band of frequencies, as simple cells of the visual cortex are: Gabor functions. The
principal components of the same patches are waves over the whole patch, and random
filters are nothing.

    chainrule experiment natural-images [--quick] [--seed 0]

Every filter is fitted with a Gabor function (``gabor.py``), and the share of filters is
counted of which it explains more than half (R² > 0.5); beside it the share of those
that are also local: the ellipse of one σ of their envelope covers less than a fifth of
the patch. Weights are drawn and fitted as they are learned, in the whitened patch: the
rows of the encoder, the atoms, the rows of W; principal components as they are in the
patch itself.

Found with seed 0, in four minutes on a busy machine, with patches of 12 × 12: 85 % of
the atoms of sparse coding, 78 % of the independent components and 69 % of the sparse
autoencoder's units are Gabor functions; so are 28 % of the principal components, waves
as wide as the patch, and no random filter. Local are 40, 7 and 17 %, of the principal
components 1 %.

Sources: Olshausen & Field, Emergence of simple-cell receptive field properties by
learning a sparse code for natural images (1996); Bell & Sejnowski, The "independent
components" of natural scenes are edge filters (1997); Ng, Sparse autoencoder (2011);
Le, Karpenko, Ngiam & Ng, ICA with reconstruction cost for efficient overcomplete
feature learning (2011).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim, pictures

from . import gabor, kodak
from .record import Clock, Options, Published, Record, save_small

Array = np.ndarray[Any, np.dtype[Any]]

SUMMARY = "oriented edges in patches of photographs, by three models without labels"
DATA = "kodak"
PUBLISHED = (
    Published("sparse coding", "local, oriented, bandpass", "Olshausen & Field, 1996"),
)
R2, LOCAL = 0.5, 0.2
#: Filters of a picture, at most.
SHOWN = 100
#: Whitening leaves directions of less variance than this weak, pixels being 0 to 1.
EPSILON = 0.03
#: Of the sparse autoencoder: the deviation of its inputs, weight decay, the weight of
#: sparsity, and the share of patches in which a unit is to be active. With less decay
#: it codes in the linear part of its sigmoids, and no filter means anything.
SCALE, DECAY, SPARSITY, ACTIVE = 0.25, 4e-3, 5.0, 0.035


@dataclass(frozen=True)
class Plan:
    """How much of it.

    Arguments:
        side: of a patch, in pixels.
        count: of patches.
        components: directions that are kept in whitening; the finest are noise.
        units: of the sparse autoencoder, and atoms.
        iterations: of L-BFGS.
        epochs: of sparse coding.
    """

    side: int = 12
    count: int = 10_000
    components: int = 100
    units: int = 196
    iterations: int = 150
    epochs: int = 30


QUICK = Plan(side=8, count=1500, components=32, units=40, iterations=40, epochs=50)


def autoencoder(x: Array, plan: Plan, seed: int) -> Array:
    """The encoder's weights of an autoencoder whose sigmoid units are rarely active."""
    net = models.deep_autoencoder((x.shape[1], plan.units), code=nn.Sigmoid)
    task = models.Reconstruction(
        net, loss="half_squared_error", sparsity=SPARSITY, target=ACTIVE
    )
    cr.fit(
        task,
        x * SCALE,
        optimizer=optim.LBFGS(l2=DECAY),
        epochs=plan.iterations,
        seed=seed,
        progress=False,
    )
    return weights_of(net.encoder[0].weight)


def sparse_coding(x: Array, plan: Plan, seed: int) -> Array:
    """The atoms that patches are sums of a few of."""
    model = models.SparseCoding(x.shape[1], plan.units, penalty=1.0, steps=40)
    cr.fit(
        model,
        x,
        optimizer=optim.Adam(lr=0.03),
        epochs=plan.epochs,
        batch_size=250,
        seed=seed,
        progress=False,
    )
    return weights_of(model.dictionary())


def ica(x: Array, plan: Plan, seed: int) -> Array:
    """As many independent components as directions were kept."""
    model = models.ReconstructionICA(x.shape[1], plan.components, penalty=0.5)
    cr.fit(
        model,
        x,
        optimizer=optim.LBFGS(),
        epochs=plan.iterations,
        seed=seed,
        progress=False,
    )
    return weights_of(model.weight)


def weights_of(tensor: Any) -> Array:
    """As an array."""
    return np.asarray(tensor.numpy())


LEARNERS: dict[str, Callable[[Array, Plan, int], Array]] = {
    "sparse autoencoder": autoencoder,
    "sparse coding": sparse_coding,
    "reconstruction ICA": ica,
}


def features(plan: Plan, seed: int) -> dict[str, Array]:
    """The filters of every method, (K, side, side)."""
    patches = kodak.patches(plan.side, plan.count, seed)
    white = data.Whitening.fit(patches, epsilon=EPSILON, components=plan.components)
    x = white.transform(patches).reshape(plan.count, -1)
    x /= x.std()
    found = {}
    for name, learn in LEARNERS.items():
        clock = Clock()
        cr.manual_seed(seed)
        found[name] = learn(x, plan, seed)
        print(f"{name}: {clock.seconds:.0f} s", flush=True)
    flat = patches.reshape(plan.count, -1)
    # its matrix is Λ^(−½) Vᵀ: the directions themselves, of any length
    pca = data.Whitening.fit(flat, "pca", components=plan.components)
    found["principal components"] = pca.matrix
    noise = np.random.default_rng(seed).normal(size=(plan.components, flat.shape[1]))
    found["random"] = noise
    return {name: w.reshape(-1, plan.side, plan.side) for name, w in found.items()}


def run(options: Options) -> Record:
    """Learns, fits, counts, draws."""
    clock = Clock()
    plan = QUICK if options.quick else Plan()
    shares, local, settings, shown = {}, {}, {}, []
    for name, filters in features(plan, options.seed).items():
        fits = gabor.fit(filters)
        good = fits.r2 > R2
        area = np.pi * fits.widths.prod(axis=1) / plan.side**2
        shares[f"Gabor functions, {name}"] = float(good.mean())
        local[f"and local, {name}"] = float((good & (area < LOCAL)).mean())
        settings[name] = {
            "filters": len(filters),
            "R²": fits.r2.round(3).tolist(),
        }
        shown.append(f"natural-images-{name.replace(' ', '-')}.png")
        with pictures.windowless():
            figure = pictures.image_grid(
                filters[:SHOWN],
                values="signed",
                title=f"{name}: {100 * good.mean():.0f} % are Gabor functions",
            )
        save_small(figure, options.picture(shown[-1]))
    return Record(
        name="natural-images",
        summary=SUMMARY,
        measured={**shares, **local},
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings={"plan": asdict(plan), **settings},
        pictures=shown,
    )
