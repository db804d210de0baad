"""Trainings and searches that were cut short, whatever is left in their work folder: the next call ends as it would
have without, and says what it could not use."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import planted
from calls import call, train
from cisflow.classifiers import data, tuning
from cisflow.data import dataset as datasets
from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table
from cisflow.training import fit
from holding import killed_soon, within

# -- training ---------------------------------------------------------------------------------------------------------

SETTINGS = {"channels": 4, "width": 9, "hidden": 4}
RECIPE = {"max_epochs": 4, "patience": 4, "batch_size": 32, "learning_rate": 0.05}


class Killed(Exception):
    pass


def dataset_of(n=60):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (n, 40)).astype(np.uint8)
    labels = (np.arange(n) // 6 % 2).astype(np.float32)[:, None]
    folds = np.array((["train"] * 4 + ["valid", "test"]) * (n // 6))
    return datasets.Dataset(np.array([f"w{i}" for i in range(n)]), codes, labels, ["ap1"]), folds


def trained(work, settings=SETTINGS, **recipe):
    """(weights, history) of a training."""
    how = ("MotifCNN", settings, RECIPE | recipe, 3, torch.device("cpu"), work)
    network, _, history = fit.train(*dataset_of(), *how)
    return torch.cat([tensor.double().flatten() for tensor in network.state_dict().values()]), history


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("whole") / "work")


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory):
    """The work folder of a training that ended in its third epoch."""
    folder = tmp_path_factory.mktemp("cut") / "work"
    original = fit.Learner.on_train_epoch_start

    def kill(self):
        if self.current_epoch == 2:
            raise Killed
        original(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fit.Learner, "on_train_epoch_start", kill)
        trained(folder)
    return folder


@pytest.fixture
def starts(monkeypatch):
    """The first epoch of each training of the test."""
    found, original = [], fit._trainer

    def watched(*args):
        trainer = original(*args)
        trainer.callbacks.append(Watch(found))
        return trainer

    monkeypatch.setattr(fit, "_trainer", watched)
    return found


class Watch(fit.L.Callback):
    def __init__(self, found):
        self.found, self.first = found, True

    def on_train_epoch_start(self, trainer, _):
        if self.first:
            self.found.append(trainer.current_epoch)
        self.first = False


def cut(name, keep=0.6):
    def spoil(work):
        content = (work / name).read_bytes()
        (work / name).write_bytes(content[: int(len(content) * keep)])

    return spoil


def write(name, content):
    return lambda work: (work / name).write_bytes(content)


def folder_for(name):
    def spoil(work):
        (work / name).unlink()
        (work / name / "inner").mkdir(parents=True)

    return spoil


def turned_bits(work):
    """One byte of a tensor is another."""
    content = bytearray((work / "last.ckpt").read_bytes())
    tensor = torch.load(work / "last.ckpt", weights_only=True)["state_dict"]
    place = content.find(next(value for value in tensor.values() if value.numel() > 20).numpy().tobytes())
    assert place > 0
    content[place + 5] ^= 0x40
    (work / "last.ckpt").write_bytes(content)


def other_network(work):
    state = torch.load(work / "last.ckpt", weights_only=True)
    name, tensor = next(item for item in state["state_dict"].items() if item[1].ndim > 1)
    state["state_dict"][name] = tensor[:1]
    torch.save(state, work / "last.ckpt")


def file_for_the_folder(work):
    shutil.rmtree(work)
    work.write_text("a file")


OF_NO_USE = {
    "last.ckpt is cut": cut("last.ckpt"),
    "last.ckpt is empty": cut("last.ckpt", 0),
    "last.ckpt is garbage": write("last.ckpt", b"\x80\x02garbage" * 100),
    "last.ckpt has other bits": turned_bits,
    "last.ckpt is another's": lambda work: torch.save({"state_dict": {}}, work / "last.ckpt"),
    "last.ckpt is a number": lambda work: torch.save(3, work / "last.ckpt"),
    "last.ckpt is an archive": lambda work: np.savez(open(work / "last.ckpt", "wb"), a=np.zeros(3)),  # noqa: SIM115
    "last.ckpt is of another network": other_network,
    "last.ckpt is a folder": folder_for("last.ckpt"),
    "best.ckpt is cut": cut("best.ckpt"),
    "best.ckpt is gone": lambda work: (work / "best.ckpt").unlink(),
    "best.ckpt is a folder": folder_for("best.ckpt"),
    "job.json is empty": write("job.json", b""),
    "job.json is cut": cut("job.json"),
    "job.json is garbage": write("job.json", b"\xff\0[["),
    "job.json is a list": write("job.json", b"[1]"),
    "job.json is a folder": folder_for("job.json"),
    "work is a file": file_for_the_folder,
}


@pytest.mark.parametrize("spoil", OF_NO_USE.values(), ids=OF_NO_USE)
def test_a_training_starts_afresh_where_it_cannot_go_on(whole, cut_short, starts, tmp_path, capsys, spoil):
    work = tmp_path / "work"
    shutil.copytree(cut_short, work)
    spoil(work)
    weights, history = trained(work)
    told = [line for line in capsys.readouterr().err.splitlines() if "starts afresh" in line]
    assert len(told) == 1 and told[0].startswith(f"{work}: ")
    assert starts == [0] and history == whole[1] and torch.equal(weights, whole[0])


def nothing(_):
    pass


def leftovers(work):
    """What a kill or a user leaves beside checkpoints that are whole."""
    (work / "last.ckpt.tmp").write_bytes(b"half a checkpoint")
    (work / "best.ckpt.tmp" / "inner").mkdir(parents=True)
    (work / "notes" / "inner").mkdir(parents=True)


@pytest.mark.parametrize("add", [nothing, leftovers])
def test_a_training_goes_on_wherever_its_folder_is_now(whole, cut_short, starts, tmp_path, capsys, add):
    """Not where it was: the best epoch so far is known by its file."""
    work = tmp_path / "work"
    shutil.copytree(cut_short, work)
    add(work)
    weights, history = trained(work)
    assert "afresh" not in capsys.readouterr().err
    assert starts == [2] and history == whole[1] and torch.equal(weights, whole[0])


def test_a_checkpoint_is_never_half_written(cut_short, starts, tmp_path, monkeypatch):
    work = tmp_path / "work"
    shutil.copytree(cut_short, work)
    before, saved = (work / "last.ckpt").read_bytes(), torch.save

    def full(state, path, *args, **options):
        saved(state, path, *args, **options)
        with open(path, "r+b") as handle:
            handle.truncate(100)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        trained(work)
    assert (work / "last.ckpt").read_bytes() == before and not list(work.glob("*.tmp"))


# -- the search for settings ------------------------------------------------------------------------------------------

SEARCH = {"n_trials": 4, "n_startup": 2, "n_folds": 3, "space": {"num_leaves": [2, 12], "learning_rate": [0.01, 0.3]}}


@pytest.fixture
def searched(monkeypatch):
    """(search in a folder that ends after so many fits: its trials, the fits): fits are a formula of the settings."""
    rng = np.random.default_rng(0)
    values = rng.random((120, 3)).astype(np.float16)
    source = data.Features(values, np.arange(3), np.array(["a", "b", "c"]))
    y, folds = np.arange(120.0) % 2, np.where(np.arange(120) % 5 == 4, "valid", "train")
    codes = rng.integers(0, 4, (120, 30)).astype(np.uint8)
    fits, last = [], []

    def scored(whole, part, settings, seed, threads):
        fits.append(1)
        if len(fits) in last:
            raise Killed
        return 1 / settings["num_leaves"] + settings["learning_rate"] + len(part[0]) / 1e4

    def search(folder, until=0):
        fits.clear()
        last[:] = [until]
        return tuning.tune(source, y, folds, codes, {"n_estimators": 2}, SEARCH, 1, 1, folder)

    monkeypatch.setattr(tuning, "_auroc", scored)
    return search, fits


def add(content):
    def spoil(journal):
        with open(journal, "ab") as handle:
            handle.write(content)

    return spoil


def cut_line(journal):
    journal.write_bytes(journal.read_bytes()[:-7])


def garbled(journal):
    """A line within the second trial, which ends with its second last record of a score."""
    lines = journal.read_bytes().splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if b'"sd"' in line]
    lines[places[1]] = lines[places[1]].replace(b":", b"\x00")
    journal.write_bytes(b"".join(lines))


def senseless(journal):
    """A record that is JSON of the journal's form, within the second trial."""
    lines = journal.read_bytes().splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if b'"sd"' in line]
    lines[places[1]] = b'{"op_code":99,"worker_id":"x"}\n'
    journal.write_bytes(b"".join(lines))


