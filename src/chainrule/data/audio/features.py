"""What a recogniser hears of a sound: a row of numbers every hundredth of a second.

Place on the road: above WAV files, below models of speech. kaldi-native-fbank makes
filter banks and cepstra; it is imported when the first are made. It must not know of
words or networks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, missing_package, unknown_option
from ..validation import Array
from .wav import Sound, resampled

#: Milliseconds of a frame, and between the starts of two.
LENGTH, SHIFT = 25.0, 10.0

KINDS = ("fbank", "mfcc")

#: What is subtracted and divided by.
NORMALISATIONS = ("none", "mean", "variance")

#: Samples are brought to the size that the library expects, that of 16 bits.
SCALE = 2.0**15


@dataclass(frozen=True)
class SpeechFeatures:
    """Logarithms of filter banks, or cepstra, of frames of 25 ms, one every 10 ms.

    Formula: a frame x, without its mean, with the high frequencies raised and both ends
    faded, has the power |DFT(x)|²; filter b, a triangle on the mel scale
    1127 ln(1 + f/700), passes e_b of it. ``"fbank"`` is ln e_b; ``"mfcc"`` its discrete
    cosine transform, the first 13 numbers. With ``deltas`` stand beside each number how
    it changes, Σₙ n (cₜ₊ₙ − cₜ₋ₙ) / (2 Σₙ n²) for n = 1, 2, and how that changes.

    Shapes: a sound of s seconds → (T, D) float32 with T = 100 s frames; D is ``bins``,
    or 13, or three times of it.

    Arguments:
        rate: samples in a second; sounds of other rates are resampled.
        kind: "fbank" or "mfcc".
        bins: how many filters.
        deltas: whether changes stand beside the numbers.
        normalise: of each recording, "mean": 0 in every column, so that a microphone
            and a room do not count; "variance": deviation 1 besides; or "none".

    Raises:
        ArgumentError: for other kinds, fewer than two filters, a rate below 1000.

    Source: Davis & Mermelstein (1980); deltas: Furui (1986).

    Example:
        >>> features = SpeechFeatures(rate=8000, bins=24)
        >>> noise = np.random.default_rng(0).normal(size=8000).astype(np.float32)
        >>> features(Sound(noise, 8000)).shape  # needs chainrule[audio]
        (100, 24)
    """

    rate: int = 16000
    kind: str = "fbank"
    bins: int = 40
    deltas: bool = False
    normalise: str = "variance"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_option("kind of features", self.kind, KINDS)
        if self.normalise not in NORMALISATIONS:
            raise unknown_option("normalisation", self.normalise, NORMALISATIONS)
        if self.rate < 1000 or self.bins < (13 if self.kind == "mfcc" else 2):
            raise ArgumentError(
                f"SpeechFeatures: rate={self.rate}, bins={self.bins}: expected 1000 or "
                "more samples a second, and two filters, for cepstra 13"
            )

    @property
    def size(self) -> int:
        """How many numbers a frame has, D."""
        own = self.bins if self.kind == "fbank" else 13
        return own * (3 if self.deltas else 1)

    def settings(self) -> dict[str, Any]:
        """The arguments, as JSON values."""
        return asdict(self)

    def __call__(self, sound: Sound, name: str = "the sound") -> Array:
        """The features of a sound.

        Arguments:
            sound: of any rate.
            name: what messages call it.

        Raises:
            DataError: it is shorter than one frame.
            MissingPackageError: kaldi-native-fbank is not installed.
        """
        samples = sound.samples
        if sound.rate != self.rate:
            samples = resampled(samples, sound.rate, self.rate)
        if len(samples) * 1000 < LENGTH * self.rate:
            raise DataError(
                f"SpeechFeatures: {name}: {1000 * sound.seconds:.0f} ms of sound: a "
                f"frame alone has {LENGTH:g} ms"
            )
        found = _frames(self, samples)
        if self.deltas:
            first = _changes(found)
            found = np.concatenate([found, first, _changes(first)], axis=1)
        if self.normalise != "none":
            found = found - found.mean(axis=0)
        if self.normalise == "variance":
            found = found / np.maximum(found.std(axis=0), 1e-2)
        return found.astype(np.float32)


def _frames(features: SpeechFeatures, samples: Array) -> Array:
    """(T, bins) or (T, 13), by the library."""
    try:
        import kaldi_native_fbank as knf
    except ImportError as error:
        raise missing_package(
            "kaldi-native-fbank", "SpeechFeatures: hearing", "audio"
        ) from error
    mfcc = features.kind == "mfcc"
    options = knf.MfccOptions() if mfcc else knf.FbankOptions()
    frame = options.frame_opts
    frame.samp_freq, frame.dither = float(features.rate), 0.0
    frame.frame_length_ms, frame.frame_shift_ms = LENGTH, SHIFT
    frame.snip_edges = False  # a frame for each 10 ms, at both ends too
    options.mel_opts.num_bins = features.bins
    options.use_energy = False
    if mfcc:
        options.num_ceps = 13
    made = knf.OnlineMfcc(options) if mfcc else knf.OnlineFbank(options)
    made.accept_waveform(float(features.rate), samples * np.float32(SCALE))
    made.input_finished()
    return np.stack([made.get_frame(i) for i in range(made.num_frames_ready)])


def _changes(c: Array) -> Array:
    """How every column changes: the slope over five frames."""
    padded = np.pad(c, ((2, 2), (0, 0)), mode="edge")
    one = padded[3:-1] - padded[1:-3]
    two = padded[4:] - padded[:-4]
    slope: Array = (one + 2 * two) / 10
    return slope
