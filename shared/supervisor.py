"""The supervisor: it keeps child processes alive, tells what they say, and stops them in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.child import Child, StartError

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
STEADY_S = 10.0  # a child that lived so long starts again after the first pause
KILL_S = 5.0  # for the kernel to end a process group after SIGKILL

Pids = Mapping[str, tuple[int, ...]]
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep: its role (several parts may share one), its command line and its environment."""

    role: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # it may hold secrets
    grace_s: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""


@dataclass
class _Kept:
    part: Part
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    child: Child | None = None
    task: asyncio.Task[None] | None = None
    endings: int = 0


class Supervisor:
    """Keeps parts alive from `keep` until `stop`; `tell` hears their lines, `changed` the process ids by role."""

    def __init__(self, tell: Tell, changed: Callable[[Pids], None]) -> None:
        self._tell = tell
        self._changed = changed
        self._kept: list[_Kept] = []

    @property
    def pids(self) -> Pids:
        """The process ids that run now, by role."""
        found: dict[str, tuple[int, ...]] = {}
        for each in self._kept:
            if each.child is not None:
                found[each.part.role] = (*found.get(each.part.role, ()), each.child.pid)
        return found

    def endings(self, role: str) -> int:
        """How often the parts of this role have ended since they were first started."""
        return sum(each.endings for each in self._kept if each.part.role == role)

    async def keep(self, part: Part) -> None:
        """Start a part now, and again whenever it ends. Raises StartError when its program is not there."""
        kept = _Kept(part)
        kept.child = await self._start(part)
        self._kept.append(kept)
        kept.task = asyncio.create_task(self._watch(kept))

    async def stop(self, *, but: Iterable[str] = ()) -> None:
        """Ask all parts to end (but those of some roles), wait out their grace, and kill what is left."""
        leaving = [each for each in self._kept if each.part.role not in set(but)]
        for each in leaving:
            each.leaving.set()
            if each.child is not None:
                each.child.ask_to_stop()
        await asyncio.gather(*(self._see_off(each) for each in leaving))
        self._kept = [each for each in self._kept if each not in leaving]

    def kill(self) -> None:
        """End everything at once."""
        for each in self._kept:
            each.leaving.set()
            if each.child is not None:
                each.child.signal(signal.SIGKILL)

    async def _start(self, part: Part) -> Child:
        return await Child.start(part.command, part.environment, lambda line: self._tell(part.role, line))

    async def _watch(self, kept: _Kept) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            ending = await self._outlive(kept)
            if kept.leaving.is_set():
                return
            if time.monotonic() - began >= STEADY_S:
                pause_s = FIRST_PAUSE_S
            self._tell(kept.part.role, f"{ending}; starts again in {pause_s:.1f} s")
            if await _happens(kept.leaving, within_s=pause_s):
                return
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _outlive(self, kept: _Kept) -> str:
        """Start the part if it does not run, wait for its end, and say how it ended."""
        try:
            kept.child = kept.child or await self._start(kept.part)
        except StartError as error:
            return str(error)
        self._changed(self.pids)
        if kept.leaving.is_set():  # since it was being started
            kept.child.ask_to_stop()
        status = await kept.child.wait()
        kept.child = None
        kept.endings += 1
        self._changed(self.pids)
        return _ended(status)

    async def _see_off(self, kept: _Kept) -> None:
        if kept.task is None:
            return
        done, _ = await asyncio.wait({kept.task}, timeout=kept.part.grace_s)
        if not done:
            self._tell(kept.part.role, f"did not end within {kept.part.grace_s:.0f} s and is killed")
            if kept.child is not None:
                kept.child.signal(signal.SIGKILL)
            await asyncio.wait({kept.task}, timeout=KILL_S)


async def _happens(event: asyncio.Event, *, within_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), within_s)
    except TimeoutError:
        return False
    return True


def _ended(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
