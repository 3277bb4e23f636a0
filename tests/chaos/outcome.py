"""What one run came to, and whether that meets the gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.blows import Blow
from tests.chaos.witness import Findings

NOTICE_S = 15.0
DRAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Away:
    """How the gateway did while Redis was away."""

    seconds: float
    accepted: int
    refused: int
    """Answered 503 with Retry-After."""
    wrong: Sequence[str]
    """What else it answered."""
    read: int
    """Results that were read, as before."""
    slowest_s: float
    """Of all those answers."""
    drained_s: float
    """From Redis's return to the end of the last job."""

    @property
    def passed(self) -> bool:
        """Whether its gates are met."""
        return not self.wrong and self.accepted + self.refused > 0 and self.read > 0 and self.drained_s <= DRAIN_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run."""

    scenario: str
    pipeline: str
    database: str
    seed: int
    jobs: int
    poisons: int
    dealt: Counter[Blow]
    resent: int
    """Submissions that were sent more than once, because their answer was lost or was a 503."""
    replayed: int
    """Those of them that had been accepted before their answer was lost."""
    findings: Findings
    noticed: Sequence[float]
    """Seconds from the kill of a worker that held a job until that job was taken back."""
    again: Sequence[float]
    """Seconds from such a kill until that job ran again."""
    seconds: float
    away: Away | None = None

    @property
    def passed(self) -> bool:
        """Whether every gate is met."""
        in_time = max(self.noticed, default=0.0) <= NOTICE_S
        poisoned = self.findings.poison_dead == self.poisons
        return self.findings.sound and poisoned and in_time and (self.away is None or self.away.passed)

    @property
    def why(self) -> list[str]:
        """All that is wrong, a line each."""
        found = self.findings
        named = {"lost": found.lost, "stuck": found.stuck, "duplicated": found.duplicated, "changed": found.changed}
        lines = [f"{what}: {each}" for what, many in named.items() for each in many] + found.faults
        if (worst := max(self.noticed, default=0.0)) > NOTICE_S:
            lines.append(f"a dead worker was noticed after {worst:.1f} s")
        if self.away is not None:
            lines += self.away.wrong
            if self.away.drained_s > DRAIN_S:
                lines.append(f"not all jobs had ended {DRAIN_S:.0f} s after Redis was back")
        return lines
