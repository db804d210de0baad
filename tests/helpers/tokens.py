"""A small byte-pair tokenizer of DNA, laid out as the published one is."""

import numpy as np
from tokenizers import Tokenizer, models, processors, trainers

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def tokenizer(vocabulary=32):
    """Content of a tokenizer.json with so many tokens: a few bases long, [CLS] and [SEP] around each sequence."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(200)]
    made = Tokenizer(models.BPE(unk_token="[UNK]"))
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False)
    made.train_from_iterator(texts, trainer)
    frame = [(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    return made.to_str()
