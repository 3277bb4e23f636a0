"""The desk as a stage sees it: it remembers what it raised itself, which is not the engine's fault."""

from __future__ import annotations

import threading
from pathlib import Path

from shared.case import Case
from worker.stage import Desk


class HeardDesk:
    """worker.stage.Desk over another one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._raised: list[Exception] = []

    def audio(self, case: Case) -> Path:
        """See worker.stage.Desk."""
        try:
            return self._desk.audio(case)
        except Exception as error:
            self._raised.append(error)
            raise

    def document(self, case: Case) -> Path:
        """See worker.stage.Desk."""
        try:
            return self._desk.document(case)
        except Exception as error:
            self._raised.append(error)
            raise

    def listen(self) -> None:
        """See worker.stage.Desk."""
        try:
            self._desk.listen()
        except Exception as error:
            self._raised.append(error)
            raise

    def keep(self, case: Case, share: float) -> None:
        """See worker.stage.Desk."""
        try:
            self._desk.keep(case, share)
        except Exception as error:
            self._raised.append(error)
            raise

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """See worker.stage.Desk."""
        try:
            self._desk.tell(case, share, partial=partial, append=append)
        except Exception as error:
            self._raised.append(error)
            raise

    def raised(self, error: BaseException) -> bool:
        """Whether this error, or what it was raised from, came from the desk."""
        mine = any(error is each for each in self._raised)
        return mine or (error.__cause__ is not None and self.raised(error.__cause__))


class InTurn:
    """worker.stage.Desk over another one, for the threads of one stage: one call at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()

    def audio(self, case: Case) -> Path:
        """See worker.stage.Desk."""
        with self._lock:
            return self._desk.audio(case)

    def document(self, case: Case) -> Path:
        """See worker.stage.Desk."""
        with self._lock:
            return self._desk.document(case)

    def listen(self) -> None:
        """See worker.stage.Desk."""
        with self._lock:
            self._desk.listen()

    def keep(self, case: Case, share: float) -> None:
        """See worker.stage.Desk."""
        with self._lock:
            self._desk.keep(case, share)

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """See worker.stage.Desk."""
        with self._lock:
            self._desk.tell(case, share, partial=partial, append=append)
