"""A BERT encoder with a LoRA adapter that is told how words are spelt, and labels them by a CRF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from shared.errors import ModelUnavailableError
from worker.tagger_chain import Chain
from worker.tagger_words import GROUPS, SHAPES, spelling

HEAD_FILE = "head.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
ABOUT_FILE = "about.json"
LABELS = ("O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease")
LINEAR_LAYERS = ["query", "key", "value", "dense"]
GROUP_WIDTH = 32
SHAPE_WIDTH = 16
HIDDEN = 128
DROPOUT = 0.2


@dataclass(frozen=True, slots=True)
class About:
    """What an adapter folder says of itself."""

    base: str
    """Name of the encoder that the adapter was trained on."""
    rank: int = 48
    labels: tuple[str, ...] = LABELS
    window_tokens: int = 128
    """Longest stretch of text the model saw in training, in word pieces with [CLS] and [SEP]."""
    threshold: float = 0.5
    """Entities below this probability are not worth telling."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One stretch of words as numbers."""

    pieces: tuple[int, ...]
    """Word pieces with [CLS] and [SEP]."""
    owners: tuple[int, ...]
    """For each piece the word that it belongs to, from 1 on; 0 for [CLS] and [SEP]."""
    words: tuple[str, ...]


class TaggerNet(nn.Module):
    """Scores the labels of words."""

    def __init__(self, encoder: nn.Module, tokenizer: PreTrainedTokenizerBase, about: About) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.about = about
        width, spelt = self.embed.embedding_dim, GROUP_WIDTH + SHAPE_WIDTH
        self.groups = nn.EmbeddingBag(GROUPS, GROUP_WIDTH, mode="mean")
        self.shapes = nn.Embedding(SHAPES, SHAPE_WIDTH)
        self.told = nn.Linear(spelt, width)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)
        self.drop = nn.Dropout(DROPOUT)
        self.mix = nn.Linear(2 * width + spelt, HIDDEN)
        self.head = nn.Linear(HIDDEN, len(about.labels))
        self.chain = Chain(about.labels)

    @property
    def embed(self) -> nn.Embedding:
        """The encoder's own vectors of word pieces."""
        return cast("nn.Embedding", cast("PreTrainedModel", self.encoder).get_input_embeddings())

    def encode(self, rows: Sequence[Sequence[str]]) -> list[Encoded]:
        """Rows of words as numbers, whole however long."""
        if not rows:
            return []
        made = self.tokenizer(
            [list(row) for row in rows], is_split_into_words=True, return_attention_mask=False, verbose=False
        )
        encoded = []
        for at, (pieces, row) in enumerate(zip(made["input_ids"], rows, strict=True)):
            owners = tuple(0 if word is None else word + 1 for word in made.word_ids(at))
            encoded.append(Encoded(tuple(pieces), owners, tuple(row)))
        return encoded

    def forward(self, batch: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
        """Label weights (rows, words, labels) and which words are there (rows, words)."""
        device = self.head.weight.device
        pieces = _padded([each.pieces for each in batch]).to(device)
        owners = _padded([each.owners for each in batch]).to(device)
        count = max(1, int(owners.max()))
        spelt = self._spelt(batch, count)
        vectors = self.embed(pieces)
        told = torch.cat([torch.zeros_like(spelt[:, :1]), spelt], 1)
        told = told.gather(1, owners.unsqueeze(-1).expand(-1, -1, told.shape[-1]))
        mask = _within([len(each.pieces) for each in batch], pieces.shape[1]).long().to(device)
        hidden = self.encoder(inputs_embeds=vectors + self.told(told), attention_mask=mask).last_hidden_state
        first, mean = _by_word(hidden, owners, count)
        mixed = self.mix(self.drop(torch.cat([first, mean, spelt], -1)))
        inside = _within([len(each.words) for each in batch], count).to(device)
        return self.head(nn.functional.gelu(mixed)), inside

    def encoder_weights(self) -> dict[str, Tensor]:
        """The encoder's weights by the names that they have here."""
        return {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}

    def _spelt(self, batch: Sequence[Encoded], count: int) -> Tensor:
        """How each word is spelt (rows, count, width)."""
        known = [[spelling(word) for word in each.words] for each in batch]
        flat = [each for row in known for each in row]
        starts, total = [], 0
        for each in flat:
            starts.append(total)
            total += len(each.groups)
        device = self.head.weight.device
        rows = torch.tensor([row for each in flat for row in each.groups], dtype=torch.long, device=device)
        groups = self.groups(rows, torch.tensor(starts, dtype=torch.long, device=device))
        shapes = self.shapes(torch.tensor([each.shape for each in flat], dtype=torch.long, device=device))
        both = torch.cat([groups, shapes], -1)
        spelt = both.new_zeros(len(batch), count, both.shape[-1])
        spelt[_within([len(each) for each in known], count).to(device)] = both
        dropped: Tensor = self.drop(spelt)
        return dropped


def begin(base: Path, about: About, *, seed: int) -> TaggerNet:
    """An untrained tagger on the encoder in `base`: LoRA weights, layer norms and what stands on top learn."""
    torch.manual_seed(seed)
    encoder = _encoder(base)
    lora = LoraConfig(r=about.rank, lora_alpha=about.rank, lora_dropout=0.0, target_modules=LINEAR_LAYERS)
    adapted = get_peft_model(encoder, lora)
    for name, weight in adapted.named_parameters():
        if "LayerNorm" in name:
            weight.requires_grad = True
    return TaggerNet(adapted, AutoTokenizer.from_pretrained(base, local_files_only=True), about)


def write(net: TaggerNet, folder: Path, about: About) -> None:
    """Save adapter, head and what they say of themselves, as safetensors in fp16 and JSON."""
    encoder = net.encoder
    if not isinstance(encoder, PeftModel):
        raise TypeError("only a tagger from `begin` has an adapter to write: `read` merges it")
    folder.mkdir(parents=True, exist_ok=True)
    encoder.peft_config["default"].base_model_name_or_path = about.base
    encoder.save_pretrained(str(folder), save_embedding_layers=False)  # else it asks the hub whether they changed
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card: ours is written beside the report
    _save(load_file(folder / ADAPTER_FILE), folder / ADAPTER_FILE)
    _save(_own(net), folder / HEAD_FILE)
    (folder / ABOUT_FILE).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")


def read(base: Path, adapter: Path, *, device: str = "cpu") -> TaggerNet:
    """The tagger of an adapter folder on its encoder, merged, in fp32, ready to score.

    Raises ModelUnavailableError when either folder is missing, damaged or does not fit the other.
    """
    disable_progress_bar()
    try:
        about = read_about(adapter)
        head = {name: value.float() for name, value in load_file(adapter / HEAD_FILE).items()}
        encoder = PeftModel.from_pretrained(_encoder(base), adapter).float().merge_and_unload()
        net = TaggerNet(encoder, AutoTokenizer.from_pretrained(base, local_files_only=True), about)
        net.load_state_dict({**net.encoder_weights(), **head})  # strict: what the head lacks is an error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailableError(
            f"the weights in {base.name} or {adapter.name} cannot be read: pull them again"
        ) from error
    net.to(device).chain.cpu()  # its steps are many and small: no work for a GPU
    return net.eval()


