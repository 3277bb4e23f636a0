"""Feedback over HTTP: who may give it, what fits, and that it counts for the versions that were meant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.answering import answer
from tests.api.conftest import API, Gateway, until


@pytest.fixture
async def job_id(gateway: Gateway) -> str:
    name = await gateway.submit()
    answer(gateway, name)
    return name


async def say(gateway: Gateway, job_id: str, **said: Any) -> Any:
    return await gateway.client.post(f"{API}/result/{job_id}/feedback", json=said)


async def agreement(gateway: Gateway, stage: str) -> dict[str, Any]:
    stats = (await gateway.client.get(f"{API}/ml/stats")).json()
    return dict(stats["stages"][stage]["agreement"])


async def test_feedback_is_kept_told_again_and_counts_for_what_was_meant(gateway: Gateway, job_id: str):
    given = await say(gateway, job_id, target="category", correct="respiratory", comment="a cough")
    assert given.status_code == 201, given.text
    assert given.json()["author"].startswith("key:")
    result = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    fact = result["facts"][0]["id"]
    assert (await say(gateway, job_id, target="fact", item=fact, helpful=True)).status_code == 201
    assert (await say(gateway, job_id, rating=5)).status_code == 201
    listed = (await gateway.client.get(f"{API}/result/{job_id}/feedback")).json()["feedback"]
    assert [each.get("target", "result") for each in listed] == ["category", "fact", "result"]
    assert (listed[0]["correct"], listed[0]["comment"]) == ("respiratory", "a cough")
    assert await agreement(gateway, "classify") == {"agreed": 1, "disagreed": 1, "share": 0.5}
    assert await agreement(gateway, "extract") == {"agreed": 2, "disagreed": 0, "share": 1.0}


async def test_feedback_on_a_risk_counts_for_the_version_that_told_it(gateway: Gateway):
    sent = {"measurements": [{"at": "2026-03-08T08:00:00Z", "heart_rate": 96}]}
    asked = asyncio.create_task(gateway.client.post(f"{API}/ml/predict/deterioration", json=sent))
    await until(lambda: bool(gateway.worker.broker.waiting()))
    (name,) = gateway.worker.broker.waiting()
    answer(gateway, name)
    await asked
    assert (await say(gateway, name, helpful=False)).status_code == 201
    assert await agreement(gateway, "deteriorate") == {"agreed": 0, "disagreed": 1, "share": 0.0}


async def test_a_review_counts_for_the_versions_too(gateway: Gateway, job_id: str):
    path = f"{API}/result/{job_id}/review"
    fact = (await gateway.client.get(f"{API}/result/{job_id}")).json()["facts"][0]["id"]
    await gateway.client.post(path, json={"action": "reject", "facts": [fact]})
    await gateway.client.post(path, json={"action": "confirm"})
    assert (await agreement(gateway, "extract"))["disagreed"] == 1
    assert await agreement(gateway, "classify") == {"agreed": 1, "disagreed": 0, "share": 1.0}


async def test_the_result_says_whether_somebody_has_said_something_of_it(gateway: Gateway, job_id: str):
    assert "review" not in (await gateway.client.get(f"{API}/result/{job_id}")).json()
    await say(gateway, job_id, helpful=True)
    await gateway.client.post(f"{API}/result/{job_id}/review", json={"action": "confirm"})
    told = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert told["review"] == {"reviews": 1, "last": "confirm", "feedback": 1}


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"target": "category", "correct": "ZQXCANARY"}, "/correct"),
        ({"target": "fact", "item": "ZQXCANARY", "helpful": False}, "/item"),
        ({"target": "summary", "item": 3, "helpful": False}, "/item"),
        ({"target": "recommendation", "item": "ZQXCANARY", "helpful": False}, "/item"),
        ({"rating": 9}, "/rating"),
        ({"ZQXCANARY": 9}, ""),
    ],
)
async def test_feedback_that_does_not_fit_says_where(gateway: Gateway, job_id: str, said: dict[str, Any], pointer: str):
    refused = await say(gateway, job_id, **said)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert "ZQXCANARY" not in refused.text


async def test_feedback_is_given_by_reviewers_of_the_tenant_on_completed_jobs(gateway: Gateway, job_id: str):
    path = f"{API}/result/{job_id}/feedback"
    for key, status in ((gateway.make_key(scopes="read submit"), 403), (gateway.make_key("other"), 404)):
        headers = gateway.headers(key)
        assert (await gateway.client.post(path, json={"helpful": True}, headers=headers)).status_code == status
    assert (await gateway.client.get(path, headers=gateway.headers(gateway.make_key("other")))).status_code == 404
    waiting = await gateway.submit("Another note of another patient.")
    assert (await say(gateway, waiting, helpful=True)).json()["code"] == "not_ready"
    await gateway.client.delete(f"{API}/result/{job_id}")
    assert (await say(gateway, job_id, helpful=True)).status_code == 410
    assert (await gateway.client.get(f"{API}/ml/predictions/history")).json()["predictions"] == []
