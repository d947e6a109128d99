"""Names of ``models``, and options of what they make."""

from collections.abc import Mapping

from .nn import LAYER
from .phrases import MASK

#: Names of ``models``.
NAMES: Mapping[str, str] = {
    **{f"resnet{n}": f"models.resnet({n})" for n in (18, 34, 50, 101, 152)},
    **{f"resnet{n}": f"models.resnet_small({n})" for n in (20, 32, 44, 56, 110)},
    **{f"vgg{n}": f"models.vgg({n})" for n in (11, 13, 16, 19)},
    **{f"vgg{n}_bn": f"models.vgg({n}, batch_norm=True)" for n in (11, 13, 16, 19)},
    **dict.fromkeys(("LeNet5", "LeNet"), "models.lenet5()"),
    "ResNet50": "models.resnet(50)",
    **dict.fromkeys(
        ("AutoEncoder", "DeepAutoencoder"), "models.deep_autoencoder((784, 500, 30))"
    ),
    **dict.fromkeys(
        ("WGAN", "WGANGP"), 'models.GAN(generator, critic, loss="wasserstein")'
    ),
    "LSGAN": 'models.GAN(generator, discriminator, loss="least_squares")',
    "DCGAN": "models.dcgan((28, 28, 1))",
    "VGG16": "models.vgg(16)",
    "BernoulliRBM": "models.RBM(784, 500), which models.ContrastiveDivergence trains",
    **dict.fromkeys(
        ("CharRNN", "RNNModel", "LSTMModel"),
        'models.language_model(data.Characters.fit(text), "lstm")',
    ),
    **dict.fromkeys(
        ("GPT2LMHeadModel", "GPT2Model", "GPT2"), "models.GPT(50257, 1024)"
    ),
    **dict.fromkeys(("GoogLeNet", "inception_v1", "InceptionV1"), "models.googlenet()"),
}

#: Options of functions that make models, and of ``attention``.
FUNCTION: Mapping[str, str] = {
    **dict.fromkeys(
        ("pretrained", "weights"),
        "leave it out: weights are drawn; model.load(path) replaces them",
    ),
    **dict.fromkeys(("channels", "input_shape"), "in_channels=3"),
    "classes": "num_classes=10",
    "attn_mask": MASK,
    "is_causal": "causal=True",
    "dropout_p": "dropout=0.1",
}

#: Options of the GPT in other programs.
GPT: Mapping[str, str] = {
    **LAYER,
    **dict.fromkeys(("n_embd", "embed_dim", "d_model"), "width=128"),
    **dict.fromkeys(("n_head", "nhead"), "num_heads=4"),
    "n_layer": "num_layers=4",
    **dict.fromkeys(("block_size", "context_length"), "max_length=128"),
    "vocab_size": "vocabulary=256",
}
