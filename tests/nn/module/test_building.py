"""Networks in files: rebuilt from a closed list of layers, and never half loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, saving
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    FileError,
    ShapeError,
    StateError,
)
from chainrule.nn.module.building import build
from chainrule.nn.module.description import describe
from chainrule.nn.module.registry import known_layers

GOLDEN = Path(__file__).parents[2] / "golden"
f32 = np.float32


def everything() -> nn.Sequential:
    """A network with every layer of the package, none with its default settings."""
    return nn.Sequential(
        nn.Embedding(7, 4),
        nn.Flatten(),
        nn.Linear(12, 6, bias=False),
        nn.BatchNorm1d(6, eps=1e-3, momentum=0.2),
        nn.BatchNorm1d(6, affine=False),
        nn.LayerNorm((6,), eps=1e-4, bias=False),
        nn.LayerNorm(6, elementwise_affine=False),
        nn.Sequential(nn.Identity(), nn.Sigmoid(), nn.Tanh(), nn.Softplus()),
        nn.LeakyReLU(0.1),
        nn.PReLU(6, init=0.5),
        nn.ELU(0.7),
        nn.GELU(),
        nn.SiLU(),
        nn.Maxout(6, 5, pieces=3),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Softmax(axis=-1),
        nn.LogSoftmax(axis=1),
        nn.Linear(5, 3),
    )


def of_activations() -> nn.Sequential:
    """The activations that came later: a golden file holds the network above."""
    return nn.Sequential(
        nn.Embedding(7, 4),
        nn.Flatten(),
        nn.Sequential(nn.SELU(), nn.CELU(0.5), nn.Hardtanh(-0.5, 0.5), nn.Mish()),
        nn.Sequential(nn.Softsign(), nn.LogSigmoid(), nn.Softplus(2.0)),
        nn.GELU(approximate="tanh"),
    )


def of_images() -> nn.Sequential:
    """A network with every layer of images, none with its default settings."""
    return nn.Sequential(
        nn.Unflatten((8, 6, 2)),
        nn.Normalization(mean=[0.5, 0.25], std=[2.0, 0.5]),
        nn.LocalContrastNorm(3, std=1.0, floor=0.1),
        nn.Conv2d(2, 4, (3, 2), (1, 2), [(1, 0), (0, 1)], groups=2, bias=False),
        nn.BatchNorm2d(4, eps=1e-3, momentum=0.2),
        nn.Upsample(scale_factor=(1, 2.0), mode="bilinear", align_corners=True),
        nn.GroupNorm(2, 4, eps=1e-4, affine=False),
        nn.Branches(
            nn.MaxPool2d(3, 1, "same", dilation=1),
            nn.AvgPool2d(3, 1, 1, count_include_pad=False),
            nn.LPPool2d(2, 3, 1, padding=1),
        ),
        nn.InstanceNorm2d(12, affine=True),
        nn.LocalResponseNorm(3, alpha=0.1, k=2.0),
        nn.Residual(nn.Conv2d(12, 12, 3, padding="same", dilation=2)),
        nn.Residual(
            nn.Conv2d(12, 14, 3, 2, padding=1), nn.Subsample(2, extra_channels=2)
        ),
        nn.ConvTranspose2d(14, 4, 3, 2, 1, output_padding=1, groups=2),
        nn.Dropout2d(0.25),
        nn.AdaptiveMaxPool2d((None, 4)),
        nn.AdaptiveAvgPool2d(3),
        nn.LocallyConnected2d(4, 3, 3, 2, padding="same"),
        nn.RMSNorm(3, eps=1e-4),
        nn.Unflatten((3, 3, 3, 1)),
        nn.Conv3d(1, 2, (1, 2, 3), padding=1),
        nn.BatchNorm3d(2, affine=False),
        nn.MaxPool3d(2, ceil_mode=True),
        nn.ConvTranspose3d(2, 2, 2, 2),
        nn.InstanceNorm3d(2, eps=1e-3),
        nn.AvgPool3d((1, 2, 2)),
        nn.Dropout3d(0.1),
        nn.Unflatten((-1, 2)),
        nn.Conv1d(2, 4, 3, padding=[(2, 0)]),
        nn.InstanceNorm1d(4),
        nn.LocallyConnected1d(4, 4, 24, 3, 2, bias=False),
        nn.ConvTranspose1d(4, 4, 2, 2),
        nn.Dropout1d(0.1),
        nn.Sequential(nn.MaxPool1d(2), nn.AvgPool1d(2, 1), nn.LPPool1d(3, 2)),
        nn.Branches(nn.AdaptiveAvgPool1d(2), nn.AdaptiveMaxPool1d(3), axis=1),
        nn.Branches(nn.GlobalAvgPool(), nn.GlobalMaxPool()),
        nn.AlphaDropout(0.1),
        nn.DropConnect(8, 3, p=0.25, bias=False),
    )


def of_sequences() -> nn.Sequential:
    """A network with every recurrent layer, none with its default settings."""
    return nn.Sequential(
        nn.Embedding(7, 4),
        nn.LSTM(4, 3, 2, bidirectional=True, dropout=0.2, peepholes=True),
        nn.AllSteps(),
        nn.GRU(6, 4, bias=False),
        nn.AllSteps(),
        nn.RNN(4, 5, nonlinearity="relu"),
        nn.LastStep(),
        nn.RNNCell(5, 4, nonlinearity="relu"),
        nn.LSTMCell(4, 5, peepholes=True),
        nn.AllSteps(),  # of a pair, the first
        nn.GRUCell(5, 3, bias=False),
    )


def of_attention() -> nn.Sequential:
    """What a Transformer is made of, with other settings than the default ones."""
    block = nn.TransformerEncoderLayer(
        8, 2, 5, 0.3, "gelu", True, False, rotary=nn.RotaryPositions(4, base=50)
    )
    return nn.Sequential(
        nn.Embedding(7, 8, padding_idx=3),
        nn.SinusoidalPositions(8, 5, base=100),
        nn.LearnedPositions(6, 8),
        nn.MultiheadAttention(8, 4, 0.1, bias=False),
        nn.TransformerEncoder(block, 2, nn.LayerNorm(8)),
    )


def of_text() -> nn.Module:
    """A model that is a class of its own."""
    return models.GPT(7, 4, num_layers=2, num_heads=2, width=8, bias=False, dropout=0.1)


def of_characters() -> nn.Module:
    """A network with a tokenizer."""
    network = models.TokenRNN(7, 5, num_layers=1, width=3, dropout=0.1)
    return models.LanguageModel(data.Characters("abcdefg"), network)


def of_features() -> nn.Sequential:
    """What learns features without labels, and the layers it is made of."""
    linear = nn.Linear(6, 4)
    return nn.Sequential(
        nn.GaussianNoise(0.1),
        nn.SaltAndPepper(0.2),
        models.Autoencoder(
            nn.Sequential(linear, nn.Sigmoid()),
            nn.Sequential(nn.Tied(linear), nn.Sigmoid()),
        ),
        models.RBM(6, models.Softmax(4)),
        models.DeepBeliefNet((4, 3, 2)),
        models.DBM((2, 3, 2)),
    )


def reconstructing() -> nn.Module:
    """An objective with noise; those below are objectives as well."""
    autoencoder = models.deep_autoencoder((6, 4, 3), nn.Tanh, output=nn.Sigmoid)
    noise = nn.ZeroMasking(0.2)
    return models.Reconstruction(autoencoder, "bernoulli_nll", noise=noise, l1=0.1)


def diverging() -> nn.Module:
    """One with chains of its own."""
    return models.ContrastiveDivergence(models.RBM(6, 4), 2, True, chains=3)


def up_and_down() -> nn.Module:
    """One of several layers."""
    return models.UpDown(models.DeepBeliefNet((6, 4, 3)), 2)


def of_atoms() -> nn.Module:
    """One with a loop inside."""
    return models.SparseCoding(6, 4, 0.2, steps=5, algorithm="ista")


def of_components() -> nn.Module:
    """One of a single matrix."""
    return models.ReconstructionICA(6, 4, 0.5)


IDS = np.array([[0, 1, 2], [6, 5, 4]])
PIXELS = np.random.default_rng(0).normal(size=(3, 96)).astype(f32)
SHARES = np.random.default_rng(0).uniform(size=(3, 6)).astype(f32)

#: networks that together have every layer of the package, and an input of each
NETWORKS: list[tuple[Any, Any]] = [
    (everything, IDS),
    (of_activations, IDS),
    (of_images, PIXELS),
    (of_sequences, IDS),
    (of_attention, IDS),
    (of_text, IDS),
    (of_characters, IDS),
    (of_features, SHARES),
]
#: Modules that return a loss of their own, and an input of each.
OBJECTIVES: list[tuple[Any, Any]] = [
    (reconstructing, SHARES),
    (diverging, SHARES),
    (up_and_down, SHARES),
    (of_atoms, SHARES),
    (of_components, SHARES),
]
#: Layers of two inputs, and of several networks, which do not stand in a row: saved in
#: tests of their own.
APART = {"TransformerDecoder", "TransformerDecoderLayer"} | {
    "BahdanauAttention", "LuongAttention", "Seq2Seq", "Seq2SeqEnsemble",
    "TeacherForcing", "Transformer", "Translator",
    "Ensemble", "EnsembleLinear", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
    "NextToken", "Tagger", "Tagging", "TextClassifier", "Pool", "CRF",
    "Word2Vec", "HierarchicalSoftmax", "SampledSoftmax", "ClassSampler",
    "MAP", "DeepEnsemble", "MCDropout", "MeanField", "Laplace", "MixtureOfExperts",
    "HMC", "NUTS", "SGLD", "VAE", "GAN", "BivariateMixture",
    "PenReader", "PenReading", "PenWriter", "PenWriting",
    "AcousticNetwork", "HybridRecogniser", "GaussianRecogniser", "CTCRecogniser",
    "WordClassifier", "SpeechTraining",
    "ConvLSTM", "ConvLSTMCell", "Forecaster", "Forecasting", "TCN",
    "GaussianLikelihood", "HeteroscedasticLikelihood", "BernoulliLikelihood",
    "CategoricalLikelihood", "MixtureDensity", "Prior", "GaussianPrior", "LaplacePrior",
}  # fmt: skip

each_network = pytest.mark.parametrize(("make", "x"), NETWORKS + OBJECTIVES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_every_layer_of_the_package_is_in_a_network_above() -> None:
    made = [make() for make, _ in NETWORKS + OBJECTIVES]
    parts = [module for net in made for _, module in net.named_modules()]
    assert {type(module).__name__ for module in parts} == set(known_layers()) - APART


@each_network
def test_a_network_comes_back_with_its_layers_settings_and_values(
    path: Path, make: Any, x: Any
) -> None:
    net = make()
    for _, variable in net.named_variables():
        variable.assign(variable + 0.01)
    net.save(path)
    again = cr.load(path)
    assert repr(again) == repr(net)
    assert describe(again) == describe(net)
    assert (again(x).numpy() == net(x).numpy()).all()
    cr.manual_seed(1)
    noisy = net(x, training=True).numpy()
    net.load(path)
    cr.manual_seed(1)
    assert (again(x, training=True).numpy() == noisy).all()


@each_network
def test_float64_networks_come_back_as_float64(path: Path, make: Any, x: Any) -> None:
    net = make().astype("float64")
    net.save(path)
    again = cr.load(path)
    assert again(x).dtype == np.float64
    assert (again(x).numpy() == net(x).numpy()).all()


def test_the_configured_dtype_does_not_change_what_is_loaded(path: Path) -> None:
    nn.Linear(2, 3).save(path)
    cr.config.dtype = "float64"
    loaded = cr.load(path)
    assert {v.dtype for _, v in loaded.named_variables()} == {np.dtype("float32")}


def test_shared_layers_and_shared_parameters_are_shared_again(path: Path) -> None:
    shared = nn.Linear(3, 3)
    net = nn.Sequential(shared, nn.ReLU(), shared, nn.Sequential(nn.Linear(3, 3)))
    net[3][0].weight = shared.weight
    net.save(path)
    again: Any = cr.load(path)
    assert again[2] is again[0]
    assert again[3][0].weight is again[0].weight
    assert again[3][0].bias is not again[0].bias
    x = np.ones((2, 3), f32)
    assert (again(x).numpy() == net(x).numpy()).all()


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_recurrent_layer_with_some_of_its_biases_comes_back(
    path: Path, kind: Any
) -> None:
    net = kind(3, 4, num_layers=2, bidirectional=True)
    for name in ("bias_hh_l0", "bias_ih_l1_reverse", "bias_hh_l1"):
        setattr(net, name, None)
    net.save(path)
    again = cr.load(path)
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(f32)
    assert again.state_dict().keys() == net.state_dict().keys()
    assert (again(x)[0].numpy() == net(x)[0].numpy()).all()
    assert describe(again) == describe(net)


def test_a_network_trained_after_loading_learns(path: Path) -> None:
    nn.Sequential(nn.Linear(2, 1)).astype("float64").save(path)
    net = cr.load(path)

    @cr.compile
    def step(x: Any) -> Any:
        loss = (net(x, training=True) ** 2).mean()
        grads = cr.backprop(loss)
        for parameter in net.parameters():
            parameter.assign(parameter - 0.1 * grads[parameter])
        return loss

    found = [step(np.ones((3, 2))).item() for _ in range(20)]
    assert found[-1] < 0.01 * found[0]


def test_notes_are_kept_beside_the_network(path: Path) -> None:
    nn.Linear(2, 3).save(path, notes={"classes": ["no", "yes"], "scale": [0.5, 2]})
    assert saving.read(path)[1]["notes"] == {
        "classes": ["no", "yes"],
        "scale": [0.5, 2],
    }
    assert isinstance(cr.load(path), nn.Linear)


def test_notes_that_json_cannot_hold_are_an_error_and_write_nothing(
    path: Path,
) -> None:
    with pytest.raises(ArgumentError, match="cannot be written as JSON"):
        nn.Linear(2, 3).save(path, notes={"f": len})
    assert not path.exists()


# Classes of the user's own. -----------------------------------------------------------


class MyNet(nn.Module):
    """A class that a file cannot hold."""

    def __init__(self, width: int = 3) -> None:
        self.inner = nn.Linear(2, width)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


def test_a_class_of_ones_own_is_built_by_its_owner_and_loaded_into(path: Path) -> None:
    net = MyNet()
    net.save(path)
    with pytest.raises(StateError) as caught:
        cr.load(path)
    assert caught.value.what == (
        f"load: {path}: the network contains MyNet, a class of your own: this file "
        "holds its values, not its code"
    )
    assert caught.value.fix == (
        f"build it, then load the values: model = MyNet(…); model.load({str(path)!r})"
    )
    again = MyNet()
    again.load(path)
    assert (again.inner.weight.numpy() == net.inner.weight.numpy()).all()


def test_a_class_of_ones_own_inside_of_a_network_is_found(path: Path) -> None:
    nn.Sequential(nn.ReLU(), MyNet()).save(path)
    with pytest.raises(StateError, match="contains MyNet, a class of your own"):
        cr.load(path)


def test_a_users_class_with_the_name_of_a_layer_is_not_taken_for_it(path: Path) -> None:
    class Linear(MyNet):
        pass

    Linear().save(path)
    with pytest.raises(StateError, match="contains Linear, a class of your own"):
        cr.load(path)


def test_values_of_another_network_are_an_error_and_change_nothing(path: Path) -> None:
    MyNet(width=3).save(path)
    for other, kind, what in (
        (MyNet(width=4), ShapeError, f"load: {path}: inner.weight (3, 2): expected"),
        (nn.Linear(2, 3), StateError, f"load: {path}: Linear: missing bias, weight;"),
    ):
        before = other.state_dict()
        with pytest.raises(kind) as caught:
            other.load(path)
        assert caught.value.what.startswith(what)
        assert all((before[n] == v).all() for n, v in other.state_dict().items())


def test_a_damaged_file_changes_nothing(path: Path) -> None:
    net = MyNet()
    net.save(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    before = net.state_dict()
    for call in (lambda: net.load(path), lambda: cr.load(path)):
        with pytest.raises(FileError, match="do not match their checksum"):
            call()
    assert all((before[name] == v).all() for name, v in net.state_dict().items())


# Files that describe no network: valid ones, with honest checksums. -------------------

LINEAR = {"layer": "Linear", "settings": {"in_features": 2, "out_features": 3}}


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = LINEAR
    for _ in range(depth):
        inner = {"layer": "Sequential", "settings": {"layers": [inner]}}
    return inner


HOSTILE: list[tuple[Any, type[ChainruleError], str]] = [
    (None, FileError, "no network was saved in it"),
    ([], FileError, "no network was saved in it"),
    ({}, FileError, "the network cannot be built: load: 'None' is not a layer"),
    ({"layer": "Conv9d"}, FileError, "'Conv9d' is not a layer of this version"),
    ({"layer": "Module"}, FileError, "'Module' is not a layer of this version"),
    ({"layer": "os.system"}, FileError, "'os.system' is not a layer of this version"),
    ({"layer": "__init__"}, FileError, "'__init__' is not a layer of this version"),
    ({"layer": "load"}, FileError, "'load' is not a layer of this version"),
    ({"layer": ["Linear"]}, FileError, "is not a layer of this version"),
    ({"layer": "Linear", "settings": 3}, FileError, "the settings of Linear are not a"),
    ({"layer": "Linear"}, FileError, "Linear: missing a required argument"),
    (
        {"layer": "Linear", "settings": {**LINEAR["settings"], "evil": 1}},  # type: ignore[dict-item]
        FileError,
        "unknown option of Linear 'evil'",
    ),
    (
        {"layer": "Linear", "settings": {"in_features": "2", "out_features": 3}},
        FileError,
        "Linear: in_features='2': expected a whole number",
    ),
    (
        {"layer": "Linear", "settings": {"in_features": 10**12, "out_features": 10**9}},
        FileError,
        "weight (1000000000, 1000000000000): more values than the file holds",
    ),
    ({"layer": "Sequential", "settings": {}}, FileError, "are not settings of"),
    (
        {"layer": "Sequential", "settings": {"layers": [3]}},
        FileError,
        "Sequential: layer 0 is 3: expected a layer",
    ),
    (
        {"layer": "Sequential", "settings": {"layers": 3}},
        FileError,
        "are not settings of Sequential",
    ),
    (
        {"layer": "Sequential", "settings": {"layers": [{"same_as": 0}]}},
        FileError,
        "layer 0 contains itself",
    ),
    (
        {"layer": "Sequential", "settings": {"layers": [{"same_as": 5}]}},
        FileError,
        "layer 5 is shared but not described",
    ),
    ({"same_as": "x"}, FileError, "layer 'x' is shared but not described"),
    (nested(150), FileError, "the network cannot be built"),
    (
        {**LINEAR, "shared_values": [["weight", "missing"]]},
        FileError,
        "a value shared between 'weight' and 'missing'",
    ),
    (
        {**LINEAR, "shared_values": [["weight", "forward"]]},
        FileError,
        "a value shared between 'weight' and 'forward'",
    ),
    ({**LINEAR, "shared_values": [3]}, FileError, "3 are not the names of two values"),
    ({**LINEAR, "shared_values": 3}, FileError, "3 is not a list of shared values"),
    ({"layer": "ReLU"}, StateError, "unexpected bias, weight; nothing was loaded"),
    ({"own_class": "os.system"}, StateError, "contains os.system, a class of your own"),
]


@pytest.mark.parametrize(("described", "kind", "what"), HOSTILE)
def test_a_file_that_describes_no_network_is_one_error(
    described: Any, kind: type[ChainruleError], what: str, path: Path
) -> None:
    saving.write(path, nn.Linear(2, 3).state_dict(), {"model": described})
    with pytest.raises(kind) as caught:
        cr.load(path)
    assert what in caught.value.what


def test_any_change_to_a_description_is_an_error_or_a_network(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # a thousand small files
    chance = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 3), nn.PReLU(), nn.LayerNorm(3))
    text = json.dumps(describe(net))
    built = 0
    for _ in range(800):
        characters = list(text)
        for _ in range(int(chance.integers(1, 4))):
            place = int(chance.integers(len(characters)))
            characters[place] = '0123456789",[]{}:eE.-tfn L'[int(chance.integers(26))]
        try:
            changed = json.loads("".join(characters))
        except ValueError:
            continue
        saving.write(path, net.state_dict(), {"model": changed})
        try:
            found = cr.load(path)
        except ChainruleError:
            continue
        built += 1
        assert isinstance(found, nn.Module)
    assert built


def test_loading_draws_no_random_numbers(path: Path) -> None:
    everything().save(path)
    before = cr.random.default_generator.state.numpy().copy()
    cr.load(path)
    assert (cr.random.default_generator.state.numpy() == before).all()


def test_building_keeps_the_structure_and_needs_no_more_room_than_the_values() -> None:
    net = everything()
    assert repr(build(describe(net), net.state_dict())) == repr(net)
    less = dict(list(net.state_dict().items())[:-1])
    with pytest.raises(StateError) as caught:
        build(describe(net), less)
    assert caught.value.what == "bias (3,): more values than the file holds"


# Versions. ----------------------------------------------------------------------------


def test_the_golden_network_of_version_1_predicts_what_it_did() -> None:
    net = cr.load(GOLDEN / "network-version-1.safetensors")
    notes = saving.read(GOLDEN / "network-version-1.safetensors")[1]["notes"]
    assert repr(net) == repr(everything())
    np.testing.assert_allclose(net(IDS).numpy(), notes["outputs"], rtol=1e-5)


@pytest.mark.parametrize(("make", "x"), NETWORKS[1:])
def test_golden_networks_of_version_1_with_all_layers_predict_what_they_did(
    make: Any, x: Any
) -> None:
    name = make.__name__.removeprefix("of_")
    file = GOLDEN / f"{name}-version-1.safetensors"
    net, notes = cr.load(file), saving.read(file)[1]["notes"]
    assert repr(net) == repr(make())
    outputs = net(x)
    found = outputs[0] if isinstance(outputs, tuple) else outputs
    np.testing.assert_allclose(found.numpy(), notes["outputs"], rtol=1e-4, atol=1e-5)
