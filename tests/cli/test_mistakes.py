"""Every everyday mistake: one sentence, how to mend it, exit code 2, no traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from chainrule import optim
from chainrule.runs.settings import Settings

HELP = "  help       chainrule {} --help"
ACTIVATIONS = "relu, leaky_relu, elu, gelu, silu, softplus, tanh, sigmoid"

#: The words, and all that is printed on standard error.
WORDS = {
    "train --hidden 64,x": (
        "chainrule train: Invalid value for '--hidden': '64,x': 'x' is not a size: "
        "expected whole numbers from 1 to 1000000 with commas between, as in 64,32; or "
        "none\n" + HELP.format("train")
    ),
    "train --hidden 0": (
        "chainrule train: Invalid value for '--hidden': '0': '0' is not a size: "
        "expected whole numbers from 1 to 1000000 with commas between, as in 64,32; or "
        "none\n" + HELP.format("train")
    ),
    "train --epochs -3": (
        "chainrule train: Invalid value for '--epochs': -3: expected a whole number of "
        "at least 1.\n" + HELP.format("train")
    ),
    "train --epochs 1.5": (
        "chainrule train: Invalid value for '--epochs': '1.5' is not a whole number.\n"
        + HELP.format("train")
    ),
    "train --tokens bytes": (
        "ArgumentError: --tokens: it is for --task language and translate\n"
        "  fix        leave --tokens out, or --task language"
    ),
    "train --attention dot": (
        "ArgumentError: --attention: it is for --task translate\n"
        "  fix        leave --attention out, or --task translate"
    ),
    "train --lr 0": (
        "chainrule train: Invalid value for '--lr': 0: expected a number above 0.\n"
        + HELP.format("train")
    ),
    "train --lr inf": (
        "chainrule train: Invalid value for '--lr': inf: expected a finite number "
        "above 0.\n" + HELP.format("train")
    ),
    "train --weight-decay 1e999": (
        "chainrule train: Invalid value for '--weight-decay': 1e999: expected a finite "
        "number of at least 0.\n" + HELP.format("train")
    ),
    "train --lr nan": (
        "chainrule train: Invalid value for '--lr': nan: expected a number above 0.\n"
        + HELP.format("train")
    ),
    "train --dropout 1": (
        "chainrule train: Invalid value for '--dropout': 1: expected a number of at "
        "least 0 and below 1.\n" + HELP.format("train")
    ),
    "train --activation rleu": (
        "chainrule train: Invalid value for '--activation': 'rleu': did you mean "
        f"'relu'? There are: {ACTIVATIONS}.\n" + HELP.format("train")
    ),
    "train --optimizer adm": (
        "chainrule train: Invalid value for '--optimizer': 'adm': did you mean 'adam'? "
        f"There are: {', '.join(optim.ALGORITHMS)}.\n" + HELP.format("train")
    ),
    "train --loss mse": (
        "ArgumentError: --loss mse: not a loss for classification\n"
        "  fix        one of cross_entropy, hinge"
    ),
    "train --patience 3 --validation 0": (
        "ArgumentError: --patience: early stopping needs validation data\n"
        "  fix        leave --validation 0 out"
    ),
    "train digts": (
        "OptionError: 'digts' is neither a data set nor a file; chainrule data lists "
        "the data sets\n  fix        did you mean 'digits'?"
    ),
    "train houses.cvs --target price": (
        "OptionError: 'houses.cvs' is neither a data set nor a file; chainrule data "
        "lists the data sets\n  fix        did you mean 'houses.csv'?"
    ),
    "train house.csv --target price": (
        "FileError: read_table: 'house.csv': no such file\n"
        "  fix        did you mean 'houses.csv'?"
    ),
    "train houses.csv": (
        "ArgumentError: houses.csv: which column is to be predicted? There are: id, "
        "area, rooms, city, price\n  fix        --target price, or another of them"
    ),
    "train houses.csv --target prize": (
        "DataError: houses.csv: no column 'prize' among 'id', 'area', 'rooms', 'city', "
        "'price'\n  fix        did you mean 'price'?"
    ),
    "train houses.csv --target price --drop citty": (
        "DataError: houses.csv: no column 'citty' among 'id', 'area', 'rooms', 'city', "
        "'price'\n  fix        did you mean 'city'?"
    ),
    "train houses.csv --target price --groups price": (
        "ArgumentError: --groups price: it is the target, which is to be predicted\n"
        "  fix        another column, whose rows of one value belong together"
    ),
    "train houses.csv --target price --groups rooms": (
        "DataError: houses.csv: groups 'rooms' is missing at line 7: every row must "
        "belong to a group\n  fix        fill it in, or leave the row out"
    ),
    "train houses.csv --target price --groups city": (
        "DataError: houses.csv: 3 groups of 'city' are too few to split into training, "
        "validation and test data\n"
        "  fix        more groups; or --validation 0 --test 0.5, to see it run"
    ),
    "train digits --groups writer": (
        "ArgumentError: --groups writer: the data set 'digits' knows its own: --groups "
        "is for tables\n  fix        leave --groups out"
    ),
    "train houses.csv --target price --task classification": (
        "DataError: houses.csv: 'price' holds 300 different values in 300 rows: too "
        "many to be classes\n"
        "  fix        --task regression for a numeric target, or another --target"
    ),
    "train kinds.csv --target kind --task regression": (
        "DataError: kinds.csv: column 'kind': 'large' at line 2 is not a number\n"
        "  fix        correct it, or leave it empty where the value is missing"
    ),
    "train digits --target price": (
        "ArgumentError: --target price: the data set 'digits' knows its own: --target "
        "is for tables\n  fix        leave --target out"
    ),
    "train empty.csv --target y": ("DataError: empty.csv: an empty file: no examples"),
    "train header.csv --target y": (
        "DataError: header.csv: a header and no rows\n"
        "  fix        add the rows below the line of names"
    ),
    "train few.csv --target y": (
        "DataError: few.csv: 3 rows are too few to split into training, validation "
        "and test data\n  fix        more rows; or --validation 0, to see it run"
    ),
    "train same.csv --target y": (
        "DataError: same.csv: target 'y' is 'a' in every row: a classifier needs "
        "examples of two classes or more\n"
        "  fix        rows with other values of 'y'; or --target x, which has 9 "
        "different ones"
    ),
    "train slip.csv --target y": (
        "DataError: slip.csv: column 'x': '2o' at line 3 is not a number, as the "
        "others are\n  fix        correct it, leave it empty where the value is "
        "missing, or --categorical x"
    ),
    "train binary.csv --target y": (
        "FileError: binary.csv: binary data: expected a CSV or Parquet file\n"
        "  fix        save the table as CSV with UTF-8 encoding"
    ),
    "train . --target y": "ArgumentError: --target: . is a folder of images\n"
    "  fix        leave --target out",
    "train iris --out kept": (
        "ArgumentError: --out 'kept': it exists already: a run is never overwritten\n"
        "  fix        another folder"
    ),
    "train iris --out houses": (
        "ArgumentError: --out 'houses': it exists already: a run is never overwritten\n"
        "  fix        another folder: what is in it is finished"
    ),
    "tune iris --out stopped": (
        "ArgumentError: --out 'stopped': it exists already: a run is never "
        "overwritten\n  fix        another folder, or --resume to resume the run in it"
    ),
    "tune houses.csv --target price --test 0.999": (
        "DataError: houses.csv: 300 rows are too few to split into training and test "
        "data\n  fix        more rows; or --test 0.2, to see it run"
    ),
    "train kinds.csv --target kind --test 0.999": (
        "DataError: kinds.csv: 300 rows are too few to split into training, validation "
        "and test data\n"
        "  fix        more rows; or --validation 0 --test 0.2, to see it run"
    ),
    "tune houses.csv --target price --groups city --test 0.99": (
        "DataError: houses.csv: 3 groups of 'city' are too few to split into training "
        "and test data\n  fix        more groups; or --test 0.5, to see it run"
    ),
    "tune kinds.csv --target kind --drop area,rooms,city": (
        "DataError: kinds.csv: no column is left to learn from: 'kind' holds 2 "
        "different texts (large, small): classification.\n"
        "  fix        name fewer columns in --drop"
    ),
    "train --resume nowhere": "FileError: nowhere: no such run",
    "train --resume houses": (
        "ArgumentError: --resume houses: this run is finished\n"
        "  fix        chainrule evaluate houses, or a new run with more --epochs"
    ),
    "train --resume houses --batch-size 3": (
        "ArgumentError: --resume: a run is resumed with its own settings: "
        "--batch-size does not apply\n"
        "  fix        leave --batch-size out, or start a new run without --resume"
    ),
    "tune houses.csv --target price --model rbm": (
        "ArgumentError: --model rbm: multilayer perceptrons are tuned: their layers, "
        "learning rate, weight decay and dropout\n"
        "  fix        leave --model out; chainrule train --model rbm with several "
        "settings, and chainrule runs compares them"
    ),
    "tune houses.csv": (
        "ArgumentError: houses.csv: which column is to be predicted? There are: id, "
        "area, rooms, city, price\n  fix        --target price, or another of them"
    ),
    "tune --hidden 8..x": (
        "chainrule tune: Invalid value for '--hidden': '8..x': 'x' is not a whole "
        "number: expected a range as 8..256, or numbers with commas between\n"
        + HELP.format("tune")
    ),
    "tune --hidden 64..8": (
        "chainrule tune: Invalid value for '--hidden': '64..8': a range goes from a "
        "smaller number to a larger one, as in 8..256\n" + HELP.format("tune")
    ),
    "tune --hidden 0,8": (
        "chainrule tune: Invalid value for '--hidden': '0,8': 0: expected a whole "
        "number of at least 1 and at most 1000000\n" + HELP.format("tune")
    ),
    "tune --lr 0..0.1": (
        "chainrule tune: Invalid value for '--lr': '0..0.1': 0: expected a number "
        "above 0\n" + HELP.format("tune")
    ),
    "tune --lr 1e-3..inf": (
        "chainrule tune: Invalid value for '--lr': '1e-3..inf': inf: expected a finite "
        "number above 0\n" + HELP.format("tune")
    ),
    "tune --lr inf": (
        "chainrule tune: Invalid value for '--lr': 'inf': inf: expected a finite "
        "number above 0\n" + HELP.format("tune")
    ),
    "tune --lr 1e-3,nan": (
        "chainrule tune: Invalid value for '--lr': '1e-3,nan': nan: expected a number "
        "above 0\n" + HELP.format("tune")
    ),
    "tune --weight-decay inf": (
        "chainrule tune: Invalid value for '--weight-decay': 'inf': inf: expected a "
        "finite number of at least 0\n" + HELP.format("tune")
    ),
    "tune --dropout inf": (
        "chainrule tune: Invalid value for '--dropout': 'inf': inf: expected a finite "
        "number of at least 0 and below 1\n" + HELP.format("tune")
    ),
    "tune --weight-decay 0..0.1": (
        "chainrule tune: Invalid value for '--weight-decay': '0..0.1': a range of "
        "powers of ten cannot begin at 0: expected one as 1e-6..1e-2, or a list that "
        "begins with 0: 0,0.1\n" + HELP.format("tune")
    ),
    "tune --dropout 0,1": (
        "chainrule tune: Invalid value for '--dropout': '0,1': 1: expected a number of "
        "at least 0 and below 1\n" + HELP.format("tune")
    ),
    "tune --layers 1,nan": (
        "chainrule tune: Invalid value for '--layers': '1,nan': 'nan' is not a whole "
        "number: expected a range as 1..3, or numbers with commas between\n"
        + HELP.format("tune")
    ),
    "tune --folds 1": (
        "chainrule tune: Invalid value for '--folds': 1: expected a whole number from "
        "2 to 1000.\n" + HELP.format("tune")
    ),
    "tune kinds.csv --target kind --folds 500": (
        "DataError: kinds.csv: --folds 500 of 240 training rows: every fold must hold "
        "out one row or more\n  fix        --folds 5, or more rows"
    ),
    "tune --grow --trials 5": (
        "ArgumentError: --grow: it goes step by step, and --trials draws candidates\n"
        "  fix        one of the two"
    ),
    "tune --grow --lr 1e-3,1e-2": (
        "ArgumentError: --lr: --grow changes the size of the network only: it takes "
        "one value of --lr\n  fix        --lr 0.001"
    ),
    "tune --grow --members 8": (
        "ArgumentError: --members: --grow ends with the network that it has grown\n"
        "  fix        leave --members out"
    ),
    "train iris --optimizer newton --hidden 100000 --members 1 --quiet --out large": (
        "ArgumentError: Newton.step: the Hessian of 800 003 numbers: its 800 003 × "
        "800 003 second derivatives take 4768.4 GiB; at most 0.25 GiB are taken\n"
        "  fix        --optimizer truncatednewton, which never forms the matrix; or "
        "smaller --hidden, or --members 1"
    ),
    "tune iris --optimizer newton --hidden 30000 --layers 1 --quiet --out large": (
        "ArgumentError: Newton.step: the Hessian of 240 003 numbers: its 240 003 × "
        "240 003 second derivatives take 429.2 GiB; at most 0.25 GiB are taken\n"
        "  fix        --optimizer truncatednewton, which never forms the matrix; or "
        "smaller --hidden, or --members 1"
    ),
    "tune --storage sqlite:///a.db": (
        "ArgumentError: --storage: it is for --trials\n"
        "  fix        --trials 50 --storage …"
    ),
    "tune --resume nowhere": (
        "FileError: nowhere: no such folder\n"
        "  fix        the folder that chainrule tune made and named"
    ),
    "tune --resume houses": (
        "FileError: houses: it holds no search\n"
        "  fix        the folder that chainrule tune made and named"
    ),
    "tune . --folds 3": (
        "ArgumentError: tune: . is a folder of images: tables and named data sets are "
        "tuned\n  fix        chainrule train has networks for images: --model resnet"
    ),
    "tune --resume houses --folds 3": (
        "ArgumentError: --resume: a search is resumed with its own settings: --folds "
        "does not apply\n"
        "  fix        leave --folds out, or start a new search without --resume"
    ),
    "predict houses": (
        "chainrule predict: Missing argument 'DATA'.\n" + HELP.format("predict")
    ),
    "predict kept new.csv": (
        "FileError: kept: not the folder of a run: it holds no settings.json\n"
        "  fix        chainrule train makes one"
    ),
    "predict latest new.csv": (
        "FileError: latest: there is no trained run in the folder 'runs'"
    ),
    "predict houses/model.safetensors new.csv": (
        "FileError: houses/model.safetensors: a file, not the folder of a run\n"
        "  fix        did you mean 'houses'?"
    ),
    "predict houses missing.csv": (
        "DataError: missing.csv: 2 columns of the training data missing: 'area', "
        "'city'\n  fix        is 'Area' meant to be 'area'?"
    ),
    "predict houses text.csv": (
        "DataError: text.csv: column 'area': 'big' at line 2 is not a number\n"
        "  fix        correct it, or leave it empty where the value is missing"
    ),
    "predict houses new.csv --out kept": (
        "FileError: save: kept: is a folder\n  fix        give it a file name"
    ),
    "predict truncated new.csv": (
        "FileError: load: truncated/model.safetensors: the file is damaged: Error "
        "while deserializing: incomplete metadata, file not fully covered\n"
        "  fix        copy or download it again; nothing was loaded"
    ),
    "predict garbled new.csv": (
        "FileError: garbled/settings.json: damaged settings: expected settings of "
        "format 'chainrule.run/4'"
    ),
    "predict digits new.csv": (
        "DataError: new.csv: column 'city' holds text: expected one number per pixel, "
        "64 of 8 × 8, from 0 to 1"
    ),
    "predict digits numbers.csv": (
        "DataError: numbers.csv: 2 numbers per row: expected one number per pixel, 64 "
        "of 8 × 8, from 0 to 1"
    ),
    "evaluate houses new.csv": (
        "DataError: new.csv: no column 'price': the target is needed to evaluate "
        "predictions\n"
        "  fix        rows with known targets; chainrule predict takes rows without"
    ),
    "evaluate kinds strange.csv": (
        "DataError: strange.csv: target 'kind': 'huge' at line 2 is none of the "
        "classes 'large', 'small'"
    ),
    "evaluate houses digits": (
        "DataError: digits: 64 inputs per example: the network takes 6\n"
        "  fix        data like 'houses.csv', which it was trained on"
    ),
    "evaluate digits houses.csv": (
        "DataError: houses.csv: a network for images is evaluated on a named data set, "
        "or on a folder of images\n"
        "  fix        one with images of 8 × 8: chainrule data lists them"
    ),
    "explain digits --row 999": (
        "ArgumentError: --row 999: the test data have the rows 0 to 358"
    ),
    "explain digits --out x.pdf": (
        "ArgumentError: explain: --out x.pdf: the ending says what to write: .txt, "
        ".svg or .html\n  fix        --out x.html"
    ),
    "data mnits": (
        "OptionError: 'mnits' is not a data set; chainrule data lists them\n"
        "  fix        did you mean 'mnist'?"
    ),
    "trian": (
        "chainrule: no command 'trian': did you mean 'train'?\n"
        "  help       chainrule --help"
    ),
}

FILES = {
    "empty.csv": "",
    "header.csv": "x,y\n",
    "few.csv": "x,y\n1,a\n2,b\n3,a\n",
    "same.csv": "x,y\n" + "".join(f"{n},a\n" for n in range(9)),
    "slip.csv": "x,y\n1.5,a\n2o,b\n" + "".join(f"{n}.25,a\n" for n in range(40)),
    "missing.csv": "Area,rooms\n100,3\n",
    "text.csv": "area,rooms,city\nbig,3,Rome\n",
    "numbers.csv": "a,b\n0.5,0.5\n",
    "strange.csv": "area,rooms,city,kind\n100,3,Rome,huge\n",
}


@pytest.fixture
def things(chainrule, houses, kinds, digits):
    """The command, in a folder with runs and files that are not as they should be."""
    for name, text in FILES.items():
        Path(name).write_text(text)
    Path("binary.csv").write_bytes(bytes(range(256)) * 8)
    Path("kept").mkdir()
    Path("kept", "letter.txt").write_text("keep me")
    for run in (houses, kinds, digits):
        shutil.copytree(run, run.name)
    Path("stopped").mkdir()
    Path("stopped", "tuning.json").write_text("{}")
    for name in ("truncated", "garbled"):
        shutil.copytree(houses, name)
    model = Path("truncated/model.safetensors")
    model.write_bytes(model.read_bytes()[:-100])
    Path("garbled/settings.json").write_text("{}")
    return chainrule


@pytest.mark.parametrize("words", WORDS)
def test_a_mistake_is_one_sentence_and_exit_code_2(things, words) -> None:
    before = set(Path.cwd().iterdir())
    result = things(*words.split())
    assert result.stderr == WORDS[words] + "\n"
    assert result.exit_code == 2
    assert result.stdout == ""
    assert set(Path.cwd().iterdir()) == before  # and nothing is left behind


def test_an_unknown_option_offers_the_nearest(chainrule) -> None:
    result = chainrule("train", "--hiden", "64")
    assert result.exit_code == 2
    assert "'--hiden'" in result.stderr
    assert "'--hidden'" in result.stderr


def test_a_diverging_training_is_told_with_the_operation(chainrule) -> None:
    words = "--lr 1e30 --optimizer sgd --schedule constant --epochs 9 --out o --quiet"
    result = chainrule("train", "houses.csv", "--target", "price", *words.split())
    assert result.exit_code == 2
    assert result.stderr.startswith("NumericsError: ")
    assert "Traceback" not in result.stderr
    assert "called at" not in result.stderr


NEWER = "chainrule.run/10"

CHANGES = [
    (("network", "inputs"), "six", "settings.network.inputs is 'six', of the wrong"),
    (("network", "hidden"), [8, True], "settings.network.hidden is [8, True], of the"),
    (("training", "lr"), True, "settings.training.lr is True, of the wrong type"),
    (("training", "patience"), 1.5, "settings.training.patience is 1.5, of the wrong"),
    (("training",), None, "settings.training is not an object"),
    (("extra",), 1, "settings has an unknown entry 'extra'"),
    (("format",), "chainrule.run/1", "expected settings of format 'chainrule.run/4'"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), CHANGES)
def test_damaged_settings_name_the_entry(houses, path, value, sentence) -> None:
    settings = json.loads((houses / "settings.json").read_text())
    place = settings
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(ValueError) as caught:
        Settings.from_json(settings)
    assert str(caught.value).startswith(sentence)


def test_missing_settings_are_named(houses) -> None:
    settings = json.loads((houses / "settings.json").read_text())
    del settings["network"]["hidden"]
    with pytest.raises(ValueError, match=r"settings\.network has no entry 'hidden'"):
        Settings.from_json(settings)


def test_a_run_of_before_an_entry_was_known_has_its_default(chainrule, houses) -> None:
    later = {
        "network": ("model", "mean", "std", "members", "average"),
        "training": ("augment",),
        "source": ("size", "skip_broken", "keep", "dates", "decimal", "groups"),
    }
    shutil.copytree(houses, "old")
    file = Path("old/settings.json")
    values = json.loads(file.read_text())
    for name in ("watch", "baselines", "image_shape", "version"):
        del values[name]
    for part, names in later.items():
        for name in names:
            del values[part][name]
    values["network"]["members"] = 8  # it is not the default
    file.write_text(json.dumps(values))
    settings = Settings.from_json(values)
    assert settings.watch is False
    assert (settings.network.model, settings.training.augment) == ("mlp", ())
    result = chainrule("predict", "old", "new.csv")
    assert result.exit_code == 0, result.stderr
    assert chainrule("evaluate", "old").exit_code == 0


def test_what_a_newer_version_has_written_is_said(chainrule, houses) -> None:
    shutil.copytree(houses, "newer")
    file = Path("newer/settings.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": NEWER}))
    result = chainrule("predict", "newer", "new.csv")
    assert result.exit_code == 2
    assert result.stderr == (
        "FileError: newer/settings.json: settings of format 'chainrule.run/10', which "
        "a newer chainrule has written: this one reads 'chainrule.run/4'\n"
        "  fix        pip install --upgrade chainrule\n"
    )
    Path("newer/metrics.json").unlink()
    Path("newer/tuning.json").write_text('{"format": "chainrule.tuning/2"}')
    result = chainrule("tune", "--resume", "newer")
    assert result.stderr == (
        "FileError: newer/tuning.json: a search of format 'chainrule.tuning/2', which "
        "a newer chainrule has written: this one reads 'chainrule.tuning/1'\n"
        "  fix        pip install --upgrade chainrule\n"
    )


def test_settings_survive_json(houses, kinds, digits) -> None:
    for run in (houses, kinds, digits):
        values = json.loads((run / "settings.json").read_text())
        settings = Settings.from_json(values)
        assert json.loads(json.dumps(settings.to_json())) == values
