"""The CTranslate2 folder of a model with its adapter: made once on a machine, then found by what it was made of."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ctranslate2
import structlog

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion

FOLDER = "converted"
"""Beside the model's own folder; it may be removed at any time, and is made again."""
REPORT = "conversion.json"  # worker/generate/merge.py writes it last
READ = ("*.safetensors", "*.json", "*.model", "*.jinja")
"""The files of a model or adapter that a conversion is made of."""
MADE_BY = "2"
"""Another number makes every folder anew: raise it when merge.py writes something else."""
LONGEST_S = 3600.0

log = structlog.get_logger()


def converted(model: ModelVersion, quantisation: str, threads: int) -> Path:
    """The folder, converted now if it is not there yet; other workers that want the same one wait for it meanwhile.

    Raises ModelUnavailableError when the model cannot be converted, or when the result answers unlike the original.
    """
    source = _source(model)
    key = fingerprint(source, model.adapter, quantisation)
    target = source.parent / FOLDER / key
    if (target / REPORT).is_file():
        return target
    try:
        with _alone(target):
            if not (target / REPORT).is_file():
                _make(model, source, target, quantisation, threads)
    except OSError as error:
        raise ModelUnavailableError(
            f"{model.name} could not be converted ({type(error).__name__}): "
            f"the worker must be able to write into {target.parent}, which takes about a quarter of the weights' size"
        ) from error
    return target


def fingerprint(source: Path, adapter: Path | None, quantisation: str) -> str:
    """What names a conversion: the content of every file that goes into it, the quantisation and the converter."""
    sum_ = hashlib.sha256(f"{MADE_BY} {ctranslate2.__version__} {quantisation}".encode())
    for folder in [source] if adapter is None else [source, adapter]:
        for file in sorted(each for pattern in READ for each in folder.glob(pattern) if each.name != "report.json"):
            with file.open("rb") as opened:
                sum_.update(f"\n{file.name} {hashlib.file_digest(opened, 'sha256').hexdigest()}".encode())
    return sum_.hexdigest()[:32]


def _source(model: ModelVersion) -> Path:
    if model.path is None or not (model.path / "config.json").is_file():
        raise ModelUnavailableError(
            f"no weights of {model.name}: run `clinq models pull`, or put a T5 or Llama (config.json, tokenizer and "
            "safetensors) into its folder"
        )
    return model.path


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    target.parent.mkdir(exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(model: ModelVersion, source: Path, target: Path, quantisation: str, threads: int) -> None:
    log.info("conversion begins", model=model.name, engine=model.engine, quantisation=quantisation)
    began = time.monotonic()
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    command = [sys.executable, "-m", "worker.generate.merge", str(source), str(part), quantisation, str(threads)]
    command += [] if model.adapter is None else [str(model.adapter)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=LONGEST_S)  # noqa: S603 - ours
        if done.returncode != 0 or not (part / REPORT).is_file():
            raise ModelUnavailableError(
                f"{model.name} could not be converted (exit {done.returncode}): run `{' '.join(command)}` to see why; "
                "it needs about three times the memory of the weights in float32"
            )
        part.rename(target)
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailableError(f"{model.name} was not converted within {LONGEST_S:.0f} seconds") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    log.info("conversion ends", model=model.name, seconds=round(time.monotonic() - began, 1))
