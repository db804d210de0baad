"""What the system refuses to a command: one line with file and reason, nothing cut, and the next run is whole."""

import builtins
import contextlib
import errno
import json
import os
import resource
import shutil
import subprocess
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from tqdm import tqdm

import planted
import predictions
from cisflow import __main__ as program
from cisflow import models
from cisflow.io import arrays, disk, files
from cisflow.io.tables import write_table

ROOM = 4096
BASES = "".join(np.random.default_rng(5).choice(list("ACGT"), 6000))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Folder of what the commands below read."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "genome.fa").write_text(f">chr1\n{BASES}\n")
    (folder / "windows.bed").write_text(
        "".join(f"chr1\t{start}\t{start + 30}\tw{start}\t0\t+\n" for start in range(0, 5900, 10))
    )
    positives = (f">{start}\n{BASES[start : start + 60]}\n" for start in range(0, 5900, 120))
    (folder / "positives.fa").write_text("".join(positives))
    network = {"n_outputs": 9, "channels": 4, "width": 5, "hidden": 4}
    torch.save(models.build("MotifCNN", **network).state_dict(), folder / "network.pth")
    (folder / "names.txt").write_text("".join(f"cell | factor{number} | lab\n" for number in range(9)))
    _, _, labels, folds = planted.write(folder, targets=[f"t{number}" for number in range(6)])
    labels = np.nan_to_num(labels)
    for seed, name in enumerate(("a", "b")):
        values = np.random.default_rng(seed).random(labels.T.shape)
        path = folder / "models" / name / "random" / "seed1"
        predictions.write(path, labels.T, values, folds, [f"t{number}" for number in range(6)])
    ids = pd.read_csv(folder / "models/a/random/seed1/predictions.tsv", sep="\t")["id"].unique()
    frame = pd.DataFrame({"id": ids, "chrom": "chr1", "start": 0, "end": 60, "strand": "+"})
    write_table(folder / "windows.tsv", frame)
    row = {"split": "random", "seed": 1, "kind": "network", "k": ""}
    write_table(folder / "runs.tsv", pd.DataFrame([row | {"model": "a"}, row | {"model": "b"}]))
    history = pd.DataFrame({"epoch": [1, 2], "learning_rate": 0.1, "train_loss": [0.7, 0.5]})
    history = history.assign(valid_loss=[0.7, 0.6], valid_auroc=[0.6, 0.7], best=[0, 1])
    for name in ("a", "b"):
        write_table(folder / "models" / name / "random" / "seed1" / "history.tsv", history)
    return folder


def windows(given, output):
    source = {"kind": "fasta", "positives": "peaks", "background": {"genome": "hg", "per_positive": 1}}
    inputs = [f"peaks={given / 'positives.fa'}", f"hg={given / 'genome.fa'}"]
    options = ["--dataset", "d", "--source", json.dumps(source), "--window", "60", "--seed", "1"]
    return ["windows", *options, "--output", str(output), "--inputs", *inputs]


def features(given, output):
    options = {"bed": given / "windows.bed", "genome": given / "genome.fa", "weights": given / "network.pth"}
    options |= {"architecture": "MotifCNN", "length": 40, "names": given / "names.txt", "device": "cpu"}
    options["settings"] = json.dumps({"n_outputs": 9, "channels": 4, "width": 5, "hidden": 4})
    return ["features", *(str(word) for name, value in options.items() for word in (f"--{name}", value))] + [
        "--output",
        str(output),
    ]


def figure(given, output):
    settings = json.dumps({"dataset": "demo", "task": "binary"})
    inputs = ["--inputs", f"runs={given / 'runs.tsv'}", "--settings", settings]
    return ["figure", "learning_curves", *inputs, "--output", str(output / "a.svg"), "--png", str(output / "a.png")]


def study(given, output):
    (given / "settings.json").write_text(json.dumps(dict.fromkeys(("dataset", "study", "splits", "models"), {})))
    options = ["--folder", str(given), "--published", "none", "--settings", str(given / "settings.json")]
    return ["study", *options, "--output", str(output / "study.md")]


def evaluate(given, output):
    options = ["--dataset", "toy", "--folder", str(given), "--runs", str(given / "runs.tsv"), "--seed", "1"]
    return ["evaluate", *options, "--resamples", "20", "--output", str(output)]


COMMANDS = [windows, features, figure, study, evaluate]


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """A page without the tables of a whole study."""
    from cisflow.commands import study as command

    monkeypatch.setattr(command, "tables", SimpleNamespace(read=lambda *_: None))
    monkeypatch.setattr(command, "page", SimpleNamespace(text=lambda _: "A sentence of the study.\n" * 4000))


