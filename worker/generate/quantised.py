"""Weights in 4 or 8 bits on an NVIDIA GPU, by bitsandbytes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.stage import Device

BITS: dict[str, dict[str, Any]] = {
    "4bit": {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": torch.bfloat16,
    },
    "8bit": {"load_in_8bit": True},
}
"""4bit: NF4 with its scales quantised, too (QLoRA, Dettmers et al., 2023, https://arxiv.org/abs/2305.14314).
8bit: LLM.int8() (Dettmers et al., 2022, https://arxiv.org/abs/2208.07339)."""


def quantised(model: ModelVersion, device: Device) -> BitsAndBytesConfig | None:
    """How the option `quantize` of a model wants its weights; None where it has none.

    Raises ModelUnavailableError where this machine cannot do that, with what to use instead.
    """
    wanted = model.options.get("quantize")
    if wanted is None:
        return None
    if wanted not in BITS:
        raise ModelUnavailableError(f"quantize={wanted!r} is unknown: choose one of {', '.join(BITS)}")
    if not device.name.startswith("cuda"):
        raise ModelUnavailableError(
            f"quantize={wanted} needs an NVIDIA GPU, and this worker runs on {device.name}: "
            "choose the engine ctranslate2, which is int8 on a CPU"
        )
    if find_spec("bitsandbytes") is None:
        raise ModelUnavailableError(f"quantize={wanted} needs bitsandbytes: pip install 'clinq[cuda]'")
    return BitsAndBytesConfig(**BITS[wanted])
