"""What has been heard of one job: how far each stage is, and the text that has come so far."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.client import share_of
from shared.job import JobStatus, Progress, StageName

WAITING = "waits for a worker"
TITLES = {
    StageName.TRANSCRIBE: "Transcript so far",
    StageName.SUMMARIZE: "Summary as it is written",
    StageName.RECOMMEND: "Recommendations as they are written",
}


@dataclass
class Following:
    """Takes events in their order; views read what it holds."""

    stages: tuple[StageName, ...]
    status: JobStatus = JobStatus.QUEUED
    shares: dict[StageName, float] = field(default_factory=dict)
    texts: dict[StageName, str] = field(default_factory=dict)
    began: dict[StageName, float] = field(default_factory=dict)
    """By this machine's monotonic clock, in seconds."""
    done: set[StageName] = field(default_factory=set)
    took: dict[StageName, float] = field(default_factory=dict)
    """Seconds of stages that were followed from their beginning."""

    @property
    def running(self) -> StageName | None:
        """The stage that is being worked on."""
        if self.status is not JobStatus.RUNNING:
            return None
        return next((each for each in self.stages if each in self.began and each not in self.done), None)

    @property
    def written(self) -> StageName | None:
        """The last stage that has sent text."""
        return next((each for each in reversed(self.stages) if self.texts.get(each)), None)

    def see(self, event: Progress) -> None:
        """Take one event."""
        self.status = event.status
        about = share_of(event, self.stages)
        if about is not None and event.status is JobStatus.RUNNING:
            stage, share = about
            self._finish(self.stages[: self.stages.index(stage)])
            self.began.setdefault(stage, time.monotonic())
            self.shares[stage] = share
            if event.partial is not None:
                self.texts[stage] = self.texts.get(stage, "") + event.partial if event.append else event.partial
            if event.type == "stage" and share >= 1.0:  # other events may say 1.0 before the last text has come
                self._finish((stage,))
        if event.status is JobStatus.COMPLETED:
            self._finish(self.stages)

    def _finish(self, stages: Iterable[StageName]) -> None:
        for stage in stages:
            self.shares[stage] = 1.0
            self.done.add(stage)
            if stage in self.began:
                self.took.setdefault(stage, time.monotonic() - self.began[stage])

    def word(self, stage: StageName) -> str:
        """How far a stage is, in a word or two."""
        if stage in self.done:
            return f"{self.took[stage]:.1f} s" if stage in self.took else "done"
        if stage in self.shares:
            return f"{self.shares[stage]:.0%}"
        return "skipped" if self.status.terminal else "waits"