@pytest.fixture
def small(tmp_path):
    """A disk of 2 MB; the call `leave(room)` fills it but for `room` bytes, the call `clear()` empties it again."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("no tmpfs can be mounted here: needs the rights of an administrator")
    filler = folder / "filler"

    def leave(room):
        state = os.statvfs(folder)
        filler.write_bytes(b"0" * (state.f_bavail * state.f_frsize - room))

    yield SimpleNamespace(folder=folder, leave=leave, clear=filler.unlink)
    subprocess.run(["umount", "-l", folder], check=True)


def temporaries(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


def contents(folder):
    """{name: bytes} of files that hold no time."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in found.items() if path.name != "manifest.json"}


def refused(capsys, words, status=1):
    """The one line that a command which the system refused something ends with."""
    assert program.main(words) == status
    told = capsys.readouterr().err.splitlines()
    assert not any("Traceback" in line for line in told)
    assert told[-1].startswith(f"cisflow {words[0]}: error: ") and told[-1].count("error: ") == 1
    return told[-1].removeprefix(f"cisflow {words[0]}: error: ")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_full_disk_is_one_line_and_the_next_run_is_whole(given, small, tmp_path, capsys, command):
    output = small.folder / "out"
    small.leave(ROOM)
    place, _, reason = refused(capsys, command(given, output)).partition(": ")
    assert place.startswith(str(output)) and not place.endswith(".tmp")
    assert reason.startswith("No space left on device; ") and reason.endswith("bytes free there")
    assert not temporaries(small.folder)
    small.clear()
    assert program.main(command(given, output)) == 0
    assert program.main(command(given, tmp_path / "undisturbed")) == 0
    assert contents(output) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_read_only_disk_is_one_line(given, small, capsys, command):
    subprocess.run(["mount", "-o", "remount,ro", small.folder], check=True)
    place, _, reason = refused(capsys, command(given, small.folder / "out")).partition(": ")
    assert place.startswith(str(small.folder)) and reason == "Read-only file system"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_file_name_that_is_too_long_is_one_line(given, tmp_path, capsys, command):
    place, _, reason = refused(capsys, command(given, tmp_path / ("x" * 300))).partition(": ")
    assert place.startswith(str(tmp_path / "xxx")) and reason == "File name too long"


