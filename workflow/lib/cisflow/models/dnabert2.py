"""DNABERT-2 (Zhou et al. 2023): BERT with linear attention biases and gated layers, on byte-pair tokens of DNA.

The layout is MosaicBERT's, with the tensor names of the published checkpoint. One file, read from top to bottom.
"""

import numpy as np
import tokenizers
import torch
import transformers
from torch import nn
from torch.nn import functional

from cisflow.errors import InputError
from cisflow.models.layers import alibi_slopes as slopes
from cisflow.models.layers import logits
from cisflow.models.network import Architecture
from cisflow.sequence import dna

SPECIAL = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
EPSILON = 1e-12
INITIAL_DEVIATION = 0.02


class Embeddings(nn.Module):
    """(n, positions) token ids -> (n, positions, hidden). No position embeddings: attention knows the distances."""

    def __init__(self, vocabulary, hidden, dropout):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, hidden)
        self.token_type_embeddings = nn.Embedding(2, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens):
        # A sequence is one segment: all tokens are of the first type.
        return self.dropout(self.LayerNorm(self.word_embeddings(tokens) + self.token_type_embeddings.weight[0]))


class SelfAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.Wqkv = nn.Linear(hidden, 3 * hidden)

    def forward(self, x, bias):
        n, positions, hidden = x.shape
        query, key, value = self.Wqkv(x).view(n, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        return mixed.transpose(1, 2).reshape(n, positions, hidden)


class SelfOutput(nn.Module):
    def __init__(self, hidden, dropout):
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, residual):
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class GatedLinearUnit(nn.Module):
    """The feed-forward part: GELU of the first half of the wide layer times its second half."""

    def __init__(self, hidden, intermediate, dropout):
        super().__init__()
        self.gated_layers = nn.Linear(hidden, 2 * intermediate, bias=False)
        self.act = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.wo = nn.Linear(intermediate, hidden)
        self.layernorm = nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, x):
        gate, value = self.gated_layers(x).chunk(2, dim=-1)
        return self.layernorm(self.wo(self.dropout(self.act(gate) * value)) + x)


class Layer(nn.Module):
    def __init__(self, hidden, heads, intermediate, dropout):
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(hidden, heads), "output": SelfOutput(hidden, dropout)})
        self.mlp = GatedLinearUnit(hidden, intermediate, dropout)

    def forward(self, x, bias):
        return self.mlp(self.attention["output"](self.attention["self"](x, bias), x))


class DNABERT2(Architecture):
    """(n, positions) token ids -> (n, n_outputs) logits. 117,068,544 parameters before the last layer.

    Parameters
    ----------
    tokenizer : content of a tokenizer.json; None gives the layout alone, which cannot read sequences.
    vocabulary : number of tokens.
    hidden, layers, heads, intermediate : the published sizes by default.
    max_tokens : longer sequences are cut off there.
    dropout : after the embeddings, in each layer and before the last one.
    two_logits : see layers.logits.

    Raises
    ------
    InputError : the tokenizer cannot be read, lacks a special token, or has another number of tokens.
    """

    output = "logit"
    reads = "tokens"

    def __init__(
        self,
        tokenizer=None,
        n_outputs=1,
        vocabulary=4096,
        hidden=768,
        layers=12,
        heads=12,
        intermediate=3072,
        max_tokens=150,
        dropout=0.1,
        two_logits=False,
    ):
        super().__init__()
        self.n_outputs = n_outputs
        self.max_tokens = max_tokens
        self.slopes = slopes(heads)
        self.tokenizer = None if tokenizer is None else read_tokenizer(tokenizer, vocabulary)
        self.bert = nn.ModuleDict(
            {
                "embeddings": Embeddings(vocabulary, hidden, dropout),
                "encoder": nn.ModuleDict(
                    {"layer": nn.ModuleList(Layer(hidden, heads, intermediate, dropout) for _ in range(layers))}
                ),
                "pooler": nn.ModuleDict({"dense": nn.Linear(hidden, hidden), "activation": nn.Tanh()}),
            }
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier, self.difference = logits(hidden, n_outputs, two_logits)
        self.apply(_initialise)

    def inputs(self, codes, device):
        """Base codes (n, length) uint8, numpy or torch -> (token ids (n, positions) int64, padded on the right,).

        Raises
        ------
        InputError : the network was built without a tokenizer.
        """
        if self.tokenizer is None:
            raise InputError("DNABERT2: no tokenizer; expected the key tokenizer, a resource, in the config")
        rows = codes.cpu().numpy() if isinstance(codes, torch.Tensor) else np.asarray(codes)
        texts = [dna.decode(row) for row in rows]
        encoded = self.tokenizer(
            texts, padding="longest", truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        return (encoded["input_ids"].to(device),)

    def attention_bias(self, tokens):
        """(n, heads, positions, positions): -slope × distance, and minus infinity towards padding."""
        position = torch.arange(tokens.shape[1], device=tokens.device)
        distance = (position[:, None] - position).abs()
        slope = torch.tensor(self.slopes, device=tokens.device)
        bias = -slope[:, None, None] * distance
        if self.tokenizer is None:
            return bias[None]
        padding = tokens == self.tokenizer.pad_token_id
        return bias.masked_fill(padding[:, None, None, :], -torch.inf)

    def forward(self, tokens):
        bias = self.attention_bias(tokens)
        x = self.bert["embeddings"](tokens)
        for layer in self.bert["encoder"]["layer"]:
            x = layer(x, bias)
        pooler = self.bert["pooler"]
        summary = pooler["activation"](pooler["dense"](x[:, 0]))
        return self.difference(self.classifier(self.dropout(summary)))

    def pretrained(self):
        """The encoder, of a checkpoint with or without a head, under `bert.` or saved alone.

        The head of the masked language model (`cls.`) is not needed. A checkpoint saved with that head has no pooler,
        which then starts at random as the last layer does; a pooler that is there is taken.
        """
        own = [name for name in self.state_dict() if not name.startswith("classifier.")]
        parts = ([name for name in own if not name.startswith("bert.pooler.")], own)
        besides = ("cls.", "classifier.")
        return [
            ({name: name.removeprefix(prefix) for name in part}, besides) for prefix in ("", "bert.") for part in parts
        ]


def _initialise(module):
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def read_tokenizer(text, vocabulary):
    """The tokenizer of a tokenizer.json, given by its content.

    Raises
    ------
    InputError : it cannot be read, lacks a special token, does not frame a sequence by [CLS] and [SEP], or has another
        number of tokens than `vocabulary`.
    """
    try:
        backend = tokenizers.Tokenizer.from_str(text)
    # The library raises bare Exception for a text that it cannot parse.
    except Exception as error:
        raise InputError(f"tokenizer: not the content of a tokenizer.json: {error}") from error
    if missing := [token for token in SPECIAL.values() if backend.token_to_id(token) is None]:
        raise InputError(f"tokenizer: no token {', '.join(missing)}")
    if backend.get_vocab_size() != vocabulary:
        raise InputError(f"tokenizer: {backend.get_vocab_size()} tokens, expected the vocabulary's {vocabulary}")
    framed = backend.encode("ACGT").tokens
    if framed[0] != SPECIAL["cls_token"] or framed[-1] != SPECIAL["sep_token"]:
        raise InputError(f"tokenizer: 'ACGT' becomes {' '.join(framed)}; expected it between [CLS] and [SEP]")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, padding_side="right", **SPECIAL)
