"""Writing pens: likelihoods add up, states go on, texts are followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, optim
from chainrule.data.strokes.drawing import Drawing
from chainrule.errors import ArgumentError, DataError

SOURCE = np.random.default_rng(0)
SMALL = {"hidden_size": 5, "components": 2, "window": 2}


def rows(count: int, steps: int, dtype: str = "float64") -> np.ndarray:
    x = SOURCE.standard_normal((count, steps, 3))
    x[:, :, 2] = SOURCE.random((count, steps)) < 0.4
    return x.astype(dtype)


def writer(characters: str = "", **options: object) -> models.PenWriter:
    cr.manual_seed(1)
    return models.PenWriter(characters, dtype="float64", **{**SMALL, **options})


def test_the_likelihood_is_the_sum_of_its_parts() -> None:
    made, x = writer(), rows(2, 5)
    lengths = np.array([5, 3])
    found = made.log_prob(x, lengths).numpy()
    outputs = made(x).numpy()
    for n in range(2):
        for t in range(1, 5):
            if t >= lengths[n]:
                assert found[n, t - 1] == 0
                continue
            f = outputs[n, t - 1]
            wanted = made.mixture.log_prob(f[None, :12], x[n, t, :2][None]).item()
            up, end = 1 / (1 + np.exp(-f[12:]))
            if x[n, t, 2]:
                last = end if t == lengths[n] - 1 else 1 - end
                wanted += np.log(up) + np.log(last)
            else:
                wanted += np.log(1 - up)
            assert found[n, t - 1] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("characters", ["", "abc"])
def test_a_state_goes_on_as_if_all_were_read_at_once(characters: str) -> None:
    made, x = writer(characters, num_layers=3), rows(2, 6)
    text = np.array([[0, 2, 1], [1, -1, -1]])
    whole = made(x, text).numpy()
    state = made.start(2)
    pieces = []
    for part in (x[:, :1], x[:, 1:4], x[:, 4:]):
        outputs, state = made.go_on(part, state, text)
        pieces.append(outputs.numpy())
    assert np.allclose(np.concatenate(pieces, axis=1), whole)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_texts_are_those_of_finite_differences(compiled: bool) -> None:
    made, x = writer("ab"), rows(2, 4)
    learning = models.PenWriting(made)
    text = np.array([[0, 1], [1, -1]])
    parameters = made.parameters()

    def both() -> tuple[object, list[object]]:
        loss = learning(x, np.array([4, 3]), text)
        gradients = cr.backprop(loss)
        return loss, [gradients[each] for each in parameters]

    run = cr.compile(both) if compiled else both
    ways = [SOURCE.standard_normal(each.shape) for each in parameters]
    starts = [each.numpy().copy() for each in parameters]
    _, gradients = run()
    pairs = zip(gradients, ways, strict=True)
    slope = sum(float((g.numpy() * way).sum()) for g, way in pairs)
    losses = []
    for size in (1e-5, -1e-5):
        for each, start, way in zip(parameters, starts, ways, strict=True):
            each.assign(start + size * way)
        losses.append(run()[0].item())
    assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(slope, rel=1e-6)


def test_the_window_is_bells_that_never_go_back() -> None:
    made = writer("abc")
    h = SOURCE.standard_normal((4, 5))
    start = np.zeros((4, 2))
    places, shares = made._shares(cr.tensor(h), cr.tensor(start), 3)
    f = h @ made.window.weight.numpy().T + made.window.bias.numpy()
    alpha, beta, steps = np.exp(f).reshape(4, 3, 2).transpose(1, 0, 2)
    steps = 0.04 * steps
    assert np.allclose(places.numpy(), steps) and (steps > 0).all()
    away = steps[:, :, None] - np.arange(3)
    wanted = (alpha[:, :, None] * np.exp(-beta[:, :, None] * away**2)).sum(axis=1)
    assert np.allclose(shares.numpy(), wanted)


def test_characters_behind_the_end_of_a_text_have_no_effect() -> None:
    made, x = writer("abc"), rows(1, 4)
    short = made(x, np.array([[0, 2]])).numpy()
    assert np.allclose(made(x, np.array([[0, 2, -1, -1]])).numpy(), short)
    assert not np.allclose(made(x, np.array([[0, 2, 1, 1]])).numpy(), short)


def zigzag(seed: int) -> Drawing:
    """Two strokes of three points each, always alike but for a little noise."""
    noise = np.random.default_rng(seed).normal(0, 0.05, (6, 2))
    points = np.array([[0, 0], [2, 2], [4, 0], [6, 0], [8, 2], [10, 0]]) + noise
    return Drawing([points[:3], points[3:]])


def test_sketches_are_learned_and_end(tmp_path: Path) -> None:
    drawings = [zigzag(n) for n in range(40)]
    cr.manual_seed(0)
    made = models.PenWriter.of(drawings, hidden_size=16, components=2, num_layers=1)
    before = made.score(drawings)
    assert before.points == 200
    cr.fit(
        models.PenWriting(made), made.examples(drawings, buckets=1), epochs=110,
        optimizer=optim.Adam(lr=0.02), batch_size=20, progress=False,
    )  # fmt: skip
    after = made.score([zigzag(100 + n) for n in range(40)])
    assert after.loss < before.loss - 3
    drawn = made.write(20, seed=3, bias=1.0)
    whole = [each for each in drawn if list(map(len, each.strokes)) == [3, 3]]
    assert len(whole) >= 15
    for each in whole:
        assert np.abs(each.points - each.points[0] - zigzag(0).points).max() < 1.5
    same = made.write(20, seed=3, bias=1.0)
    assert all((a.points == b.points).all() for a, b in zip(drawn, same, strict=True))
    # A sketch that has begun is drawn on.
    first = Drawing(zigzag(7).strokes[:1])
    for each in made.write(5, prime=first, bias=2.0):
        assert np.allclose(each.points[:3], first.points - first.points[0], atol=1e-5)
    made.save(tmp_path / "writer.safetensors")
    again = cr.load(tmp_path / "writer.safetensors")
    assert again.score(drawings) == made.score(drawings)


def signs() -> list[Drawing]:
    """Strokes upwards and downwards, none like another."""
    up = np.array([[0, 0], [1, -2], [2, -4]])
    noise = np.random.default_rng(0).normal(0, 0.2, (20, 3, 2))
    ways = [(up + each, "u") for each in noise[:10]]
    ways += [(-up + each, "d") for each in noise[10:]]
    return [Drawing([each], name, "Bo") for each, name in ways]


def test_texts_are_followed() -> None:
    lines = data.random_lines(signs(), 200, length=(1, 3), gap=0.5, seed=1)
    cr.manual_seed(0)
    made = models.PenWriter.of(
        lines, texts=True, hidden_size=24, components=2, window=3, least=0.1
    )
    cr.fit(
        models.PenWriting(made), made.examples(lines, buckets=1), epochs=50,
        optimizer=optim.Adam(lr=0.02, transforms=[optim.ClipNorm(1.0)]),
        batch_size=20, progress=False,
    )  # fmt: skip
    for text in ("u", "du", "uud"):
        (drawn,) = made.write([text], bias=3.0, seed=1)
        ups = "".join("u" if s[-1, 1] < s[0, 1] else "d" for s in drawn.strokes)
        assert ups == text == drawn.label
    shares = made.attention(lines[0])
    assert shares.shape == (len(lines[0]), len(str(lines[0].label)))
    (hand,) = made.write(["ud"], prime=lines[0], bias=3.0)
    assert hand.label == "ud"


def test_what_cannot_be_written_is_named() -> None:
    texts, sketches = models.PenWriter("ab", **SMALL), models.PenWriter(**SMALL)
    with pytest.raises(ArgumentError, match=r"write\(2\): it writes texts"):
        texts.write(2)
    with pytest.raises(ArgumentError, match=r"it knows no texts"):
        sketches.write(["ab"])
    with pytest.raises(DataError, match=r"'c' is none of the 2 characters"):
        texts.write(["abc"])
    with pytest.raises(DataError, match=r"text '': expected a character or more"):
        texts.write([""])
    with pytest.raises(DataError, match="drawing 0 has one point"):
        sketches.examples([Drawing([[[0, 0]]])])
    with pytest.raises(DataError, match="drawing 0 has no label"):
        models.PenWriter.of([zigzag(0)], texts=True)
    with pytest.raises(DataError, match="no drawings"):
        sketches.score([])
    with pytest.raises(ArgumentError, match="no window"):
        sketches.attention(zigzag(0))
    with pytest.raises(ArgumentError, match="num_layers=1: the first layer moves"):
        models.PenWriter("ab", num_layers=1)
    with pytest.raises(ArgumentError, match="expected each once"):
        models.PenWriter("aa")
    assert sketches.write(0) == []
