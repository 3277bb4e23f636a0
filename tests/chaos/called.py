"""The receiver of the callbacks as a witness: it must hear the end of each job, under one delivery id."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping

from tests.chaos.ledger import Row
from tests.receiver import Receiver

WAIT_S = 60.0  # the end is told soon; where the reaper died that told it, once its lease on the delivery is over
LOOK_S = 0.1


def heard(receiver: Receiver, rows: Mapping[str, Row]) -> tuple[int, list[str]]:
    """How many of these ended jobs were told once and truly, and what is wrong with the others."""
    _wait(receiver, rows)
    told: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for call in list(receiver.calls):
        body = json.loads(call.body)
        told[str(body["job_id"])].add((call.delivery, str(body["type"])))
    wrong = [
        f"of {row.id}, which is {row.status}, was told: {sorted(told[row.id])}"
        for row in rows.values()
        if [kind for _, kind in told[row.id]] != [f"job.{row.status}"]
    ]
    unknown = [f"the end of an unknown job {job_id} was told" for job_id in told.keys() - rows.keys()]
    return len(rows) - len(wrong), wrong + unknown


def _wait(receiver: Receiver, rows: Mapping[str, Row]) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if len({json.loads(call.body)["job_id"] for call in list(receiver.calls)}) >= len(rows):
            return
        time.sleep(LOOK_S)
