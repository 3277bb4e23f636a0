"""BERT encoders on ONNX Runtime, in int8 where that changes little: made once, then found by their hash."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar, cast

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
import structlog
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker import classifier, tagger_net
from worker.classifier import Classifier
from worker.stage import Device
from worker.tagger import Tagger
from worker.tagger_net import TaggerNet

GRAPHS = {"float32": "encoder.onnx", "int8": "encoder.int8.onnx"}
"""The file of each precision in a converted folder."""
PRECISION = "int8"  # unless the manifest's option says otherwise
REPORT = "report.json"  # worker/onnx_export.py writes it last
FOLDER = "converted"
"""Beside the model's own folder; it may be removed at any time, and is made again."""
MADE_BY = "2"
"""Another number makes every folder anew: raise it when onnx_export.py writes something else."""
LONGEST_S = 900.0

log = structlog.get_logger()
Net = TypeVar("Net", Classifier, TaggerNet)


@dataclass(frozen=True, slots=True)
class Distance:
    """How far an ONNX graph is from PyTorch on fixed texts."""

    apart: float
    """Greatest difference of two probabilities."""
    same: float
    """Share of the texts, or words, whose likeliest label is the same."""


ALLOWED = {"float32": Distance(0.001, 1.0), "int8": Distance(0.2, 0.97)}
"""What is farther away is not used."""


class OnnxEncoder(nn.Module):
    """Stands where the torch encoder stood: word vectors from its table, the layers from an ONNX session."""

    def __init__(self, encoder: PreTrainedModel, runs: onnxruntime.InferenceSession) -> None:
        super().__init__()
        self.table = cast("nn.Embedding", encoder.get_input_embeddings())
        self._session = runs

    def get_input_embeddings(self) -> nn.Embedding:
        """The encoder's own vectors of word pieces."""
        return self.table

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **_: Tensor,
    ) -> SimpleNamespace:
        """`last_hidden_state` (rows, tokens, width), as a transformers encoder answers; gradients stop here."""
        vectors = self.table(input_ids) if inputs_embeds is None else inputs_embeds
        mask = torch.ones(vectors.shape[:2], dtype=torch.long) if attention_mask is None else attention_mask.long()
        given = {"vectors": vectors.detach().numpy(), "mask": mask.numpy()}
        [hidden] = self._session.run(None, given)
        return SimpleNamespace(last_hidden_state=torch.from_numpy(np.asarray(hidden)))


def read_classifier(model: ModelVersion, device: Device) -> Classifier:
    """The classifier of a model's encoder and adapter, on ONNX Runtime.

    Raises ModelUnavailableError when either is missing or damaged.
    """
    base, adapter = _folders(model)
    return _quickened(classifier.read(base, adapter, device=device.name), "classifier", model, device)


def read_tagger(model: ModelVersion, device: Device) -> Tagger:
    """The tagger of a model's encoder and adapter, likewise."""
    base, adapter = _folders(model)
    return Tagger(_quickened(tagger_net.read(base, adapter, device=device.name), "tagger", model, device))


def batch_of(model: ModelVersion, most: int) -> int:
    """How many cases one call of a BERT stage may take.

    In int8 the range of numbers is that of a whole batch: what stands beside a sentence moves its scores a little. So
    a case has its batches for itself there, and the same text gives the same answer in any company.
    """
    return 1 if model.engine == "onnx" and model.options.get("precision", PRECISION) == "int8" else most


def session(path: Path, *, threads: int) -> onnxruntime.InferenceSession:
    """A graph, ready to run on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # cores are shared with other workers
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def precision_of(folder: Path, wanted: str) -> str | None:
    """The precision to use of a converted folder: the wanted one, else float32; None where neither is near enough."""
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    for precision in dict.fromkeys((wanted, "float32")):
        found, allowed = Distance(**report[precision]), ALLOWED[precision]
        if found.apart <= allowed.apart and found.same >= allowed.same:
            return precision
    return None


def _quickened(net: Net, kind: str, model: ModelVersion, device: Device) -> Net:
    """The net with its encoder on ONNX Runtime, unless a GPU serves it or no graph is near enough."""
    wanted = model.options.get("precision", PRECISION)
    if wanted not in GRAPHS:
        raise ModelUnavailableError(f"{model.name} cannot run in {wanted!r}: choose one of {', '.join(GRAPHS)}")
    encoder = cast("PreTrainedModel", net.encoder)
    if device.name != "cpu":
        log.info("torch serves in place of onnx", model=model.name, device=device.name)
        return net
    folder = _converted(encoder, kind, model)
    precision = precision_of(folder, wanted)
    if precision != wanted:
        log.warning("precision refused", model=model.name, wanted=wanted, used=precision or "torch float32")
    if precision is not None:
        net.encoder = OnnxEncoder(encoder, session(folder / GRAPHS[precision], threads=device.threads))
    return net


def _folders(model: ModelVersion) -> tuple[Path, Path]:
    if model.path is None or model.adapter is None:
        raise ModelUnavailableError(f"{model.name} needs a path and an adapter")
    return model.path, model.adapter


def _converted(encoder: PreTrainedModel, kind: str, model: ModelVersion) -> Path:
    base, adapter = _folders(model)
    target = base.parent / FOLDER / f"onnx-{_fingerprint(encoder, kind, adapter)}"
    if not (target / REPORT).is_file():
        try:
            target.parent.mkdir(exist_ok=True)
            _make(target, [kind, str(base), str(adapter)], model)
        except OSError as error:
            raise ModelUnavailableError(
                f"{model.name} could not be converted ({type(error).__name__}): the worker must be able to write into "
                f"{target.parent}"
            ) from error
    return target


def _make(target: Path, what: list[str], model: ModelVersion) -> None:
    """Convert in a process of its own: what it takes to write a graph stays out of the worker."""
    log.info("conversion begins", model=model.name, engine=model.engine)
    part = Path(tempfile.mkdtemp(dir=target.parent, prefix=".onnx-"))
    command = [sys.executable, "-m", "worker.onnx_export", *what, str(part)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=LONGEST_S)  # noqa: S603 - ours
        if done.returncode != 0 or not (part / REPORT).is_file():
            raise ModelUnavailableError(
                f"{model.name} could not be converted (exit {done.returncode}): run `{' '.join(command[:-1])} FOLDER`"
            )
        part.chmod(0o755)  # the next worker may run as another user
        if not (target / REPORT).is_file():  # another worker may have been as quick
            part.rename(target)
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailableError(f"{model.name} was not converted within {LONGEST_S:.0f} seconds") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    log.info("conversion ends", model=model.name)


def _fingerprint(encoder: PreTrainedModel, kind: str, adapter: Path) -> str:
    """What names a conversion: the merged weights, what stands on top of them, and who converts."""
    made_by = f"{MADE_BY} {kind} {version('onnxruntime')} {version('torch')}"
    sum_ = hashlib.sha256(made_by.encode())
    for file in sorted(adapter.glob("*.safetensors")):
        sum_.update(file.read_bytes())
    for name, value in sorted(encoder.state_dict().items()):
        sum_.update(name.encode())
        sum_.update(value.contiguous().numpy().tobytes())
    return sum_.hexdigest()[:32]
