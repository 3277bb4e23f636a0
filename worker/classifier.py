"""A BERT encoder with a LoRA adapter, mean pooling and a linear head, which scores texts against labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from shared.errors import ModelUnavailableError
from worker.stage import Listen, undisturbed

ADAPTER_FILE = "adapter_model.safetensors"
HEAD_FILE = "head.safetensors"
ABOUT_FILE = "about.json"
BATCH_TOKENS = 512  # rows x longest: the best of those measured for a small BERT on one CPU thread
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


@dataclass(frozen=True, slots=True)
class About:
    """What an adapter folder says of itself."""

    base: str
    """Name of the encoder that the adapter was trained on."""
    labels: tuple[str, ...]
    temperature: float = 1.0
    """Divides the logits, so that a score of 0.8 is right four times in five."""
    threshold: float = 0.5
    """Below this score a person should look."""
    window_tokens: int = 128
    """Longest stretch of text the model saw in training."""


class Classifier(nn.Module):
    """Scores texts against its labels."""

    def __init__(self, encoder: nn.Module, tokenizer: PreTrainedTokenizerBase, head: nn.Linear, about: About) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.head = head
        self.about = about

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Logits, one row a text; what is longer than the window is cut, so window long texts first."""
        rows = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.about.window_tokens, return_tensors="pt"
        ).to(self.head.weight.device)
        hidden = self.encoder(**rows).last_hidden_state
        mask = rows["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        logits: Tensor = self.head((hidden * mask).sum(1) / mask.sum(1))
        return logits

    def score(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[list[float]]:
        """Calibrated probabilities, one row a text in the order given."""
        scores: list[list[float]] = (self.logits(texts, listen) / self.about.temperature).softmax(-1).tolist()
        return scores

    @torch.inference_mode()
    def logits(self, texts: Sequence[str], listen: Listen = undisturbed) -> Tensor:
        """Logits, one row a text in the order given; batches are cut by tokens, and before each it listens."""
        rows = torch.zeros(len(texts), len(self.about.labels))
        for batch in self._batches(texts):
            listen()
            rows[batch] = self([texts[each] for each in batch]).cpu()
        return rows

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, unless it is cut."""
        if not texts:
            return []
        rows = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return [len(row) for row in rows]

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        sizes = [min(size + 2, self.about.window_tokens) for size in self.lengths(texts)]
        batch: list[int] = []
        for each in sorted(range(len(texts)), key=sizes.__getitem__):
            if batch and (len(batch) + 1) * sizes[each] > BATCH_TOKENS:
                yield batch
                batch = []
            batch.append(each)
        if batch:
            yield batch


def read(base: Path, adapter: Path, *, device: str) -> Classifier:
    """The classifier of an adapter folder on its encoder, merged, in fp32, ready to score.

    Raises ModelUnavailableError when either folder is missing, damaged or does not fit the other.
    """
    disable_progress_bar()
    try:
        about = read_about(adapter)
        head = load_file(adapter / HEAD_FILE)
        encoder = AutoModel.from_pretrained(base, dtype=torch.float32, local_files_only=True)
        encoder = PeftModel.from_pretrained(encoder, adapter).float().merge_and_unload()
        linear = nn.Linear(encoder.config.hidden_size, len(about.labels))
        linear.load_state_dict(head)
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailableError(
            f"the weights in {base.name} or {adapter.name} cannot be read: pull them again"
        ) from error
    return Classifier(encoder, tokenizer, linear, about).to(device).eval()


@dataclass(frozen=True, slots=True)
class Adapting:
    """What of an encoder learns."""

    rank: int = 8
    targets: tuple[str, ...] = ("query", "value")
    layers: int | None = None
    """So many from the head down; None: all."""
    dropout: float | None = None
    """Of the encoder and its LoRA; None: as the encoder was made, and 0.05."""


def begin(base: Path, about: About, seed: int, adapting: Adapting = Adapting()) -> Classifier:
    """An untrained classifier on the encoder in `base`: only its head and the LoRA weights learn."""
    torch.manual_seed(seed)
    drops = {} if adapting.dropout is None else dict.fromkeys(DROPOUTS, adapting.dropout)
    encoder = AutoModel.from_pretrained(base, dtype=torch.float32, local_files_only=True, **drops)
    all_layers = encoder.config.num_hidden_layers
    lora = LoraConfig(
        r=adapting.rank,
        lora_alpha=2 * adapting.rank,
        lora_dropout=0.05 if adapting.dropout is None else adapting.dropout,
        target_modules=list(adapting.targets),
        layers_to_transform=list(range(all_layers - (adapting.layers or all_layers), all_layers)),
    )
    adapted = get_peft_model(encoder, lora)
    head = nn.Linear(encoder.config.hidden_size, len(about.labels))
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    return Classifier(adapted, tokenizer, head, about)


def write(classifier: Classifier, folder: Path, about: About) -> None:
    """Save adapter and head as safetensors in half precision, and what they say of themselves as JSON."""
    encoder = classifier.encoder
    if not isinstance(encoder, PeftModel):
        raise TypeError("only a classifier from `begin` has an adapter to write: `read` merges it")
    folder.mkdir(parents=True, exist_ok=True)
    encoder.peft_config[
        "default"
    ].base_model_name_or_path = about.base  # a name: the trainer's path is nobody's business
    encoder.save_pretrained(str(folder), save_embedding_layers=False)  # else it asks the hub whether they changed
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card: ours is written beside the report
    _save(load_file(folder / ADAPTER_FILE), folder / ADAPTER_FILE)
    _save(classifier.head.state_dict(), folder / HEAD_FILE)
    (folder / ABOUT_FILE).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")


def read_about(adapter: Path) -> About:
    """What an adapter folder says of itself."""
    stored = json.loads((adapter / ABOUT_FILE).read_text(encoding="utf-8"))
    return About(**{**stored, "labels": tuple(stored["labels"])})


def _save(weights: Mapping[str, Tensor], path: Path) -> None:
    save_file({name: value.half().contiguous() for name, value in weights.items()}, path)