def folder_in_place(journal):
    journal.unlink()
    (journal / "inner").mkdir(parents=True)


def stale_lock(journal):
    # As optuna's own lock is: a link that names what it locks.
    journal.with_name("journal.log.lock").symlink_to(journal)


# How many of the two trials that were finished are kept, and what is said.
JOURNALS = {
    "as it was": (lambda journal: None, 2, None),
    "a lock that outlived its owner": (stale_lock, 2, None),
    "a link to nowhere as lock": (lambda journal: journal.with_name("journal.log.lock").symlink_to("x"), 2, None),
    "a cut line": (cut_line, 2, "bytes after record"),
    "half a line": (add(b'{"op_code":5,"worker'), 2, "bytes after record"),
    "zeros": (add(bytes(4096)), 2, "4096 bytes after record"),
    "lines of zeros": (add(b"\0\0\n" * 9), 2, "27 bytes after record"),
    "no record": (add(b"3\n"), 2, "2 bytes after record"),
    "an empty record": (add(b"{}\n"), 2, "3 bytes after record"),
    "a garbled line": (garbled, 1, "bytes after record"),
    "a line that means nothing": (senseless, 1, "bytes after record"),
    "another text": (lambda journal: journal.write_text("Dear diary,\n"), 0, "starts afresh"),
    "another JSON": (lambda journal: journal.write_text('{"a": 1}\n'), 0, "starts afresh"),
    "a folder": (folder_in_place, 0, "starts afresh"),
    "nothing": (lambda journal: journal.write_text(""), 0, None),
}


