"""The networks of the intron retention study: what they compute, what they start from, and that they learn."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

import authors
import tokens
from cisflow import models, tasks
from cisflow.attribution import blocks
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.models import dnabert2
from cisflow.models.attention_conv import SelfAttention
from cisflow.models.layers import AttentionPool, LogitDifference
from cisflow.models.predict import predict
from cisflow.sequence import dna
from cisflow.training import fit

CPU = torch.device("cpu")
LENGTH = 64
CHANNELS = (8, 10, 12)
BERT = {"vocabulary": 32, "hidden": 24, "layers": 2, "heads": 3, "intermediate": 40}
# Narrow, in the published layout.
NARROW = {
    "FSei": {"channels": (16, 16, 24), "hidden": 32},
    "BassetLike": {},
    "ConvNet": {
        "channels": (24, 24, 24, 24),
        "hidden": (32, 32),
        "pools": ((4, 2), (4, 2), (2, 1)),
    },
    "AttentionConv": {"channels": (32, 32, 32), "heads": 4, "hidden": (32, 32)},
    "DNABERT2": {"tokenizer": tokens.tokenizer(), **BERT, "dropout": 0.0},
}
# Wide enough to learn noise by heart.
TOKENS = {"tokenizer": tokens.tokenizer(128), "vocabulary": 128}
WIDER = NARROW | {"DNABERT2": NARROW["DNABERT2"] | TOKENS | {"hidden": 48, "heads": 6, "intermediate": 96}}


@pytest.mark.parametrize(
    ("architecture", "n_parameters"),
    [
        ("FSei", 75_569_522),
        ("BassetLike", 2_392_802),
        ("ConvNet", 57_972_530),
        ("AttentionConv", 10_137_794),
        # 117,068,544 in the checkpoint with its pooler, and the two logits.
        ("DNABERT2", 117_068_544 + 2 * 769),
    ],
)
def test_published_layouts_have_the_published_sizes(architecture, n_parameters):
    with torch.device("meta"):
        model = models.build(architecture, two_logits=True)
    assert sum(parameter.numel() for parameter in model.parameters()) == n_parameters
    assert model.n_outputs == 1


@pytest.mark.parametrize("length", [600, 601])
@pytest.mark.parametrize("architecture", ["ConvNet", "AttentionConv", "FSei"])
def test_networks_give_one_logit_a_target_for_each_sequence(architecture, length):
    settings = NARROW[architecture] | {"n_outputs": 3, "two_logits": True}
    model = models.build(architecture, **settings | ({"length": length} if architecture != "FSei" else {})).eval()
    assert model(torch.rand(1, 4, length)).shape == (1, 3)


def test_convnet_says_when_the_pools_leave_too_little():
    models.build("ConvNet", **NARROW["ConvNet"] | {"pools": ((16, 8), (8, 4), (4, 2)), "length": 424})
    with pytest.raises(InputError, match="leave 4 positions of length 423; expected at least 5"):
        models.build("ConvNet", length=423)


def test_two_logits_are_trained_as_one():
    torch.manual_seed(0)
    pairs, labels = torch.randn(40, 2), torch.randint(0, 2, (40,))
    one = LogitDifference()(pairs)
    expected = functional.cross_entropy(pairs, labels)
    torch.testing.assert_close(functional.binary_cross_entropy_with_logits(one[:, 0], labels.float()), expected)
    torch.testing.assert_close(torch.sigmoid(one[:, 0]), torch.softmax(pairs, 1)[:, 1])


def test_attention_pool_is_a_weighted_mean_of_each_channel():
    torch.manual_seed(0)
    pool = AttentionPool(3)
    torch.nn.init.normal_(pool.to_attn_logits)
    x, weights = torch.randn(2, 3, 5), pool.to_attn_logits.detach()
    expected = torch.empty(2, 3)
    for row in range(2):
        for channel in range(3):
            scores = [sum(x[row, c, p] * weights[c, channel] for c in range(3)).exp() for p in range(5)]
            expected[row, channel] = sum(x[row, channel, p] * scores[p] for p in range(5)) / sum(scores)
    torch.testing.assert_close(pool(x).detach(), expected)


def test_attention_of_attention_conv_is_that_of_torch_along_the_sequence():
    torch.manual_seed(0)
    ours = SelfAttention(12, 3)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.in_proj.weight.data, ours.in_proj.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.out_proj.weight.data, ours.out_proj.bias.data
    x = torch.randn(4, 7, 12)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


@pytest.mark.parametrize("architecture", NARROW)
def test_prediction_does_not_depend_on_batch_mates(architecture):
    torch.manual_seed(0)
    fixed = {} if architecture in ("FSei", "DNABERT2") else {"length": LENGTH}
    model = models.build(architecture, **NARROW[architecture] | fixed).eval()
    codes = np.random.default_rng(0).integers(0, 4, (6, LENGTH)).astype(np.uint8)
    with torch.inference_mode():
        together = model(*model.inputs(codes, CPU))
        alone = torch.cat([model(*model.inputs(codes[row : row + 1], CPU)) for row in range(6)])
    assert together.std() > 0
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["FSei", "ConvNet", "AttentionConv", "BassetLike"])
def test_every_non_linearity_is_a_module_used_once_and_not_in_place(architecture):
    fixed = {} if architecture == "FSei" else {"length": LENGTH}
    model = models.build(architecture, **NARROW[architecture] | fixed).eval()
    calls = dict.fromkeys((module for module in model.modules() if not list(module.children())), 0)

    def count(module, *_):
        calls[module] += 1

    for module in calls:
        module.register_forward_hook(count)
        assert not getattr(module, "inplace", False)
    model(torch.rand(2, 4, LENGTH))
    assert set(calls.values()) == {1}


# --- What a network starts from ---------------------------------------------------------------------------------------


@pytest.fixture
def sei(tmp_path):
    """(narrow Sei, path of its checkpoint, as the published one is wrapped)."""
    torch.manual_seed(1)
    model = models.build("Sei", n_targets=5, channels=CHANNELS).eval()
    torch.save({f"module.model.{name}": value for name, value in model.state_dict().items()}, tmp_path / "sei.pth")
    return model, tmp_path / "sei.pth"


def trunk_of(sei, x):
    """What a Sei computes before its dropout and splines."""
    seen = []
    handle = sei.spline_tr.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    sei(x)
    handle.remove()
    return seen[0]


def test_fsei_has_the_trunk_of_the_sei_that_it_starts_from(sei):
    model = models.build("FSei", channels=CHANNELS, hidden=6).eval()
    taken = models.take_weights(model, sei[1])
    x = torch.rand(3, 4, 256)
    with torch.inference_mode():
        torch.testing.assert_close(model.trunk(x), trunk_of(sei[0], x), rtol=0, atol=0)
    assert len(taken) == 34
    assert {name for name in model.state_dict() if name.startswith("classifier.")}.isdisjoint(taken)


def test_fsei_starts_from_another_fsei_with_another_head(tmp_path):
    first = models.build("FSei", channels=CHANNELS, hidden=6, n_outputs=4)
    models.save(tmp_path / "first.safetensors", first, {})
    second = models.build("FSei", channels=CHANNELS, hidden=9)
    taken = models.take_weights(second, tmp_path / "first.safetensors")
    assert all(torch.equal(first.state_dict()[name], second.state_dict()[name]) for name in taken)
    assert len(taken) == 34


def test_weights_that_do_not_fit_are_listed_and_leave_the_network_as_it_was(sei, tmp_path):
    model = models.build("FSei", channels=(8, 10, 14), hidden=6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=r"not the layout of the pretrained part of FSei: of another shape lconv3.2"):
        models.take_weights(model, sei[1])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    state = sei[0].state_dict()
    del state["dconv5.1.bias"]
    state["dconv6.1.bias"] = torch.zeros(12)
    torch.save(state, tmp_path / "other.pth")
    narrow = models.build("FSei", channels=CHANNELS)
    with pytest.raises(InputError, match="missing dconv5.1.bias; unexpected dconv6.1.bias"):
        models.take_weights(narrow, tmp_path / "other.pth")
    with pytest.raises(InputError, match="architecture MotifCNN takes no pretrained weights"):
        models.take_weights(models.build("MotifCNN"), sei[1])


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_weights_stay_and_others_move(sei, tmp_path, freeze):
    dataset, folds = noise(24)
    settings = {"channels": CHANNELS, "hidden": 6}
    recipe = {"max_epochs": 2, "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.01}
    network, _, _ = fit.train(
        dataset, folds, "FSei", settings, recipe, 1, CPU, tmp_path / "work", pretrained=sei[1], freeze=freeze
    )
    start = models.build("FSei", **settings)
    taken = models.take_weights(start, sei[1])
    same = [torch.equal(start.state_dict()[name], network.state_dict()[name]) for name in taken]
    assert len(same) == 34 and all(same) == freeze and any(same) == freeze
    learned = sum(parameter.requires_grad for parameter in network.parameters())
    assert learned == len(list(network.parameters())) - 34 * freeze


def test_there_must_be_something_to_freeze(tmp_path):
    dataset, folds = noise(12)
    with pytest.raises(InputError, match="freeze: there are no pretrained weights to keep"):
        fit.train(dataset, folds, "MotifCNN", {}, {}, 1, CPU, tmp_path / "work", freeze=True)


# --- DNABERT-2 --------------------------------------------------------------------------------------------------------


def bert(**settings):
    return models.build("DNABERT2", **NARROW["DNABERT2"] | settings)


def test_slopes_are_those_of_the_biases_of_press_et_al():
    assert dnabert2.slopes(8) == [0.5**k for k in range(1, 9)]
    assert dnabert2.slopes(12) == [0.5**k for k in range(1, 9)] + [0.5**k for k in (0.5, 1.5, 2.5, 3.5)]


def test_published_tensors_have_their_names_and_shapes():
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in models.build("DNABERT2").state_dict().items()}
    assert shapes["bert.embeddings.word_embeddings.weight"] == (4096, 768)
    assert shapes["bert.encoder.layer.11.attention.self.Wqkv.weight"] == (2304, 768)
    assert shapes["bert.encoder.layer.0.mlp.gated_layers.weight"] == (6144, 768)
    assert shapes["bert.encoder.layer.0.mlp.wo.weight"] == (768, 3072)
    assert "bert.encoder.layer.0.mlp.gated_layers.bias" not in shapes


def test_dnabert2_equals_a_plain_numpy_forward():
    torch.manual_seed(0)
    model = bert(n_outputs=2).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    codes = np.random.default_rng(3).integers(0, 4, (4, 30)).astype(np.uint8)
    (ids,) = model.inputs(codes, CPU)
    padding = model.tokenizer.pad_token_id
    assert (ids == padding).any(), "every row has as many tokens as the longest"
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        found = model(ids).numpy()
    # Three heads: two of the next lower power of two, and the first of four.
    slopes = [2.0**-4, 2.0**-8, 2.0**-2]
    for row, tokens_ in enumerate(ids.numpy()):
        expected = authors.dnabert2_logits(state, tokens_[tokens_ != padding], 3, slopes, BERT["layers"])
        np.testing.assert_allclose(found[row], expected, rtol=1e-6, atol=1e-6)


def test_tokens_spell_the_sequence():
    model = bert()
    codes = np.random.default_rng(0).integers(0, 5, (5, 50)).astype(np.uint8)
    for row, ids in zip(codes, model.inputs(codes, CPU)[0], strict=True):
        names = [name for name in model.tokenizer.convert_ids_to_tokens(ids.tolist()) if name != "[PAD]"]
        assert (names[0], names[-1]) == ("[CLS]", "[SEP]")
        assert "".join(names[1:-1]).replace("[UNK]", "N") == dna.decode(row)
    assert bert(max_tokens=6).inputs(codes, CPU)[0].shape == (5, 6)
    torch.testing.assert_close(
        model.inputs(torch.from_numpy(codes), CPU)[0], model.inputs(codes, CPU)[0], rtol=0, atol=0
    )


def checkpoint(model, pooler):
    """State of a pretrained model: the encoder and the head of its masked language model."""
    kept = {name: value for name, value in model.state_dict().items() if name.startswith("bert.")}
    if not pooler:
        kept = {name: value for name, value in kept.items() if ".pooler." not in name}
    return kept | {"cls.predictions.transform.dense.weight": torch.zeros(24, 24)}


@pytest.mark.parametrize("pooler", [True, False])
def test_no_encoder_weight_is_left_at_random(tmp_path, pooler):
    torch.save(checkpoint(bert(), pooler), tmp_path / "bert.bin")
    model = bert()
    taken = models.take_weights(model, tmp_path / "bert.bin")
    left = set(model.state_dict()) - set(taken)
    assert left == {"classifier.weight", "classifier.bias"} | (
        set() if pooler else {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    )
    state = torch.load(tmp_path / "bert.bin", weights_only=True)
    assert all(torch.equal(model.state_dict()[name], state[name]) for name in taken)


def test_a_checkpoint_of_another_bert_is_refused(tmp_path):
    torch.save(checkpoint(bert(layers=3), False), tmp_path / "deep.bin")
    with pytest.raises(InputError, match="unexpected bert.encoder.layer.2.attention.self.Wqkv.weight"):
        models.take_weights(bert(), tmp_path / "deep.bin")
    # The layout of a plain BERT, which has no fused attention: what the published study loaded.
    state = checkpoint(bert(), False)
    wide = state.pop("bert.encoder.layer.0.attention.self.Wqkv.weight")
    for name, part in zip(("query", "key", "value"), wide.chunk(3), strict=True):
        state[f"bert.encoder.layer.0.attention.self.{name}.weight"] = part.clone()
    torch.save(state, tmp_path / "plain.bin")
    with pytest.raises(InputError, match="missing bert.encoder.layer.0.attention.self.Wqkv.weight; unexpected"):
        models.take_weights(bert(), tmp_path / "plain.bin")


def test_a_tokenizer_that_does_not_fit_is_refused():
    text = tokens.tokenizer()
    with pytest.raises(InputError, match="tokenizer: 32 tokens, expected the vocabulary's 40"):
        bert(vocabulary=40)
    with pytest.raises(InputError, match="not the content of a tokenizer.json"):
        bert(tokenizer="<html>")
    with pytest.raises(InputError, match="expected it between \\[CLS\\] and \\[SEP\\]"):
        bert(tokenizer=json.dumps(json.loads(text) | {"post_processor": None}))
    with pytest.raises(InputError, match="no token \\[PAD\\]"):
        bert(tokenizer=text.replace("[PAD]", "[PADDING]"))
    with pytest.raises(InputError, match="DNABERT2: no tokenizer"):
        bert(tokenizer=None).inputs(np.zeros((1, 5), np.uint8), CPU)


def test_a_network_that_reads_tokens_is_not_attributed_to_bases():
    with pytest.raises(InputError, match="DNABERT2 reads tokens"):
        blocks.multipliers(bert(), np.zeros((1, 5), np.uint8), np.zeros(1, int), "tism")


# --- Learning ---------------------------------------------------------------------------------------------------------


def noise(n, length=LENGTH):
    """n random windows with random labels, the same ones for training and validation."""
    rng = np.random.default_rng(5)
    codes = np.tile(rng.integers(0, 4, (n, length)).astype(np.uint8), (2, 1))
    labels = np.tile(rng.permutation(np.arange(n) % 2).astype(np.float32)[:, None], (2, 1))
    ids = np.array([f"w{i}" for i in range(2 * n)])
    return datasets.Dataset(ids, codes, labels, ["label"]), np.repeat(["train", "valid"], n)


@pytest.mark.parametrize("architecture", NARROW)
def test_every_network_learns_64_sequences_by_heart(architecture, tmp_path):
    dataset, folds = noise(64)
    recipe = {"max_epochs": 30, "batch_size": 16, "learning_rate": 0.003, "schedule": "warmup_cosine", "patience": 30}
    recipe |= {"reverse_complement": "none"}
    # Attention from random weights needs more steps than convolutions do.
    recipe |= {"max_epochs": 40, "batch_size": 8} if architecture == "DNABERT2" else {}
    network, header, _ = fit.train(dataset, folds, architecture, WIDER[architecture], recipe, 1, CPU, tmp_path / "work")
    forward, _ = predict(network, dataset.codes[:64], CPU)
    assert tasks.get("binary").mean_score(dataset.labels[:64], forward) > 0.99
    models.save(tmp_path / "model.safetensors", network, header)
    loaded = models.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(predict(loaded, dataset.codes[:64], CPU)[0], forward)
