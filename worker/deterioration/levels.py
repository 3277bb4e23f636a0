"""From which risk on a patient is at medium and at high risk."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.errors import ModelUnavailableError
from shared.series import Level
from worker.deterioration import news2

ABOUT_FILE = "about.json"


@dataclass(frozen=True, slots=True)
class Levels:
    """Limits of the risk within 72 hours."""

    medium: float
    high: float

    def of(self, risk: float) -> Level:
        """The level of a risk, 0 to 1."""
        return "high" if risk >= self.high else "medium" if risk >= self.medium else "low"

    def as_dict(self) -> dict[str, float]:
        """As the file beside the weights has it."""
        return asdict(self)


def read(folder: Path) -> Levels:
    """The limits beside the weights; raises ModelUnavailableError when they are missing or malformed."""
    try:
        return Levels(**json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailableError(f"{folder.name}/{ABOUT_FILE} cannot be read: install clinq again") from error


def of_news2(points: int) -> Level:
    """The level of a NEWS2 score, by the bands of its authors: 7 emergency, 5 urgent."""
    return "high" if points >= news2.HIGH else "medium" if points >= news2.MEDIUM else "low"
