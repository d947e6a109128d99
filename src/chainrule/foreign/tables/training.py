"""Options of ``fit``, and attributes of the history that it returns."""

from collections.abc import Mapping

#: Attributes of what ``fit`` returns.
HISTORY: Mapping[str, str] = {
    "history": "history['loss'], or history.epochs, a dictionary for each epoch",
    "epoch": "history['epoch']",
    "params": "history.settings",
}

#: Attributes of callbacks in other libraries.
CALLBACK: Mapping[str, str] = {
    "model": "run.model: each event is given the run",
    "params": "run.epochs, run.batch_size: each event is given the run",
    "restore_best_weights": "callbacks.EarlyStopping(restore_best=True)",
    "save_best_only": "callbacks.EarlyStopping restores the best weights",
}

#: Names of callbacks in other libraries.
CALLBACKS: Mapping[str, str] = {
    "ReduceLROnPlateau": "callbacks.ReduceOnPlateau(patience=3)",
    "LearningRateScheduler": "a schedule takes the place of the number: "
    "optim.Adam(params, lr=optim.Cosine(0.001, steps=1000))",
    "TensorBoard": "callbacks.Watch(); history is a table of all epochs",
    "CSVLogger": "pd.DataFrame(history).to_csv('history.csv')",
    **dict.fromkeys(
        ("SwapEMAWeights", "StochasticWeightAveraging", "EMA"),
        "callbacks.WeightAveraging(0.999)",
    ),
    "History": "cr.fit returns it",
    "LambdaCallback": "a class of its own: class Mine(callbacks.Callback)",
    "TerminateOnNaN": "leave it out: cr.fit stops at a loss that is NaN",
    "BackupAndRestore": "callbacks.Checkpoint('folder'), and cr.fit(…, resume=True)",
    "ProgbarLogger": "cr.fit(…, progress=True)",
}

#: Options of callbacks, and of functions beside ``fit``, in other libraries.
OPTIONS: Mapping[str, str] = {
    "restore_best_weights": "restore_best=True",
    "save_best_only": "callbacks.ModelCheckpoint('best.safetensors')",
    "filepath": "path='folder'",
    "dirpath": "path='folder'",
    "verbose": "leave it out: what a callback did stands in the progress and the "
    "history",
    "start_from_epoch": "leave it out: patience counts from the best epoch",
    "baseline": "leave it out: the first epoch sets the mark",
    "cooldown": "patience=3",
    "threshold": "min_delta=0.0",
    "save_freq": "every_steps=1000",
    "save_top_k": "keep=3",
}

STOP = 'run.stop("why") ends training after the step'

#: Attributes of a run, and of what other libraries give to a callback.
RUN: Mapping[str, str] = {
    "stop_training": STOP,
    "should_stop": STOP,
    "lr": "run.optimizer.lr = 0.001",
    "learning_rate": "run.optimizer.lr = 0.001",
    "logs": "run.row['name'] = value adds a column to the history's row",
}

#: Options of ``fit`` in other libraries; under "" what it is called like.
FIT: Mapping[str, str] = {
    "validation_split": "validation=0.1, a fraction of the training data",
    "validation_data": "validation=(x, y)",
    "verbose": "progress=False for none",
    "lr": "optimizer=optim.Adam(lr=0.001)",
    "learning_rate": "optimizer=optim.Adam(lr=0.001)",
    "shuffle": "leave it out: the examples of every epoch are shuffled",
    "class_weight": "loss=lambda outputs, targets: losses.cross_entropy("
    "outputs, targets, weight=[1.0, 5.0])",
    "sample_weight": "data=(x, y, sample_weight)",
    "num_workers": "leave it out: the next batch is made beside training",
    "random_state": "seed=0",
    "num_epochs": "epochs=10",
    "n_epochs": "epochs=10",
    "y": "cr.fit(model, (x, y))",
    "x": "cr.fit(model, (x, y))",
    "": "cr.fit(model, (x, y), epochs=10): inputs and targets are a pair",
}
