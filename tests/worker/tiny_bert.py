"""A two-layer BERT with a vocabulary of its own, small enough to train in a test."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] . , ? the patient has a no and with pain chest heart cough wheeze sputum rash
itch skin low mood hopeless sad headache migraine fever knee stiff ##s ##ing"""


def make(folder: Path) -> Path:
    """Write the encoder and its tokenizer; the same weights each time."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS.split()), encoding="utf-8")
    torch.manual_seed(7)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(WORDS.split()), max_position_embeddings=128, **shape)).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