def read_about(adapter: Path) -> About:
    """What an adapter folder says of itself."""
    stored = json.loads((adapter / ABOUT_FILE).read_text(encoding="utf-8"))
    return About(**{**stored, "labels": tuple(stored["labels"])})


def _encoder(base: Path) -> PreTrainedModel:
    encoder: PreTrainedModel = AutoModel.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    encoder.pooler = None  # type: ignore[assignment]  # it serves whole sentences, and words need none
    return encoder


def _own(net: TaggerNet) -> dict[str, Tensor]:
    """All that learns but the LoRA weights, by the names that it has once these are merged."""
    learnt = {name: value for name, value in net.named_parameters() if value.requires_grad and "lora_" not in name}
    return {name.replace("base_model.model.", ""): value for name, value in learnt.items()}


def _save(weights: dict[str, Tensor], path: Path) -> None:
    save_file({name: value.detach().half().contiguous() for name, value in weights.items()}, path)


def _by_word(hidden: Tensor, owners: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The vector of each word's first piece, and the mean of all its pieces."""
    belongs = nn.functional.one_hot(owners, count + 1)[..., 1:].to(hidden.dtype)
    sums = belongs.transpose(1, 2) @ hidden
    size = belongs.sum(1).clamp_min(1.0).unsqueeze(-1)
    first = (belongs.cumsum(1) == 1).to(hidden.dtype) * belongs
    return first.transpose(1, 2) @ hidden, sums / size


def _within(lengths: Sequence[int], longest: int) -> Tensor:
    """True up to each row's length."""
    return torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.long)
