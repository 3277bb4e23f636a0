"""What became of every submission, seen from outside: over HTTP, in the database, in the audit trail."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from tests.chaos import called
from tests.chaos.blows import Death
from tests.chaos.ledger import OPEN, Act, Row
from tests.chaos.pipelines import Pipeline
from tests.chaos.processes import STRICT_ATTEMPTS, Processes
from tests.chaos.submitting import Sent
from tests.house import House


@dataclass
class Findings:
    """Ids of jobs by what is wrong with them, and sentences about the rest."""

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    poison_dead: int = 0
    called_back: int = 0
    """Jobs whose end the receiver of callbacks heard, under one delivery id."""
    faults: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.stuck or self.duplicated or self.changed or self.faults)


def examine(processes: Processes, pipeline: Pipeline, sent: Sequence[Sent]) -> Findings:
    """Hold each accepted submission against its row, its audit trail, its callback and what a client reads."""
    rows, acts = processes.ledger.rows(), _by_job(processes.ledger.acts())
    found = Findings(faults=[each.wrong for each in sent if each.wrong])
    _one_job_a_key(found, sent, rows)
    for each in sent:
        row = rows.get(each.job_id)
        if row is None:
            found.lost.append(each.job_id or f"submission {each.number}")
        elif row.status in OPEN or row.token or row.lease:
            found.stuck.append(f"{row.id} {row.status}, attempt {row.attempt}")
        elif each.poison:
            _poisoned(found, row, acts[row.id])
        else:
            _ended_once(found, row, acts[row.id])
    _unchanged(found, processes.home, pipeline, [each for each in sent if not each.poison and each.job_id in rows])
    ended = {each: row for each, row in rows.items() if row.status not in OPEN}
    found.called_back, wrong = called.heard(processes.receiver, ended)
    found.faults += wrong
    return found


def noticed(deaths: Iterable[Death], acts: Sequence[Act]) -> list[float]:
    """Seconds from each death of a worker that held a job to the reaper's taking that job back."""
    back: Mapping[str, list[float]] = defaultdict(list)
    for act in acts:
        if act.action == "lease_lost":
            back[act.job_id].append(act.at)
    found = []
    for death in deaths:
        after = [at - death.at for at in back[death.job_id] if at > death.at]
        found += after[:1]
    return found


def middle_and_worst(seconds: Sequence[float]) -> str:
    """p50 and p100, in seconds."""
    return f"{statistics.median(seconds):.1f} / {max(seconds):.1f}" if seconds else "–"


def _by_job(acts: Iterable[Act]) -> Mapping[str, list[Act]]:
    found: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        found[act.job_id].append(act)
    return found


def _one_job_a_key(found: Findings, sent: Sequence[Sent], rows: Mapping[str, Row]) -> None:
    answered = [each.job_id for each in sent if each.job_id]
    found.duplicated += [f"{job_id} answers to no key" for job_id in rows.keys() - set(answered)]
    if len(set(answered)) < len(answered):
        found.faults.append("two submissions were given the same job")


def _ended_once(found: Findings, row: Row, acts: Sequence[Act]) -> None:
    ends = [act for act in acts if act.ends]
    if row.status != "completed":
        found.lost.append(f"{row.id} {row.status} ({row.reason_code}), attempt {row.attempt} of {row.max_attempts}")
    if len(ends) != 1:
        wrong = found.duplicated if ends else found.lost
        wrong.append(f"{row.id} ended {len(ends)} times by the audit trail")


def _poisoned(found: Findings, row: Row, acts: Sequence[Act]) -> None:
    failures = sum(act.action in {"attempt_failed", "lease_lost"} or act.ends for act in acts)
    ends = sum(act.ends for act in acts)
    says_why = bool(row.reason_code and row.reason_detail)
    exactly = row.attempt == row.max_attempts == STRICT_ATTEMPTS <= failures
    if row.status == "dead" and exactly and ends == 1 and says_why:
        found.poison_dead += 1
    else:
        found.faults.append(
            f"poison job {row.id} is {row.status} ({row.reason_code}) after {row.attempt} attempts of "
            f"{row.max_attempts}; the audit trail has {failures} failures and {ends} ends"
        )


def _unchanged(found: Findings, home: House, pipeline: Pipeline, sent: Sequence[Sent]) -> None:
    wanted = pipeline.expected([each.body["text"] for each in sent])
    with home.client() as client:
        for each, expected in zip(sent, wanted, strict=True):
            result = client.get(f"/api/v1/result/{each.job_id}")
            bundle = client.get(f"/api/v1/result/{each.job_id}/bundle")
            if result.status_code != httpx.codes.OK or result.json()["status"] != "completed":
                continue  # lost or stuck: that is counted
            if bundle.status_code != httpx.codes.OK:
                found.changed.append(f"{each.job_id} has no Bundle: {bundle.status_code}")
            elif pipeline.seen(each.job_id, result.json(), bundle.json()) != expected:
                found.changed.append(each.job_id)
