"""One run of a scenario of kills: submissions, blows, the wait for the last job, and what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

from tests.chaos import blows, witness
from tests.chaos.blows import Death, Striker
from tests.chaos.ledger import OPEN
from tests.chaos.outcome import Away, Outcome
from tests.chaos.pipelines import Pipeline
from tests.chaos.processes import Processes, standing
from tests.chaos.scenarios import Scenario
from tests.chaos.small import note
from tests.chaos.submitting import Sent, Submitting
from tests.postgres import Postgres

Tell = Callable[[str], None]
POISON_WITHIN_S = 3.0  # they need three leases
LOOK_S = 0.25


def play(
    scenario: Scenario, pipeline: Pipeline, seed: int, postgres: Postgres | None, tell: Tell, stop: threading.Event
) -> Outcome:
    """Run a scenario to its end, on SQLite where there is no PostgreSQL; `stop` ends it early."""
    random = Random(f"{scenario.name}/{pipeline.name}/{seed}")
    began = time.monotonic()
    with standing(
        pipeline, workers=scenario.workers, random=random, postgres=postgres, settings=scenario.settings
    ) as processes:
        striker = Striker(processes, random, scenario.freeze_s, postgres)
        sent = _submissions(scenario, pipeline, seed, random, processes)
        again = _through(scenario, striker, sent, random, tell, stop)
        seconds = time.monotonic() - began
        return weighed(scenario.name, pipeline, seed, striker, sent, seconds=seconds, again=again)


def weighed(
    scenario: str,
    pipeline: Pipeline,
    seed: int,
    striker: Striker,
    sent: Sequence[Sent],
    *,
    seconds: float,
    again: Sequence[float] = (),
    away: Away | None = None,
) -> Outcome:
    """What came of a run whose processes still stand; where a gate is missed, its logs and its ledger are kept."""
    home, ledger = striker.processes.home, striker.processes.ledger
    findings = witness.examine(striker.processes, pipeline, sent)
    findings.faults += striker.undrained
    outcome = Outcome(
        scenario=scenario,
        pipeline=pipeline.name,
        database="SQLite" if home.database.startswith("sqlite") else "PostgreSQL",
        seed=seed,
        jobs=len(sent),
        poisons=sum(each.poison for each in sent),
        dealt=striker.dealt,
        resent=sum(each.tries > 1 for each in sent),
        replayed=sum(each.replayed for each in sent),
        findings=findings,
        noticed=witness.noticed(striker.deaths, ledger.acts()),
        again=again,
        seconds=seconds,
        away=away,
    )
    if not outcome.passed:
        home.kept = True
        ledger.write(home.home / "audit.txt")
        findings.faults.append(f"its logs and its audit trail lie in {home.home}")
    return outcome


def _submissions(scenario: Scenario, pipeline: Pipeline, seed: int, random: Random, processes: Processes) -> list[Sent]:
    count = scenario.jobs - len(scenario.poisons)
    back = {"callback_url": processes.receiver.url}
    good = [
        Sent(number, pipeline.body(pipeline.text(seed, number)) | back, random.uniform(0.0, scenario.submit_s))
        for number in range(count)
    ]
    poisoned = [
        Sent(
            number, pipeline.body(note(seed, number, poison)) | back, random.uniform(0.0, POISON_WITHIN_S), poison=True
        )
        for number, poison in enumerate(scenario.poisons, count)
    ]
    return [*good, *poisoned]


def _through(
    scenario: Scenario, striker: Striker, sent: list[Sent], random: Random, tell: Tell, stop: threading.Event
) -> list[float]:
    """Submit and strike until everything has ended, or its time is over; seconds until struck jobs ran again."""
    ledger = striker.processes.ledger
    submitting = Submitting(striker.processes, str(random.random()), sent, random, stop)
    plan = blows.plan(scenario.counts, scenario.blows_s, random)
    again: dict[Death, float] = {}
    with ThreadPoolExecutor(1, "striker") as pool:
        work = [*submitting.start(), pool.submit(striker.deal, plan, stop)]
        deadline = None
        while not stop.wait(LOOK_S):
            counts = ledger.counts()
            _look_for(again, striker)
            waits = sum(counts[status] for status in OPEN)
            tell(f"{counts.total() - waits} of {len(sent)} ended, {striker.dealt.total()} of {len(plan)} blows")
            if deadline is None and _all_done(work):
                deadline = time.monotonic() + scenario.drain_s
            elif deadline is not None and (not waits or time.monotonic() > deadline):
                break
    return list(again.values())


def _look_for(again: dict[Death, float], striker: Striker) -> None:
    """Note which of the struck jobs run again."""
    pending = [death for death in list(striker.deaths) if death not in again]
    rows = striker.processes.ledger.some([death.job_id for death in pending])
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
