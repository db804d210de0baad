"""Published weights mean what their authors meant: files laid out as published against the authors' own convention.

Each network is loaded from a file with the published names and container, and asked in base codes (A, C, G, T); the
expected answer comes from `authors`, which encodes in the order of channels of the authors' code.
"""

import collections
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import authors
import tokens
from calls import call
from cisflow import models
from cisflow.attribution import blocks
from cisflow.errors import InputError
from cisflow.models import registry
from cisflow.models.network import Architecture
from cisflow.models.predict import predict
from cisflow.sequence import dna
from cisflow.sequence.context import Sequences
from weights import randomise, unlike_each_other

CPU = torch.device("cpu")
SEI = {"n_targets": 7, "channels": (5, 6, 8)}
FSEI = {"channels": (5, 6, 8), "hidden": 9, "two_logits": True}
BELUGA = {"n_targets": 5, "hidden": 6}
CONVNET = {"channels": (6, 7, 8, 9), "hidden": (10, 12), "two_logits": True}
ATTENTION = {"channels": (6, 7, 8), "heads": 2, "hidden": (12, 8), "two_logits": True}
BERT = {"vocabulary": 32, "hidden": 24, "layers": 2, "heads": 3, "intermediate": 40, "dropout": 0.0}
POOLS = ((16, 8), (8, 4), (4, 2))
# Names in the study's files of tensors that are called otherwise here, by another road than the networks' own map.
STUDY = {
    "BassetLike": [
        (r"convolutions\.([01])\.", r"layer1.\1."),
        (r"convolutions\.(?:5|6)\.", lambda found: f"layer2.{int(found[0][13]) - 5}."),
        (r"convolutions\.(9|10)\.", lambda found: f"layer3.{int(found[1]) - 9}."),
        (r"dense\.([036])\.", lambda found: f"fc{int(found[1]) // 3 + 1}."),
    ],
    "ConvNet": [
        (r"stem\.", "lconv_network."),
        (r"block", "dconv"),
        (r"head\.([01])\.", r"classifier.project.\1."),
        (r"head\.3\.", "classifier.attention_pool."),
        (r"head\.4\.", "classifier.linear1.0."),
        (r"head\.7\.", "classifier.linear2.0."),
        (r"prediction\.", "classifier.prediction_head."),
    ],
}
STUDY["AttentionConv"] = STUDY["BassetLike"][:3] + [
    (r"dense\.([03])\.", lambda found: f"fc{int(found[1]) // 3 + 1}."),
    (r"prediction\.", "fc3."),
    (r"attention\.in_proj\.", "attention.in_proj_"),
]


def made(architecture, settings):
    """A network with weights and statistics that training could give."""
    torch.manual_seed(3)
    model = randomise(models.build(architecture, **settings))
    unlike_each_other(model)
    return model.requires_grad_(False)


def as_published(architecture, model):
    names = {}
    for name, tensor in model.state_dict().items():
        for pattern, new in STUDY.get(architecture, []):
            name = re.sub(rf"^{pattern}", new, name)
        names[name] = tensor
    return collections.OrderedDict(names)


def texts(n, length, letters="ACGTN", seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), length)) for _ in range(n)]


def codes_of(sequences):
    return np.stack([dna.encode(text) for text in sequences])


def outputs(model, sequences):
    with torch.inference_mode():
        return model(*model.inputs(codes_of(sequences), CPU)).numpy()


def study_file(folder, architecture, settings):
    """(network, its state by published names as arrays, path of the file)."""
    model = made(architecture, settings)
    if architecture == "FSei":
        # Random normalisation makes its logits a hundred; a sigmoid of that says nothing.
        model.classifier["prediction_head"].weight.mul_(0.02)
    state = as_published(architecture, model)
    torch.save(state, folder / "model_24_06_13:10:59.pt")
    return model, authors.as_numpy(state), folder / "model_24_06_13:10:59.pt"


