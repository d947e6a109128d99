"""What the layers of images, sequences and attention say to bad input, verbatim.

Every mistake is made in eager code and in compiled functions: the message is the same,
and so is the line that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DataError,
    DTypeError,
    OptionError,
    ShapeError,
)

SMALLER = "a smaller kernel, larger inputs, or more padding"
CORRECT = "pad the sequences to the longest, or correct the lengths"
START = "pass the state that an earlier call returned, or None to start"


def images(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def ids(*rows: list[int]) -> Any:
    return np.array(rows)


def cached(x: Any) -> Any:
    """Four steps, one by one, with room for three."""
    layer = nn.MultiheadAttention(8, 2)
    cache = layer.new_cache(1, 3)
    step = cr.compile(lambda x: layer(x, causal=True, cache=cache))
    for _ in range(4):
        last = step(x)
    return last


RNN, GRU = nn.LSTM(3, 4), nn.GRU(3, 4)
NORM, LOOK = nn.BatchNorm1d(3), nn.MultiheadAttention(8, 2)

Case = tuple[str, Any, tuple[Any, ...], type[ChainruleError], str, str | None]

# fmt: off
#: name, function, its arguments, the error, its first line, its fix
CASES: list[Case] = [
    ("a kernel larger than its input", nn.Conv2d(3, 4, 7), (images(2, 5, 5, 3),),
     ShapeError,
     "Conv2d: x (2, 5, 5, 3): a kernel of length 7 is longer than axis 1 of length 5",
     SMALLER),
    ("a window larger than its input", nn.MaxPool2d(9), (images(2, 8, 8, 3),),
     ShapeError,
     "MaxPool2d: x (2, 8, 8, 3): a kernel of length 9 is longer than axis 1 of length "
     "8", SMALLER),
    ("a sequence shorter than a kernel", nn.Conv1d(3, 4, 3), (images(2, 2, 3),),
     ShapeError,
     "Conv1d: x (2, 2, 3): a kernel of length 3 is longer than axis 1 of length 2",
     SMALLER),
    ("channels that do not match", nn.Conv2d(3, 4, 3), (images(2, 8, 8, 4),),
     ShapeError,
     "Conv2d: x (2, 8, 8, 4): 4 ≠ 3; the last axis of x must have in_channels elements",
     "Conv2d(4, 4, …), or give it inputs with 3 channels"),
    ("channels first", nn.Conv2d(3, 4, 3), (images(2, 3, 8, 8),), ShapeError,
     "Conv2d: x (2, 3, 8, 8): 8 ≠ 3; the last axis of x must have in_channels elements",
     "channels come last here: x.transpose(0, 2, 3, 1)"),
    ("one image without a batch", nn.Conv2d(3, 4, 3), (images(8, 8, 3),), ShapeError,
     "Conv2d: x (8, 8, 3): 3 ≠ 4 axes; expected (samples, height, width, channels)",
     "x[None] makes one sample a batch"),
    ("grey images without a channel", models.lenet5(), (images(2, 28, 28),), ShapeError,
     "Conv2d: x (2, 28, 28): 3 ≠ 4 axes; expected (samples, height, width, channels)",
     "x[..., None] adds the axis of one channel"),
    ("images of bytes", nn.Conv2d(3, 4, 3), (np.zeros((2, 8, 8, 3), np.uint8),),
     DTypeError,
     "Conv2d: x (2, 8, 8, 3) is uint8: this layer computes with floats",
     "x.astype('float32'); for images of 0 … 255, divide by 255.0; for ids or class "
     "numbers, start the network with Embedding"),
    ("a negative output size", nn.ConvTranspose2d(3, 4, 1, padding=3),
     (images(2, 4, 4, 3),), ShapeError,
     "ConvTranspose2d: (4, 4) windows of a kernel (1, 1) with stride (1, 1) and "
     "padding "
     "((3, 3), (3, 3)) come from (-2, -2) elements: expected at least 1 along every "
     "axis",
     "less padding, a larger kernel, or a larger stride"),
    ("positions without kernels", nn.LocallyConnected2d(3, 4, (8, 8), 3),
     (images(2, 9, 9, 3),), ShapeError,
     "LocallyConnected2d: x (2, 9, 9, 3): (9, 9) ≠ (8, 8); every position has kernels "
     "of its own, so x must have input_size", "input_size=(9, 9)"),
    ("channels of a normalisation", nn.GroupNorm(2, 4), (images(2, 8, 8, 6),),
     ShapeError,
     "GroupNorm: x (2, 8, 8, 6): 6 ≠ 4; the last axis of x must have num_channels "
     "elements", "GroupNorm(2, 6), or give it inputs with 4 features"),
    ("a batch of one", lambda x: NORM(x, training=True), (images(1, 3),),
     ShapeError,
     "BatchNorm1d: x (1, 3) in training: 1 row for each feature; a variance needs at "
     "least 2",
     "batches of 2 or more, as cr.fit and data.batches make them; for predictions, "
     "call without training=True"),
    ("lengths beyond the sequence", lambda x, n: RNN(x, lengths=n),
     (images(2, 5, 3), np.array([5, 6])), BoundsError,
     "LSTM: sequence length 6 of a sequence of 5 steps at row 1: lengths go from 0 to "
     "5",
     CORRECT),
    ("negative lengths", lambda x, n: GRU(x, lengths=n),
     (images(2, 5, 3), np.array([-1, 5])), BoundsError,
     "GRU: sequence length -1 of a sequence of 5 steps at row 0: lengths go from 0 to "
     "5",
     CORRECT),
    ("lengths of floats", lambda x, n: RNN(x, lengths=n),
     (images(2, 5, 3), np.array([5.0, 4.0])), DTypeError,
     "LSTM: sequence lengths (2,) of float64: a length is an integer",
     "lengths.astype('int64')"),
    ("one sequence without a batch", nn.LSTM(3, 4), (images(5, 3),), ShapeError,
     "LSTM: x (5, 3): expected (N, T, D), sequences of T steps",
     "x[None] for a single one"),
    ("a state of another batch", nn.GRU(3, 4), (images(2, 5, 3), images(1, 3, 4)),
     ShapeError, "GRU: state h (1, 3, 4): expected (1, 2, 4), (layers · directions, "
     "N, H)",
     "a state belongs to the sequences of its batch, in the same order"),
    ("half of a state", nn.LSTM(3, 4), (images(2, 5, 3), images(1, 2, 4)),
     ArgumentError, "LSTM: state: one tensor: expected a pair (h, c)", START),
    ("targets longer than the inputs", losses.ctc,
     (images(2, 3, 5), ids([1, 2, -1, -1], [1, 2, 3, 4])), DataError,
     "ctc: more labels than steps of input, by 1, at row 1: a label takes a step at "
     "least", "leave such samples out, or zero_infinity=True"),
    ("targets longer than the real inputs",
     lambda z, y, n: losses.ctc(z, y, input_lengths=n),
     (images(2, 6, 5), ids([1, 2, 1], [1, 2, 3]), np.array([6, 1])), DataError,
     "ctc: more labels than steps of input, by 2, at row 1: a label takes a step at "
     "least", "leave such samples out, or zero_infinity=True"),
    ("a blank among the labels", losses.ctc, (images(2, 6, 5), ids([1, 2], [0, 1])),
     DataError,
     "ctc: targets (2, 2): the blank 0 at position (1, 0): labels are the other "
     "classes",
     "count labels from another number, or give the blank a class of its own: blank=…"),
    ("a label beyond the classes", losses.ctc, (images(2, 6, 5), ids([1, 2], [1, 5])),
     BoundsError, "ctc: label 5 for 5 classes at position (1, 1): labels go from 0 to "
     "4",
     "give the network 6 outputs, or correct the labels"),
    ("tokens outside of the vocabulary", nn.Embedding(10, 4), (ids([1, 2], [3, 12]),),
     BoundsError, "Embedding: id 12 for 10 rows at position (1, 1): ids go from 0 to 9",
     "make the table 13 rows long, or correct the ids"),
    ("negative tokens", models.GPT(10, 8, 1, 2, 8), (ids([3, -1]),), BoundsError,
     "Embedding: id -1 for 10 rows at position (0, 1): ids go from 0 to 9",
     "count the rows from 0"),
    ("tokens of floats", nn.Embedding(10, 4), (images(2, 3),), DTypeError,
     "Embedding: ids (2, 3) of floats: an id is an integer", "ids.astype('int64')"),
    ("a text too long", models.GPT(10, 8, 1, 2, 8), (ids([1] * 9),), ShapeError,
     "LearnedPositions: x (1, 9, 8): 9 steps, but max_length is 8",
     "LearnedPositions with max_length=9, or shorter sequences"),
    ("a mask of another shape", lambda x, m: LOOK(x, mask=m),
     (images(2, 5, 8), np.ones((4, 4), bool)), ShapeError,
     "attention: mask (4, 4) and scores (2, 2, 5, 5): 4 ≠ 5 at axis -2; axes are "
     "aligned "
     "from the last, and must be equal or 1",
     "reshape one operand, or add an axis of length 1 with x[:, None]"),
    ("a mask of integers", lambda x, m: LOOK(x, mask=m),
     (images(2, 5, 8), np.ones((5, 5), int)), DTypeError,
     "attention: mask (5, 5) is int64: expected bools, True where a query may attend "
     "to a key, or floats that are added to the scores", "mask.astype('bool')"),
    ("keys without values", cr.attention,
     (images(2, 5, 8), images(2, 6, 8), images(2, 5, 8)), ShapeError,
     "attention: query (2, 5, 8), key (2, 6, 8), value (2, 5, 8): 6 ≠ 5; there must "
     "be a "
     "value for every key", None),
    ("a branch of another size",
     nn.Branches(nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 1)),
     (images(1, 8, 8, 3),), ShapeError,
     "concatenate: (1, 6, 6, 4) and (1, 8, 8, 4) along axis 3: 6 ≠ 8 at axis 1; every "
     "other axis must have the same size", None),
    ("a shortcut of another size", nn.Residual(nn.Conv2d(3, 4, 3)),
     (images(1, 8, 8, 3),), ShapeError,
     "Residual: x (1, 8, 8, 3) + (1, 6, 6, 4) of inner: both must have the same "
     "shape", "a shortcut such as Conv2d(in, out, 1, stride=2)"),
]
#: where a value that is known at once allows to say more: the first line in eager code
EAGER = {
    "targets longer than the inputs":
        "ctc: row 1: a target of 4 labels for 3 steps of input: a label takes a step "
        "at "
        "least",
    "targets longer than the real inputs":
        "ctc: row 1: a target of 3 labels for 1 steps of input: a label takes a step "
        "at "
        "least",
}

#: constructors
MADE: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (lambda: nn.Conv2d(4, 6, 3, groups=4), ArgumentError,
     "Conv2d: out_channels=6 with groups=4: all groups have the same number of "
     "channels, so it must be divisible by 4", None),
    (lambda: nn.GroupNorm(3, 4), ArgumentError,
     "GroupNorm: num_channels=4 with num_groups=3: the number of groups must divide "
     "the channels",
     None),
    (lambda: nn.MultiheadAttention(8, 3), ArgumentError,
     "MultiheadAttention: embed_dim=8 for num_heads=3: the number of heads must "
     "divide the features", "embed_dim=6"),
    (lambda: nn.Conv2d(3, 4, (3,)), ArgumentError,
     "Conv2d: kernel_size=(3,): expected a whole number of at least 1, or 2 of them, "
     "one "
     "for each axis", None),
    (lambda: nn.LSTM(3, 4, num_layers=0), ArgumentError,
     "LSTM: num_layers=0: expected a whole number of at least 1", None),
    (lambda: nn.LSTM(3, 4, dropout=2), ArgumentError,
     "LSTM: dropout=2: expected a probability from 0 to less than 1", None),
    (lambda: nn.GRU(3, 4, bias=["weight_ih_l0"]), ArgumentError,
     "GRU: bias=['weight_ih_l0']: expected True, False, or the names of those that "
     "exist, such as ['bias_ih_l0']", None),
    (lambda: nn.Hardtanh(2.0, 1.0), ArgumentError,
     "Hardtanh: low=2.0, high=1.0: low must be less than high", None),
    (lambda: nn.GELU("erf"), OptionError,
     "unknown approximation of GELU 'erf': expected one of 'none', 'tanh'", None),
    (lambda: nn.Conv2d(3, 10**6, 10**4), ArgumentError,
     "weight (1000000, 10000, 10000, 3) of float32: 1.12e+06 GiB do not fit into "
     "memory", "smaller sizes; a convolution, or Embedding, shares its weights"),
    (lambda: nn.Conv2d(3, 4), ArgumentError,  # type: ignore[call-arg]
     "Conv2d: missing a required argument: 'kernel_size'",
     "Conv2d(in_channels, out_channels, kernel_size, …)"),
    (lambda: nn.Flatten(1), ArgumentError,  # type: ignore[call-arg]
     "Flatten: too many positional arguments", None),
    (lambda: nn.ReLU(inplace=True), OptionError,  # type: ignore[call-arg]
     "ReLU: option 'inplace': it takes none",
     "leave it out: a tensor's value never changes"),
    (lambda: nn.MaxPool2d(2, strides=2), OptionError,  # type: ignore[call-arg]
     "unknown option of MaxPool2d 'strides': expected one of 'ceil_mode', 'dilation', "
     "'kernel_size', 'padding', 'return_indices', 'stride'", "stride=2"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="edge"), OptionError,
     "unknown padding_mode of Conv2d 'edge': expected one of 'circular', 'reflect', "
     "'replicate', 'zeros'",
     "padding_mode='replicate'"),
    (lambda: nn.LocallyConnected1d(1, 1, 5, 3, padding_mode=None), OptionError,
     "unknown padding_mode of LocallyConnected1d None: expected one of 'circular', "
     "'reflect', 'replicate', 'zeros'",
     None),
    (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), OptionError,  # type: ignore[call-arg]
     "unknown option of ConvTranspose2d 'padding_mode': expected one of 'bias', "
     "'bias_init', 'dilation', 'dtype', 'groups', 'in_channels', 'kernel_size', "
     "'out_channels', 'output_padding', 'padding', 'stride', 'weight_init'",
     "leave it out: this layer pads with zeros; cr.pad(x, widths, 'reflect') goes "
     "before it"),
    (lambda: nn.LSTM(3, 4, batch_first=True), OptionError,  # type: ignore[call-arg]
     "unknown option of LSTM 'batch_first': expected one of 'bias', 'bidirectional', "
     "'dropout', 'dtype', 'forget_bias', 'hidden_size', 'input_size', 'num_layers', "
     "'peepholes', 'recurrent_init', 'weight_init'",
     "leave it out: inputs are (N, T, D), the batch first"),
    (lambda: models.GPT(65, 128, n_layer=4), OptionError,  # type: ignore[call-arg]
     "unknown option of GPT 'n_layer': expected one of 'bias', 'dropout', 'dtype', "
     "'max_length', 'num_heads', 'num_layers', 'vocabulary', 'width'", "num_layers=4"),
    (lambda: models.resnet(18, pretrained=True), OptionError,  # type: ignore[call-arg]
     "unknown option of resnet 'pretrained': expected one of 'depth', 'in_channels', "
     "'num_classes'",
     "leave it out: weights are drawn; model.load(path) replaces them"),
    (lambda: models.resnet(20), ArgumentError,
     "resnet: depth=20: expected one of [18, 34, 50, 101, 152]",
     "models.resnet_small(20) is for images of 32 × 32"),
    (lambda: cached(images(1, 1, 8)), BoundsError,
     "KeyValueCache: step 3 behind the last of 3: there is no room for more",
     "room for more steps: layer.new_cache(batch, max_length)"),
    (lambda: nn.MultiheadAttention(8, 2)(images(2, 5, 8), is_causal=True),
     ArgumentError,
     "MultiheadAttention: called with (ndarray, is_causal=): "
     "MultiheadAttention.forward "
     "takes (query, key=None, value=None, *, causal=False, mask=None, lengths=None, "
     "cache=None, training=False)", "causal=True"),
]
# fmt: on


def check(run: Any, error: type[Exception], what: str, fix: str | None) -> None:
    with pytest.raises(error) as caught:
        run()
    assert type(caught.value) is error
    lines = str(caught.value).split("\n")
    assert lines[0] == what
    places = [each for each in lines[1:] if each.startswith("  called at  ")]
    assert len(places) == 1
    assert re.match(r"  called at  test_layer_messages\.py:\d+ in .+", places[0])
    rest = [each for each in lines[1:] if each not in places]
    layer = [each for each in rest if each.startswith("  in layer   ")]
    fixes = [f"  fix        {fix}"] if fix else []
    assert rest == layer + fixes


@pytest.mark.parametrize("engine", [None, "numpy", "native"])
@pytest.mark.parametrize(
    ("name", "f", "arguments", "error", "what", "fix"),
    [pytest.param(*case, id=case[0]) for case in CASES],
)
def test_bad_input_of_a_layer_is_one_clear_error_in_every_engine(
    name: str, f: Any, arguments: Any, error: Any, what: str, fix: Any, engine: Any
) -> None:
    def call(*args: Any) -> Any:
        return f(*args)

    run = call if engine is None else cr.compile(call, engine=engine)
    what = EAGER.get(name, what) if engine is None else what
    check(lambda: run(*arguments), error, what, fix)


@pytest.mark.parametrize(
    ("make", "error", "what", "fix"), MADE, ids=[case[2][:40] for case in MADE]
)
def test_bad_arguments_are_one_clear_error(
    make: Any, error: Any, what: str, fix: str | None
) -> None:
    check(make, error, what, fix)


def test_a_type_error_inside_of_a_constructor_stays_what_it_is() -> None:
    class Odd(nn.Linear):
        def __init__(self) -> None:
            super().__init__(len(3), 4)  # type: ignore[arg-type]

    with pytest.raises(TypeError, match=r"object of type 'int' has no len") as caught:
        Odd()
    assert not isinstance(caught.value, ChainruleError)


def test_a_batch_without_targets_given_to_a_layer_says_what_a_batch_is() -> None:
    with pytest.raises(ArgumentError) as caught:
        nn.Linear(2, 1)((np.ones((3, 2)), None))
    lines = str(caught.value).split("\n")
    assert lines[0] == ("Linear: x is a pair of inputs and no targets: expected inputs")
    assert lines[-1] == (
        "  fix        for x, _ in data.batches(…): a batch is (inputs, targets)"
    )
