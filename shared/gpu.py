"""Which GPUs there are, found without any model library."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess

ANSWER_S = 10.0


def names() -> tuple[str, ...]:
    """The GPUs that nvidia-smi lists, in the order of their numbers; none where it is missing or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True).stdout  # noqa: S603 - a fixed command
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in said.splitlines() if line.strip())


def torch_build() -> str | None:
    """torch's version with its build, e.g. 2.13.0+cpu, read from its metadata; None when it is not installed."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return None


def usable() -> tuple[str, ...]:
    """The devices that a worker here can run on: cuda:0, cuda:1 ..., none with torch's CPU build."""
    build = torch_build()
    if build is None or build.endswith("+cpu"):
        return ()
    return tuple(f"cuda:{number}" for number in range(len(names())))
