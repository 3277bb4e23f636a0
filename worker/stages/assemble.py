"""Assemble: the case as a FHIR R4 Bundle that has passed its check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from shared.case import Case, Origin
from shared.registry import ModelVersion
from worker.fhir import snomed
from worker.fhir.bundle import built, transaction
from worker.fhir.check import problems
from worker.fhir.elements import write
from worker.fhir.operator import Operator
from worker.stage import Desk, Device

log = structlog.get_logger()

REFUSED = "The FHIR Bundle broke {count} of its rules and was not written; broken: {rules}."


@dataclass(slots=True)
class Assemble:
    """Builds the bundle, checks it, and lets only a sound one out."""

    model: ModelVersion
    operator: Operator
    batch: int = 1

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """Each case with its bundle, or without one and with a warning that names the broken rules, not the content.

        A case with too little content to go on has nothing to assemble. Raises MissingInputError without text.
        """
        return [each if each.insufficient else self._assembled(each, desk) for each in cases]

    def _assembled(self, case: Case, desk: Desk) -> Case:
        made = built(case, self.operator)
        desk.tell(case, 0.5)
        broken = problems(made.bundle, self.operator.licensed)
        if not broken:
            return replace(case, bundle=write(made.bundle), resources=made.places)
        rules = sorted({each.rule for each in broken})
        log.error("bundle refused", rules=rules, paths=[each.path for each in broken[:20]])
        warning = REFUSED.format(count=len(rules), rules=", ".join(rules))
        return replace(case, bundle=None, resources=(), warnings=(*case.warnings, warning))


def load(model: ModelVersion, device: Device) -> Assemble:  # noqa: ARG001 - it has no weights to put there
    """Read FHIR's models once, by checking one small bundle: the first check takes 200 times as long as the next.

    The operator's name and identifier come from the model's options `operator`, `operator_system`, `operator_id`, what
    they have chosen from `medication` and `snomed`, which worker/run.py takes from the settings.
    """
    plain = Operator()
    chosen = model.options
    stage = Assemble(
        model,
        Operator(
            name=chosen.get("operator", plain.name),
            system=chosen.get("operator_system", plain.system),
            identifier=chosen.get("operator_id", plain.identifier),
            medication="request" if chosen.get("medication") == "request" else "statement",
            snomed=snomed.table(Path(chosen["snomed"])) if chosen.get("snomed") else {},
        ),
    )
    received_at = datetime(2000, 1, 1, tzinfo=UTC)
    problems(transaction(Case(Origin("warm", "warm", received_at), text="warm"), stage.operator))
    return stage
