"""Where registered models lie: a folder each, below the models folder, named by the hash of all its files.

What is in such a folder never changes, so that later changes of the folder it came from do not matter.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from shared import model_folders, package_index
from shared.errors import ModelUnavailableError
from shared.models import ADAPTER, WEIGHTS, Version

REGISTERED = "registered"
READABLE = 0o644  # the worker may run as another user than the one who adds


@dataclass(frozen=True, slots=True)
class Kept:
    """A model's files in their place."""

    folder: str
    """Below the models folder."""
    sha256: str
    size_bytes: int


def keep(weights: Path, adapter: Path | None, files: list[Path], models_dir: Path) -> Kept:
    """Take these files of `weights` (paths within it), and those of `adapter`, into the models folder; twice is once.

    Of an adapter, what is no data is left out: pickles, code, the state of a training. What lay here and was damaged is
    replaced. Files that lie in the models folder already are linked, all others copied.
    """
    part = models_dir / REGISTERED / f".part-{uuid.uuid4().hex}"
    try:
        for name in files:
            _take(weights / name, part / WEIGHTS / name, models_dir)
        for name in all_files(adapter) if adapter is not None else ():
            if model_folders.fits(name.name):
                _take((adapter or weights) / name, part / ADAPTER / name, models_dir)
        sha256 = digest(part)
        size = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
        home = models_dir / REGISTERED / sha256
        if home.exists() and digest(home) != sha256:
            shutil.rmtree(home)
        if not home.exists():
            part.rename(home)
        return Kept(f"{REGISTERED}/{sha256}", sha256, size)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def all_files(folder: Path) -> list[Path]:
    """The files of a folder and its sub-folders, by their paths within it; hidden ones are left out."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.parts))


def digest(home: Path) -> str:
    """SHA-256 over names and hashes of a model's files, in lower-case hex; what engines convert lies beside them."""
    files = (Path(part) / name for part in (ADAPTER, WEIGHTS) for name in all_files(home / part))
    lines = (f"{path.as_posix()} {package_index.sha256(home / path)}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check(version: Version, models_dir: Path) -> None:
    """Raise ModelUnavailableError unless this machine holds the version's files as they were registered."""
    if version.folder is None:
        return
    home = models_dir / version.folder
    if not home.is_dir():
        raise ModelUnavailableError(
            f"{version.label} is not on this machine: copy {version.folder} into its models folder, or share it"
        )
    if digest(home) != version.sha256:
        raise ModelUnavailableError(f"the files of {version.label} are not those that were registered: copy them again")


def _take(source: Path, target: Path, models_dir: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if models_dir in source.parents and not source.is_symlink():
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)
        target.chmod(READABLE)
