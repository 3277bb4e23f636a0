"""Move what is hard to quantise from the activations of a Llama into its weights, without changing what it computes.

Source: SmoothQuant, Xiao et al., 2023, https://arxiv.org/abs/2211.10438. A few channels of a Llama are a hundred times
larger than the others, and one int8 scale for all of them leaves the others few steps. Each channel is divided by a
factor where it is made (a norm's gain, or the rows of a linear layer) and multiplied by it in the layer that reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

SHARE = 0.5
"""How much of a channel's size moves: 0 leaves all in the activations, 1 puts all into the weights."""
LEAST = 1e-5
TEXTS = (
    "Doctor: Good morning, what brings you in today?\nPatient: I have had a cough for two weeks, and my chest feels "
    "tight at night.\nDoctor: Any fever?\nPatient: No, but I am tired. I take lisinopril 10 mg once a day.\n\nSection: "
    "history of present illness\nSummary: The patient reports a cough for two weeks with chest tightness at night.",
    "The patient is a 54-year-old woman with a history of hypertension and type 2 diabetes. Blood pressure is 142/91. "
    "She denies nausea, vomiting and chest pain. Plan: order a chest x-ray and return in two weeks.",
    "Paciente de 61 años con dolor de rodilla desde hace un mes. Niega fiebre. Toma metformina 850 mg al día.",
    "<|im_start|>user\nList things to ask or check.<|im_end|>\n<|im_start|>assistant\n- Ask what triggers the cough.\n",
)
"""Sentences of no person, over which the channels are measured."""


def smooth(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Scale the channels of each layer of a Llama, in place; the model computes what it did, but for rounding."""
    most = _largest(model, tokenizer)
    kept = model.config.num_attention_heads // model.config.num_key_value_heads
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        _through_norm(layer.input_layernorm.weight, [attention.q_proj, attention.k_proj, attention.v_proj], most)
        _through_norm(layer.post_attention_layernorm.weight, [mlp.gate_proj, mlp.up_proj], most)
        _through_rows(mlp.up_proj, mlp.down_proj, most, times=1, width=1)
        _through_rows(attention.v_proj, attention.o_proj, most, times=kept, width=attention.head_dim)


def _largest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[nn.Module, torch.Tensor]:
    """The largest absolute value of each channel that each linear layer has read."""
    most: dict[nn.Module, torch.Tensor] = {}

    def note(layer: nn.Module, read: tuple[torch.Tensor, ...]) -> None:
        largest = read[0].abs().flatten(0, -2).amax(0)
        most[layer] = torch.maximum(most.get(layer, largest), largest)

    linear = [each for each in model.model.layers.modules() if isinstance(each, nn.Linear)]
    hooks = [each.register_forward_pre_hook(note) for each in linear]
    for text in TEXTS:
        model(input_ids=torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]]))
    for hook in hooks:
        hook.remove()
    return most


def _factors(read: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return read.clamp(min=LEAST) ** SHARE / weights.clamp(min=LEAST) ** (1 - SHARE)


def _columns(layers: Iterable[nn.Linear]) -> torch.Tensor:
    return torch.stack([each.weight.abs().amax(0) for each in layers]).amax(0)


def _through_norm(gain: nn.Parameter, readers: Sequence[nn.Linear], most: dict[nn.Module, torch.Tensor]) -> None:
    factors = _factors(most[readers[0]], _columns(readers))
    gain.data /= factors
    for each in readers:
        each.weight.data *= factors


def _through_rows(
    maker: nn.Linear, reader: nn.Linear, most: dict[nn.Module, torch.Tensor], *, times: int, width: int
) -> None:
    """`times` heads of `width` channels read the same rows of the maker (grouped-query attention)."""

    def grouped(channels: torch.Tensor) -> torch.Tensor:
        return channels.view(-1, times, width).amax(1).flatten()

    factors = _factors(grouped(most[reader]), grouped(_columns([reader])))
    maker.weight.data /= factors[:, None]
    if maker.bias is not None:
        maker.bias.data /= factors
    reader.weight.data *= factors.view(-1, 1, width).expand(-1, times, -1).flatten()
