"""Keeps the processes of a run alive: what ends is started again after a seeded pause, as an orchestrator would."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

from tests.house import House

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
LOOK_EVERY_S = 0.03


@dataclass
class _Kept:
    command: tuple[str, ...]
    settings: Mapping[str, str]
    due: float | None = None
    down: bool = False


@dataclass
class Keeping:
    """Start roles with `keep`; inside the `with` block they are started again whenever they end."""

    home: House
    random: Random
    starts: int = 0
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def keep(self, role: str, *command: str, **settings: str) -> None:
        """Start a role now; it is kept from now on."""
        self.home.start(role, *command, **settings)
        self._kept[role] = _Kept(command, settings)

    def hold_down(self, role: str) -> None:
        """Do not start this role again until `let_up`."""
        with self._lock:
            self._kept[role].down = True

    def let_up(self, role: str) -> None:
        """Start this role again, after its pause."""
        with self._lock:
            self._kept[role].down = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="keeping")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            with self._lock:
                for role, kept in self._kept.items():
                    self._see_to(role, kept)

    def _see_to(self, role: str, kept: _Kept) -> None:
        if kept.down or self.home.processes[role].poll() is None:
            return
        now = time.monotonic()
        if kept.due is None:
            kept.due = now + self.random.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S)
        elif now >= kept.due:
            kept.due = None
            self.starts += 1
            self.home.start(role, *kept.command, **kept.settings)
