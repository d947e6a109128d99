"""Names of ``data``, and options of ``train_test_split``."""

from collections.abc import Mapping

#: Names of ``data``.
NAMES: Mapping[str, str] = {
    "DataLoader": "data.batches(dataset, 32, seed=0, epoch=0); cr.fit makes its own",
    "bucket_by_sequence_length": "data.bucket_by_length(sequences, targets)",
    "pad_sequence": "data.bucket_by_length(sequences, targets)",
    "pad_sequences": "data.bucket_by_length(sequences, targets)",
    **dict.fromkeys(
        ("build_vocab_from_iterator", "Vocab", "TextVectorization"),
        "data.Words.fit(texts, 10_000)",
    ),
    "TensorDataset": "data.Dataset(x, y)",
    "random_split": "data.train_test_split((x, y), test=0.2)",
}

#: Options of ``train_test_split`` in other libraries.
SPLIT: Mapping[str, str] = {
    "test_size": "test=0.2",
    "random_state": "seed=0",
    "": "data.train_test_split((x, y), test=0.2): inputs and targets are a pair",
}

#: Options of its other functions.
OPTIONS: Mapping[str, str] = {
    "num_workers": "leave it out: the next batch is made beside training",
    **dict.fromkeys(("horizontal_flip", "random_flip"), "flip=True"),
    "root": "$CHAINRULE_DATA says where files are: data.load('mnist')",
    "download": "leave it out: a set that is missing is downloaded",
    "train": "leave it out: data.load('mnist').train and .test",
    "test_size": "test=0.2",
    "random_state": "seed=0",
}
