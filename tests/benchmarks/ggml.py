"""Writes Whisper weights as whisper.cpp reads them, from the CTranslate2 folder that clinq loads.

The format is that of whisper.cpp's models/convert-pt-to-ggml.py: dimensions, mel filters, tokens, then each weight
with its shape and name; matrices in float16, what is small in float32.
"""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import whisper
from numpy.typing import NDArray

from worker.audio import openai_weights

MAGIC = 0x67676D6C
IN_FULL = {"encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding"}
ASSETS = Path(whisper.__file__).parent / "assets"


def write(folder: Path, target: Path) -> None:
    """The folder's weights as one file."""
    model = openai_weights.read(folder)
    dims = model.dims
    filters = np.load(ASSETS / "mel_filters.npz", allow_pickle=False)[f"mel_{dims.n_mels}"].astype(np.float32)
    lines = (ASSETS / "multilingual.tiktoken").read_text(encoding="ascii").splitlines()
    tokens = [base64.b64decode(line.split()[0]) for line in lines if line]
    sizes = (
        *(dims.n_vocab, dims.n_audio_ctx, dims.n_audio_state, dims.n_audio_head, dims.n_audio_layer),
        *(dims.n_text_ctx, dims.n_text_state, dims.n_text_head, dims.n_text_layer, dims.n_mels),
    )
    with target.open("wb") as file:
        file.write(struct.pack("12i", MAGIC, *sizes, 1))
        file.write(struct.pack("2i", *filters.shape) + filters.tobytes())
        file.write(struct.pack("i", len(tokens)))
        for token in tokens:
            file.write(struct.pack("i", len(token)) + token)
        for name, weight in model.state_dict().items():
            _write(file, name, weight.squeeze().numpy())


def _write(file: BinaryIO, name: str, weight: NDArray[np.float32]) -> None:
    if name in {"encoder.conv1.bias", "encoder.conv2.bias"}:
        weight = weight.reshape(-1, 1)
    full = weight.ndim < 2 or name in IN_FULL
    file.write(struct.pack("3i", weight.ndim, len(name), 0 if full else 1))
    file.write(struct.pack(f"{weight.ndim}i", *reversed(weight.shape)) + name.encode())
    file.write(weight.astype(np.float32 if full else np.float16).tobytes())
