"""Brings one registered version so far that it can serve: its files are checked, it loads, and it reads a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared import model_store
from shared.errors import BackingServiceError, ClinqError, ModelUnavailableError
from shared.job import StageName
from shared.models import Version
from shared.registry import ModelVersion
from worker import trial
from worker.memory import let_go, ran_out
from worker.post import Load
from worker.residency import NoRoomError
from worker.stage import Device, Stage, load

Choose = Callable[[StageName, ModelVersion], ModelVersion]


class LackingError(ClinqError):
    """This machine cannot use a version that others may well use."""

    code = "model_lacking"


class BrokenError(ClinqError):
    """Nobody can use a version: it does not load, or it cannot read a sentence."""

    code = "model_broken"


@dataclass(frozen=True, slots=True)
class Bringer:
    """Knows where this machine keeps weights and where they run."""

    models_dir: Path
    device: Device
    choose: Choose
    """Adds to a model what the settings say about its stage."""
    load: Load = load
    """Reads the weights."""

    def bring(self, version: Version) -> Stage:
        """The stage, ready to serve. Raises LackingError and BrokenError."""
        try:
            model_store.check(version, self.models_dir)
        except ModelUnavailableError as error:
            raise LackingError(str(error)) from error
        except OSError as error:
            raise LackingError(
                f"the files of {version.label} cannot be read on this machine ({type(error).__name__}): let the "
                "worker's user read its models folder"
            ) from error
        try:
            stage = self.load(version.stage, self.choose(version.stage, version.placed(self.models_dir)), self.device)
            trial.run(version.stage, stage)
        except Exception as error:
            let_go(error)
            if ran_out(error):
                raise LackingError(f"{version.label} does not fit into memory beside what serves") from error
            if isinstance(error, BackingServiceError | NoRoomError):  # the version itself is as good as before
                raise LackingError(f"{version.label}: {error}") from error
            said = str(error) if isinstance(error, ClinqError) else type(error).__name__
            raise BrokenError(f"it does not load or run: {said}") from error
        return stage
