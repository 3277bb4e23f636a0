"""The history over HTTP: pages, filters and whose it is; and statistics that say no more than they may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared import tables
from tests.api.answering import answer
from tests.api.conftest import API, NOTE, Gateway, until

HISTORY = f"{API}/ml/predictions/history"


async def finish(gateway: Gateway, number: int, **how: Any) -> str:
    job_id = await gateway.submit(f"{NOTE} Number {number}.", cache=False)
    answer(gateway, job_id, **how)
    return job_id


async def read(gateway: Gateway, query: str = "", status: int = 200, **how: Any) -> Any:
    got = await gateway.client.get(f"{HISTORY}{query}", **how)
    assert got.status_code == status, got.text
    return got.json()


async def test_the_history_is_read_in_pages_and_audited(gateway: Gateway):
    ids = [await finish(gateway, number) for number in range(5)]
    first = await read(gateway, "?limit=3")
    rest = await read(gateway, f"?limit=3&cursor={first['next']}")
    assert [each["prediction_id"] for each in (*first["predictions"], *rest["predictions"])] == ids[::-1]
    assert "next" not in rest
    line = first["predictions"][0]
    assert (line["category"], line["confidence"], line["cached"]) == ("neurological", 0.7, False)
    other = gateway.headers(gateway.make_key("other"))
    assert (await read(gateway, headers=other))["predictions"] == []

    def noted() -> bool:
        with gateway.worker.database.read() as connection:
            return "history_read" in connection.execute(sa.select(tables.audit.c.action)).scalars().all()

    await until(noted)


async def test_the_history_of_a_time_and_of_a_model_is_found(gateway: Gateway):
    await finish(gateway, 1)
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    stamp = {
        name: at.isoformat().replace("+00:00", "Z") for name, at in (("before", now - hour), ("after", now + hour))
    }
    assert len((await read(gateway, f"?from={stamp['before']}&to={stamp['after']}"))["predictions"]) == 1
    assert (await read(gateway, f"?from={stamp['after']}"))["predictions"] == []
    assert (await read(gateway, "?model=nobody"))["predictions"] == []
    (line,) = (await read(gateway))["predictions"]
    assert len((await read(gateway, f"?model={line['models']['classify']}"))["predictions"]) == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?cursor=ZQXCANARY", "?cursor"),
        ("?limit=0", "?limit"),
        ("?model=a%20b", "?model"),
        ("?from=ZQXCANARY", "?from"),
    ],
)
async def test_an_odd_question_says_where_it_is_odd(gateway: Gateway, query: str, pointer: str):
    told = await read(gateway, query, 422)
    assert told["errors"][0]["pointer"] == pointer
    assert "ZQXCANARY" not in str(told)


async def test_statistics_count_hits_doubts_and_categories(gateway: Gateway):
    await finish(gateway, 1, confidence=0.4)
    await finish(gateway, 2, cached=True)
    await gateway.submit("One that waits.")
    told = (await gateway.client.get(f"{API}/ml/stats")).json()
    assert (told["jobs"]["completed"], told["jobs"]["queued"]) == (2, 1)
    assert told["cache"] == {"of": 2, "hits": 1, "share": 0.5}
    assert (told["needs_review"], told["mean_confidence"]) == (0.5, 0.55)
    assert told["categories"] == {"of": 2, "counts": {"neurological": 2}}
    assert told["stages"]["classify"]["jobs"] == 2
    assert {each["stage"] for each in told["models"]} >= {"extract", "classify", "assemble"}
    other = gateway.headers(gateway.make_key("other"))
    foreign = (await gateway.client.get(f"{API}/ml/stats", headers=other)).json()
    assert (foreign["cache"]["of"], foreign["categories"]["of"], foreign["models"]) == (0, 0, [])
