"""The models over HTTP: what there is, how versions have done and compare, and who may change what serves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from api.ml.pins import manifested
from shared import comparisons, model_acts, tables, tally
from shared.audit import Actor
from shared.comparisons import Compared
from shared.job import StageName
from shared.models import NewVersion, Version
from shared.settings import Settings
from shared.tally import Done
from tests.api.conftest import API, Gateway, changed, running

ML = f"{API}/ml"
ADMIN = Actor("operator:test", "default")
CLASSIFY = StageName.CLASSIFY


@pytest.fixture(params=["sqlite", "postgresql"])
async def gateway(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Gateway]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with running(changed(settings, database_url=url)) as started:
        yield started


def register(gateway: Gateway, version: str = "2", stage: StageName = CLASSIFY, **fields: Any) -> Version:
    new = NewVersion(stage, "bert-new", version, "bert", sha256="a" * 64, licence="MIT", **fields)
    with gateway.worker.database.write() as connection:
        return model_acts.register(connection, ADMIN, new)


def served(
    gateway: Gateway, version: str, jobs: int, *, tenant: str = "default", seconds: float = 0.1, **sums: int
) -> None:
    """So many jobs that this version has served, with further counts over all of them."""
    one = Done(
        tenant,
        CLASSIFY,
        "bert-new",
        version,
        pace=tally.pace(seconds),
        jobs=1,
        seconds=seconds,
        judged=1,
        confidence=0.5,
    )
    with gateway.worker.database.write() as connection:
        tally.add(connection, [one] * jobs)
        tally.add(connection, [Done(tenant, CLASSIFY, "bert-new", version, **sums)])


async def get(gateway: Gateway, path: str, status: int = 200, **how: Any) -> Any:
    answer = await gateway.client.get(f"{ML}{path}", **how)
    assert answer.status_code == status, answer.text
    return answer.json()


async def act(gateway: Gateway, what: str, *, key: str | None = None, **body: Any) -> Any:
    headers = gateway.headers(key or gateway.key)
    return await gateway.client.post(f"{ML}/models/bert-new/{what}", json=body, headers=headers)


async def test_all_versions_are_listed_with_what_serves_and_on_how_many_workers(gateway: Gateway):
    new = register(gateway, metrics={"f1": 0.9}, card="# A card")
    row = {"device": "cpu", "started_at": tally.clock(), "seen_at": tally.clock(), "revision": 1}
    plan = manifested(gateway.services.settings)[CLASSIFY]
    models = json.dumps({"classify": f"{plan.engine}:{plan.name}"})
    with gateway.worker.database.write() as connection:
        for name, problems in (("w1", "{}"), ("w2", '{"classify": "no folder"}')):
            connection.execute(sa.insert(tables.worker).values(name=name, models=models, problems=problems, **row))
    listed = (await get(gateway, "/models?stage=classify"))["models"]
    mine, own = listed
    assert (mine["id"], mine["state"], mine["metrics"], mine["licence"]) == (new.id, "registered", {"f1": 0.9}, "MIT")
    assert (own["id"], own["state"], own["name"]) == ("manifest", "live", plan.name)
    assert own["serving"] == {"workers": 2, "of": 2, "lacking": 1}
    assert [each["id"] for each in (await get(gateway, "/models?state=registered"))["models"]] == [new.id]
    described = await get(gateway, "/models/bert-new")
    assert (described["card"], described["changes"][0]["to_state"]) == ("# A card", "registered")
    assert (await get(gateway, "/models/ZQXCANARY", 404))["code"] == "no_such_model"


async def test_versions_are_promoted_rolled_back_and_retired_by_the_operators_admins_alone(gateway: Gateway):
    register(gateway)
    for scopes, tenant in (("read submit review", "default"), ("models read", "other")):
        key = gateway.make_key(tenant, scopes)
        assert (await act(gateway, "promote", key=key)).status_code == 403
    canary = await act(gateway, "promote", state="canary", share=0.1)
    assert (canary.status_code, canary.json()["state"], canary.json()["share"]) == (200, "canary", 0.1)
    live = await act(gateway, "promote", version="2", reason="better")
    assert live.json()["state"] == "live"
    refused = await act(gateway, "retire")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_state")
    back = await act(gateway, "rollback")
    assert {each["id"]: each["state"] for each in back.json()}["manifest"] == "live"
    assert (await act(gateway, "rollback")).status_code == 409
    register(gateway, "3")
    assert (await act(gateway, "retire", version="3")).json()["state"] == "retired"
    assert (await act(gateway, "promote", version="ZQXCANARY")).status_code == 404
    with gateway.worker.database.read() as connection:
        acts = list(connection.execute(sa.select(tables.audit.c.action).order_by(tables.audit.c.id)).scalars())
    assert [each for each in acts if each in {"model_canary", "model_live"}][:2] == ["model_canary", "model_live"]


async def test_a_promotion_that_does_not_hold_says_why(gateway: Gateway):
    register(gateway)
    for body in ({"state": "canary"}, {"share": 0.5}, {"state": "canary", "share": 2}, {"state": "ZQXCANARY"}):
        answer = await act(gateway, "promote", **body)
        assert answer.status_code == 422
        assert "ZQXCANARY" not in answer.text


async def test_how_a_version_has_done_is_told_over_time_and_only_of_ones_own_tenant(gateway: Gateway):
    served(gateway, "2", 90, unsure=9, agreed=3, disagreed=1, failed=10, degraded=5)
    served(gateway, "2", 10, seconds=3.0)
    served(gateway, "3", 1)
    served(gateway, "2", 7, tenant="other")
    found = await get(gateway, "/models/bert-new/performance?version=2")
    (version,) = found["versions"]
    total = version["total"]
    assert (total["jobs"], total["failed"], total["degraded"]) == (100, 10, 5)
    assert total["latency"]["p50_s"] == pytest.approx(0.1, rel=0.13)
    assert total["latency"]["p95_s"] == pytest.approx(3.0, rel=0.13)
    assert total["latency"]["mean_s"] == pytest.approx(0.39)
    assert (total["needs_review"], total["mean_confidence"]) == (0.09, 0.5)
    assert total["agreement"] == {"agreed": 3, "disagreed": 1, "share": 0.75}
    assert sum(each["jobs"] for each in version["over_time"]) == 100
    with gateway.worker.database.write() as connection:
        connection.execute(
            sa.update(tables.tally).where(tables.tally.c.version == "3").values(hour=tables.tally.c.hour - 30)
        )
    hourly = await get(gateway, "/models/bert-new/performance?version=3&step=hour")
    daily = await get(gateway, "/models/bert-new/performance?step=day")
    assert len(hourly["versions"][0]["over_time"]) == 1
    assert len(daily["versions"]) == 2
    assert (await get(gateway, "/models/nobody/performance", 404))["code"] == "no_such_model"
    span = "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"
    assert (await get(gateway, f"/models/bert-new/performance?{span}", 422))["errors"][0]["pointer"] == "?from"


async def test_two_versions_are_compared_with_intervals_and_a_test(gateway: Gateway):
    a, b = register(gateway, "2"), register(gateway, "3")
    served(gateway, "2", 200, unsure=60)
    served(gateway, "3", 200, unsure=20, seconds=0.2)
    pair = [
        Compared(CLASSIFY, "default", "j", b.id, a.id, seconds=0.2, served_seconds=0.1, agreement=each)
        for each in (1.0, 0.5)
    ]
    with gateway.worker.database.write() as connection:
        comparisons.add(connection, pair)
    found = await get(gateway, "/ab?stage=classify&a=bert-new@2&b=bert-new@3")
    tested = found["shares"]["needs_review"]
    assert (tested["a"]["share"], tested["b"]["share"], tested["difference"]) == (0.3, 0.1, -0.2)
    assert tested["a"]["low"] < 0.3 < tested["a"]["high"]
    assert 1e-7 < tested["p_value"] < 1e-5  # z = 5
    assert found["shares"]["failed"]["p_value"] is None
    assert found["shares"]["agreed"]["a"] is None
    assert found["p95_ratio"] == pytest.approx(2.0, rel=0.26)
    assert (found["beside"]["b"]["jobs"], found["beside"]["b"]["agreement"]) == (2, 0.75)
    assert (await get(gateway, "/ab?stage=classify&a=bert-new@2&b=bert-new@2", 422))["errors"][0]["pointer"] == "?b"
    name = manifested(gateway.services.settings)[CLASSIFY].name
    own = await get(gateway, f"/ab?stage=classify&a={name}&b=bert-new@2")
    assert (own["a"]["id"], own["a"]["figures"]["jobs"]) == ("manifest", 0)
    assert (await get(gateway, "/ab?stage=summarize&a=bert-new@2&b=bert-new@3", 404))["code"] == "no_such_model"


async def test_prometheus_reads_each_versions_last_day_without_a_word_of_whose(gateway: Gateway):
    served(gateway, "2", 4, unsure=1)
    served(gateway, "2", 3, tenant="other")
    text = (await gateway.client.get("/metrics")).text
    labels = 'model="bert-new",outcome="{}",stage="classify",version="2"'
    assert f"clinq_model_day{{{labels.format('jobs')}}} 7.0" in text
    assert f"clinq_model_day{{{labels.format('unsure')}}} 1.0" in text
    assert 'clinq_model_seconds{model="bert-new",quantile="0.5",stage="classify",version="2"}' in text
    assert "other" not in text
    with gateway.worker.database.write() as connection:
        connection.execute(sa.update(tables.tally).values(hour=tables.tally.c.hour - 48))
    assert "bert-new" not in (await gateway.client.get("/metrics")).text


async def test_a_rollback_of_the_canary_leaves_who_is_live_in_place(gateway: Gateway):
    register(gateway, "1")
    register(gateway, "2")
    await act(gateway, "promote", version="1", state="live")
    await act(gateway, "promote", version="2", state="canary", share=0.1)
    back = await act(gateway, "rollback", version="2")
    assert back.status_code == 200
    assert {each["version"]: each["state"] for each in back.json() if each["id"] != "manifest"} == {
        "1": "live",
        "2": "registered",
    }
