"""Published networks as their authors' papers and files describe them: encoders and forward passes in NumPy float64.

Each forward pass takes {published name: array} and one sequence (4, length) in the authors' order of channels.
"""

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import erf

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def reverse_complement(text):
    return text.translate(COMPLEMENT)[::-1]


def encode(text, order="ACGT", unknown=0.25):
    """(4, length) of one string, a base a column; any letter that is no base is `unknown` in each channel."""
    columns = [[float(base == letter) for base in order] if letter in order else [unknown] * 4 for letter in text]
    return np.array(columns).T


def as_numpy(state):
    return {name: tensor.detach().double().numpy() for name, tensor in state.items()}


def relu(x):
    return np.maximum(x, 0)


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def softmax(x, axis):
    x = np.exp(x - x.max(axis=axis, keepdims=True))
    return x / x.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolution(state, name, x, padding=0, dilation=1):
    """Cross-correlation of x (channels, length) with weight (out, in, width), plus the bias where there is one."""
    weight = state[f"{name}.weight"]
    padded = np.pad(x, ((0, 0), (padding, padding)))
    n = padded.shape[1] - dilation * (weight.shape[2] - 1)
    taps = np.stack([padded[:, k * dilation : k * dilation + n] for k in range(weight.shape[2])], axis=2)
    out = np.tensordot(weight, taps, axes=([1, 2], [0, 2]))
    return out + state[f"{name}.bias"][:, None] if f"{name}.bias" in state else out


def pool(x, size, stride=None):
    stride = stride or size
    return np.stack(
        [x[:, k : k + size].max(axis=1) for k in range(0, x.shape[1] - size + 1, stride)],
        axis=1,
    )


def normalised(state, name, x):
    """Batch normalisation by the running statistics."""
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scale = state[f"{name}.weight"] / np.sqrt(variance + 1e-5)
    return (x - mean[:, None]) * scale[:, None] + state[f"{name}.bias"][:, None]


def dense(state, name, x):
    return x @ state[f"{name}.weight"].T + state.get(f"{name}.bias", 0)


def attention_pool(state, name, x):
    """(channels, positions) -> (channels,): softmax over positions of the learned map of the channels."""
    weights = softmax(state[f"{name}.to_attn_logits"].T @ x, axis=1)
    return (x * weights).sum(axis=1)


def splines(x, columns=16):
    """(channels, positions) in cubic B-splines with knots at the percentiles of the positions."""
    n = x.shape[1]
    inner = np.percentile(np.arange(n), 100 * np.linspace(0, 1, columns - 2)[1:-1])
    knots = np.concatenate([[0.0] * 4, inner, [n - 1.0] * 4])
    return x @ BSpline.design_matrix(np.arange(n, dtype=float), knots, 3).toarray()


def beluga(state, x):
    """Logits of Beluga, whose channels are A, G, C, T. ExPecto's network ends in a sigmoid of them."""
    kernels = {name: value[:, :, 0] if value.ndim == 4 else value for name, value in state.items()}
    for layers in ((0, 2), (6, 8), (12, 14)):
        for number in layers:
            x = relu(convolution(kernels, f"model.0.{number}", x))
        x = pool(x, 4) if layers != (12, 14) else x
    return dense(state, "model.1.4.1", relu(dense(state, "model.1.2.1", x.ravel())))


def trunk(state, x, second, third):
    """What Sei and FSei compute before their splines; `second`, `third`: numbers of the convolutions of two stages."""

    def stage(number, x, linear):
        for part in linear:
            x = convolution(state, f"lconv{number}.{part}", x, 4)
        first = 0 if number == 1 else 1
        out = x
        for part in (first, first + 2):
            out = relu(convolution(state, f"conv{number}.{part}", out, 4))
        return x, out

    linear, out = stage(1, x, (0, 1))
    linear, out = stage(2, pool(out + linear, 4), second)
    linear, out = stage(3, pool(out + linear, 4), third)
    running = [out, relu(convolution(state, "dconv1.1", out + linear, 4, 2))]
    for number, dilation in ((2, 4), (3, 8), (4, 16), (5, 25)):
        running.append(relu(convolution(state, f"dconv{number}.1", sum(running), 2 * dilation, dilation)))
    return sum(running)


def sei(state, x):
    """Probabilities of Sei."""
    flat = splines(trunk(state, x, (2, 3), (2, 3))).ravel()
    return sigmoid(dense(state, "classifier.2", relu(dense(state, "classifier.0", flat))))


def fsei(state, x):
    """The two logits of FSei."""
    x = splines(trunk(state, x, (1, 2), (1, 2)))
    x = relu(normalised(state, "classifier.project.1", convolution(state, "classifier.project.0", x)))
    x = attention_pool(state, "classifier.attention_pool", x)
    return dense(state, "classifier.prediction_head", relu(dense(state, "classifier.fcn.0", x)))


