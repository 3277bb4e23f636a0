"""Log lines of several processes on one screen: prefixed, coloured and readable."""

from __future__ import annotations

import json
import threading
from datetime import datetime

from rich.console import Console
from rich.text import Text

COLOURS = {"clinq": "bold", "redis": "red", "api": "cyan", "reaper": "magenta", "worker": "green"}
LEVELS = {"warning": "yellow", "error": "red", "critical": "bold red"}
UNSAID = frozenset({"event", "level", "timestamp", "role", "logger", "color_message", "request_id"})
WIDEST_ROLE = 8
SHORT_ID = 8  # characters of a job's id, from its end: UUIDv7 begin alike


class Lines:
    """Prints one line for each line that a process says; JSON becomes words."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()

    def tell(self, role: str, line: str) -> None:
        """Print a line of a role; an empty one is left out."""
        if not line.strip():
            return
        with self._lock:
            self._console.print(readable(role, line), soft_wrap=True)


def readable(role: str, line: str) -> Text:
    """Time, role and message of one log line, with its fields behind it."""
    line = line.rpartition("\r")[2]  # of a bar that redraws itself, the last state
    event = _event(line)
    at = _time(event.get("timestamp"))
    text = Text(f"{at} ", style="dim")
    text.append(f"{role:<{WIDEST_ROLE}} ", style=COLOURS.get(role, "blue"))
    style = LEVELS.get(str(event.get("level")), "")
    text.append(str(event.get("event", line)), style=style)
    for name, value in event.items():
        if name not in UNSAID:
            text.append(f"  {name}=", style="dim")
            text.append(_short(name, value), style=style)
    return text


def _event(line: str) -> dict[str, object]:
    if not line.startswith("{"):
        return {}
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _time(timestamp: object) -> str:
    try:
        at = datetime.fromisoformat(str(timestamp)).astimezone()
    except ValueError:
        at = datetime.now().astimezone()
    return at.strftime("%H:%M:%S")


def _short(name: str, value: object) -> str:
    if name == "job_id":
        return f"…{str(value)[-SHORT_ID:]}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
