"""Drives the npm client fhir-kit-client: installed once, from its lock file, into the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALL_S = 120.0


@dataclass(frozen=True, slots=True)
class Kit:
    """One node process that does what it is told."""

    process: subprocess.Popen[str]

    def tell(self, act: str, **asked: Any) -> dict[str, Any]:
        """Its status, headers and body."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"act": act, **asked}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def kit(url: str, key: str) -> Iterator[Kit]:
    """A client of this FHIR server; the test is skipped where node or the package cannot be had."""
    command = ["node", str(installed() / "drive.mjs"), url, key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Kit(process)
        finally:
            process.kill()


def installed() -> Path:
    """The folder with the package, named by its lock file."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm: apt-get install nodejs npm")
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clinq"
    folder = cache / f"fhir-kit-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        _install(folder)
    shutil.copy(HERE / "drive.mjs", folder)
    return folder


def _install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm cannot install fhir-kit-client here: {done.stderr[-200:]}")
    (folder / "ready").touch()
