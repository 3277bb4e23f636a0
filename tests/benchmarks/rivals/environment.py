"""An environment of its own for each rival, made once from its hashed requirements in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[3] / "requirements"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "clinq" / "rivals"
READY = "ready"
LONGEST_S = 120.0


def programs(rival: str, tell: Callable[[str], None]) -> Path | None:
    """The folder of the rival's programs; None where it cannot be installed, for instance without a network."""
    locked = REQUIREMENTS / f"rival-{rival}.txt"
    folder = CACHE / f"{rival}-{hashlib.sha256(locked.read_bytes()).hexdigest()[:12]}"
    found = folder / "bin"
    if (folder / READY).exists():
        return found
    tell(f"installing {rival} into {folder}")
    pip: list[str | Path] = [
        found / "python",
        "-m",
        "pip",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
        "--retries",
        "1",
    ]
    install = [*pip, "install", "--no-deps", "--require-hashes", "-r", locked]
    try:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(install, check=True, capture_output=True, timeout=LONGEST_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        tell(f"{rival} is left out: {sys.executable} could not install {locked.name}; is there a network?")
        return None
    (folder / READY).touch()
    return found
