"""The worker processes of one system: started, frozen, killed and stopped together, each with its children."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tests.house import ROOT, House

PATIENCE_S = 20.0
Command = Sequence[str | Path]


class System(Protocol):
    """A queue with its workers."""

    name: str
    crew: Crew

    def workers(self, count: int) -> list[Command]:
        """The commands that make a crew of so many workers."""
        ...

    def submit(self, kind: str, count: int) -> None:
        """Submit so many jobs of a kind the fastest public way; return once all are accepted."""
        ...

    def left(self) -> int:
        """How many accepted jobs have no result that can be read."""
        ...

    def expire(self) -> None:
        """Put forward what dead workers held, as if the hour after which it is given to another had passed."""
        ...


class Crew:
    """Processes that each lead a group of their own, so that a signal reaches their children too."""

    def __init__(self, home: House, name: str) -> None:
        self._home = home
        self._name = name
        self._marks = home.home / f"{name}.marks"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, commands: Sequence[Command]) -> None:
        """Start one process for each command; all write to one log in the home."""
        env = os.environ | self._home.env | {"BENCH_MARKS": str(self._marks)}
        with (self._home.home / f"{self._name}.log").open("ab") as log:
            self._processes = [
                subprocess.Popen(each, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
                for each in commands
            ]

    def marks(self) -> list[bytes]:
        """Numbers of the jobs that have left a mark, each as often as it did, in the order of time."""
        return self._marks.read_bytes().split() if self._marks.exists() else []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process and its children."""
        for each in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(each.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        for each in self._processes:
            each.wait(PATIENCE_S)

    def stop(self) -> None:
        """Ask the leaders to end, as an operator would; whoever does not is killed."""
        for each in self._processes:
            each.terminate()
        with suppress(subprocess.TimeoutExpired):
            for each in self._processes:
                each.wait(PATIENCE_S)
        self.kill()
        self._processes = []
