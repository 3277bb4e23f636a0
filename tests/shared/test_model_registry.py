"""The model registry: one live version a stage, legal steps, rollback, revisions, and a trail of every act."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy as sa

from shared import comparisons, model_acts, models, tables
from shared.audit import Actor
from shared.comparisons import Compared
from shared.database import Database
from shared.job import StageName
from shared.model_acts import IllegalStateError
from shared.models import InUse, NewVersion, NoSuchModelError, State, Version

ADA = Actor("operator:ada", "default")
WORKER = Actor("worker:w1", "default")
SUMMARIZE, CLASSIFY = StageName.SUMMARIZE, StageName.CLASSIFY


def add(database: Database, version: str, *, stage: StageName = SUMMARIZE, name: str = "tiny") -> Version:
    new = NewVersion(stage, name, version, "seq2seq", options={"beams": "2"}, metrics={"rouge1": 0.33}, card="# Card")
    with database.write() as connection:
        return model_acts.register(connection, ADA, new)


def promote(database: Database, its: Version) -> None:
    with database.write() as connection:
        model_acts.promote(connection, ADA, its.id)


def states(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {each.label: each.state.value for each in models.listed(connection)}


def live(database: Database) -> str | None:
    with database.read() as connection:
        now = models.serving(connection).get(SUMMARIZE, InUse()).live
    return None if now is None else now.version


def revision(database: Database) -> int:
    with database.read() as connection:
        return models.revision(connection)


def test_a_version_is_kept_with_all_that_is_known_of_it(either_database: Database):
    its = add(either_database, "1")
    with either_database.read() as connection:
        assert models.get(connection, its.id) == its
    assert (its.state, its.options, its.metrics, its.card) == (
        State.REGISTERED,
        {"beams": "2"},
        {"rouge1": 0.33},
        "# Card",
    )
    assert (its.registered_by, its.promoted_at) == ("operator:ada", None)


def test_a_name_and_version_are_registered_once_for_a_stage(either_database: Database):
    add(either_database, "1")
    with pytest.raises(IllegalStateError, match="registered already"):
        add(either_database, "1")
    add(either_database, "1", stage=CLASSIFY)


def test_a_promoted_version_takes_the_place_of_the_one_before(either_database: Database):
    first, second = add(either_database, "1"), add(either_database, "2")
    promote(either_database, first)
    promote(either_database, second)
    assert states(either_database) == {"tiny@1": "retired", "tiny@2": "live"}


def test_the_database_itself_refuses_a_second_live_version(either_database: Database):
    first, second = add(either_database, "1"), add(either_database, "2")
    promote(either_database, first)
    force = sa.update(tables.model_version).where(tables.model_version.c.id == second.id).values(state="live")
    with pytest.raises(sa.exc.IntegrityError), either_database.write() as connection:
        connection.execute(force)


def test_rollbacks_lead_step_by_step_back_to_the_manifest_s_own_model(either_database: Database):
    for version in ("1", "2", "3"):
        promote(either_database, add(either_database, version))
    seen = []
    for _ in range(3):
        with either_database.write() as connection:
            model_acts.rollback(connection, ADA, SUMMARIZE)
        seen.append(live(either_database))
    assert seen == ["2", "1", None]
    with pytest.raises(IllegalStateError, match="nothing to roll back"), either_database.write() as connection:
        model_acts.rollback(connection, ADA, SUMMARIZE)


def test_a_rollback_ends_the_canary_of_its_stage_and_leaves_other_stages_alone(either_database: Database):
    first, canary, other = (
        add(either_database, "1"),
        add(either_database, "2"),
        add(either_database, "9", stage=CLASSIFY),
    )
    promote(either_database, first)
    promote(either_database, other)
    with either_database.write() as connection:
        model_acts.set_state(connection, ADA, canary.id, State.CANARY, share=0.1)
        model_acts.rollback(connection, ADA, SUMMARIZE)
    assert states(either_database) == {"tiny@1": "retired", "tiny@2": "registered", "tiny@9": "live"}


def test_a_second_canary_takes_the_place_of_the_first(either_database: Database):
    first, second = add(either_database, "1"), add(either_database, "2")
    with either_database.write() as connection:
        model_acts.set_state(connection, ADA, first.id, State.CANARY, share=0.1)
        now = model_acts.set_state(connection, ADA, second.id, State.CANARY, share=0.25)
    assert (now.state, now.share) == (State.CANARY, 0.25)
    assert states(either_database)["tiny@1"] == "registered"


@pytest.mark.parametrize("to", [State.REGISTERED, State.CANARY, State.SHADOW, State.RETIRED])
def test_a_live_version_is_left_by_promoting_another_or_by_rollback_alone(either_database: Database, to: State):
    its = add(either_database, "1")
    promote(either_database, its)
    with pytest.raises(IllegalStateError, match="roll back"), either_database.write() as connection:
        model_acts.set_state(connection, ADA, its.id, to, share=0.1)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_canary_has_a_share(either_database: Database, share: float):
    its = add(either_database, "1")
    with pytest.raises(IllegalStateError, match="share"), either_database.write() as connection:
        model_acts.set_state(connection, ADA, its.id, State.CANARY, share=share)


def test_a_refused_version_gives_its_place_back_and_says_why(either_database: Database):
    first, second = add(either_database, "1"), add(either_database, "2")
    promote(either_database, first)
    promote(either_database, second)
    with either_database.write() as connection:
        assert model_acts.refuse(connection, WORKER, second.id, State.LIVE, reason="it does not load")
        assert not model_acts.refuse(connection, WORKER, second.id, State.LIVE, reason="late")
    assert states(either_database) == {"tiny@1": "live", "tiny@2": "registered"}
    with either_database.read() as connection:
        assert [(each.label, why) for each, why in models.refused(connection)] == [("tiny@2", "it does not load")]


def test_every_act_changes_the_revision_and_is_logged_and_audited(either_database: Database):
    seen = [revision(either_database)]
    its = add(either_database, "1")
    seen.append(revision(either_database))
    with either_database.write() as connection:
        model_acts.set_state(connection, ADA, its.id, State.CANARY, share=0.1, reason="try it")
    seen.append(revision(either_database))
    promote(either_database, its)
    seen.append(revision(either_database))
    assert seen == sorted(set(seen))
    with either_database.read() as connection:
        acts = models.changes(connection, stage=SUMMARIZE)
        trail = connection.execute(sa.select(tables.audit.c.actor, tables.audit.c.action, tables.audit.c.outcome)).all()
    assert [(each.from_state, each.to_state, each.reason) for each in reversed(acts)] == [
        ("", "registered", ""),
        ("registered", "canary", "try it"),
        ("canary", "live", ""),
    ]
    assert set(trail) == {("operator:ada", f"model_{step}", its.id) for step in ("registered", "canary", "live")}


def test_an_act_that_is_undone_leaves_no_trace(either_database: Database):
    its = add(either_database, "1")
    before = revision(either_database)
    with contextlib.suppress(InterruptedError), either_database.write() as connection:
        model_acts.promote(connection, ADA, its.id)
        raise InterruptedError
    assert (revision(either_database), states(either_database)) == (before, {"tiny@1": "registered"})


def test_a_name_means_its_newest_version_and_must_fit_one_stage(either_database: Database):
    add(either_database, "1")
    newest = add(either_database, "2")
    with either_database.read() as connection:
        assert models.find(connection, "tiny").id == newest.id
        assert models.find(connection, "tiny@1").version == "1"
        assert models.find(connection, newest.id).version == "2"
        with pytest.raises(NoSuchModelError, match="no registered model"):
            models.find(connection, "tiny@3")
    add(either_database, "1", stage=CLASSIFY)
    with either_database.read() as connection:
        with pytest.raises(NoSuchModelError, match="several stages"):
            models.find(connection, "tiny")
        assert models.find(connection, "tiny", CLASSIFY).stage is CLASSIFY


def test_what_ran_beside_is_summed_without_what_failed(either_database: Database):
    its = add(either_database, "1")
    ran = Compared(SUMMARIZE, "default", "j1", its.id, None, seconds=2.0, served_seconds=1.0, agreement=0.5)
    failed = Compared(SUMMARIZE, "default", "j2", its.id, None, error="ValueError")
    with either_database.write() as connection:
        comparisons.add(connection, [ran, failed])
    with either_database.read() as connection:
        told = comparisons.beside(connection, its.id)
        assert comparisons.beside(connection, its.id, tenant="another").jobs == 0
    assert (told.jobs, told.failed, told.agreement, told.seconds, told.served_seconds) == (2, 1, 0.5, 2.0, 1.0)


def test_the_way_back_ends_at_the_manifest_though_a_version_was_live_twice(either_database: Database):
    first, second = add(either_database, "1"), add(either_database, "2")
    for its in (first, second, first):
        promote(either_database, its)
    seen = []
    with either_database.write() as connection:
        assert model_acts.refuse(connection, WORKER, first.id, State.LIVE, reason="it does not load")
    seen.append(live(either_database))
    with either_database.write() as connection:
        assert model_acts.refuse(connection, WORKER, second.id, State.LIVE, reason="it does not load")
    seen.append(live(either_database))
    assert seen == ["2", None]
