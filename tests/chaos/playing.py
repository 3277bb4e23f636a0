"""One run of a scenario: submissions, blows, the wait for the last job, and what came of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from tests.chaos import blows, witness
from tests.chaos.blows import Blow, Striker
from tests.chaos.ledger import OPEN
from tests.chaos.pipelines import Pipeline
from tests.chaos.processes import APIS, REAPERS, Processes, standing
from tests.chaos.scenarios import Scenario
from tests.chaos.small import note
from tests.chaos.submitting import Sent, Submitting
from tests.chaos.witness import Findings
from tests.postgres import Postgres

Tell = Callable[[str], None]
NOTICE_S = 15.0
POISON_WITHIN_S = 3.0  # they need three leases
LOOK_S = 0.25
OTHERS = {Blow.REDIS: ("redis",), Blow.EMPTIED: ("redis",), Blow.API: APIS, Blow.REAPER: REAPERS}


@dataclass
class Outcome:
    """What one run came to."""

    scenario: str
    pipeline: str
    database: str
    seed: int
    jobs: int
    poisons: int
    dealt: Counter[Blow]
    resent: int
    """Submissions that were sent more than once, because their answer was lost or was a 503."""
    findings: Findings
    noticed: list[float]
    """Seconds from the kill of a worker that held a job until that job was taken back."""
    again: list[float]
    """Seconds from such a kill until that job ran again."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every gate is met."""
        in_time = max(self.noticed, default=0.0) <= NOTICE_S
        return self.findings.sound and self.findings.poison_dead == self.poisons and in_time


def play(
    scenario: Scenario, pipeline: Pipeline, seed: int, postgres: Postgres | None, tell: Tell, stop: threading.Event
) -> Outcome:
    """Run a scenario to its end, on SQLite where there is no PostgreSQL; `stop` ends it early."""
    random = Random(f"{scenario.name}/{pipeline.name}/{seed}")
    began = time.monotonic()
    with standing(
        pipeline, workers=scenario.workers, random=random, postgres=postgres, settings=scenario.settings
    ) as processes:
        striker = Striker(processes, random, OTHERS, scenario.freeze_s, postgres)
        sent = _submissions(scenario, pipeline, seed, random, processes)
        again = _through(scenario, processes, striker, sent, random, tell, stop)
        findings = witness.examine(processes.home, processes.ledger, pipeline, sent)
        findings.faults += striker.undrained
        outcome = Outcome(
            scenario=scenario.name,
            pipeline=pipeline.name,
            database="SQLite" if postgres is None else "PostgreSQL",
            seed=seed,
            jobs=len(sent),
            poisons=len(scenario.poisons),
            dealt=striker.dealt,
            resent=sum(each.tries > 1 for each in sent),
            findings=findings,
            noticed=witness.noticed(striker.deaths, processes.ledger.acts()),
            again=again,
            seconds=time.monotonic() - began,
        )
        if not outcome.passed:
            processes.home.kept = True
            findings.faults.append(f"logs and ledger: {processes.home.home}")
        return outcome


def _submissions(scenario: Scenario, pipeline: Pipeline, seed: int, random: Random, processes: Processes) -> list[Sent]:
    count = scenario.jobs - len(scenario.poisons)
    port = processes.home.port
    good = [
        Sent(number, pipeline.body(pipeline.text(seed, number)), random.uniform(0.0, scenario.submit_s), port)
        for number in range(count)
    ]
    poisoned = [
        Sent(
            count + number,
            pipeline.body(note(seed, count + number, poison)),
            random.uniform(0.0, POISON_WITHIN_S),
            processes.strict_port,
            poison=True,
        )
        for number, poison in enumerate(scenario.poisons)
    ]
    return [*good, *poisoned]


def _through(
    scenario: Scenario,
    processes: Processes,
    striker: Striker,
    sent: list[Sent],
    random: Random,
    tell: Tell,
    stop: threading.Event,
) -> list[float]:
    """Submit and strike until everything has ended, or its time is over; seconds until struck jobs ran again."""
    submitting = Submitting(processes.home, f"{scenario.name}-{random.random()}", sent, random, stop)
    plan = blows.plan(scenario.counts, scenario.blows_s, random)
    again: dict[blows.Death, float] = {}
    with ThreadPoolExecutor(1, "striker") as pool:
        work = [*submitting.start(), pool.submit(striker.deal, plan, stop)]
        deadline = float("inf")
        while time.monotonic() < deadline and not stop.wait(LOOK_S):
            counts = processes.ledger.counts()
            _look_for(again, striker, processes)
            tell(f"{counts.total() - _open(counts)} of {len(sent)} ended, {striker.dealt.total()} blows")
            if _all_done(work) and deadline == float("inf"):
                deadline = time.monotonic() + scenario.drain_s
            if deadline < float("inf") and not _open(counts):
                break
    return list(again.values())


def _look_for(again: dict[blows.Death, float], striker: Striker, processes: Processes) -> None:
    """Note which of the struck jobs run again."""
    pending = [death for death in list(striker.deaths) if death not in again]
    rows = processes.ledger.some([death.job_id for death in pending])
    for death in pending:
        row = rows.get(death.job_id)
        if row is not None and row.attempt > death.attempt and row.claimed_at is not None:
            again[death] = row.claimed_at - death.at


def _all_done(work: Sequence[Future[None]]) -> bool:
    """Whether all threads have ended. Raises what one of them raised."""
    for each in work:
        if each.done():
            each.result()
    return all(each.done() for each in work)


def _open(counts: Counter[str]) -> int:
    return sum(counts[status] for status in OPEN)
