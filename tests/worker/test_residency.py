"""What models take in memory: measured, within a budget, let go when idle, back when a job needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.case import Case
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from tests.attempts import Small
from worker import bench
from worker.residency import Residency, taken_mb
from worker.stage import Device, Stage

CPU = Device()
EXTRACT, CLASSIFY, SUMMARIZE = StageName.EXTRACT, StageName.CLASSIFY, StageName.SUMMARIZE


@dataclass
class Machine:
    """A process whose memory grows by what a model's version says, in MB."""

    now: float = 0.0
    taken: dict[str, float] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)

    def load(self, _name: StageName, model: ModelVersion, _device: Device) -> Stage:
        self.loads.append(model.name)
        self.taken[model.name] = float(model.version)
        return Small(batch=4, model=model)

    def measure(self, _device: Device) -> float:
        return sum(self.taken.values())

    def residency(self, **wishes: float) -> Residency:
        return Residency(load=self.load, measure=self.measure, clock=lambda: self.now, **wishes)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def model(name: str, megabytes: int) -> ModelVersion:
    return ModelVersion(name, "test", version=str(megabytes), path=Path(name))


def run(stage: Stage, case: Case, desk) -> Sequence[Case]:
    return stage.run([case], desk)


def test_without_a_budget_every_model_stays_and_is_measured(machine: Machine):
    residency = machine.residency()
    stage = residency.load(EXTRACT, model("words", 40), CPU)
    assert isinstance(stage, Small)  # nothing stands before it
    assert residency.sizes_mb == {"extract": 40.0}


def test_the_model_used_least_lately_makes_room_and_comes_back_when_a_job_needs_it(machine: Machine, case_of, desk):
    residency, case = machine.residency(budget_mb=100.0), case_of("A headache.")
    stages = {}
    for name, megabytes in ((EXTRACT, 40), (CLASSIFY, 50)):
        machine.now += 1.0
        stages[name] = residency.load(name, model(name.value, megabytes), CPU)
    machine.now += 1.0
    run(stages[EXTRACT], case, desk)
    machine.now += 1.0
    writer = residency.load(SUMMARIZE, model("summarize", 60), CPU)
    assert [stages[EXTRACT].loaded, stages[CLASSIFY].loaded, writer.loaded] == [True, False, True]
    machine.loads.clear()
    assert run(stages[CLASSIFY], case, desk) == [case]
    assert machine.loads == ["classify"]
    assert sum(each.size_mb for each in (stages[EXTRACT], stages[CLASSIFY], writer) if each.loaded) <= 100.0


def test_a_model_that_is_larger_than_the_budget_leaves_its_stage_to_the_rules(machine: Machine):
    residency = machine.residency(budget_mb=100.0)
    with pytest.raises(ModelUnavailableError, match="CLINQ_MEMORY_BUDGET_MB"):
        residency.load(CLASSIFY, model("huge", 300), CPU)
    machine.taken.clear()

    def load(name: StageName, wanted: ModelVersion, device: Device) -> Stage:
        return Small(model=wanted) if wanted.engine == "rules" else residency.load(name, wanted, device)

    made = bench.set_up({CLASSIFY: model("huge", 300)}, CPU, load=load)
    assert made.fallbacks[CLASSIFY].engine == "rules"


def test_an_idle_model_is_let_go_and_a_busy_one_is_not(machine: Machine, case_of, desk):
    residency, case = machine.residency(idle_s=60.0), case_of("A headache.")
    busy, idle = (residency.load(name, model(name.value, 10), CPU) for name in (EXTRACT, CLASSIFY))
    machine.now = 59.0
    run(busy, case, desk)
    assert residency.sweep() == 0
    machine.now = 61.0
    assert residency.sweep() == 1
    assert [busy.loaded, idle.loaded] == [True, False]
    assert run(idle, case, desk) == [case]
    assert idle.loaded


def test_a_stage_that_was_replaced_is_held_by_nobody(machine: Machine):
    residency = machine.residency(idle_s=60.0)
    stage = residency.load(EXTRACT, model("old", 10), CPU)
    stage = residency.load(EXTRACT, model("new", 20), CPU)
    machine.now = 100.0
    assert residency.sweep() == 1
    assert not stage.loaded


def test_rules_are_never_let_go(machine: Machine):
    residency = machine.residency(idle_s=1.0, budget_mb=1.0)
    assert isinstance(residency.load(EXTRACT, ModelVersion("rules", "rules"), CPU), Small)


def test_the_memory_of_this_process_grows_by_what_it_takes():
    before = taken_mb(CPU)
    held = bytearray(b"x" * (64 << 20))
    assert taken_mb(CPU) - before > 50.0
    del held
