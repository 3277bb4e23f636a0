"""The text events of each running stage, so that a client that comes late has exactly the text so far."""

from __future__ import annotations

from shared.broker import Event

JOBS_HEARD = 1000  # running jobs whose text is kept (sealed)


class Written:
    """What the stream has said of the text of each running stage.

    The row's own copy is up to half a second old; text that is appended to it would lack what came between.
    """

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = {}

    def hear(self, event: Event) -> None:
        """Take one event; a stage's beginning or end, and a text that comes whole, start anew."""
        if event.status.terminal:
            self._events.pop(event.job_id, None)
            return
        if event.type == "stage" or (event.partial is not None and not event.append):
            self._events.pop(event.job_id, None)
            self._events[event.job_id] = []
        if event.partial is not None and event.job_id in self._events:
            self._events[event.job_id].append(event)
        while len(self._events) > JOBS_HEARD:
            del self._events[next(iter(self._events))]

    def of(self, job_id: str) -> tuple[Event, ...] | None:
        """What the text so far is made of; None where its beginning was not heard."""
        heard = self._events.get(job_id)
        return None if heard is None else tuple(heard)
