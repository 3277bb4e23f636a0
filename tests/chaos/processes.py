"""All processes of a run: Redis, two APIs, two reapers, and workers under parents of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from tests.chaos.keeping import Keeping
from tests.chaos.ledger import Ledger
from tests.chaos.pipelines import Pipeline
from tests.house import House, free_port, house
from tests.postgres import Postgres
from tests.receiver import Receiver, receiver

API = (sys.executable, "-m", "api.run")  # what `clinq api` runs, started in half the time
KEEPER = (sys.executable, "-m", "tests.chaos.keeper")
PATIENT_ATTEMPTS = 50  # jobs die with their workers by no fault of theirs
STRICT_ATTEMPTS = 3  # the default, for poison jobs
APIS = ("api", "api-strict")
REAPERS = ("reaper", "reaper-2")


@dataclass(frozen=True)
class Processes:
    """A clinq that stands, each of its processes started again when it ends."""

    home: House
    keeping: Keeping
    ledger: Ledger
    strict_port: int
    """The API that gives a job as many attempts as the default says; the other one gives many more."""
    workers: tuple[str, ...]
    receiver: Receiver
    """Who is called back at the end of each job."""


@contextmanager
def standing(
    pipeline: Pipeline,
    *,
    workers: int,
    random: Random,
    postgres: Postgres | None,
    settings: Mapping[str, str],
    reapers: Sequence[str] = REAPERS,
) -> Iterator[Processes]:
    """Start all processes, wait until both APIs are ready, and keep them alive until the end of the block."""
    where = {} if postgres is None else {"DATABASE_URL": postgres.create()}
    patient = {"MAX_ATTEMPTS": str(PATIENT_ATTEMPTS), **settings, **where}
    with receiver() as called, house(CALLBACK_ALLOW=called.origin, **patient) as home:
        made = Processes(
            home,
            Keeping(home, Random(random.random())),
            Ledger(home.database),
            free_port(),
            tuple(f"worker-{number}" for number in range(1, workers + 1)),
            called,
        )
        _start(made, pipeline, reapers)
        try:
            for port in (home.port, made.strict_port):
                home.wait_ready(port=port)
            with made.keeping:
                yield made
        finally:
            made.ledger.close()


def _start(made: Processes, pipeline: Pipeline, reapers: Sequence[str]) -> None:
    for role in ("redis", *reapers):
        made.keeping.keep(role)
    made.keeping.keep("api", *API)
    made.keeping.keep("api-strict", *API, PORT=str(made.strict_port), MAX_ATTEMPTS=str(STRICT_ATTEMPTS))
    for role in made.workers:
        made.keeping.keep(role, *KEEPER, role, *pipeline.worker, **pipeline.settings(made.home))
