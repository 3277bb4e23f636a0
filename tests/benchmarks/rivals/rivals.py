"""Plain RQ, Celery and arq as their own commands run them, with their default settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from redis import Redis

from tests.benchmarks.rivals import jobs
from tests.benchmarks.rivals.crew import Command, Crew, System
from tests.benchmarks.rivals.environment import programs
from tests.house import ROOT, House

HERE = "tests.benchmarks.rivals"
LONG_AGO = 1.0
"""A time, in seconds since the epoch, at which every lease has ended."""


class Side:
    """A rival's submitting process, in its own environment: `python -m <module>`."""

    def __init__(self, home: House, python: str | Path, module: str, *words: str) -> None:
        self._process = subprocess.Popen(
            [python, "-m", f"{HERE}.{module}", *words],
            env={"PATH": "/usr/bin:/bin", **home.env},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def submit(self, kind: str, count: int) -> None:
        """Return once all are accepted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(kind, count, file=self._process.stdin, flush=True)
        if not self._process.stdout.readline():
            raise RuntimeError("a submitting process ended; its error stands above")

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


class Rq:
    """`rq worker` with SimpleWorker."""

    def __init__(self, home: House, side: Side, *, retried: bool = False) -> None:
        self.name = "RQ SimpleWorker" + (" with Retry(3)" if retried else "")
        self.crew = Crew(home, "retried-rq" if retried else "rq")
        self._url = home.env["BENCH_REDIS_URL"] + f"/{jobs.RETRIED_RQ if retried else jobs.RQ}"
        self._redis = Redis.from_url(self._url)
        self._side = side
        self._accepted = 0

    def workers(self, count: int) -> list[Command]:
        command = Path(sys.executable).parent / "rq"
        return [[command, "worker", "-w", "rq.worker.SimpleWorker", "-u", self._url, "--quiet", "bench"]] * count

    def submit(self, kind: str, count: int) -> None:
        self._side.submit(kind, count)
        self._accepted += count

    def left(self) -> int:
        return self._accepted - self._redis.zcard("rq:finished:bench")

    def expire(self) -> None:
        _age(self._redis, "rq:wip:bench")


class Celery:
    """`celery worker` with its prefork pool, which acknowledges a task before it runs it."""

    def __init__(self, home: House, side: Side, folder: Path) -> None:
        self.name = "Celery prefork (acks early)"
        self.crew = Crew(home, "celery")
        self._folder = folder
        self._redis = Redis.from_url(home.env["BENCH_REDIS_URL"] + f"/{jobs.CELERY}")
        self._results = Redis.from_url(home.env["BENCH_REDIS_URL"] + f"/{jobs.CELERY_RESULTS}")
        self._side = side
        self._accepted = 0

    def workers(self, count: int) -> list[Command]:
        own: list[str | Path] = [self._folder / "celery", "-A", f"{HERE}.celery_side", "-q", "worker"]
        return [[*own, "--concurrency", str(count), "--loglevel", "WARNING"]]

    def submit(self, kind: str, count: int) -> None:
        self._side.submit(kind, count)
        self._accepted += count

    def left(self) -> int:
        return self._accepted - self._results.dbsize()

    def expire(self) -> None:
        _age(self._redis, "unacked_index")


class Arq:
    """`arq`, which runs ten jobs at a time in one event loop and looks for more every half second."""

    def __init__(self, home: House, side: Side, folder: Path) -> None:
        self.name = "arq (looks every 0.5 s)"
        self.crew = Crew(home, "arq")
        self._folder = folder
        self._redis = Redis.from_url(home.env["BENCH_REDIS_URL"] + f"/{jobs.ARQ}")
        self._side = side

    def workers(self, count: int) -> list[Command]:
        return [
            [self._folder / "arq", f"{HERE}.arq_side.WorkerSettings", "--custom-log-dict", f"{HERE}.arq_side.QUIET"]
        ] * count

    def submit(self, kind: str, count: int) -> None:
        self._side.submit(kind, count)

    def left(self) -> int:
        return self._redis.zcard("arq:queue")  # a job leaves it in the MULTI that writes its result

    def expire(self) -> None:
        if held := list(self._redis.scan_iter("arq:in-progress:*")):
            self._redis.delete(*held)


def _age(redis: Redis, key: str) -> None:
    ids = cast("list[bytes]", redis.zrange(key, 0, -1))
    if ids:
        redis.zadd(key, cast("dict[Any, float]", dict.fromkeys(ids, LONG_AGO)))


def installed(home: House, tell: Callable[[str], None], stack: ExitStack) -> list[System]:
    """Each rival that can run here, with its submitting process; plain RQ is the first."""

    def side(python: str | Path, module: str) -> Side:
        made = Side(home, python, module)
        stack.callback(made.close)
        return made

    found: list[System] = [Rq(home, side(sys.executable, "rq_side"))]
    if (folder := programs("celery", tell)) is not None:
        found.append(Celery(home, side(folder / "python", "celery_side"), folder))
    if (folder := programs("arq", tell)) is not None:
        found.append(Arq(home, side(folder / "python", "arq_side"), folder))
    return found


def retried(home: House, stack: ExitStack) -> System:
    """RQ again, with the usual Retry of each job."""
    side = Side(home, sys.executable, "rq_side", "retried")
    stack.callback(side.close)
    return Rq(home, side, retried=True)
