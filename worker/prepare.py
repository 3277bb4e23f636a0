"""Bring the weights of a profile into the forms that its engines run, before a worker starts.

Run as `python -m worker.prepare`. A worker does so itself where it was not done; then its first start takes a minute
or two longer.
"""

from __future__ import annotations

import sys
import warnings

import structlog

from shared import registry
from shared.errors import ModelUnavailableError
from shared.settings import Settings
from worker.run import as_chosen
from worker.stage import Device, load

MADE = frozenset({"onnx", "ctranslate2"})
"""Engines that run what was made of the weights."""
log = structlog.get_logger()


def main() -> int:
    """Load each such stage once; the exit status is 1 where one cannot be loaded."""
    # peft 0.21 asks transformers 5 by the old name: nothing that whoever sets clinq up could change
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    settings = Settings()
    manifest = registry.read(settings.manifest)
    plan = as_chosen(registry.plan(manifest, settings.profile, settings.models_dir, engines=settings.engines), settings)
    lost = 0
    for stage, model in plan.items():
        if model.engine in MADE and model.path is not None:
            try:
                load(stage, model, Device("cpu", settings.threads))
            except ModelUnavailableError as error:
                log.warning("model not prepared", stage=stage.value, reason=str(error))
                lost = 1
    return lost


if __name__ == "__main__":
    sys.exit(main())
