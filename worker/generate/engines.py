"""The engines that write text, by the names that the manifest and CLINQ_ENGINES give them."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.generate.writer import Writer
from worker.stage import Device

FILES = {"llama": "llama", "seq2seq": "seq2seq", "ctranslate2": "ctranslate2", "openai": "openai_http"}
"""Each engine's file in this folder; it is imported when the engine is chosen, with the libraries that it needs."""


class EngineModule(Protocol):
    """What the file of an engine offers."""

    def load(self, model: ModelVersion, device: Device) -> Writer: ...


def load(model: ModelVersion, device: Device) -> Writer:
    """Read the weights of a model that writes; raises ModelUnavailableError when they are not there or do not fit."""
    if model.engine not in FILES:
        raise ModelUnavailableError(f"no engine {model.engine!r} writes text: choose one of {', '.join(FILES)}")
    module = cast("EngineModule", import_module(f"worker.generate.{FILES[model.engine]}"))
    return module.load(model, device)
