"""A worker follows the registry: what loads takes its place between rounds, what does not leaves the old one there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import comparisons, model_acts, model_store, models
from shared.case import Case
from shared.database import Database
from shared.errors import BackingServiceError, ModelUnavailableError
from shared.job import StageName
from shared.migrate import upgrade
from shared.models import MANIFEST, State, Version
from shared.registry import ModelVersion
from tests.attempts import Small
from tests.tiny_versions import OPERATOR, Versions
from tests.worker.engines import cases
from worker.bench import Bench
from worker.bringing import Bringer, LackingError
from worker.lineup import Lineup
from worker.named import Named
from worker.post import Tolerance
from worker.residency import NoRoomError
from worker.stage import Device, Stage
from worker.turnstile import Turnstile

CLASSIFY = StageName.CLASSIFY
OWN = ModelVersion("own", "rules")


class Shelf:
    """Loads small stages instead of weights, and fails for those versions that a test names."""

    def __init__(self) -> None:
        self.broken: dict[str, Exception] = {}
        self.loaded: list[str] = []

    def __call__(self, name: StageName, model: ModelVersion, device: Device) -> Stage:
        self.loaded.append(model.version if model.id else "own")
        if model.id and (error := self.broken.get(model.version)) is not None:
            raise error
        return Small(model=model)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(made)
    yield made
    made.close()


@pytest.fixture
def versions(database: Database, tmp_path: Path) -> Versions:
    return Versions(database, tmp_path / "models", tmp_path)


@pytest.fixture
def lineup(shelf: Shelf, database: Database, tmp_path: Path) -> Callable[[], Lineup]:
    bringer = Bringer(tmp_path / "models", Device(), lambda _stage, model: model, load=shelf)
    return lambda: Lineup(database, {CLASSIFY: OWN}, bringer, "w1", "here")


def set_state(database: Database, its: Version, state: State, share: float = 0.0) -> None:
    with database.write() as connection:
        model_acts.set_state(connection, OPERATOR, its.id, state, share=share)


def state(database: Database, its: Version) -> State:
    with database.read() as connection:
        return models.get(connection, its.id).state


def serves(made: Bench) -> str:
    model = made.stages[CLASSIFY].model
    return model.version if model.id else "own"


def test_a_worker_that_starts_loads_the_live_version_and_not_the_one_it_replaces(shelf, database, versions, lineup):
    set_state(database, versions.add("1"), State.LIVE)
    assert serves(lineup().first(Tolerance())) == "1"
    assert shelf.loaded == ["1"]


def test_each_act_is_followed_and_a_rollback_leads_back_to_the_manifest_s_own(shelf, database, versions, lineup):
    here = lineup()
    made = here.first(Tolerance())
    seen = [serves(made)]
    for version in ("1", "2"):
        set_state(database, versions.add(version), State.LIVE)
        here._follow()
        seen.append(serves(made))
    for _ in range(2):
        with database.write() as connection:
            model_acts.rollback(connection, OPERATOR, CLASSIFY)
        here._follow()
        seen.append(serves(made))
    assert seen == ["own", "1", "2", "1", "own"]
    with database.read() as connection:
        assert here.standing.revision == models.revision(connection)


@pytest.mark.parametrize("error", [ModelUnavailableError("no weights"), ValueError("a shape that does not fit")])
def test_a_version_that_does_not_load_is_refused_and_the_old_one_serves(
    shelf, database, versions, lineup, error: Exception
):
    old, new = versions.add("1"), versions.add("2")
    set_state(database, old, State.LIVE)
    here = lineup()
    made = here.first(Tolerance())
    shelf.broken["2"] = error
    set_state(database, new, State.LIVE)
    here._follow()
    assert (serves(made), state(database, old), state(database, new)) == ("1", State.LIVE, State.REGISTERED)
    with database.read() as connection:
        [(refused, why)] = models.refused(connection)
    assert (refused.id, "does not load or run" in why, "shape" in why) == (new.id, True, False)


def test_a_worker_that_starts_with_a_broken_version_serves_the_one_before(shelf, database, versions, lineup):
    set_state(database, versions.add("1"), State.LIVE)
    set_state(database, versions.add("2"), State.LIVE)
    shelf.broken["2"] = ValueError()
    assert serves(lineup().first(Tolerance())) == "1"


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_version_whose_files_are_not_here_is_named_and_not_refused(
    shelf, database, versions, lineup, tmp_path: Path, harm: str
):
    old, new = versions.add("1"), versions.add("2")
    set_state(database, old, State.LIVE)
    here = lineup()
    made = here.first(Tolerance())
    folder = tmp_path / "models" / str(new.folder)
    if harm == "gone":
        folder.rename(tmp_path / "elsewhere")
    else:
        (folder / "weights" / "config.json").write_text("{}")
    set_state(database, new, State.LIVE)
    here._follow()
    assert (serves(made), state(database, new)) == ("1", State.LIVE)
    assert "tiny@2" in here.standing.problems["classify"]
    if harm == "gone":
        (tmp_path / "elsewhere").rename(folder)
        here._follow()
        assert (serves(made), here.standing.problems) == ("2", {})


def test_a_version_that_does_not_fit_into_memory_leaves_the_old_one_in_place(shelf, database, versions, lineup):
    set_state(database, versions.add("1"), State.LIVE)
    here = lineup()
    made = here.first(Tolerance())
    new = versions.add("2")
    shelf.broken["2"] = MemoryError()
    set_state(database, new, State.LIVE)
    here._follow()
    assert (serves(made), state(database, new)) == ("1", State.LIVE)
    assert "memory" in here.standing.problems["classify"]


def test_a_canary_that_is_promoted_is_not_loaded_again(shelf, database, versions, lineup):
    its = versions.add("1")
    here = lineup()
    made = here.first(Tolerance())
    set_state(database, its, State.CANARY, share=0.1)
    here._follow()
    assert (serves(made), made.canaries[CLASSIFY].share) == ("own", 0.1)
    set_state(database, its, State.CANARY, share=0.5)
    here._follow()
    assert made.canaries[CLASSIFY].share == 0.5
    set_state(database, its, State.LIVE)
    here._follow()
    assert (serves(made), made.canaries, shelf.loaded) == ("1", {}, ["own", "1"])


def test_a_canary_that_keeps_failing_is_taken_out_of_use_and_its_failures_are_noted(
    shelf, database, versions, lineup, desk
):
    its = versions.add("1")
    here = lineup()
    made = here.first(Tolerance(breaker_failures=2))
    set_state(database, its, State.CANARY, share=1.0)
    here._follow()
    made.canaries[CLASSIFY].post.stage.act = lambda _case, _desk: 1 / 0  # type: ignore[attr-defined]
    outcomes = made.run(CLASSIFY, cases("a", "b"), desk, trying={"a", "b"})
    assert [each.models[-1].name for each in outcomes if isinstance(each, Case)] == ["own", "own"]
    here.hear(here.standing.revision)
    assert here._wake.is_set()
    here._note_failures()
    here._follow()
    assert (made.canaries, state(database, its)) == ({}, State.REGISTERED)
    with database.read() as connection:
        told = comparisons.beside(connection, its.id)
    assert (told.jobs, told.failed) == (2, 2)


@pytest.mark.parametrize("error", [BackingServiceError("its server is away"), NoRoomError("larger than the budget")])
def test_what_is_wrong_on_this_machine_alone_refuses_no_version(shelf, database, versions, lineup, error: Exception):
    new = versions.add("1")
    set_state(database, new, State.LIVE)
    shelf.broken["1"] = error
    here = lineup()
    made = here.first(Tolerance())
    assert (serves(made), state(database, new)) == ("own", State.LIVE)
    assert str(error) in here.standing.problems["classify"]
    shelf.broken.clear()
    here._follow()
    assert (serves(made), here.standing.problems) == ("1", {})


def test_files_that_must_not_be_read_keep_no_worker_from_starting(
    shelf, database, versions, lineup, monkeypatch: pytest.MonkeyPatch
):
    new = versions.add("1")
    set_state(database, new, State.LIVE)

    def refuse(_version: Version, _folder: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(model_store, "check", refuse)
    here = lineup()
    assert (serves(here.first(Tolerance())), state(database, new)) == ("own", State.LIVE)
    assert "cannot be read" in here.standing.problems["classify"]


def test_a_canary_ends_also_where_the_live_version_is_not_here(shelf, database, versions, lineup, tmp_path: Path):
    canary, new = versions.add("1"), versions.add("2")
    here = lineup()
    made = here.first(Tolerance())
    set_state(database, canary, State.CANARY, share=0.5)
    here._follow()
    assert list(made.canaries) == [CLASSIFY]
    (tmp_path / "models" / str(new.folder)).rename(tmp_path / "elsewhere")
    set_state(database, new, State.LIVE)
    set_state(database, canary, State.RETIRED)
    here._follow()
    assert (made.canaries, serves(made)) == ({}, "own")


def test_a_job_that_names_the_manifest_s_own_is_not_done_by_rules_in_its_place(database, versions, tmp_path: Path):
    def load(name: StageName, model: ModelVersion, device: Device) -> Stage:
        if model.engine == "rules":
            return Small(model=model)
        raise ModelUnavailableError("no weights")

    bringer = Bringer(tmp_path / "models", Device(), lambda _stage, model: model, load=load)
    absent = {CLASSIFY: ModelVersion("own", "bert", path=tmp_path / "nowhere")}
    with pytest.raises(LackingError):
        Named(database, absent, bringer).stage(CLASSIFY, MANIFEST, lambda _version: None)


def test_a_change_waits_for_the_round_in_hand_and_goes_before_the_next():
    gate, order = Turnstile(), []
    begun = threading.Event()

    def change() -> None:
        begun.set()
        with gate.change():
            order.append("change")

    with gate.round():
        thread = threading.Thread(target=change)
        thread.start()
        begun.wait()
        while not gate._changes_waiting:
            pass
        order.append("round")
    with gate.round():
        order.append("next round")
    thread.join()
    assert order == ["round", "change", "next round"]
