"""The parent of one worker: the product's own supervisor over one command, whose process id it leaves in a file.

    python -m tests.chaos.keeper worker-1 python -m shared.cli worker

SIGKILL of the worker alone makes this process start it again; SIGKILL of this process takes the worker along.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from shared.settings import Settings, environment
from shared.supervisor import Part, Pids, Supervisor


async def keep(role: str, command: tuple[str, ...]) -> None:
    """Keep the command running until SIGTERM; then let it end what it has in hand."""
    settings = Settings()
    file = settings.home / f"{role}.pid"
    told_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_stop.set)

    def changed(pids: Pids) -> None:
        file.write_text(" ".join(str(pid) for pid in pids.get(role, ())))

    supervisor = Supervisor(lambda _role, line: _say(line), changed)
    await supervisor.keep(Part(role, command, environment(), settings.grace_s))
    await told_to_stop.wait()
    await supervisor.stop()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(keep(sys.argv[1], tuple(sys.argv[2:])))
