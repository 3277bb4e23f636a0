"""Reads a CTranslate2 Whisper folder as the weights of openai-whisper, so that both engines share one download.

The file format is that of CTranslate2's ModelSpec._serialize (binary version 6): a header, then for each variable its
name, shape, type and bytes, then aliases. Linear layers that CTranslate2 fuses (query, key, value) are cut apart again.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from whisper.model import ModelDimensions, Whisper  # type: ignore[import-untyped]  # it ships no types

from shared.errors import ModelUnavailableError

Array = NDArray[Any]
"""Of float16 or float32, as the file has it."""

_FLOATS: dict[int, np.dtype[Any]] = {
    0: np.dtype(np.float32),
    4: np.dtype(np.float16),
}  # CTranslate2's numbers for its types
_HEAD_SIZE = 64  # of one attention head, in every Whisper
_NORM = {"weight": "gamma", "bias": "beta"}
_LINEAR = {"weight": "weight", "bias": "bias"}


def read(folder: Path) -> Whisper:
    """The model of a CTranslate2 folder, in float32 on the CPU. Raises ModelUnavailableError when it cannot be read."""
    try:
        with (folder / "model.bin").open("rb") as file:
            variables = _Variables(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in _translate(variables)}
        model = Whisper(_dimensions(state))
        for name, wanted in model.state_dict().items():
            state[name] = state[name].reshape(wanted.shape)
        model.load_state_dict(state)
        _align(model, json.loads((folder / "config.json").read_text(encoding="utf-8")).get("alignment_heads"))
    except (OSError, ValueError, KeyError, RuntimeError, struct.error) as error:
        raise ModelUnavailableError(
            "the Whisper weights cannot be read for openai-whisper: it needs a CTranslate2 folder in float16 or float32"
        ) from error
    return model.eval()


class _Variables:
    """The named arrays of a model.bin, read in place."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0
        version, _, _ = self._number("I"), self._word(), self._number("I")
        self.arrays = dict(self._array() for _ in range(self._number("I")))
        self._aliases = {self._word(): self._word() for _ in range(self._number("I"))} if version >= 3 else {}

    def __getitem__(self, name: str) -> Array:
        return self.arrays[self._aliases.get(name, name)]

    def layers(self, side: str) -> int:
        """How many layers the encoder or the decoder has."""
        return len({name.split("/")[1] for name in self.arrays if name.startswith(f"{side}/layer_")} - {"layer_norm"})

    def _number(self, form: str) -> int:
        value: int = struct.unpack_from(f"<{form}", self._content, self._at)[0]
        self._at += struct.calcsize(f"<{form}")
        return value

    def _word(self) -> str:
        size = self._number("H")
        word = self._content[self._at : self._at + size - 1].decode()  # the last byte is a zero
        self._at += size
        return word

    def _array(self) -> tuple[str, Array]:
        name = self._word()
        shape = [self._number("I") for _ in range(self._number("B"))]
        kind, size = self._number("B"), self._number("I")
        start, self._at = self._at, self._at + size
        if kind not in _FLOATS:
            return name, np.zeros(
                0, np.float32
            )  # whole numbers: quantised weights fail by their shape, flags are unused
        return name, np.frombuffer(self._content, _FLOATS[kind], size // _FLOATS[kind].itemsize, start).reshape(shape)


@dataclass(frozen=True, slots=True)
class _Block:
    """One layer under its name here and its name in CTranslate2."""

    target: str
    source: str


def _translate(variables: _Variables) -> Iterator[tuple[str, Array]]:
    """Every weight under the name that openai-whisper gives it."""
    yield "decoder.token_embedding.weight", variables["decoder/embeddings/weight"]
    for side, end in (("encoder", "ln_post"), ("decoder", "ln")):
        yield f"{side}.positional_embedding", variables[f"{side}/position_encodings/encodings"]
        yield from _pair(variables, f"{side}.{end}", f"{side}/layer_norm", _NORM)
        for number in range(variables.layers(side)):
            yield from _layer(variables, _Block(f"{side}.blocks.{number}", f"{side}/layer_{number}"), side == "decoder")
    for name in ("conv1", "conv2"):
        yield from _pair(variables, f"encoder.{name}", f"encoder/{name}", _LINEAR)


def _layer(variables: _Variables, block: _Block, listens: bool) -> Iterator[tuple[str, Array]]:
    source = f"{block.source}/self_attention"
    yield from _fused(variables, f"{block.target}.attn", f"{source}/linear_0", ("query", "key", "value"))
    yield from _pair(variables, f"{block.target}.attn.out", f"{source}/linear_1", _LINEAR)
    yield from _pair(variables, f"{block.target}.attn_ln", f"{source}/layer_norm", _NORM)
    if listens:
        source = f"{block.source}/attention"
        yield from _pair(variables, f"{block.target}.cross_attn.query", f"{source}/linear_0", _LINEAR)
        yield from _fused(variables, f"{block.target}.cross_attn", f"{source}/linear_1", ("key", "value"))
        yield from _pair(variables, f"{block.target}.cross_attn.out", f"{source}/linear_2", _LINEAR)
        yield from _pair(variables, f"{block.target}.cross_attn_ln", f"{source}/layer_norm", _NORM)
    source = f"{block.source}/ffn"
    yield from _pair(variables, f"{block.target}.mlp.0", f"{source}/linear_0", _LINEAR)
    yield from _pair(variables, f"{block.target}.mlp.2", f"{source}/linear_1", _LINEAR)
    yield from _pair(variables, f"{block.target}.mlp_ln", f"{source}/layer_norm", _NORM)


def _pair(variables: _Variables, target: str, source: str, names: dict[str, str]) -> Iterator[tuple[str, Array]]:
    for ours, theirs in names.items():
        yield f"{target}.{ours}", variables[f"{source}/{theirs}"]


def _fused(variables: _Variables, target: str, source: str, parts: tuple[str, ...]) -> Iterator[tuple[str, Array]]:
    weights = np.split(variables[f"{source}/weight"], len(parts))
    biases = np.split(variables[f"{source}/bias"], len(parts))
    for part, weight, bias in zip(parts, weights, biases, strict=True):
        yield f"{target}.{part}.weight", weight
        if part != "key":  # Whisper's keys have no bias; CTranslate2 stores zeros
            yield f"{target}.{part}.bias", bias


def _dimensions(state: dict[str, torch.Tensor]) -> ModelDimensions:
    sound, text = state["encoder.positional_embedding"], state["decoder.positional_embedding"]
    return ModelDimensions(
        n_mels=state["encoder.conv1.weight"].shape[1],
        n_audio_ctx=sound.shape[0],
        n_audio_state=sound.shape[1],
        n_audio_head=sound.shape[1] // _HEAD_SIZE,
        n_audio_layer=_count(state, "encoder"),
        n_vocab=state["decoder.token_embedding.weight"].shape[0],
        n_text_ctx=text.shape[0],
        n_text_state=text.shape[1],
        n_text_head=text.shape[1] // _HEAD_SIZE,
        n_text_layer=_count(state, "decoder"),
    )


def _count(state: dict[str, torch.Tensor], side: str) -> int:
    return len({name.split(".")[2] for name in state if name.startswith(f"{side}.blocks.")})


def _align(model: Whisper, heads: list[list[int]] | None) -> None:
    """Mark the attention heads that follow the time, which give words their times."""
    if heads:
        mask = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
        mask[tuple(zip(*heads, strict=True))] = True
        model.register_buffer("alignment_heads", mask.to_sparse(), persistent=False)