@pytest.mark.parametrize(("spoil", "kept", "words"), JOURNALS.values(), ids=JOURNALS)
def test_a_search_goes_on_after_its_last_whole_record(searched, tmp_path, capsys, spoil, kept, words):
    search, fits = searched
    expected = search(tmp_path / "whole")
    with pytest.raises(Killed):
        search(tmp_path / "work", until=8)
    journal = tmp_path / "work" / "journal.log"
    spoil(journal)
    capsys.readouterr()
    with within(120):
        # The first is killed as soon as it has started, and what it wrote is whole.
        with pytest.raises(Killed):
            search(tmp_path / "work", until=1)
        told = [line for line in capsys.readouterr().err.splitlines() if line.startswith(str(journal))]
        assert (len(told) == 1 and words in told[0]) if words else not told
        found = search(tmp_path / "work")
    pd.testing.assert_frame_equal(found, expected)
    assert len(fits) == 3 * (4 - kept)
    assert str(journal) not in capsys.readouterr().err


def test_a_file_in_place_of_the_folder_of_trials_is_replaced(searched, tmp_path, capsys):
    search, fits = searched
    (tmp_path / "work").write_text("a file")
    assert search(tmp_path / "work")["trial"].max() == len(fits) / 3 == 4
    assert f"{tmp_path / 'work'}: it is not a folder; the job starts afresh" in capsys.readouterr().err


# -- two at once ------------------------------------------------------------------------------------------------------


def test_a_training_beside_one_that_goes_on_waits(tmp_path, capsys):
    planted.write(tmp_path, n=60)
    model = {"architecture": "MotifCNN", "settings": SETTINGS, "training": {"max_epochs": 1}}
    with within(120), killed_soon(tmp_path / "work") as first:
        assert train(tmp_path, tmp_path, model) == 0
        assert first.wait(timeout=60) < 0
    assert f"process {first.pid} of " in capsys.readouterr().err
    assert not (tmp_path / "work").exists() and not (tmp_path / "work.lock").exists()


def test_a_search_beside_one_that_goes_on_waits(tmp_path, capsys, monkeypatch):
    ids = planted.write(tmp_path, n=60)[0]
    write_array(tmp_path / "features.npy", np.random.default_rng(1).random((len(ids), 3)).astype(np.float16))
    write_table(tmp_path / "ids.tsv", pd.DataFrame({"id": ids}))
    write_table(tmp_path / "features" / "targets.tsv", pd.DataFrame({"name": ["a", "b", "c"], "group": "all"}))
    for name in ("features.npy", "ids.tsv"):
        shutil.move(tmp_path / name, tmp_path / "features" / name)
    monkeypatch.setattr(tuning, "_auroc", lambda *given: 0.5)
    options = {"dataset": tmp_path, "split": tmp_path / "splits" / "random.tsv", "features": tmp_path / "features"}
    model = {"settings": {"n_estimators": 2}, "tune": {"n_trials": 1, "n_folds": 2, "space": {"num_leaves": [2, 9]}}}
    with within(120), killed_soon(tmp_path / "trials") as first:
        paths = {"work": tmp_path / "trials", "output": tmp_path / "tuning.tsv"}
        assert call("tune", **options, **paths, model=model, seed=1) == 0
        assert first.wait(timeout=60) < 0
    assert f"process {first.pid} of " in capsys.readouterr().err
    assert not (tmp_path / "trials").exists() and (tmp_path / "tuning.tsv").exists()


# -- a loss that is no number -----------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_one_line_and_leaves_nothing_half_written(tmp_path, capsys):
    planted.write(tmp_path, n=60)
    training = {"max_epochs": 9, "learning_rate": 1e30, "batch_size": 8}
    model = {"architecture": "MotifCNN", "settings": SETTINGS, "training": training}
    assert train(tmp_path, tmp_path / "out", model) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"cisflow train: error: training loss is (nan|inf) in epoch \d: lower the learning rate \(1e\+30\)", told
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] in ([], ["work"])
    again = model | {"training": training | {"learning_rate": 0.01, "max_epochs": 1}}
    assert train(tmp_path, tmp_path / "out", again) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.safetensors", "history.tsv", "manifest.json"}
