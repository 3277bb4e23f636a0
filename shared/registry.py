"""The models: which weights serve which stage, where they lie and what they hash to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from shared.case import ModelUse
from shared.job import StageName


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One model as the manifest names it: an engine, a folder of weights, a version and its hash."""

    name: str
    engine: str
    """faster-whisper, openai-whisper, terminology, bert, seq2seq, llama, extractive or rules."""
    version: str = "1"
    path: Path | None = None
    """The folder with the weights; None for engines that have none."""
    sha256: str | None = None
    adapter: Path | None = None
    """A folder with our own small weights (LoRA adapter or head, safetensors) that go on top."""
    options: dict[str, str] = field(default_factory=dict)

    def used_by(self, stage: StageName) -> ModelUse:
        """What the result says about who did this stage's work."""
        return ModelUse(stage, self.name, self.version, self.engine, self.sha256)