def test_docs_tell_of_every_network_that_takes_published_weights():
    text = (Path(__file__).parents[2] / "docs" / "published_weights.md").read_text()
    told = {row.split("|")[1].strip().replace("-", "").lower() for row in text.splitlines() if row.startswith("| ")}
    takes = {"Beluga", "Sei"}
    for architecture in registry.architectures():
        kind = registry.get(architecture)
        if any(getattr(kind, name) is not getattr(Architecture, name) for name in ("published", "adopt", "pretrained")):
            takes.add(architecture)
    assert len(takes) == 7 and {name.lower() for name in takes} <= told


# --- Beluga -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beluga(tmp_path_factory):
    """(path of deepsea.beluga.pth with the published names, kernels and container, its arrays)."""
    state = collections.OrderedDict(made("Beluga", BELUGA).state_dict())
    path = tmp_path_factory.mktemp("beluga") / "deepsea.beluga.pth"
    torch.save(state, path)
    return path, authors.as_numpy(state)


def test_belugas_names_are_those_of_its_file(beluga):
    numbers = ["0.0", "0.2", "0.6", "0.8", "0.12", "0.14", "1.2.1", "1.4.1"]
    assert list(beluga[1]) == [f"model.{number}.{part}" for number in numbers for part in ("weight", "bias")]


def test_beluga_answers_as_in_its_authors_order_of_bases(beluga, capsys):
    path, state = beluga
    model = models.load_pretrained("Beluga", BELUGA, path)
    assert (
        "first kernel permuted from the authors' order of bases, A, G, C, T, to A, C, G, T" in capsys.readouterr().err
    )
    sequences = texts(2, 2000)
    # An N is zeros, as in ExPecto's encoder.
    expected = np.stack([authors.beluga(state, authors.encode(text, "AGCT", unknown=0)) for text in sequences])
    found = outputs(model, sequences)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # In the order A, C, G, T the same weights say something else.
    other = authors.beluga(state, authors.encode(sequences[0], "ACGT", unknown=0))
    assert np.abs(other - expected[0]).max() > 1e-2
    fast = model.for_inference()
    np.testing.assert_allclose(outputs(fast, sequences), expected, atol=1e-5)


@pytest.mark.parametrize(("unknown", "value"), [("zeros", 0.0), ("uniform", 0.25)])
def test_an_unknown_base_is_to_beluga_what_its_settings_say(beluga, unknown, value):
    """In predictions of both strands, in features and in every mutation; a run of 100 N, as in a gap of a genome."""
    path, state = beluga
    model = models.load_pretrained("Beluga", BELUGA | {"unknown": unknown}, path)
    text = texts(1, 2000, "ACGT")[0]
    text = text[:950] + "N" * 100 + text[1050:]
    x = authors.encode(text, "AGCT", unknown=value)
    forward, reverse = (authors.sigmoid(authors.beluga(state, strand)) for strand in (x, x[::-1, ::-1]))
    found = predict(models.Network(model), codes_of([text]), CPU)
    np.testing.assert_allclose(found[0][0], forward, atol=1e-5)
    np.testing.assert_allclose(found[1][0], reverse, atol=1e-5)
    other = authors.sigmoid(authors.beluga(state, authors.encode(text, "AGCT", unknown=0.25 - value)))
    assert np.abs(other - forward).max() > 1e-3
    # A base in place of an N, against the N: what in silico mutagenesis says of it.
    effects = blocks.multipliers(model, codes_of([text]), np.array([2]), "ism", strands="forward")[0, 0]
    logit = authors.beluga(state, x)[2]
    for base in "ACGT":
        changed = authors.encode(text[:1000] + base + text[1001:], "AGCT", unknown=value)
        expected = authors.beluga(state, changed)[2] - logit
        assert effects["ACGT".index(base), 1000] == pytest.approx(expected, abs=1e-5)


