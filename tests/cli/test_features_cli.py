"""`cisflow features` on a BED, a FASTA and a dataset: the same windows give the same bytes, whichever way they came."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import pipeline
from cisflow import models
from cisflow.__main__ import main
from cisflow.features import shards
from cisflow.io.arrays import write_array
from cisflow.io.tables import read_table, write_table
from cisflow.sequence import dna
from tables import check_table

N, WINDOW, LENGTH, TARGETS = 23, 30, 64, 5
SETTINGS = {"n_outputs": TARGETS, "channels": 6, "width": 9, "hidden": 6}


def call(command="features", **options):
    words = [command]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *(json.dumps(v) if isinstance(v, dict) else str(v) for v in values)]
    return main(words)


def reverse(text):
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


class Inputs:
    """A genome, a network, and the same windows as BED, FASTA and dataset; `texts` are those windows."""

    def __init__(self, folder):
        rng = np.random.default_rng(2)
        chrom = "".join(rng.choice(list("ACGT"), 2000))
        self.chrom, self.folder = chrom, folder
        self.loci = [(int(start), "+-"[row % 2]) for row, start in enumerate(rng.permutation(1900)[:N])]
        cut = [(chrom[start : start + WINDOW], strand) for start, strand in self.loci]
        self.texts = [text if strand == "+" else reverse(text) for text, strand in cut]
        self.ids = [f"chr1:{start}-{start + WINDOW}({strand})" for start, strand in self.loci]
        self.genome = folder / "genome.fa"
        self.genome.write_text(f">chr1\n{chrom}\n")
        self.bed = folder / "windows.bed"
        self.bed.write_text(
            "".join(f"chr1\t{start}\t{start + WINDOW}\t.\t0\t{strand}\n" for start, strand in self.loci)
        )
        self.fasta = folder / "windows.fa"
        self.fasta.write_text("".join(f">{name}\n{text}\n" for name, text in zip(self.ids, self.texts, strict=True)))
        self.dataset = folder / "dataset"
        frame = [
            (name, "chr1", start, start + WINDOW, strand)
            for name, (start, strand) in zip(self.ids, self.loci, strict=True)
        ]
        columns = ["id", "chrom", "start", "end", "strand"]
        write_table(self.dataset / "windows.tsv", pd.DataFrame(frame, columns=columns))
        write_array(self.dataset / "sequences.npy", np.stack([dna.encode(text) for text in self.texts]))
        torch.manual_seed(3)
        self.network = models.build("MotifCNN", **SETTINGS)
        # Untrained outputs lie close to a half: spread them.
        self.network.layers[-1].weight.data *= 30
        self.weights = folder / "network.safetensors"
        names = [f"factor{number}" for number in range(TARGETS)]
        models.save(self.weights, self.network, {"architecture": "MotifCNN", "settings": SETTINGS, "targets": names})
        self.network.eval()

    def around(self, start, strand, length=LENGTH):
        text = f"{'N' * length}{self.chrom}{'N' * length}"
        first = start + length - (length - WINDOW) // 2
        return text[first : first + length] if strand == "+" else reverse(text[first : first + length])

    def outputs(self, texts, strands="both"):
        """Probabilities (n, TARGETS), or (n, 2, TARGETS) of separate strands, float32, one sequence at a time."""
        rows = []
        for text in texts:
            both = [text] if strands == "forward" else [text, reverse(text)]
            x = torch.tensor(np.stack([dna.one_hot(dna.encode(one)) for one in both]))
            with torch.no_grad():
                values = torch.sigmoid(self.network(x)).numpy()
            rows.append(values if strands == "separate" else values.mean(axis=0))
        return np.stack(rows)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return Inputs(tmp_path_factory.mktemp("inputs"))


def read(folder):
    ids = read_table(folder / "ids.tsv", ["id", "chrom", "start", "end", "strand"])
    return ids, np.load(folder / "features.npy", mmap_mode="r")


def test_three_sources_of_the_same_windows_give_the_same_bytes_in_their_context(given, tmp_path):
    for source in ("bed", "fasta", "dataset"):
        options = {source: getattr(given, source), "weights": given.weights, "genome": given.genome, "length": LENGTH}
        assert call(**options, device="cpu", shards=3, batch_size=4, output=tmp_path / source) == 0
    ids, values = read(tmp_path / "bed")
    assert ids["id"].tolist() == given.ids and ids["start"].tolist() == [start for start, _ in given.loci]
    assert values.dtype == np.float16 and values.shape == (N, TARGETS)
    exact = given.outputs(given.around(*locus) for locus in given.loci)
    assert exact.std() > 0.1
    np.testing.assert_allclose(values, exact, atol=2.0**-12 + 1e-6)
    for source in ("fasta", "dataset"):
        for name in ("features.npy", "ids.tsv", "targets.tsv"):
            assert (tmp_path / source / name).read_bytes() == (tmp_path / "bed" / name).read_bytes()
    assert check_table(tmp_path / "bed" / "targets.tsv", "features_targets")["name"].tolist()[0] == "factor0"


@pytest.mark.parametrize("strands", ["both", "forward", "separate"])
def test_without_a_genome_windows_are_padded_or_bare(given, tmp_path, strands):
    common = {"fasta": given.fasta, "weights": given.weights, "strands": strands, "device": "cpu"}
    side = (LENGTH - WINDOW) // 2
    padded = [f"{'N' * side}{text}{'N' * side}" for text in given.texts]
    for name, options, texts in (
        ("pad", {"length": LENGTH}, padded),
        ("bare", {}, given.texts),
        ("none", {"length": LENGTH, "context": "none"}, given.texts),
    ):
        assert call(**common, **options, output=tmp_path / name) == 0
        np.testing.assert_allclose(read(tmp_path / name)[1], given.outputs(texts, strands), atol=2.0**-12 + 1e-6)


def test_the_largest_error_of_float16_is_measured(given, tmp_path):
    assert call(fasta=given.fasta, weights=given.weights, device="cpu", shards=4, output=tmp_path) == 0
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    error = np.abs(given.outputs(given.texts) - read(tmp_path)[1]).max()
    assert 2.0**-14 < error <= 2.0**-12
    assert manifest["largest_rounding_error"] == pytest.approx(error, abs=1e-6)
    assert (
        manifest["windows"] == N
        and manifest["device"] == "cpu"
        and manifest["targets"] == TARGETS
        and str(given.fasta) in manifest["inputs"]
    )


def test_shards_by_hand_gather_to_the_same_bytes(given, tmp_path):
    common = {"bed": given.bed, "weights": given.weights}
    options = {"genome": given.genome, "length": LENGTH, "device": "cpu", "batch_size": 4}
    parts = [tmp_path / f"{number}.npz" for number in (1, 2, 3)]
    for number, part in enumerate(parts, 1):
        assert call(**common, **options, shard=number, shards=3, output=part) == 0
    assert call("gather-features", **common, shards=parts, output=tmp_path / "by hand") == 0
    # More shards than windows leave some empty.
    assert call(**common, **options, shards=N + 2, output=tmp_path / "whole") == 0
    for name in ("features.npy", "ids.tsv", "targets.tsv"):
        assert (tmp_path / "by hand" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


class Stopped(Exception):
    pass


@pytest.fixture
def computed(monkeypatch):
    """Names of the shards that are computed; computing the one named `computed.stop` is cut off."""

    class Log(list):
        stop = None

    log, compute = Log(), shards.compute

    def watched(output, *arguments):
        log.append(output.name)
        if output.name == log.stop:
            raise Stopped
        compute(output, *arguments)

    monkeypatch.setattr(shards, "compute", watched)
    return log


def test_a_stopped_run_goes_on_with_its_next_shard_and_a_finished_one_is_left(given, tmp_path, computed, capsys):
    common = {"bed": given.bed, "weights": given.weights, "genome": given.genome, "device": "cpu", "shards": 4}
    assert call(**common, output=tmp_path / "whole") == 0
    computed.clear()
    computed.stop = "3-of-4.npz"
    with pytest.raises(Stopped):
        call(**common, output=tmp_path / "stopped")
    computed.stop = None
    assert call(**common, output=tmp_path / "stopped") == 0
    assert computed == ["1-of-4.npz", "2-of-4.npz", "3-of-4.npz", "3-of-4.npz", "4-of-4.npz"]
    assert "2 of 4 shards are there from an earlier run" in capsys.readouterr().err
    written = (tmp_path / "stopped" / "features.npy").read_bytes()
    assert written == (tmp_path / "whole" / "features.npy").read_bytes()
    assert not (tmp_path / "stopped" / "shards").exists()
    computed.clear()
    assert call(**common, output=tmp_path / "stopped") == 0
    assert computed == [] and "is complete" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["features.npy", "ids.tsv", "targets.tsv"])
@pytest.mark.parametrize("keep", [0.5, None], ids=["cut", "gone"])
def test_a_manifest_that_the_files_beside_it_belie_is_not_believed(given, tmp_path, name, keep):
    common = {"bed": given.bed, "weights": given.weights, "genome": given.genome, "device": "cpu"}
    assert call(**common, output=tmp_path) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "manifest.json"}
    if keep is None:
        (tmp_path / name).unlink()
    else:
        os.truncate(tmp_path / name, int(keep * len(before[name])))
    assert call(**common, output=tmp_path) == 0
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "manifest.json"}


@pytest.mark.parametrize("changed", ["weights", "length", "shards", "bed"])
def test_shards_of_another_run_are_not_gone_on_with(given, tmp_path, computed, changed):
    common = {"bed": given.bed, "weights": given.weights, "genome": given.genome, "device": "cpu", "shards": 4}
    computed.stop = "3-of-4.npz"
    with pytest.raises(Stopped):
        call(**common, output=tmp_path / "out")
    computed.clear()
    computed.stop = None
    copy = tmp_path / "copy"
    copy.write_bytes((given.weights if changed == "weights" else given.bed).read_bytes())
    if changed == "weights":
        copy = copy.rename(tmp_path / "copy.safetensors")
    other = common | {changed: {"length": LENGTH, "shards": 5}.get(changed, copy)}
    assert call(**other, output=tmp_path / "out") == 0
    assert len(computed) == other["shards"]


def test_bad_target_names_are_refused_before_anything_is_computed(given, tmp_path, computed, capsys):
    names = tmp_path / "names.txt"
    names.write_text("K562 | CTCF | ENCODE\n" * 4)
    options = {"bed": given.bed, "weights": given.weights, "genome": given.genome, "device": "cpu", "names": names}
    assert call(**options, output=tmp_path / "out") == 1
    assert "4 target names, expected 5" in capsys.readouterr().err and computed == []
    names.write_text("K562 | CTCF | ENCODE\n" * 3 + "K562 | H3K4me3 | ENCODE\nK562 | FAIRE | ENCODE\n")
    assert call(**options, groups="corrected", output=tmp_path / "out") == 0
    groups = read_table(tmp_path / "out" / "targets.tsv")["group"].tolist()
    assert groups == ["TF", "TF", "TF", "histone", "accessibility"]


def test_a_bed_without_a_genome_and_a_length_the_network_lacks_are_refused(given, tmp_path, capsys):
    assert call(bed=given.bed, weights=given.weights, device="cpu", output=tmp_path / "out") == 1
    assert "a BED holds no sequence, expected a genome" in capsys.readouterr().err
    weights, settings = tmp_path / "basset.pth", {"n_outputs": 3, "length": LENGTH}
    torch.save(models.build("BassetLike", **settings).state_dict(), weights)
    network = {"weights": weights, "architecture": "BassetLike", "settings": settings, "device": "cpu"}
    assert call(fasta=given.fasta, **network, context="none", output=tmp_path / "out") == 1
    assert f"windows have {WINDOW} bases, the network expects {LENGTH}" in capsys.readouterr().err
    assert call(fasta=given.fasta, **network, output=tmp_path / "out") == 0
    assert read(tmp_path / "out")[1].shape == (N, 3)


def test_absent_files_and_bad_numbers_are_named(given, tmp_path, capsys):
    here = {"bed": given.bed, "genome": given.genome, "weights": given.weights}
    for option in here:
        absent = here | {option: tmp_path / "absent"}
        assert call(**absent, device="cpu", output=tmp_path / "out") == 1
        assert capsys.readouterr().err == f"cisflow features: error: {tmp_path / 'absent'}: No such file or directory\n"
    for option in ("shards", "shard", "threads"):
        with pytest.raises(SystemExit):
            call(**here, **{option: 0}, output=tmp_path / "out")
        assert "found '0', expected an integer of 1 or more" in capsys.readouterr().err
    for option in ("length", "batch_size"):
        assert call(**here, **{option: 0}, output=tmp_path / "out") == 1
        message = f"cisflow features: error: extractor.{option}: 0 is less than the minimum of 1\n"
        assert capsys.readouterr().err == message
    assert call(**here, extractor={"strand": "both"}, output=tmp_path / "out") == 1
    assert "extractor: unknown key 'strand'; expected keys: precision, batch_size" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_interval_longer_than_the_network_sees_is_cut_to_its_middle(given, tmp_path):
    bed = tmp_path / "broad.bed"
    bed.write_text("chr1\t600\t1000\tbroad\nchr1\t768\t832\tmiddle\n")
    options = {"weights": given.weights, "genome": given.genome, "length": LENGTH, "device": "cpu"}
    assert call(bed=bed, **options, output=tmp_path / "out") == 0
    ids, values = read(tmp_path / "out")
    assert ids["id"].tolist() == ["broad", "middle"]
    np.testing.assert_array_equal(values[0], values[1])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_windows(tmp_path):
    """Ten times the windows may cost one shard more; their features, or their sequences in context, are many."""
    targets, length, shard = 20_000, 500, shards.SHARD
    settings = {"n_outputs": targets, "channels": 2, "width": 5, "hidden": 2}
    header = {"architecture": "MotifCNN", "settings": settings, "targets": list(map(str, range(targets)))}
    models.save(tmp_path / "network.safetensors", models.build("MotifCNN", **settings), header)
    (tmp_path / "genome.fa").write_text(
        ">chr1\n" + "".join(np.random.default_rng(1).choice(list("ACGT"), 110_000)) + "\n"
    )
    peak = {}
    for n in (1000, 10_000):
        bed, output = tmp_path / f"{n}.bed", tmp_path / str(n)
        bed.write_text("".join(f"chr1\t{10 * row}\t{10 * row + 100}\n" for row in range(n)))
        options = {"bed": bed, "genome": tmp_path / "genome.fa", "weights": tmp_path / "network.safetensors"}
        options |= {"length": length, "strands": "forward", "device": "cpu", "threads": 1, "output": output}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        environment = {**os.environ, "PYTHONPATH": str(pipeline.ROOT / "workflow" / "lib")}
        subprocess.run([sys.executable, "-m", "cisflow", "features", *words], env=environment, check=True)
        peak[n] = json.loads((output / "manifest.json").read_text())["peak_memory_mb"]
        (output / "features.npy").unlink()
    assert 9000 * targets * 2 / 1e6 > 300
    assert peak[10_000] - peak[1000] < shard * targets * 2 / 1e6, peak
