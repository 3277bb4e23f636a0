"""Small models that write, with a tokenizer of a few words: random, untrained, each in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

WORDS = "the patient has had a cough and fever for three days takes metformin twice daily denies pain since monday"


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word, blanks kept with them, so that line ends are tokens, too."""
    made = Tokenizer(models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split("\n", "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([made.pre_tokenizer, pre_tokenizers.Split(" ", "removed")])
    special = ["<pad>", "</s>", "<unk>"]
    made.train_from_iterator([f"{WORDS} \n"], trainers.WordLevelTrainer(special_tokens=special))
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = "{% for each in messages %}{{ each.content }} {% endfor %}"
    return fast


def llama(folder: Path, *, seed: int = 0) -> Path:
    """Three thin layers that seldom end a sentence by themselves."""
    words = tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=3, initializer_range=0.2,
        num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def t5(folder: Path) -> Path:
    """The same with an encoder."""
    words = tokenizer()
    torch.manual_seed(3)
    config = T5Config(
        vocab_size=len(words), d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, initializer_factor=3.0,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def adapter(base: Path, folder: Path) -> Path:
    """A LoRA adapter on every linear layer, strong enough to change what its model writes."""
    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    return folder