def basset(state, x):
    """The two logits of the Basset-like network."""
    for number, padding, size in ((1, 6, 6), (2, 2, 1), (3, 4, 2)):
        x = relu(normalised(state, f"layer{number}.1", convolution(state, f"layer{number}.0", x, padding)))
        x = pool(x, size)
    x = relu(dense(state, "fc1", x.ravel()))
    return dense(state, "fc3", relu(dense(state, "fc2", x)))


def convnet(state, x, pools):
    """The two logits of ConvNet; `pools`: (size, stride) of the three."""
    stem = "lconv_network"
    x = gelu(convolution(state, f"{stem}.1", convolution(state, f"{stem}.0", x, 5), 3))
    for (size, stride), (plain, norm, last) in zip(pools, ((4, 5, 8), (11, 12, 15), (18, 19, None)), strict=True):
        x = pool(x, size, stride)
        x = gelu(normalised(state, f"{stem}.{norm}", convolution(state, f"{stem}.{plain}", x, 2)))
        x = x if last is None else gelu(convolution(state, f"{stem}.{last}", x, 3))

    def block(number, dilation, x):
        name = f"dconv{number}"
        x = gelu(normalised(state, f"{name}.1", convolution(state, f"{name}.0", x, 2 * dilation, dilation)))
        return normalised(state, f"{name}.4", convolution(state, f"{name}.3", x, 1))

    one = x
    two = block(1, 2, one)
    three = block(2, 4, gelu(two + one))
    four = block(3, 8, gelu(three + two))
    x = convolution(state, "classifier.project.0", gelu(three + four))
    x = attention_pool(state, "classifier.attention_pool", relu(normalised(state, "classifier.project.1", x)))
    x = relu(dense(state, "classifier.linear1.0", x))
    return dense(state, "classifier.prediction_head", relu(dense(state, "classifier.linear2.0", x)))


def attention_conv(state, sequences, heads, across):
    """The two logits (n, 2) of AttentionConv for sequences (n, 4, length), attending across the "batch" as published,
    or along each "sequence"."""
    rows = []
    for x in sequences:
        for number, padding, size in ((1, 6, 7), (2, 3, 1), (3, 2, 2)):
            x = relu(normalised(state, f"layer{number}.1", convolution(state, f"layer{number}.0", x, padding)))
            x = pool(x, size)
        rows.append(x.T)
    x = np.stack(rows)  # (n, positions, channels)
    mixed = np.empty_like(x)
    if across == "batch":
        for position in range(x.shape[1]):
            mixed[:, position] = _attention(state, x[:, position], heads)
    else:
        for row in range(len(x)):
            mixed[row] = _attention(state, x[row], heads)
    x = layer_norm(state, "norm", mixed + x, 1e-5).max(axis=1)
    x = relu(dense(state, "fc2", relu(dense(state, "fc1", x))))
    return dense(state, "fc3", x)


def _attention(state, x, heads):
    """Scaled dot-product attention among the rows of x (n, channels)."""
    qkv = x @ state["attention.in_proj_weight"].T + state["attention.in_proj_bias"]
    parts = [np.split(part, heads, axis=1) for part in np.split(qkv, 3, axis=1)]
    mixed = [softmax(q @ k.T / np.sqrt(q.shape[1]), axis=1) @ v for q, k, v in zip(*parts, strict=True)]
    return dense(state, "attention.out_proj", np.concatenate(mixed, axis=1))


def layer_norm(state, name, x, epsilon):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return x * state[f"{name}.weight"] + state[f"{name}.bias"]


def dnabert2(state, ids, heads, slopes, layers):
    """Output of DNABERT-2's last layer on one sequence of token ids, with loops over heads and pairs of positions."""
    embeddings = "bert.embeddings"
    x = state[f"{embeddings}.word_embeddings.weight"][ids] + state[f"{embeddings}.token_type_embeddings.weight"][0]
    x = layer_norm(state, f"{embeddings}.LayerNorm", x, 1e-12)
    n, hidden = x.shape
    width = hidden // heads
    for number in range(layers):
        layer = f"bert.encoder.layer.{number}"
        query, key, value = np.split(dense(state, f"{layer}.attention.self.Wqkv", x), 3, axis=1)
        mixed = np.zeros((n, hidden))
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            for i in range(n):
                scores = [query[i, part] @ key[j, part] / np.sqrt(width) - slopes[head] * abs(i - j) for j in range(n)]
                weights = np.exp(scores) / np.exp(scores).sum()
                mixed[i, part] = sum(weights[j] * value[j, part] for j in range(n))
        attended = dense(state, f"{layer}.attention.output.dense", mixed)
        x = layer_norm(state, f"{layer}.attention.output.LayerNorm", attended + x, 1e-12)
        gate, linear = np.split(dense(state, f"{layer}.mlp.gated_layers", x), 2, axis=1)
        x = layer_norm(state, f"{layer}.mlp.layernorm", dense(state, f"{layer}.mlp.wo", gelu(gate) * linear) + x, 1e-12)
    return x


def dnabert2_logits(state, ids, *sizes):
    """Its classifier on the first token, by way of the pooler."""
    return dense(state, "classifier", np.tanh(dense(state, "bert.pooler.dense", dnabert2(state, ids, *sizes)[0])))
