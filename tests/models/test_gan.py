"""The two players of a GAN: their losses, their moves, and what they refuse."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import callbacks, models, nn, optim, training
from chainrule.errors import ChainruleError, DataError, NumericsError
from chainrule.graph import Array
from chainrule.models.gan import LOSSES, gradient_penalty
from chainrule.training.evaluation import chosen_metrics
from chainrule.training.objective import objective_of
from chainrule.training.player_optimizers import player_optimizers
from chainrule.training.players import GameStep

RING = np.random.default_rng(0).normal(size=(48, 2)).astype("f4")
ADAM = optim.Adam(lr=1e-2, betas=(0.5, 0.9))


def small(loss: str = "non_saturating", **options: Any) -> models.GAN:
    cr.manual_seed(0)
    return models.mlp_gan(2, latent=3, hidden=(8, 7), loss=loss, **options)


def weights(part: nn.Module) -> list[bytes]:
    return [w.array.tobytes() for w in part.parameters()]


def step_of(gan: nn.Game, optimizer: Any = ADAM) -> GameStep:
    objective: Any = objective_of(gan, None, "none", False)
    updater = player_optimizers(optimizer, gan)
    metrics = chosen_metrics(None, objective)
    return GameStep(gan, objective, metrics, updater, lambda *_: None, None)


def log_sigmoid(d: Array) -> Array:
    return -np.log1p(np.exp(-d))


#: What the papers write, of d(x) and d(x̃).
FORMULAS: dict[str, tuple[Any, Any]] = {
    "minimax": (
        lambda d, f: -(log_sigmoid(d).mean() + np.log(1 - 1 / (1 + np.exp(-f))).mean()),
        lambda f: np.log(1 - 1 / (1 + np.exp(-f))).mean(),
    ),
    "non_saturating": (
        lambda d, f: -(log_sigmoid(d).mean() + np.log(1 - 1 / (1 + np.exp(-f))).mean()),
        lambda f: -log_sigmoid(f).mean(),
    ),
    "least_squares": (
        lambda d, f: 0.5 * ((d - 1) ** 2).mean() + 0.5 * (f**2).mean(),
        lambda f: 0.5 * ((f - 1) ** 2).mean(),
    ),
    "wasserstein": (lambda d, f: f.mean() - d.mean(), lambda f: -f.mean()),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_is_its_papers_formula(loss: str) -> None:
    gan = small(loss, dtype="float64")
    x = RING.astype("f8")
    fakes = gan.generator(gan.noise(len(x), "float64", False))
    d, f = (gan.discriminator(each).numpy()[:, 0] for each in (x, fakes))
    of_discriminator, of_generator = FORMULAS[loss]
    found = gan(x)
    assert list(found) == ["discriminator", "generator"]
    assert found["discriminator"].item() == pytest.approx(of_discriminator(d, f))
    assert found["generator"].item() == pytest.approx(of_generator(f))
    assert cr.evaluate(gan, RING)["generator_loss"] == pytest.approx(
        of_generator(f), rel=1e-5
    )


def test_the_penalty_is_the_distance_of_slopes_from_one() -> None:
    """Of a linear critic d = wᵀx the slope is ‖w‖ everywhere; and of any critic the
    gradient of the penalty is that of its numbers.
    """
    linear = nn.Linear(2, 1, dtype="float64")
    linear.weight.assign([[3.0, 4.0]])
    x = RING.astype("f8")
    assert gradient_penalty(linear, x, -x).item() == pytest.approx(16.0)
    cr.manual_seed(0)
    critic = nn.Sequential(
        nn.Linear(2, 5, dtype="float64"), nn.Tanh(), nn.Linear(5, 1, dtype="float64")
    )

    def penalty() -> Any:
        cr.manual_seed(7)
        return gradient_penalty(critic, x, 2 - x)

    @cr.compile
    def compiled() -> Any:
        loss = gradient_penalty(critic, x, 2 - x)
        return [cr.backprop(loss)[critic[0].weight]]

    w = critic[0].weight
    found = cr.backprop(penalty())[w].numpy()
    cr.manual_seed(7)
    np.testing.assert_allclose(compiled()[0].numpy(), found, rtol=1e-9)
    start = w.numpy()
    for place in np.ndindex(w.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * 1e-6
            w.assign(moved)
            ends.append(penalty().item())
        w.assign(start)
        slope = (ends[0] - ends[1]) / 2e-6
        assert found[place] == pytest.approx(slope, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("mode", ["compiled", "eager"])
@pytest.mark.parametrize("loss", LOSSES)
def test_neither_network_changes_by_the_others_loss(loss: str, mode: str) -> None:
    """Bit for bit: a player that is frozen stays as it is while the other moves, and
    each moves as it does where the other one is frozen.
    """
    moved: dict[str, Any] = {}
    for frozen in ("generator", "discriminator", None):
        gan = small(loss, critic_steps=1)
        before = {player: weights(getattr(gan, player)) for player in gan.players}
        if frozen:
            getattr(gan, frozen).freeze()
        step = step_of(gan)
        cr.manual_seed(3)
        (step if mode == "compiled" else step.function)(RING, None)
        after = {player: weights(getattr(gan, player)) for player in gan.players}
        if frozen:
            assert after[frozen] == before[frozen]
        for player in gan.players:
            pairs = zip(after[player], before[player], strict=True)
            changed = [a != b for a, b in pairs]
            # A critic's last bias is in neither difference nor slope.
            assert sum(changed) >= 5 if player != frozen else not any(changed)
        moved[frozen or "none"] = after
    assert moved["none"]["discriminator"] == moved["generator"]["discriminator"]


@pytest.mark.parametrize("mode", ["compiled", "eager"])
def test_moves_are_those_of_two_optimizers_by_hand(mode: str) -> None:
    """First the discriminator by its loss, then the generator by what the new one says
    of the same fakes.
    """
    gan = small()
    twin = copy.deepcopy(gan)
    step = step_of(gan)
    cr.manual_seed(3)
    for _ in range(3):
        (step if mode == "compiled" else step.function)(RING, None)
    own = {p: ADAM.bound_to(getattr(twin, p).parameters()) for p in twin.players}

    def by_hand(x: Any) -> None:
        made = twin.generator(cr.random.normal((len(x), 3)))
        says = [twin.discriminator(each) for each in (x, cr.stop_gradient(made))]
        loss = cr.softplus(-says[0]).mean() + cr.softplus(says[1]).mean()
        own["discriminator"].step(cr.backprop(loss))
        loss = cr.softplus(-twin.discriminator(made)).mean()
        grads = cr.backprop(loss)
        own["generator"].step({w: grads[w] for w in twin.generator.parameters()})

    cr.manual_seed(3)
    hand = cr.compile(by_hand) if mode == "compiled" else by_hand
    for _ in range(3):
        hand(cr.tensor(RING))
    for a, b in zip(gan.parameters(), twin.parameters(), strict=True):
        if mode == "eager":
            assert a.array.tobytes() == b.array.tobytes()
        np.testing.assert_allclose(a.array, b.array, rtol=2e-5, atol=1e-7)


class Careless(nn.Game):
    """Losses that lead to all parts, with nothing stopped."""

    players = ("first", "second")

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def turns(self, x: Any, training: bool = False) -> Any:
        """Both multiply both."""
        yield "first", (self.first(x) * self.second(x)).sum()
        yield "second", (self.first(x) * self.second(x)).mean()


@pytest.mark.parametrize("mode", ["compiled", "eager"])
def test_a_game_that_stops_no_gradient_leaks_none(mode: str) -> None:
    cr.manual_seed(0)
    game = Careless()
    twin = copy.deepcopy(game)
    step = step_of(game, optim.SGD(lr=0.1))
    (step if mode == "compiled" else step.function)(RING, None)
    loss = (twin.first(RING) * twin.second(RING)).sum()
    optim.SGD(twin.first.parameters(), lr=0.1).step(cr.backprop(loss))
    loss = (twin.first(RING) * twin.second(RING)).mean()
    optim.SGD(twin.second.parameters(), lr=0.1).step(cr.backprop(loss))
    for a, b in zip(game.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(a.array, b.array, rtol=2e-6, atol=1e-6)


def test_the_generator_moves_once_for_several_moves_of_the_critic() -> None:
    gan = small("wasserstein", critic_steps=3)
    step = step_of(gan)
    for number in range(1, 8):
        before = {player: weights(getattr(gan, player)) for player in gan.players}
        step(RING, None)
        assert weights(gan.discriminator) != before["discriminator"]
        moved = weights(gan.generator) != before["generator"]
        assert moved == (number % 3 == 0)
    assert step.optimizer.by_player["generator"].num_steps == 2
    assert step.optimizer.by_player["discriminator"].num_steps == 7


def test_a_generator_without_a_turn_is_told_before_training() -> None:
    """48 rows in batches of 16 are 3 steps an epoch; its first turn is in the fifth."""
    gan = small("wasserstein")
    before = weights(gan.generator)
    how: dict[str, Any] = {"optimizer": ADAM, "batch_size": 16, "progress": False}
    with pytest.warns(UserWarning) as caught:
        cr.fit(gan, RING, epochs=1, **how)
    assert [str(each.message) for each in caught] == [
        "fit: generator of GAN has no turn in 3 steps and stays as it is: more epochs, "
        "smaller batches, or a smaller critic_steps= of a GAN"
    ]
    assert caught[0].filename == __file__
    assert weights(gan.generator) == before
    cr.fit(gan, RING, epochs=2, **how)  # 6 steps
    assert weights(gan.generator) != before


class Interrupting(callbacks.Callback):
    """Stops after a step, as Ctrl-C does."""

    def on_batch_end(self, run: Any) -> None:
        """In the middle of the second epoch."""
        if run.step == 5:
            run.stop("enough")


@pytest.mark.parametrize("loss", ["non_saturating", "wasserstein"])
def test_a_stopped_training_goes_on_to_the_same_bits(loss: str, tmp_path: Path) -> None:
    how: dict[str, Any] = {"optimizer": ADAM, "epochs": 4, "batch_size": 16}
    how |= {"progress": False, "validation": 0.25}
    options = {"critic_steps": 2} if loss == "wasserstein" else {}
    whole, parts = small(loss, **options), small(loss, **options)
    history = cr.fit(whole, RING, **how)
    kept = callbacks.Checkpoint(tmp_path, every_steps=1)
    first = cr.fit(parts, RING, callbacks=[kept, Interrupting()], **how)
    assert first.stopped == "enough"
    again = small(loss, **options)
    rest = cr.fit(again, RING, callbacks=[kept], resume="auto", **how)
    assert weights(again) == weights(whole)
    assert rest["generator_loss"] == history["generator_loss"]
    assert rest["validation_loss"] == history["validation_loss"]
    with pytest.raises(ChainruleError, match="critic_steps"):
        cr.fit(small(loss, critic_steps=7), RING, resume=tmp_path, **how)


def test_files_and_samples(tmp_path: Path) -> None:
    gan = small()
    cr.fit(gan, RING, optimizer={"generator": "adam", "discriminator": ADAM}, epochs=1)
    gan.save(tmp_path / "gan.safetensors")
    loaded = cr.load(tmp_path / "gan.safetensors")
    assert repr(loaded) == repr(gan)
    first = gan.sample(300, seed=4).numpy()
    assert first.shape == (300, 2)
    assert (loaded.sample(300, seed=4).numpy() == first).all()
    assert (gan.sample(300, seed=5).numpy() != first).any()
    noise = np.ones((2, 3), "f4")
    same = gan.sample(2, noise=noise).numpy()
    assert (same[0] == same[1]).all()
    cr.manual_seed(1)
    drawn = gan.sample(2).numpy()
    assert (gan.sample(2).numpy() != drawn).any()


def test_evaluation_draws_the_same_noise_and_leaves_the_generator_of_numbers() -> None:
    gan = small("wasserstein")
    cr.manual_seed(3)
    first = cr.evaluate(gan, RING)
    assert cr.evaluate(gan, RING) == first
    after = cr.random.normal(3).numpy()
    cr.manual_seed(3)
    assert (cr.random.normal(3).numpy() == after).all()


def test_watch_sees_both_players() -> None:
    history = cr.fit(small(), RING, optimizer=ADAM, epochs=2, watch=True)
    names = [name for name in history.watch.layers[0] if name.endswith("weight")]
    assert len(names) == 6
    assert all(history.watch.layers[-1][name]["update_ratio"] > 0 for name in names)


@pytest.mark.parametrize("loss", LOSSES)
def test_convolutional_ones_learn_where_light_is(loss: str) -> None:
    """The upper half of every image is light."""
    rng = np.random.default_rng(0)
    x = np.zeros((128, 8, 8, 1), "f4")
    x[:, :4] = rng.uniform(0.8, 1.0, (128, 4, 8, 1))
    cr.manual_seed(0)
    gan = models.dcgan((8, 8, 1), 8, (8, 16), loss=loss, critic_steps=1)
    normed = any(isinstance(p, nn.BatchNorm2d) for p in gan.discriminator)
    assert normed == (loss != "wasserstein")
    adam = optim.Adam(lr=4e-3, betas=(0.5, 0.9))
    cr.fit(gan, x, optimizer=adam, epochs=30, batch_size=16)
    made = gan.sample(50, seed=0).numpy()
    assert made[:, :4].mean() - made[:, 4:].mean() > 0.3


def test_a_discriminator_by_itself_comes_to_p_over_p_plus_q() -> None:
    """Where the generator is frozen as q = N(0, 1) and the data are p = N(1, ½²)."""
    x = np.random.default_rng(0).normal(1.0, 0.5, (20_000, 1)).astype("f4")
    cr.manual_seed(0)
    generator = nn.Linear(1, 1)
    generator.weight.assign([[1.0]])
    generator.freeze()
    judge = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    gan = models.GAN(generator, judge)
    adam = optim.Adam(lr=optim.Cosine(2e-2, 600))
    history = cr.fit(gan, x, optimizer=adam, epochs=6, batch_size=200)
    places = np.linspace(-2, 2.2, 101, dtype="f4")[:, None]
    p = np.exp(-2 * (places - 1) ** 2) / 0.5
    q = np.exp(-(places**2) / 2)
    found = cr.sigmoid(gan.discriminator(places)).numpy()
    assert np.abs(found - p / (p + q)).max() < 0.12
    grid = np.linspace(-8, 8, 4001)
    p, q = 2 * np.exp(-2 * (grid - 1) ** 2), np.exp(-(grid**2) / 2)
    best = -(p * np.log(p / (p + q)) + q * np.log(q / (p + q)))
    least = best.sum() * (grid[1] - grid[0]) / np.sqrt(2 * np.pi)
    assert history["loss"][-1] == pytest.approx(least, abs=0.03)


def test_training_that_diverges_names_its_step() -> None:
    with pytest.raises(NumericsError, match=r"fit: step \d+ \(epoch \d"):
        cr.fit(small("least_squares"), 1e3 * RING, optimizer=optim.SGD(lr=1e3))


IMAGES = np.linspace(0, 1, 2 * 64, dtype="f4").reshape(2, 8, 8, 1)


def images(output: Any = nn.Sigmoid, judge: Any = None, x: Any = IMAGES) -> None:
    gan = models.mlp_gan((8, 8, 1), 2, (4,), output=output)
    if judge is not None:
        gan = models.GAN(gan.generator, judge)
    cr.fit(gan, x, optimizer=ADAM, epochs=1, progress=False)


CONVOLUTIONAL = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 1)
)
MISTAKES: dict[str, tuple[Any, str]] = {
    "unknown loss": (
        lambda: small("wgan"),
        "OptionError: unknown loss of GAN 'wgan': expected one of 'least_squares', "
        "'minimax', 'non_saturating'",
    ),
    "no critic steps": (
        lambda: small(critic_steps=0),
        "ArgumentError: GAN: critic_steps=0: expected a whole number of at least 1",
    ),
    "negative penalty": (
        lambda: models.GAN(nn.Linear(2, 2), nn.Linear(2, 1), penalty=-1.0),
        "ArgumentError: GAN: penalty=-1.0: expected a finite number from 0",
    ),
    "no layer": (
        lambda: models.GAN(nn.Linear(2, 2), 3),  # type: ignore[arg-type]
        "ArgumentError: GAN: discriminator is a int: expected a layer\n"
        "  fix        models.mlp_gan(2), models.dcgan((28, 28, 1)), or "
        "models.GAN(generator, discriminator)",
    ),
    "probabilities": (
        lambda: models.GAN(
            nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
        ),
        "ArgumentError: GAN: the discriminator ends in Sigmoid, and the loss "
        "non_saturating takes logits\n  fix        leave the last layer out; "
        "cr.sigmoid(gan.discriminator(x)) is D(x)",
    ),
    "a critic of batches": (
        lambda: models.GAN(nn.Linear(2, 64), CONVOLUTIONAL, "wasserstein"),
        "ArgumentError: GAN: the discriminator's 1 is BatchNorm2d: the penalty of "
        "wasserstein is on the slope at each example by itself, and this one looks at "
        "whole batches\n  fix        nn.LayerNorm, or none",
    ),
    "unknown noise": (
        lambda: models.GAN(nn.Conv2d(1, 1, 3), nn.Linear(2, 1)),
        "ArgumentError: GAN: the generator begins with Conv2d, which does not say how "
        "many numbers of noise it takes\n  fix        latent=64",
    ),
    "an optimizer of all": (
        lambda: cr.fit(gan := small(), RING, optimizer=optim.SGD(gan.parameters())),
        "ArgumentError: fit: optimizer=SGD of 12 parameters, 205 numbers for GAN, "
        "whose players discriminator and generator have an optimizer each\n"
        "  fix        optim.Adam(lr=2e-4), without parameters, for all; or optimizer="
        '{"discriminator": optim.Adam(lr=2e-4), "generator": optim.Adam(lr=2e-4)}',
    ),
    "one player": (
        lambda: cr.fit(small(), RING, optimizer={"generator": ADAM}),
        "ArgumentError: fit: optimizer= of generator: the players of GAN are "
        "discriminator and generator\n  fix        optimizer="
        '{"discriminator": optim.Adam(lr=2e-4), "generator": optim.Adam(lr=2e-4)}',
    ),
    "a minimizer": (
        lambda: cr.fit(small(), RING, optimizer=optim.LBFGS()),
        "ArgumentError: fit: LBFGS of discriminator: it looks for the least value of "
        "one loss, and a game has none\n  fix        optim.Adam(lr=2e-4), or another "
        "optimizer that takes a learning rate",
    ),
    "someone else's": (
        lambda: cr.fit(
            gan := small(),
            RING,
            optimizer={
                "generator": optim.SGD(gan.parameters()),
                "discriminator": "sgd",
            },
        ),
        "ArgumentError: fit: the optimizer of generator has parameters of another "
        "part: nobody but their own player may move them\n  fix        "
        "optim.Adam(lr=2e-4), which is given those of its player",
    ),
    "several batches": (
        lambda: cr.fit(small(), RING, accumulate=2),
        "ArgumentError: fit: accumulate=2 of a game: every turn of a step is of one "
        "batch\n  fix        accumulate=1 and a larger batch_size",
    ),
    "a loss": (
        lambda: cr.fit(small(), RING, loss="mse"),
        "ArgumentError: loss='mse' for GAN, which returns its own loss\n  fix        "
        "leave loss= out; what it minimises is set in GAN(…)",
    ),
    "classes": (
        lambda: cr.fit(small(), (RING, [0, 1] * 24)),
        "ArgumentError: GAN takes no targets, and the data has some: GAN.turns takes "
        "(x)\n  fix        the inputs alone: cr.fit(model, x), or split.train.inputs",
    ),
    "many judgements": (
        lambda: images(judge=nn.Sequential(nn.Flatten(), nn.Linear(64, 10))),
        "ShapeError: GAN: the discriminator makes (2, 10) of (2, 8, 8, 1): expected "
        "(2,) or (2, 1), one number an example",
    ),
    "other shapes": (
        lambda: images(x=IMAGES[:, :4]),
        "ShapeError: GAN: the generator makes (2, 8, 8, 1), and the data are "
        "(2, 4, 8, 1): both must have the same shape",
    ),
    "out of range": (
        lambda: images(x=255 * IMAGES),
        "DataError: GAN: the data are from 0 to 255, and the generator ends in "
        "Sigmoid, which makes numbers 0 to 1: what is outside gives every fake away\n"
        "  fix        scale the data: (x − min) / (max − min) for nn.Sigmoid, twice "
        "that − 1 for nn.Tanh; or leave the last layer out",
    ),
    "noise": (
        lambda: small().sample(3, noise=np.zeros((3, 4))),
        "ShapeError: GAN.sample: noise (3, 4): expected (3, 3), a row for each example",
    ),
    "no samples": (
        lambda: small().sample(0),
        "ArgumentError: GAN.sample: n=0: expected a whole number of at least 1",
    ),
    "no hidden layers": (
        lambda: models.mlp_gan(2, hidden=()),
        "ArgumentError: mlp_gan: hidden=(): expected the sizes of one layer or more",
    ),
    "no shape": (
        lambda: models.mlp_gan(()),
        "ArgumentError: mlp_gan: shape=(): expected the shape of an example",
    ),
    "no list of layers": (
        lambda: models.mlp_gan(2, hidden=None),
        "ArgumentError: mlp_gan: hidden=None: expected the sizes of one layer or more",
    ),
    "the name of a layer": (
        lambda: models.mlp_gan(2, activation="relu"),
        "ArgumentError: mlp_gan: activation='relu': expected a class of layers",
    ),
    "a layer": (
        lambda: models.mlp_gan(2, output=nn.Sigmoid()),
        "ArgumentError: mlp_gan: output=Sigmoid(): expected a class of layers\n"
        "  fix        output=nn.Sigmoid",
    ),
    "a layer of an image": (
        lambda: models.dcgan((8, 8, 1), output=nn.Tanh()),
        "ArgumentError: dcgan: output=Tanh(): expected a class of layers",
    ),
    "no stages": (
        lambda: models.dcgan((8, 8, 1), channels=()),
        "ArgumentError: dcgan: channels=(): expected those of every stage",
    ),
    "odd images": (
        lambda: models.dcgan((30, 28, 1)),
        "ArgumentError: dcgan: images of 30 × 28 and 2 stages, which each halve them: "
        "expected multiples of 4",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_errors_that_say_what_to_do(mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(ChainruleError) as error:
        make()
    said = f"{type(error.value).__name__}: {error.value}"
    where = ("  in layer", "  called at")
    lines = [line for line in said.splitlines() if not line.startswith(where)]
    assert "\n".join(lines)[: len(message)] == message


def test_a_later_batch_out_of_range_is_found_with_its_step() -> None:
    x = np.tile(IMAGES, (8, 1, 1, 1))
    x[11] *= 3
    gan = models.mlp_gan((8, 8, 1), 2, (4,), output=nn.Sigmoid)
    with pytest.raises(DataError, match=r"from 0.* to .*, and the generator ends"):
        cr.fit(gan, x, optimizer=ADAM, epochs=1, batch_size=2)


def test_half_of_the_range_unused_is_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=r"ends in Tanh, from -1 to 1, and the data are"
    ):
        images(nn.Tanh)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images(nn.Tanh, x=2 * IMAGES - 1)
        images(nn.Sigmoid)


def test_one_rate_for_two_players_is_refused() -> None:
    log = callbacks.LearningRateLog()
    with pytest.raises(ChainruleError, match="each player of GAN has an optimizer"):
        cr.fit(small(), RING, optimizer=ADAM, callbacks=[log])
    with pytest.raises(ChainruleError, match="find_lr: GAN has a loss for each"):
        training.find_lr(small(), RING)


def test_one_loss_is_explained_at_a_time() -> None:
    with pytest.raises(ChainruleError, match="GAN has a loss for each of its players"):
        cr.explain(small(), RING[:2])
    judge = cr.explain(small().discriminator, RING[:1], np.ones((1, 1), "f4"))
    assert "Linear(2 → 7)" in str(judge)
