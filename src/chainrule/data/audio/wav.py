"""One WAV file as an array of samples.

Place on the road: below folders of recordings. SciPy reads the files; it is imported
when the first one is read. It must not know of words or features.

How the kinds of files are converted:

============================  =======================================================
8, 16, 24 or 32 bits          to numbers from −1 to 1
32 or 64 bits floating point  as they are
several channels              their mean
another sampling rate         resampled, by a polyphase filter
============================  =======================================================
"""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ...errors import ArgumentError, DataError
from ..opening import open_file
from ..validation import Array

#: First bytes of files of sound that are none.
OTHERS = (
    (b"ID3", "an MP3 file"),
    (b"\xff\xfb", "an MP3 file"),
    (b"fLaC", "a FLAC file"),
    (b"OggS", "an Ogg file"),
    (b"FORM", "an AIFF file"),
)


class Sound(NamedTuple):
    """Samples of one channel.

    Attributes:
        samples: (T,) float32, from −1 to 1.
        rate: how many there are in a second.
    """

    samples: Array
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def read_wav(
    file: str | os.PathLike[str] | IO[bytes], rate: int | None = None, name: str = ""
) -> Sound:
    """A WAV file as samples of one channel.

    Arguments:
        file: its path, or an open file of bytes.
        rate: the samples in a second that are wanted; those of the file when not given.
        name: what messages call it; the name of the file when not given.

    Raises:
        FileError: no such file.
        DataError: it is no WAV file, compressed, cut off, empty or silent.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> write_wav(file, Sound(np.array([0.0, 0.5, -0.5], np.float32), 8000))
        >>> read_wav(io.BytesIO(file.getvalue()))
        Sound(samples=array([ 0. ,  0.5, -0.5], dtype=float32), rate=8000)
    """
    if not hasattr(file, "read"):
        path = Path(file)
        with open_file(path, "read_wav") as opened:
            content = opened.read()
        name = name or path.name
    else:
        content = file.read()
    what = f"read_wav: {name or 'the file'}"
    found, values = _decoded(content, what)
    samples = _as_floats(values)
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    _check_samples(samples, what)
    if rate is not None and rate != found:
        samples, found = resampled(samples, found, rate), rate
    return Sound(samples.astype(np.float32), found)


def write_wav(file: str | os.PathLike[str] | IO[bytes], sound: Sound) -> None:
    """Writes a sound as a WAV file with 16 bits a sample.

    Arguments:
        file: its path, or an open file of bytes.
        sound: what is beyond −1 and 1 is cut off.

    Example:
        >>> write_wav("tone.wav", Sound(tone, 16000))  # doctest: +SKIP
    """
    import scipy.io.wavfile

    whole = np.rint(np.clip(sound.samples, -1, 1 - 2**-15) * 2**15)
    scipy.io.wavfile.write(file, sound.rate, whole.astype(np.int16))


def resampled(samples: Array, rate: int, wanted: int) -> Array:
    """Samples at another rate: by a polyphase filter, which removes what is above half
    of it.

    Arguments:
        samples: (T,).
        rate, wanted: samples in a second, now and then.

    Raises:
        ArgumentError: a rate below 1.

    Example:
        >>> resampled(np.ones(441), 44100, 16000).shape
        (160,)
    """
    from scipy.signal import resample_poly

    if min(rate, wanted) < 1:
        raise ArgumentError(
            f"resampled: from {rate} to {wanted} samples a second: expected 1 or more"
        )
    shared = math.gcd(rate, wanted)
    changed: Array = resample_poly(samples, wanted // shared, rate // shared)
    return changed.astype(samples.dtype)


def _decoded(content: bytes, what: str) -> tuple[int, Array]:
    """Rate and values, as they stand in the file."""
    import scipy.io.wavfile

    if not content:
        raise DataError(f"{what}: an empty file")
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64"):
        other = next((kind for start, kind in OTHERS if content.startswith(start)), "")
        raise DataError(
            f"{what}: {other or 'another kind of file'}, not WAV",
            fix="ffmpeg -i FILE out.wav turns most kinds of sound into WAV",
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            rate, values = scipy.io.wavfile.read(io.BytesIO(content))
        except Exception as error:  # noqa: BLE001  its reader raises many kinds
            raise _unreadable(content, what, error) from None
    if any("prematurely" in str(each.message) for each in caught):
        raise DataError(
            f"{what}: it was cut off: there are fewer samples than its header says",
            fix="copy it again, or ffmpeg -i FILE out.wav keeps what there is",
        )
    return int(rate), values


def _unreadable(content: bytes, what: str, error: Exception) -> DataError:
    said = str(error)
    if "Unknown wave file format" in said:
        kind = said.partition("format: ")[2].partition(".")[0].replace("_", " ")
        return DataError(
            f"{what}: compressed ({kind}): expected plain samples",
            fix="ffmpeg -i FILE -c:a pcm_s16le out.wav",
        )
    if b"data" not in content:
        return DataError(f"{what}: it was cut off before its first sample")
    return DataError(f"{what}: a damaged WAV file: {said.rstrip('.').lower()}")


def _as_floats(values: Array) -> Array:
    """float32 from −1 to 1; floats as they are."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / 128
    # 24 bits come as the upper ones of 32
    return values.astype(np.float32) / np.float32(2 ** (8 * values.dtype.itemsize - 1))


def _check_samples(samples: Array, what: str) -> None:
    if not len(samples):
        raise DataError(f"{what}: no samples: a recording without sound")
    if not np.isfinite(samples).all():
        place = int(np.argmin(np.isfinite(samples)))
        raise DataError(f"{what}: sample {place} is not finite: {samples[place]}")
    if (samples == samples[0]).all():
        raise DataError(
            f"{what}: silence: all {len(samples)} samples are {samples[0]:g}",
            fix="was the microphone off? Leave it out",
        )
