"""Lets rounds of jobs and changes of the models pass one at a time; a change that waits goes before the next round."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turnstile:
    """Rounds are the working thread's; changes come from another one."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._busy = False
        self._changes_waiting = 0

    @contextmanager
    def round(self) -> Iterator[None]:
        """Hold the models as they are; wait for a change that has asked before."""
        with self._free:
            while self._busy or self._changes_waiting:
                self._free.wait()
            self._busy = True
        yield from self._held()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Wait for the end of the round in hand, and let none begin meanwhile."""
        with self._free:
            self._changes_waiting += 1
            while self._busy:
                self._free.wait()
            self._changes_waiting -= 1
            self._busy = True
        yield from self._held()

    def _held(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._free:
                self._busy = False
                self._free.notify_all()
