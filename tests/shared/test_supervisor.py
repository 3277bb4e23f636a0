"""The supervisor over small real children."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared import supervisor
from shared.child import Child, StartError
from shared.settings import environment
from shared.supervisor import Part, Pids, Supervisor

pytestmark = pytest.mark.process

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True); time.sleep(600)"
)


class Heard:
    """Remembers what a supervisor tells."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.pids: list[Pids] = []

    def supervisor(self) -> Supervisor:
        return Supervisor(lambda role, line: self.lines.append((role, line)), self.pids.append)

    def said(self, words: str) -> bool:
        return any(words in line for _, line in self.lines)


def part(code: str, role: str = "worker", grace_s: float = 20.0) -> Part:
    return Part(role, (sys.executable, "-c", code), environment(), grace_s)


async def until(question: Callable[[], bool], within_s: float = 30.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not question():
        assert time.monotonic() < give_up_at, "it never came true"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_a_child_that_is_killed_starts_again_and_the_new_pid_is_told(heard: Heard) -> None:
    children = heard.supervisor()
    await children.keep(part(SLEEP))
    await until(lambda: heard.said("up"))
    [first] = children.pids["worker"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: children.pids.get("worker", (first,)) != (first,))
    assert heard.said("killed by SIGKILL; starts again in 0.2 s")
    assert heard.pids[-1] == children.pids
    await children.stop()
    assert children.pids == {}


async def test_the_pause_doubles_while_a_child_keeps_dying(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.4)
    children = heard.supervisor()
    await children.keep(part("raise SystemExit(3)"))
    await until(lambda: len([line for _, line in heard.lines if "starts again" in line]) >= 4)
    await children.stop()
    pauses = [line.split()[-2] for _, line in heard.lines if "starts again" in line]
    assert pauses[:4] == ["0.1", "0.2", "0.4", "0.4"]
    assert heard.said("ended with status 3")


async def test_stopping_gives_a_child_its_grace_and_then_kills_it(heard: Heard) -> None:
    children = heard.supervisor()
    await children.keep(part(DEAF, grace_s=0.5))
    await until(lambda: heard.said("up"))
    [pid] = children.pids["worker"]
    await children.stop()
    assert heard.said("did not end within")
    assert not alive(pid)


async def test_a_child_that_drains_is_not_killed(heard: Heard) -> None:
    children = heard.supervisor()
    code = (
        "import signal, time\n"
        "def drain(*_):\n    time.sleep(0.3); print('drained', flush=True); raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, drain); print('up', flush=True); time.sleep(600)"
    )
    await children.keep(part(code))
    await until(lambda: heard.said("up"))
    await children.stop()
    assert heard.said("drained")
    assert not heard.said("is killed")


async def test_some_roles_can_be_stopped_after_the_others(heard: Heard) -> None:
    children = heard.supervisor()
    await children.keep(part(SLEEP, "redis"))
    await children.keep(part(SLEEP, "worker"))
    await children.stop(but=("redis",))
    assert list(children.pids) == ["redis"]
    await children.stop()
    assert children.pids == {}


async def test_what_a_dead_child_started_is_ended_too(heard: Heard) -> None:
    children = heard.supervisor()
    await children.keep(part(WITH_CHILD))
    await until(lambda: len(heard.lines) > 0)
    grandchild = int(heard.lines[0][1])
    [leader] = children.pids["worker"]
    os.kill(leader, signal.SIGKILL)
    await until(lambda: not alive(grandchild))
    await children.stop()


async def test_a_long_line_and_a_last_line_without_its_end_are_told(heard: Heard) -> None:
    child = await Child.start(
        (sys.executable, "-c", "import sys; sys.stdout.write('a' * 200_000 + '\\nlast words')"),
        environment(),
        lambda line: heard.lines.append(("child", line)),
    )
    await child.wait()
    assert "".join(line for _, line in heard.lines) == "a" * 200_000 + "last words"


async def test_a_program_that_is_not_there_is_named(heard: Heard) -> None:
    with pytest.raises(StartError, match="no-such-program"):
        await heard.supervisor().keep(Part("worker", ("/no-such-program",), {}))


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell a child that its parent died")
def test_children_do_not_outlive_a_supervisor_that_is_killed() -> None:
    program = f"""
import asyncio, sys
from shared.settings import environment
from shared.supervisor import Part, Supervisor
async def main():
    children = Supervisor(lambda *_: None, lambda *_: None)
    await children.keep(Part("worker", (sys.executable, "-c", {DEAF!r}), environment()))
    print(*children.pids["worker"], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    asyncio.run(until(lambda: not alive(child)))
