"""A child process: its own process group, its output line by line, and dead when its parent dies."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence

from shared.errors import ClinqError

READ_BYTES = 65_536
LONGEST_LINE = 65_536  # bytes; a longer line is told in pieces
PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(ClinqError):
    """A program could not be started."""

    code = "start_failed"


class Child:
    """One running program and what it leaves behind."""

    def __init__(self, process: Process, output: int, hear: Callable[[str], None]) -> None:
        self._process = process
        self._output = output
        self._hear = hear
        self._rest = b""
        asyncio.get_running_loop().add_reader(output, self._read)

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], hear: Callable[[str], None]) -> Child:
        """Start a program; `hear` gets each line of its output. Call it from the main thread.

        From the main thread, because Linux sends the signal of a parent's death when the *thread* that forked ends.
        Raises StartError when there is no such program.
        """
        output, theirs = os.pipe()
        os.set_blocking(output, False)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )
        except OSError as error:
            os.close(output)
            raise StartError(f"cannot start {command[0]}: {error.strerror}") from error
        finally:
            os.close(theirs)
        return cls(process, output, hear)

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait until it ends, remove what is left of its process group, and return its exit status."""
        status = await self._process.wait()
        self.signal(signal.SIGKILL)
        if self._output >= 0:
            self._read()
            self._close()
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # gone; macOS says the latter of a zombie's group
            return

    def ask_to_stop(self) -> None:
        """SIGTERM to the leader alone: it knows how to end what it started."""
        if self._process.returncode is None:
            self._process.terminate()

    def _read(self) -> None:
        """Tell the lines that have come; a line without its end waits for it."""
        try:
            while self._output >= 0 and (piece := os.read(self._output, READ_BYTES)):
                *lines, self._rest = (self._rest + piece).split(b"\n")
                if len(self._rest) > LONGEST_LINE:
                    lines, self._rest = [*lines, self._rest], b""
                for line in lines:
                    self._hear(line.decode(errors="replace"))
            self._close()
        except BlockingIOError:
            return

    def _close(self) -> None:
        if self._output < 0:
            return
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)
        self._output = -1
        if self._rest:
            self._hear(self._rest.decode(errors="replace"))


def die_with(parent: int) -> Callable[[], None] | None:
    """What a fork runs before exec, so that the kernel kills it once its parent is gone; None where Linux is not."""
    if _libc is None:
        return None

    def set_signal() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return set_signal
