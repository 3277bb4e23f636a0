"""What lies in a folder of weights: which engine loads it, which files belong to it, and what it says of itself."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from shared.errors import ModelUnavailableError
from shared.job import StageName

WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.spm", "*.jinja", "*.tiktoken", "*.gguf", "*.onnx*")
ABOUT = ("README.md", "LICENSE*", "LICENCE*", "NOTICE*")
CTRANSLATE2 = "model.bin"
WEIGHTS = ("*.safetensors", "*.gguf", "*.onnx*", CTRANSLATE2)
BESIDE = tuple(each for each in (*WANTED, *ABOUT) if each not in WEIGHTS)
"""With the weights, what is asked of a hub; the rest (pickles, other frameworks' copies) stays there."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.pdparams")
CARD_CHARS = 100_000
_SPEC = struct.Struct("<IH")  # binary version, length of the name that follows
_LICENCE = re.compile(r"(?m)^licen[sc]e:[ \t]{0,9}([^\n]{1,200})$")
SPEAKS, READS, WRITES = "hears speech", "reads text", "writes text"
KINDS = {
    StageName.TRANSCRIBE: SPEAKS,
    StageName.EXTRACT: READS,
    StageName.CLASSIFY: READS,
    StageName.SUMMARIZE: WRITES,
    StageName.RECOMMEND: WRITES,
}
"""What the model of a stage does; the other stages have no weights of this kind."""


class UnusableFolderError(ModelUnavailableError):
    """A folder holds no weights that clinq loads."""

    code = "unusable_weights"


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds."""

    engine: str
    kind: str
    """What such a model does."""
    files: tuple[Path, ...]
    """What belongs to it, by paths within the folder."""
    gguf: str | None = None
    """The file that must be converted first."""


def look(folder: Path, only: Sequence[str] = ()) -> Found:
    """Look into a folder; `only` narrows its weights to these patterns. Raises UnusableFolderError."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    weights = [name for name in names if fnmatch(name, "*.safetensors") or fnmatch(name, "*.gguf")]
    weights += [name for name in names if fnmatch(name, "*.onnx*")]
    chosen = [name for name in weights if not only or any(fnmatch(name, each) for each in only)]
    files = [name for name in names if fits(name) and (name not in weights or name in chosen)]
    if (spec := _ctranslate2(folder)) is not None:
        engine, kind = ("faster-whisper", SPEAKS) if spec.startswith("Whisper") else ("ctranslate2", WRITES)
        return _found(engine, kind, [*files, CTRANSLATE2])
    tensors = [name for name in chosen if name.endswith(".safetensors")]
    if tensors:
        return _by_config(folder, [name for name in files if not name.endswith((".gguf", ".onnx"))])
    gguf = [name for name in chosen if name.endswith(".gguf")]
    if len(gguf) > 1:
        raise UnusableFolderError(f"{len(gguf)} GGUF files: choose one with --only, as --only {gguf[0]}")
    if gguf:
        return _found("llama", WRITES, files, gguf=gguf[0])
    if any(name.endswith(".onnx") for name in chosen):
        return _found("onnx", READS, files)
    raise _nothing(names)


def refuse_pickles(adapter: Path) -> None:
    """Raise UnusableFolderError for an adapter whose weights are not safetensors."""
    names = [path.name for path in adapter.iterdir()] if adapter.is_dir() else []
    if not any(name.endswith(".safetensors") for name in names):
        raise _nothing(names)


def fits(name: str) -> bool:
    """Whether a file of this name is data that belongs to a model: no pickle, no code, no state of a training."""
    return any(fnmatch(name, each) for each in (*WANTED, *ABOUT))


def card(folder: Path) -> str:
    """The model card that lies with the weights; empty when there is none."""
    try:
        return (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:CARD_CHARS]
    except OSError:
        return ""


def licence(folder: Path) -> str:
    """What the card's head says of the licence, or that a file says it; empty when nothing does."""
    told = _LICENCE.search(card(folder)[:10_000])
    if told is not None:
        return told.group(1).strip().strip("\"'")
    names = sorted(path.name for path in folder.iterdir() if fnmatch(path.name.upper(), "LICEN[SC]E*"))
    return f"see {names[0]}" if names else ""


def _found(engine: str, kind: str, names: Sequence[str], *, gguf: str | None = None) -> Found:
    return Found(engine, kind, tuple(Path(name) for name in sorted(set(names))), gguf)


def _by_config(folder: Path, names: Sequence[str]) -> Found:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architecture = str((config.get("architectures") or [config["model_type"]])[0])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UnusableFolderError(
            "config.json is missing, or names no architecture: is this the whole model?"
        ) from error
    if "auto_map" in config:
        raise UnusableFolderError("its config.json asks for code of its own to be run: clinq runs none")
    if architecture.startswith("Whisper"):
        raise UnusableFolderError(
            "Whisper for transformers: convert it once with "
            "`ct2-transformers-converter --model FOLDER --output_dir OUT --copy_files tokenizer.json`, and add OUT"
        )
    if config.get("is_encoder_decoder"):
        return _found("seq2seq", WRITES, names)
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return _found("llama", WRITES, names)
    if "Bert" in architecture or "BERT" in architecture or "Electra" in architecture:
        return _found("bert", READS, names)
    raise UnusableFolderError(f"no engine loads {architecture[:80]}: name one with --engine, if you know better")


def _ctranslate2(folder: Path) -> str | None:
    """The kind of model that a CTranslate2 file says it is; None where there is none."""
    try:
        with (folder / CTRANSLATE2).open("rb") as file:
            version, length = _SPEC.unpack(file.read(_SPEC.size))
            name = file.read(min(length, 64)).rstrip(b"\0").decode("ascii")
    except (OSError, struct.error, UnicodeDecodeError):
        return None
    return name if 0 < version < 100 and name.endswith("Spec") else None


def _nothing(names: Sequence[str]) -> UnusableFolderError:
    pickled = sorted(name for name in names if any(fnmatch(name, each) for each in PICKLES))
    if pickled:
        return UnusableFolderError(
            f"the weights are pickled ({pickled[0]}), and a pickle can run any code when it is opened: look for the "
            "same model as safetensors (on the hub often under --revision refs/pr/1 or refs/convert/safetensors), or "
            "write it anew on a machine you can lose: model.save_pretrained(OUT, safe_serialization=True)"
        )
    return UnusableFolderError(
        "no weights: a model folder holds *.safetensors, *.gguf, *.onnx or CTranslate2's model.bin"
    )