def test_belugas_unknown_is_one_of_two():
    with pytest.raises(InputError, match="Beluga: unknown is 'half', expected one of zeros, uniform"):
        models.build("Beluga", **BELUGA, unknown="half")


def test_both_strands_of_beluga_are_the_mean_of_its_probabilities(beluga):
    path, state = beluga
    model = models.load_pretrained("Beluga", BELUGA, path)
    text = texts(1, 2000, "ACGT")[0]
    x = authors.encode(text, "AGCT")
    # ExPecto's own reverse complement: both axes turned round.
    expected = [authors.sigmoid(authors.beluga(state, strand)) for strand in (x, x[::-1, ::-1])]
    forward, reverse = predict(models.Network(model), codes_of([text]), CPU)
    np.testing.assert_allclose(forward[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(reverse[0], expected[1], atol=1e-5)


def test_attributions_of_beluga_are_finite_differences_in_our_order(beluga):
    path, state = beluga
    model = models.load_pretrained("Beluga", BELUGA, path)
    text = texts(1, 2000, "ACGT")[0]
    found = blocks.multipliers(model, codes_of([text]), np.array([2]), "gradient", strands="forward")[0, 0]
    step, x = 1e-6, authors.encode(text, "AGCT")
    for position in (700, 1001):
        for base in "ACGT":
            up, down = x.copy(), x.copy()
            up["AGCT".index(base), position] += step
            down["AGCT".index(base), position] -= step
            slope = (authors.beluga(state, up)[2] - authors.beluga(state, down)[2]) / (2 * step)
            assert found["ACGT".index(base), position] == pytest.approx(
                slope, rel=1e-3, abs=1e-4 * float(np.abs(found).max())
            )


def test_beluga_saved_by_cisflow_is_not_permuted_again(beluga, tmp_path):
    model = models.load_pretrained("Beluga", BELUGA, beluga[0])
    models.save(tmp_path / "beluga.safetensors", model, {"architecture": "Beluga", "settings": BELUGA})
    for again in (
        models.load(tmp_path / "beluga.safetensors").module,
        models.load_pretrained("Beluga", BELUGA, tmp_path / "beluga.safetensors"),
    ):
        torch.testing.assert_close(again.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_kipois_names_serve_as_belugas_targets(beluga, tmp_path):
    names = [
        "8988T_DNase_None",
        "A549_USF-1_EtOH_0.02pct",
        "A549_USF-1_EtOH_0.02pct",
        "ES-I3_Cell_Line_H3K27me3_None",
        "GM12878_Pol2(phosphoS2)_None",
    ]
    (tmp_path / "predictor_names.txt").write_text("\n".join(names) + "\n")
    text = texts(1, 2000, "ACGT")[0]
    (tmp_path / "one.fa").write_text(f">one\n{text}\n")
    command = ["features", "--fasta", tmp_path / "one.fa", "--weights", beluga[0], "--architecture", "Beluga"]
    command += ["--settings", json.dumps(BELUGA), "--names", tmp_path / "predictor_names.txt", "--device", "cpu"]
    assert call(*map(str, command), "--output", str(tmp_path / "out")) == 0
    targets = pd.read_csv(tmp_path / "out" / "targets.tsv", sep="\t")
    assert targets["name"].tolist() == [*names[:2], f"{names[2]} (2)", *names[3:]]
    assert targets["group"].tolist() == ["accessibility", "TF", "TF", "histone", "TF"]
    x = authors.encode(text, "AGCT")
    expected = np.mean([authors.sigmoid(authors.beluga(beluga[1], strand)) for strand in (x, x[::-1, ::-1])], axis=0)
    np.testing.assert_allclose(np.load(tmp_path / "out" / "features.npy")[0], expected, atol=5e-4)


# --- Sei and FSei -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["wrapped", "selene", "half"])
def test_sei_answers_as_its_authors_network(tmp_path, container):
    model = made("Sei", SEI)
    state = {name: tensor.half() if container == "half" else tensor for name, tensor in model.state_dict().items()}
    arrays = authors.as_numpy(state)
    state = collections.OrderedDict((f"module.model.{name}", tensor) for name, tensor in state.items())
    if container == "selene":
        state = {"epoch": 12, "arch": "Sei", "state_dict": state, "min_loss": np.float64(0.1)}
        state |= {"optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}
    torch.save(state, tmp_path / "sei.pth")
    loaded = models.load_pretrained("Sei", SEI, tmp_path / "sei.pth")
    sequences = texts(2, 600)
    expected = np.stack([authors.sei(arrays, authors.encode(text)) for text in sequences])
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(outputs(loaded, sequences), expected, atol=1e-5)
    forward, reverse = predict(models.Network(loaded), codes_of(sequences), CPU)
    other = [authors.sei(arrays, authors.encode(authors.reverse_complement(text))) for text in sequences]
    np.testing.assert_allclose((forward + reverse) / 2, (expected + np.stack(other)) / 2, atol=1e-5)


def differences_agree(model, forward, text, target=0, positions=(90, 131)):
    """Whether the gradient of the network is the slope of the authors' function `forward` of x (4, length)."""
    found = blocks.multipliers(model, codes_of([text]), np.array([target]), "gradient", strands="forward")[0, 0]
    step, x = 1e-6, authors.encode(text)
    for position in positions:
        for channel in range(4):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[channel, position] += sign * step
                ends.append(forward(moved))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert found[channel, position] == pytest.approx(slope, rel=1e-3, abs=1e-4 * float(np.abs(found).max()))


def test_attributions_of_sei_are_finite_differences(tmp_path):
    model = made("Sei", SEI)
    torch.save({f"module.model.{name}": tensor for name, tensor in model.state_dict().items()}, tmp_path / "sei.pth")
    loaded, arrays = models.load_pretrained("Sei", SEI, tmp_path / "sei.pth"), authors.as_numpy(model.state_dict())
    differences_agree(loaded, lambda x: authors.sei(arrays, x)[3], texts(1, 256, "ACGT")[0], target=3)


def test_windows_within_zeros_are_what_the_study_gave_sei(tmp_path):
    model = made("Sei", SEI)
    arrays = authors.as_numpy(model.state_dict())
    windows = texts(2, 100)
    frame = pd.DataFrame({"id": ["a", "b"]})
    padded = Sequences(frame, codes_of(windows), 401, "pad", padding=dna.ABSENT)[:]
    for row, text in enumerate(windows):
        expected = np.zeros((4, 401))
        start = int(0.5 * (401 - 100))
        expected[:, start : start + 100] = authors.encode(text)
        np.testing.assert_array_equal(models.one_hot(padded[row : row + 1], CPU)[0].numpy(), expected)
        # The other strand of that, which the study computed from the sequence before it padded.
        turned = np.ascontiguousarray(expected[::-1, ::-1])
        forward, reverse = predict(models.Network(model), padded[row : row + 1], CPU)
        np.testing.assert_allclose(forward[0], authors.sei(arrays, expected), atol=1e-5)
        np.testing.assert_allclose(reverse[0], authors.sei(arrays, turned), atol=1e-5)


def test_zeros_and_unknown_bases_are_asked_for_by_name(tmp_path, capsys):
    model = made("Sei", SEI)
    torch.save(model.state_dict(), tmp_path / "sei.pth")
    arrays, text = authors.as_numpy(model.state_dict()), texts(1, 101, "ACGT")[0]
    (tmp_path / "one.fa").write_text(f">one\n{text}\n")
    command = ["features", "--fasta", tmp_path / "one.fa", "--weights", tmp_path / "sei.pth", "--architecture", "Sei"]
    command += ["--settings", json.dumps(SEI), "--device", "cpu", "--length", 401, "--strands", "forward"]
    for padding, value in (("zeros", 0.0), ("unknown", 0.25), (None, 0.25)):
        call(*map(str, command), *(["--padding", padding] if padding else []), "--output", str(tmp_path / str(padding)))
        x = np.full((4, 401), value)
        x[:, 150:251] = authors.encode(text)
        found = np.load(tmp_path / str(padding) / "features.npy")[0]
        np.testing.assert_allclose(found, authors.sei(arrays, x), atol=5e-4)
    zeros, unknown = (np.load(tmp_path / name / "features.npy") for name in ("zeros", "unknown"))
    assert np.abs(zeros - unknown).max() > 5e-3
    assert call(*map(str, command), "--padding", "zeros", "--context", "none", "--output", str(tmp_path / "x")) == 1
    assert "padding: found zeros and context none; expected context pad" in capsys.readouterr().err


def test_fsei_answers_as_the_studys_network(tmp_path):
    _, arrays, path = study_file(tmp_path, "FSei", FSEI)
    loaded = models.load_pretrained("FSei", FSEI, path)
    sequences = texts(3, 600)
    pairs = np.stack([authors.fsei(arrays, authors.encode(text)) for text in sequences])
    forward, _ = predict(models.Network(loaded), codes_of(sequences), CPU)
    assert np.ptp(pairs) > 0.1
    np.testing.assert_allclose(outputs(loaded, sequences)[:, 0], pairs[:, 1] - pairs[:, 0], atol=1e-5)
    np.testing.assert_allclose(forward[:, 0], authors.softmax(pairs, 1)[:, 1], atol=1e-5)
    text = texts(1, 300, "ACGT")[0]
    differences_agree(loaded, lambda x: np.diff(authors.fsei(arrays, x))[0], text)


def test_the_studys_fsei_has_the_published_names(tmp_path):
    _, arrays, _ = study_file(tmp_path, "FSei", FSEI)
    assert {"lconv2.1.weight", "lconv3.2.bias", "classifier.fcn.0.weight", "classifier.prediction_head.bias"} <= set(
        arrays
    )
    assert {"classifier.project.1.running_var", "classifier.attention_pool.to_attn_logits"} <= set(arrays)


# --- The study's other networks ---------------------------------------------------------------------------------------


def test_basset_answers_as_the_studys_network(tmp_path):
    settings = {"length": 600, "two_logits": True}
    _, arrays, path = study_file(tmp_path, "BassetLike", settings)
    assert {"layer1.0.weight", "layer2.1.running_mean", "layer3.0.weight", "fc1.weight", "fc3.bias"} <= set(arrays)
    loaded, sequences = models.load_pretrained("BassetLike", settings, path), texts(2, 600)
    pairs = np.stack([authors.basset(arrays, authors.encode(text)) for text in sequences])
    np.testing.assert_allclose(outputs(loaded, sequences)[:, 0], pairs[:, 1] - pairs[:, 0], atol=1e-5)


def test_convnet_answers_as_the_studys_network(tmp_path):
    _, arrays, path = study_file(tmp_path, "ConvNet", CONVNET)
    assert {"lconv_network.18.weight", "dconv3.4.bias", "classifier.linear2.0.weight"} <= set(arrays)
    loaded, sequences = models.load_pretrained("ConvNet", CONVNET, path), texts(2, 600)
    pairs = np.stack([authors.convnet(arrays, authors.encode(text), POOLS) for text in sequences])
    np.testing.assert_allclose(outputs(loaded, sequences)[:, 0], pairs[:, 1] - pairs[:, 0], atol=1e-5)


@pytest.mark.parametrize("across", ["sequence", "batch"])
def test_attention_conv_answers_as_the_studys_network(tmp_path, capsys, across):
    _, arrays, path = study_file(tmp_path, "AttentionConv", ATTENTION)
    assert {"attention.in_proj_weight", "attention.out_proj.bias", "layer3.1.weight", "fc2.bias"} <= set(arrays)
    loaded = models.load_pretrained("AttentionConv", ATTENTION | {"attention": across}, path)
    assert ("WARNING: AttentionConv attends across the batch" in capsys.readouterr().err) == (across == "batch")
    sequences = texts(3, 600)
    encoded = np.stack([authors.encode(text) for text in sequences])
    pairs = authors.attention_conv(arrays, encoded, 2, across)
    np.testing.assert_allclose(outputs(loaded, sequences)[:, 0], pairs[:, 1] - pairs[:, 0], atol=1e-5)
    # What the one gives is not what the other gives.
    other = authors.attention_conv(arrays, encoded, 2, {"batch": "sequence", "sequence": "batch"}[across])
    assert np.abs(other - pairs).max() > 1e-3


def test_attention_across_the_batch_is_that_of_torch(tmp_path):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(8, 2)
    state = {f"attention.{name}": tensor for name, tensor in theirs.state_dict().items()}
    x = torch.randn(4, 5, 8)
    expected = theirs(x, x, x)[0].detach().numpy()
    # Without batch_first the first axis is the one that is attended along.
    found = [authors._attention(authors.as_numpy(state), x[:, place].double().numpy(), 2) for place in range(5)]
    np.testing.assert_allclose(np.stack(found, axis=1), expected, atol=1e-6)


def test_attention_conv_names_what_attention_there_is():
    with pytest.raises(InputError, match="attention 'rows'; expected one of sequence, batch"):
        models.build("AttentionConv", attention="rows")


# --- DNABERT-2 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["masked", "masked, half", "alone", "pooled"])
def test_dnabert2_encodes_as_its_authors_network(tmp_path, layout):
    torch.manual_seed(0)
    source = models.build("DNABERT2", tokenizer=tokens.tokenizer(), **BERT).eval()
    for parameter in source.parameters():
        nn.init.normal_(parameter, std=0.5)
    dtype = torch.float16 if layout.endswith("half") else torch.float32
    encoder = {name: tensor.to(dtype) for name, tensor in source.state_dict().items() if name.startswith("bert.")}
    if layout != "pooled":
        encoder = {name: tensor for name, tensor in encoder.items() if ".pooler." not in name}
    arrays = authors.as_numpy(encoder)
    if layout == "alone":
        # As transformers saves the encoder without a head.
        state = {name.removeprefix("bert."): tensor for name, tensor in encoder.items()}
    else:
        head = {"transform.dense.weight": (24, 24), "transform.LayerNorm.bias": (24,), "decoder.weight": (32, 24)}
        state = encoder | {f"cls.predictions.{name}": torch.zeros(shape, dtype=dtype) for name, shape in head.items()}
    torch.save(collections.OrderedDict(state), tmp_path / "pytorch_model.bin")
    model = models.build("DNABERT2", tokenizer=tokens.tokenizer(), **BERT).eval().requires_grad_(False)
    models.take_weights(model, tmp_path / "pytorch_model.bin")
    codes = codes_of(texts(3, 40, "ACGT"))
    (ids,) = model.inputs(codes, CPU)
    with torch.inference_mode():
        found = model(ids).numpy()
    # What the checkpoint lacks is the network's own.
    own = authors.as_numpy(model.state_dict())
    rest = {name: own[name] for name in own if name not in arrays}
    assert set(rest) == {"classifier.weight", "classifier.bias"} | (
        set() if layout == "pooled" else {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    )
    slopes = [2.0**-4, 2.0**-8, 2.0**-2]
    for row, numbers in enumerate(ids.numpy()):
        kept = numbers[numbers != model.tokenizer.pad_token_id]
        expected = authors.dnabert2_logits(arrays | rest, kept, 3, slopes, 2)
        np.testing.assert_allclose(found[row], expected, atol=1e-5)