@pytest.mark.parametrize("command", [windows, features], ids=lambda command: command.__name__)
def test_a_limit_on_the_size_of_files_is_one_line(given, tmp_path, capsys, command):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM // 4, limit[1]))
    try:
        line = refused(capsys, command(given, tmp_path / "out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert line.startswith(str(tmp_path / "out")) and line.endswith(": File too large")
    assert not temporaries(tmp_path)


REFUSALS = [errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EACCES, errno.EIO, errno.EDQUOT, errno.ESTALE]


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("command", [windows, features, study], ids=lambda command: command.__name__)
def test_each_refusal_of_the_system_is_one_line(given, tmp_path, capsys, monkeypatch, command, number):
    def fsync(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", fsync)
    place, _, reason = refused(capsys, command(given, tmp_path / "out")).partition(": ")
    assert place.startswith(str(tmp_path / "out"))
    assert reason.startswith(os.strerror(number)) and ("free there" in reason) == (number == errno.ENOSPC)
    assert not temporaries(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "made_of.json"]


def test_too_many_open_files_name_the_one_that_could_not_be_opened(given, tmp_path, capsys, monkeypatch):
    plain = builtins.open

    def limited(path, *rest, **named):
        if str(path).endswith("genome.fa"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return plain(path, *rest, **named)

    monkeypatch.setattr(builtins, "open", limited)
    line = refused(capsys, windows(given, tmp_path / "out"))
    assert "genome.fa: Too many open files" in line


def faked(monkeypatch, run):
    """Let any command do `run(args)`."""

    def arguments(parser):
        parser.add_argument("--output")

    monkeypatch.setattr(program.importlib, "import_module", lambda _: SimpleNamespace(arguments=arguments, run=run))


def test_an_error_of_the_program_keeps_its_traceback(monkeypatch):
    def run(_):
        raise TypeError("a mistake")

    faked(monkeypatch, run)
    with pytest.raises(TypeError, match="a mistake"):
        program.main(["study"])


def test_an_error_without_a_file_names_the_fullest_place_of_the_options(monkeypatch, small, capsys):
    def run(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    faked(monkeypatch, run)
    small.leave(0)
    line = refused(capsys, ["study", "--output", str(small.folder / "a" / "b")])
    assert line == f"{small.folder}/a/b: No space left on device; 0 bytes free there"


@pytest.mark.parametrize("raised", [OSError(), OSError("two\nlines"), FileNotFoundError(2, "No such file", b"a/b")])
def test_errors_of_the_system_of_any_form_are_one_line(monkeypatch, capsys, raised):
    def run(_):
        raise raised

    faked(monkeypatch, run)
    assert refused(capsys, ["study"]) in ("OSError", "two", "a/b: No such file")


def test_of_a_copy_to_a_full_disk_the_copy_is_named(monkeypatch, small, tmp_path, capsys):
    (tmp_path / "whole").write_bytes(b"0" * 100_000)
    small.leave(ROOM)
    faked(monkeypatch, lambda _: shutil.copy(tmp_path / "whole", small.folder / "copy"))
    assert refused(capsys, ["study"]).startswith(f"{small.folder}/copy: No space left on device; 0 bytes")


def test_the_line_begins_behind_an_open_bar_of_progress(monkeypatch, capsys):
    def run(_):
        for _ in tqdm(range(3), desc="half"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), "x")

    faked(monkeypatch, run)
    assert refused(capsys, ["study"]) == "x: Input/output error"


def take_by_numpy():
    np.zeros(1 << 60, np.uint8)


def take_by_torch():
    torch.zeros(1 << 60, dtype=torch.uint8)


def take_by_cuda():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.56 GiB.\nGPU 0 has")


@pytest.mark.parametrize("take", [take_by_numpy, take_by_torch, take_by_cuda], ids=lambda take: take.__name__)
def test_memory_that_runs_out_is_one_line(monkeypatch, capsys, take):
    faked(monkeypatch, lambda _: take())
    line = refused(capsys, ["study"])
    assert line.startswith("out of memory: ") and line.endswith(
        "; expected a job with more of it (mem_mb, or another GPU), or smaller batches"
    )


def test_results_on_a_full_standard_output_are_refused(monkeypatch, capsys):
    faked(monkeypatch, lambda _: print("result"))
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(program.sys, "stdout", full)
        assert "No space left on device" in refused(capsys, ["study"])
        with contextlib.suppress(OSError):
            full.close()


def test_a_log_on_a_full_disk_leaves_the_exit_status(monkeypatch):
    def run(_):
        raise OSError(errno.ENOSPC, "full")

    faked(monkeypatch, run)
    full = open("/dev/full", "w", buffering=1)  # noqa: SIM115 (its end, which fails, is part of the test)
    monkeypatch.setattr(program.sys, "stderr", full)
    assert program.main(["study"]) == 1
    with contextlib.suppress(OSError):
        full.close()


def save_by_numpy(path):
    np.save(path.open("wb"), np.zeros(100_000))


def save_by_h5py(path):
    with h5py.File(path, "w") as store:
        store["x"] = np.random.default_rng(0).random(100_000)


def save_by_safetensors(path):
    safetensors.torch.save_file({"x": torch.zeros(100_000)}, path)


def save_by_torch(path):
    torch.save({"x": torch.zeros(100_000)}, path)


WRITERS = [save_by_numpy, save_by_h5py, save_by_safetensors, save_by_torch]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_each_library_that_writes_tells_a_full_disk(small, writer):
    small.leave(10 * ROOM)
    with (
        pytest.raises(OSError, match="No space left on device; .* free there") as caught,
        files.atomic(small.folder / "x") as temporary,
    ):
        writer(temporary)
    assert caught.value.filename == str(small.folder / "x")
    assert not temporaries(small.folder)


def test_a_mapped_array_has_its_room_before_it_is_filled(small):
    # Without it, the first write beyond the disk's end is a signal (SIGBUS) that ends the process.
    small.leave(ROOM)
    with pytest.raises(OSError, match="No space left"), arrays.mapped(small.folder / "x.npy", "f4", (100_000,)):
        pass
    assert not temporaries(small.folder)
    small.clear()
    with arrays.mapped(small.folder / "x.npy", "f4", (1000, 2)) as found:
        found[5] = 7
    assert np.array_equal(np.flatnonzero(arrays.read_array(small.folder / "x.npy", "f4", (1000, 2))), [10, 11])


def test_an_error_on_a_disk_with_room_is_its_own(tmp_path):
    for error in (RuntimeError("of a network"), ValueError("errno"), KeyError("x")):
        with pytest.raises(type(error)) as caught, files.atomic(tmp_path / "x"):
            raise error
        assert caught.value is error


def test_a_temporary_of_a_killed_run_is_overwritten_in_a_figure(given, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("a.svg.tmp", "a.png.tmp"):
        (tmp_path / "out" / name).write_text("half of a")
    assert program.main(figure(given, tmp_path / "out")) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "a.svg"]


@pytest.mark.parametrize(
    "count, text", [(0, "0 bytes"), (999, "999 bytes"), (3400, "3.4 kB"), (2e9, "2.0 GB"), (5e16, "50000.0 TB")]
)
def test_what_is_free_is_said_as_people_do(count, text):
    assert disk._in_bytes(int(count)) == text
