"""Reads a Dockerfile, and runs its steps in a scratch folder where no Docker engine is."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
IMAGE_FOLDERS = ("/opt/venv", "/data", "/models", "/app")
"""Folders of the image that get their place in the scratch folder."""


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile."""

    name: str
    words: str
    stage: int


def steps(dockerfile: str) -> list[Step]:
    """The instructions of a Dockerfile of this repository in their order; comments are left out."""
    lines = (REPOSITORY / dockerfile).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    found: list[Step] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, words = line.split(maxsplit=1)
            stage = sum(step.name == "FROM" for step in found) - (name != "FROM")
            found.append(Step(name, words.strip(), stage))
    return found


def copied(dockerfile: str) -> list[str]:
    """What comes from the repository into the image."""
    own = [step.words.split() for step in steps(dockerfile) if step.name == "COPY"]
    return [source for words in own if not words[0].startswith("--from") for source in words[:-1]]


def environment(dockerfile: str) -> dict[str, str]:
    """The environment that the last stage sets."""
    last = steps(dockerfile)[-1].stage
    lines = [step.words for step in steps(dockerfile) if step.name == "ENV" and step.stage == last]
    return dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))


def command(dockerfile: str, name: str) -> list[str]:
    """The words of CMD or, for HEALTHCHECK, those after its own CMD."""
    words = next(step.words for step in steps(dockerfile) if step.name == name)
    return [str(word) for word in json.loads(words[words.index("[") :])]


@dataclass
class Scratch:
    """A folder that stands for an image's root."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def build(self, dockerfile: str) -> None:
        """Do what the Dockerfile says, except for the user and the system's packages, which are the image's own."""
        here = str(Path(sys.executable).parent)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("CLINQ_")}
        self.env["PATH"] = f"{here}:{self.env['PATH']}"
        for folder in IMAGE_FOLDERS[1:]:
            self.place(folder).mkdir(parents=True, exist_ok=True)
        for step in steps(dockerfile):
            self._do(step)
        for name, value in environment(dockerfile).items():
            self.env[name] = self._inside(value).replace("$PATH", self.env["PATH"])

    def run(self, words: list[str], **env: str) -> subprocess.Popen[bytes]:
        """Start a command as the image would."""
        return subprocess.Popen(words, cwd=self.place("/app"), env=self.env | env)

    def place(self, folder: str) -> Path:
        """Where a folder of the image lies."""
        return self.root / folder.lstrip("/")

    def _do(self, step: Step) -> None:
        if step.name == "COPY" and not step.words.startswith("--from"):
            *sources, target = step.words.split()
            for source in sources:
                self._copy(source, target)
        if step.name == "ARG" and "=" in step.words:
            self.env.setdefault(*step.words.split("=", 1))
        if step.name == "RUN" and not step.words.startswith(("useradd", "apt-get")):
            run = ["sh", "-euc", self._inside(step.words)]
            subprocess.run(run, cwd=self.place("/app"), env=self.env, check=True)

    def _copy(self, source: str, target: str) -> None:
        place = self.place("/app") / target
        if target.endswith("/"):
            place = place / Path(source).name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / source).is_dir():
            shutil.copytree(REPOSITORY / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / source, place)

    def _inside(self, words: str) -> str:
        for folder in IMAGE_FOLDERS:
            words = re.sub(rf"(?<![\w./]){folder}(?![\w-])", str(self.place(folder)), words)
        return words
