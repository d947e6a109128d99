"""Data: named data sets, the tables people have, and batches of both.

Place on the road: what ``fit`` trains on. NumPy only; scikit-learn, pyarrow and the
like are imported when a call needs them. It must not know of tensors, networks or
losses.

======================  =============================================================
``load(name)``          a named data set, as a ``Split``: train, test, its origin
``read_table(file)``    a CSV, Parquet or Excel file or a frame, as a ``Table``
``image_folder(path)``  images, one folder a class, as a ``Split``
``Dataset(x, y)``       arrays, checked
``Augmentation(...)``   images that look a little different in every epoch
``random_patches(x)``   patches of images, cut out at random
``Whitening.fit(x)``    directions without correlation, all of variance 1
``memory_map(file)``    arrays too large for memory
``Stream(make)``        batches from a function
``bucket_by_length()``  sequences of many lengths, in batches of few sizes
``bucket_pairs()``      pairs of them, each with its own length
``read_text(file)``      a text file, as one text
``Characters.fit(t)``   the tokens of a text; also ``Bytes``, ``Words``, ``BytePairs``
``read_tagged(file)``   sentences in columns, a word and its tag a line
``read_drawings(file)`` strokes of a pen: InkML, UNIPEN
``read_series(file)``   time series, a row for each time, with covariates
``load_series(name)``   a well-known time series: airline, co2, sunspots …
``read_recordings(f)``  a folder of WAV files, and what is said in each
``batches(dataset)``    the batches of one epoch
======================  =============================================================
"""

from typing import TYPE_CHECKING

from ..public import advise, listing, missing_names
from .augmentation import Augmentation
from .batching import Stream, batches, epoch_order, num_batches
from .datasets import Dataset, Split, as_dataset
from .lazy_rows import Rows
from .splitting import group_split, k_folds, train_test_split
from .validation import check_labels

if TYPE_CHECKING:
    from .audio.features import SpeechFeatures
    from .audio.recordings import Recording, at_speeds, read_recordings
    from .audio.wav import Sound, read_wav, write_wav
    from .buckets import bucket_by_length, bucket_pairs
    from .images.folders import image_folder
    from .images.patches import random_patches
    from .memory_maps import memory_map
    from .named.brown import brown_sentences
    from .named.catalogue import load, names
    from .named.pens import pen_digits, sketches
    from .scaling import Standardiser, one_hot, standardise
    from .series.known import load_series
    from .series.reading import read_series
    from .series.series import Series, SeriesSet
    from .strokes.drawing import Drawing, joined, random_lines, redrawn
    from .strokes.reading import read_drawings
    from .tables.columns import Columns, read_columns
    from .tables.table import Table, read_table
    from .tables.transform import TableTransform
    from .text.byte_pairs import BytePairs, Bytes
    from .text.edits import ErrorRates, edit_distance, error_rates
    from .text.kinds import fit_tokenizer, tokenizer_from_json
    from .text.pairs import TextPair, read_pairs
    from .text.pronunciations import read_pronunciations
    from .text.reading import read_lines, read_text
    from .text.sentences import sentences
    from .text.spans import Span, SpanScores, span_scores, spans_of
    from .text.tagged import Sentence, read_tagged
    from .text.tokenizers import Characters, Tokenizer, Words
    from .text.vector_files import read_vectors, write_vectors
    from .text.word_tests import Analogy, WordPair, read_analogies, read_word_pairs
    from .whitening import Whitening

#: Imported when first used: training on arrays needs none of it.
LATER = {
    ".audio.features": ["SpeechFeatures"],
    ".audio.recordings": ["Recording", "at_speeds", "read_recordings"],
    ".audio.wav": ["Sound", "read_wav", "write_wav"],
    ".buckets": ["bucket_by_length", "bucket_pairs"],
    ".images.folders": ["image_folder"],
    ".images.patches": ["random_patches"],
    ".memory_maps": ["memory_map"],
    ".named.brown": ["brown_sentences"],
    ".named.catalogue": ["load", "names"],
    ".named.pens": ["pen_digits", "sketches"],
    ".scaling": ["Standardiser", "one_hot", "standardise"],
    ".strokes.drawing": ["Drawing", "joined", "random_lines", "redrawn"],
    ".strokes.reading": ["read_drawings"],
    ".series.known": ["load_series"],
    ".series.reading": ["read_series"],
    ".series.series": ["Series", "SeriesSet"],
    ".tables.columns": ["Columns", "read_columns"],
    ".tables.table": ["Table", "read_table"],
    ".tables.transform": ["TableTransform"],
    ".text.byte_pairs": ["BytePairs", "Bytes"],
    ".text.edits": ["ErrorRates", "edit_distance", "error_rates"],
    ".text.kinds": ["fit_tokenizer", "tokenizer_from_json"],
    ".text.pairs": ["TextPair", "read_pairs"],
    ".text.pronunciations": ["read_pronunciations"],
    ".text.reading": ["read_lines", "read_text"],
    ".text.sentences": ["sentences"],
    ".text.spans": ["Span", "SpanScores", "span_scores", "spans_of"],
    ".text.tagged": ["Sentence", "read_tagged"],
    ".text.tokenizers": ["Characters", "Tokenizer", "Words"],
    ".text.vector_files": ["read_vectors", "write_vectors"],
    ".text.word_tests": [
        "Analogy",
        "WordPair",
        "read_analogies",
        "read_word_pairs",
    ],
    ".whitening": ["Whitening"],
}

__all__ = [
    "Analogy",
    "Augmentation",
    "BytePairs",
    "Bytes",
    "Characters",
    "Columns",
    "Dataset",
    "Drawing",
    "ErrorRates",
    "Recording",
    "Rows",
    "Sentence",
    "Series",
    "SeriesSet",
    "Sound",
    "Span",
    "SpanScores",
    "SpeechFeatures",
    "Split",
    "Standardiser",
    "Stream",
    "Table",
    "TableTransform",
    "TextPair",
    "Tokenizer",
    "Whitening",
    "WordPair",
    "Words",
    "as_dataset",
    "at_speeds",
    "batches",
    "brown_sentences",
    "bucket_by_length",
    "bucket_pairs",
    "check_labels",
    "edit_distance",
    "epoch_order",
    "error_rates",
    "fit_tokenizer",
    "group_split",
    "image_folder",
    "joined",
    "k_folds",
    "load",
    "load_series",
    "memory_map",
    "names",
    "num_batches",
    "one_hot",
    "pen_digits",
    "random_lines",
    "random_patches",
    "read_analogies",
    "read_columns",
    "read_drawings",
    "read_lines",
    "read_pairs",
    "read_pronunciations",
    "read_recordings",
    "read_series",
    "read_table",
    "read_tagged",
    "read_text",
    "read_vectors",
    "read_wav",
    "read_word_pairs",
    "redrawn",
    "sentences",
    "sketches",
    "span_scores",
    "spans_of",
    "standardise",
    "tokenizer_from_json",
    "train_test_split",
    "write_vectors",
    "write_wav",
]

advise(__name__, __all__, "data.OPTIONS")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(
        __name__, advice="data.NAMES", options="data.OPTIONS", later=LATER
    )
