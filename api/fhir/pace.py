"""How often one client may ask after one open job: kept in this process, because it guards this process."""

from __future__ import annotations

import time

REMEMBERED = 10_000  # pairs of client and job


class Pace:
    """Remembers when each client last asked after each job."""

    def __init__(self, shortest_s: float) -> None:
        self.shortest_s = shortest_s
        self._asked: dict[tuple[str, str], float] = {}

    def early_s(self, client: str, job_id: str) -> float:
        """Seconds that this question comes too early; 0 when it is in time, and then it counts as the last one."""
        now, pair = time.monotonic(), (client, job_id)
        left_s = self._asked.get(pair, float("-inf")) + self.shortest_s - now
        if left_s > 0:
            return left_s
        if len(self._asked) >= REMEMBERED:
            since = now - self.shortest_s
            self._asked = {each: at for each, at in self._asked.items() if at > since}
        self._asked[pair] = now
        return 0.0
