"""Stretches of time that a question names, in whole hours of the counters."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import AwareDatetime

from api.errors import invalid
from shared.tally import HOUR_S

LONGEST_H = 366 * 24
USUAL_H = 7 * 24
STEPS_H = {"hour": 1, "day": 24}
LAST_H = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) // HOUR_S  # none later can be told as a date
FINE_UP_TO_H = 72  # beyond that a step is a day
Step = Literal["hour", "day"]
Since = Annotated[
    AwareDatetime | None, Query(alias="from", description="RFC 3339; a week before `to` when absent, rounded to hours")
]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="RFC 3339; now when absent")]


@dataclass(frozen=True, slots=True)
class Hours:
    """From one hour since the epoch to before another."""

    since: int
    until: int

    @property
    def both(self) -> tuple[int, int]:
        """As the counters are asked."""
        return self.since, self.until

    @property
    def begins(self) -> datetime:
        """When the first hour begins."""
        return at(self.since)

    @property
    def ends(self) -> datetime:
        """When the last hour ends."""
        return at(self.until)

    def step_h(self, wanted: Step | None) -> int:
        """The length of one stretch: as wanted, else hours for three days and days for more."""
        return STEPS_H[wanted or ("hour" if self.until - self.since <= FINE_UP_TO_H else "day")]


def hours(since: datetime | None, until: datetime | None) -> Hours:
    """The hours that are meant. Raises ProblemError 422 for a stretch that is empty or longer than a year."""
    last = int((until.timestamp() if until else time.time()) // HOUR_S) + 1
    first = int(since.timestamp() // HOUR_S) if since else last - USUAL_H
    if last > LAST_H:
        raise invalid("?to", "it must lie before the end of the year 9999")
    if not 0 <= first < last:
        raise invalid("?from", "it must lie before `to`")
    if last - first > LONGEST_H:
        raise invalid("?from", "at most a year before `to`")
    return Hours(first, last)


def at(hour: int) -> datetime:
    """When an hour since the epoch begins."""
    return datetime.fromtimestamp(hour * HOUR_S, UTC)
