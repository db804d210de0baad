"""What a command does as the job of a run: how its log begins, and that refused input is not read a second time."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import calls
import planted
from cisflow.__main__ import main
from cisflow.config.jobs import growing
from distributions import LIB

PEAKS = ">chr1:0-60\n" + "ACGT" * 15 + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of a run that is the current one, with a FASTA file and without variables of a job."""
    for name in ("CISFLOW_JOB", "CISFLOW_ATTEMPT", "SLURM_JOB_ID", "SLURM_JOB_PARTITION", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").write_text(PEAKS)
    return tmp_path


def index(fasta="genome.fa"):
    return main(["index-genome", "--fasta", fasta, "--output", f"{fasta}.fai"])


def test_a_job_says_where_it_runs_before_anything_else(folder, monkeypatch, capsys):
    monkeypatch.setenv("CISFLOW_JOB", "1")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert index() == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("cisflow index-genome: 20") and f"process {os.getpid()} of " in first
    assert first.endswith("SLURM job 17, GPU 3")


def test_a_person_at_the_command_line_is_told_nothing(folder, capsys):
    assert index() == 0
    assert capsys.readouterr().err == "" and not Path("results").exists()


def test_the_log_of_a_job_that_is_killed_at_its_first_import_is_not_empty(folder):
    Path("torch.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(LIB)]), "CISFLOW_JOB": "1"}
    command = [sys.executable, "-m", "cisflow", "train", "--help"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == -9 and done.stdout == ""
    assert done.stderr.startswith("cisflow train: ") and done.stderr.count("\n") == 1


def test_a_second_attempt_refuses_what_the_first_did_and_a_new_run_reads_again(folder, monkeypatch, capsys):
    Path("genome.fa").write_text("no FASTA\n")
    monkeypatch.setenv("CISFLOW_ATTEMPT", "1")
    assert index() == 1
    found = capsys.readouterr().err.strip()
    # Were it read again, it would be found to be right.
    Path("genome.fa").write_text(PEAKS)
    for attempt in ("2", "3"):
        monkeypatch.setenv("CISFLOW_ATTEMPT", attempt)
        assert index() == 1
        assert capsys.readouterr().err.startswith(f"{found} (found by the attempt before")
    assert not Path("genome.fa.fai").exists()
    monkeypatch.setenv("CISFLOW_ATTEMPT", "1")
    assert index() == 0
    # What was refused then is forgotten: this attempt follows one that was killed.
    monkeypatch.setenv("CISFLOW_ATTEMPT", "2")
    assert index() == 0


def test_another_job_of_the_run_is_not_refused(folder, monkeypatch, capsys):
    Path("other.fa").write_text("no FASTA\n")
    monkeypatch.setenv("CISFLOW_ATTEMPT", "1")
    assert index("other.fa") == 1
    monkeypatch.setenv("CISFLOW_ATTEMPT", "2")
    assert index() == 0


def test_what_may_pass_is_tried_again(folder, monkeypatch, capsys):
    output = folder / "place" / "genome.fa.fai"
    monkeypatch.setenv("CISFLOW_ATTEMPT", "1")
    output.parent.write_text("a file where the folder of the output is to be")
    assert main(["index-genome", "--fasta", "genome.fa", "--output", str(output)]) == 1
    output.parent.unlink()
    output.parent.mkdir()
    monkeypatch.setenv("CISFLOW_ATTEMPT", "2")
    assert main(["index-genome", "--fasta", "genome.fa", "--output", str(output)]) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_one_machine_lacks_is_asked_for_again(folder, monkeypatch, capsys):
    dataset = folder / "dataset"
    planted.write(dataset)
    assert calls.train(dataset, folder) == 0
    split, weights = dataset / "splits" / "random.tsv", folder / "model.safetensors"
    for attempt in ("1", "2"):
        monkeypatch.setenv("CISFLOW_ATTEMPT", attempt)
        options = {"split": split, "weights": weights, "output": folder / "predictions.tsv"}
        assert calls.call("predict", dataset=dataset, device="cuda", **options) == 1
        told = capsys.readouterr().err
        assert "cuda was asked for" in told and "the attempt before" not in told


@pytest.mark.parametrize("kept", [b"", b"\0\xff", b"[1]", b'{"refused": '])
def test_a_note_that_cannot_be_read_refuses_nothing(folder, monkeypatch, capsys, kept):
    Path("genome.fa").write_text("no FASTA\n")
    monkeypatch.setenv("CISFLOW_ATTEMPT", "1")
    assert index() == 1
    (note,) = Path("results").rglob("*.json")
    note.write_bytes(kept)
    Path("genome.fa").write_text(PEAKS)
    monkeypatch.setenv("CISFLOW_ATTEMPT", "2")
    assert index() == 0


def test_memory_grows_with_each_attempt():
    memory = growing(8000)
    assert [memory(None, attempt=attempt) for attempt in (1, 2, 3)] == [8000, 16000, 24000]
    memory = growing(2000, each=45)
    assert [memory(None, input=SimpleNamespace(size_mb=100.0), attempt=attempt) for attempt in (1, 2)] == [6500, 13000]
