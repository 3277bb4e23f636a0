"""Takes a model in: its files into the models folder, a trial in a process of its own, a row in the registry."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from shared import model_folders, model_store
from shared.errors import ClinqError, ModelUnavailableError
from shared.job import StageName
from shared.model_folders import KINDS, UnusableFolderError
from shared.models import NewVersion, Version
from shared.settings import Settings

ENGINES_WITHOUT_WEIGHTS = frozenset({"openai", "rules", "extractive"})
LONGEST_TRIAL_S = 900.0
_ODD = re.compile(r"[^A-Za-z0-9._+-]+")


class TrialError(ClinqError):
    """A model does not load, or cannot read a sentence."""

    code = "trial_failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to add."""

    stage: StageName
    name: str
    engine: str | None = None
    """None: what the folder says."""
    adapter: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    """Empty: what the model card says."""
    card: str = ""
    """The same."""


def without_weights(wanted: Wanted) -> NewVersion:
    """A version whose engine needs no files here: rules, or a server of models."""
    return NewVersion(
        wanted.stage,
        wanted.name,
        "",
        wanted.engine or "",
        source=wanted.source,
        licence=wanted.licence,
        card=wanted.card,
        options=wanted.options,
    )


def take(wanted: Wanted, folder: Path, settings: Settings) -> NewVersion:
    """Put the files of a folder in their place; the version that they make, without its number.

    Raises UnusableFolderError where no engine of the stage loads them.
    """
    found = model_folders.look(folder, wanted.only)
    engine = wanted.engine or found.engine
    kind = KINDS.get(wanted.stage)
    if kind is None:
        raise UnusableFolderError(f"{wanted.stage.value} has no weights: it is set by CLINQ_ENGINES")
    if wanted.engine is None and found.kind != kind:
        raise UnusableFolderError(f"this model {found.kind}, and {wanted.stage.value} needs one that {kind}")
    if wanted.adapter is not None:
        model_folders.refuse_pickles(wanted.adapter)
    elif engine == "bert":
        raise UnusableFolderError(f"a BERT serves {wanted.stage.value} by an adapter with a head: add --adapter DIR")
    if found.gguf is not None:
        kept = _converted(folder, found.gguf, found.files, wanted.adapter, settings.models_dir)
    else:
        kept = model_store.keep(folder, wanted.adapter, list(found.files), settings.models_dir)
    about = wanted.adapter if wanted.adapter is not None and model_folders.card(wanted.adapter) else folder
    return replace(
        without_weights(wanted),
        engine=engine,
        folder=kept.folder,
        sha256=kept.sha256,
        adapter=wanted.adapter is not None,
        size_bytes=kept.size_bytes,
        licence=wanted.licence or model_folders.licence(folder),
        card=wanted.card or model_folders.card(about),
    )


def try_out(new: NewVersion, settings: Settings) -> dict[str, float]:
    """Load it in a process of its own and let it read a sentence: seconds and memory. Raises TrialError."""
    model = Version(**asdict(new)).placed(settings.models_dir)
    asked = {
        "stage": new.stage.value,
        "model": to_jsonable_python(model),
        "device": settings.device,
        "threads": settings.threads,
    }
    command = [sys.executable, "-m", "worker.trial"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=LONGEST_TRIAL_S, check=False
        )
        told: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise TrialError(f"it did not read a sentence within {LONGEST_TRIAL_S:.0f} s: try --no-trial") from error
    except ValueError as error:
        raise TrialError(
            f"the trial ended with status {done.returncode}: is the worker's part installed (pip install "
            "'clinq[worker]'), is there memory enough? --no-trial leaves it to the workers"
        ) from error
    if "problem" in told:
        raise TrialError(f"it cannot serve {new.stage.value}: {told['problem']}")
    return {name: float(value) for name, value in told.items()}


def forget(new: NewVersion, known: list[Version], models_dir: Path) -> None:
    """Remove the files of a version that is not registered after all, unless another one needs them."""
    if new.folder is not None and all(each.folder != new.folder for each in known):
        shutil.rmtree(models_dir / new.folder, ignore_errors=True)


def numbered(new: NewVersion, version: str | None, known: list[Version]) -> NewVersion:
    """With the number that was asked for, else with the next one of its name."""
    if version is not None:
        return replace(new, version=version)
    its = [each.version for each in known if each.stage is new.stage and each.name == new.name]
    return replace(new, version=str(1 + max((int(each) for each in its if each.isdecimal()), default=0)))


def same(new: NewVersion, known: list[Version]) -> Version | None:
    """The version that has the very same files and options already."""
    mine = (new.stage, new.engine, new.sha256, dict(new.options))
    its = (each for each in known if (each.stage, each.engine, each.sha256, dict(each.options)) == mine)
    return next((each for each in its if new.sha256 is not None or each.name == new.name), None)


def named(source: str) -> str:
    """A name for what comes from a folder or hub id: its last part, in letters that a name may have."""
    return _ODD.sub("-", source.rstrip("/").rpartition("/")[2]).strip("-._+")[:80] or "model"


def _converted(
    folder: Path, gguf: str, files: tuple[Path, ...], adapter: Path | None, models_dir: Path
) -> model_store.Kept:
    """GGUF as safetensors, made once: a worker that read GGUF at each start would need a minute for it."""
    part = models_dir / f".converting-{uuid.uuid4().hex}"
    try:
        part.mkdir(parents=True)
        shutil.copyfile(folder / gguf, part / gguf)
        command = [sys.executable, "-m", "worker.convert", str(part), gguf]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own module
        if done.returncode != 0:
            raise ModelUnavailableError(f"{gguf} could not be converted (exit {done.returncode}): it needs memory")
        (part / gguf).unlink()
        for name in files:
            if name.suffix not in {".gguf", ".json"}:
                shutil.copyfile(folder / name, part / name)
        return model_store.keep(part, adapter, model_store.all_files(part), models_dir)
    finally:
        shutil.rmtree(part, ignore_errors=True)
