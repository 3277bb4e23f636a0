"""Webhooks through the gateway: addresses that come with submissions, endpoints, secrets, and the log."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa
from redis import Redis

from shared import tables
from shared.settings import Settings
from shared.webhooks import endpoint
from shared.webhooks.posting import Poster
from shared.webhooks.sending import Sender
from tests.api.conftest import API, NOTE, Gateway, changed, running, until
from tests.receiver import Receiver, Reply, receiver

CANARY = "CANARY"
HOOKS = f"{API}/webhooks"
NOBODY = "0199d0a0-0000-7000-8000-000000000001"


@pytest.fixture
def to() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, to: Receiver) -> Settings:
    return changed(settings, callback_allow=(to.origin,), callback_backoff_s=0.05, callback_timeout_s=2.0)


@contextmanager
def sending(gateway: Gateway) -> Iterator[None]:
    """The reaper's sender."""
    services, stop = gateway.services, threading.Event()
    poster = Poster(services.settings.callback_allow, services.settings.callback_timeout_s)
    sender = Sender(gateway.worker.database, services.keyring, services.settings, poster, name="test")
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def ask(gateway: Gateway, method: str, path: str, *, key: str = "", **how: object) -> httpx.Response:
    headers = gateway.headers(key) if key else {}
    return await gateway.client.request(method, f"{HOOKS}{path}", headers=headers, **how)  # type: ignore[arg-type]


async def deliveries(gateway: Gateway, **query: str) -> list[dict[str, object]]:
    answer = await ask(gateway, "GET", "/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["deliveries"]
    return found


async def comes_to(gateway: Gateway, state: str, **query: str) -> None:
    """Until the newest delivery stands so."""
    for _ in range(500):
        if (await deliveries(gateway, **query))[0]["state"] == state:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"no delivery came to be {state}")


async def test_a_submission_with_an_address_is_told_and_the_log_says_so(gateway: Gateway, to: Receiver):
    secret = (await ask(gateway, "POST", "/secrets")).json()["secret"]
    job_id = await gateway.submit(callback_url=to.url, metadata={"visit": CANARY})
    [armed] = await deliveries(gateway, job_id=job_id)
    assert (armed["state"], armed["attempts"], armed["origin"]) == ("armed", 0, to.origin)
    with sending(gateway):
        gateway.worker.complete(job_id)
        await until(lambda: to.calls)
        [call] = to.calls
        await comes_to(gateway, "delivered", job_id=job_id)
    assert call.signed_with(secret)
    whole = (await ask(gateway, "GET", f"/deliveries/{call.delivery}")).json()
    assert (whole["job_id"], whole["state"], whole["attempts"]) == (job_id, "delivered", 1)
    assert [each["status_code"] for each in whole["log"]] == [200]
    assert CANARY not in str(whole)
    assert CANARY.encode() not in call.body


async def test_the_endpoints_of_the_tenant_are_told_every_job_and_each_address_once(gateway: Gateway, to: Receiver):
    made = (await ask(gateway, "POST", "/endpoints", json={"url": to.url})).json()
    assert (await ask(gateway, "POST", "/endpoints", json={"url": to.url})).json() == made
    both = await gateway.submit(callback_url=to.url)
    one = await gateway.submit(callback_url=f"{to.origin}/own")
    assert [each.get("endpoint_id") for each in await deliveries(gateway, job_id=both)] == [made["id"]]
    assert {each.get("endpoint_id") for each in await deliveries(gateway, job_id=one)} == {None, made["id"]}
    assert (await ask(gateway, "GET", "/endpoints")).json() == {"endpoints": [made]}
    assert (await ask(gateway, "DELETE", f"/endpoints/{made['id']}")).status_code == 204
    assert await deliveries(gateway, job_id=await gateway.submit()) == []
    with sending(gateway):
        gateway.worker.complete(both)
        await comes_to(gateway, "given_up", job_id=both)
    assert to.calls == []


async def test_endpoints_are_read_once_in_some_seconds_however_many_submit(gateway: Gateway):
    asked = []
    find = gateway.services.endpoints._find

    async def counted(tenant: str) -> object:
        asked.append(tenant)
        return await find(tenant)

    gateway.services.endpoints._find = counted  # type: ignore[assignment]  # counts only
    for _ in range(20):
        await gateway.submit()
    assert asked == ["default"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://localhost./x",
        "https://[::ffff:127.0.0.1]/x",
        "https://169.254.169.254/latest",
        "http://hooks.example.org/x",
        "https://user:CANARY@hooks.example.org/x",
        "https://CANARY.internal/x",
        "ftp://hooks.example.org/x",
        "CANARY",
        "https://" + "a" * 3000,
        17,
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_with_its_pointer_and_not_repeated(
    gateway: Gateway, url: object
):
    own = await gateway.client.post(f"{API}/submit", json={"text": NOTE, "callback_url": url})
    named = await ask(gateway, "POST", "/endpoints", json={"url": url})
    for answer, pointer in ((own, "/callback_url"), (named, "/url")):
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
        assert CANARY not in answer.text
        assert "hooks" not in answer.text
    with gateway.worker.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.job)).scalar_one() == 0


async def test_two_secrets_are_live_and_a_third_ends_the_first(gateway: Gateway):
    assert (await ask(gateway, "GET", "/secrets")).json() == {"secrets": []}
    made = [(await ask(gateway, "POST", "/secrets")).json() for _ in range(3)]
    assert all(each["secret"].startswith("whsec_") for each in made)
    listed = (await ask(gateway, "GET", "/secrets")).json()["secrets"]
    assert [each["id"] for each in listed] == [each["id"] for each in reversed(made)]
    assert [each.get("revoked_at") is None for each in listed] == [True, True, False]
    assert "whsec_" not in str(listed)


async def test_a_delivery_is_sent_again_on_request_and_not_before_its_job_has_ended(gateway: Gateway, to: Receiver):
    to.replies = [Reply(410), Reply(200)]
    job_id = await gateway.submit(callback_url=to.url)
    [armed] = await deliveries(gateway)
    early = await ask(gateway, "POST", f"/deliveries/{armed['id']}/redeliver")
    assert (early.status_code, early.json()["code"]) == (409, "not_deliverable")
    with sending(gateway):
        gateway.worker.complete(job_id)
        await comes_to(gateway, "given_up")
        again = await ask(gateway, "POST", f"/deliveries/{armed['id']}/redeliver")
        assert (again.status_code, again.json()["state"]) == (202, "due")
        await comes_to(gateway, "delivered")
    assert {call.delivery for call in to.calls} == {armed["id"]}
    log = (await ask(gateway, "GET", f"/deliveries/{armed['id']}")).json()["log"]
    assert [each["status_code"] for each in log] == [410, 200]


async def test_the_log_is_paged_newest_first_and_filtered(gateway: Gateway, to: Receiver):
    jobs = [await gateway.submit(callback_url=to.url) for _ in range(5)]
    gateway.worker.complete(jobs[0])
    seen, after = [], {}
    while True:
        page = (await ask(gateway, "GET", "/deliveries", params={"most": "2", **after})).json()
        seen += [each["job_id"] for each in page["deliveries"]]
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert seen == jobs[::-1]
    assert [each["job_id"] for each in await deliveries(gateway, state="due")] == jobs[:1]
    assert await deliveries(gateway, batch_id=NOBODY) == []
    assert await deliveries(gateway, after=NOBODY) == []


@pytest.mark.parametrize("query", ["state=CANARY", "most=0", "most=CANARY", "after=CANARY", "job_id=%00", "batch_id="])
async def test_a_wrong_question_is_422_and_not_repeated(gateway: Gateway, query: str):
    answer = await gateway.client.get(f"{HOOKS}/deliveries?{query}")
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == ["?" + query.partition("=")[0]]


async def test_what_belongs_to_another_tenant_is_the_same_404_as_what_never_was(gateway: Gateway, to: Receiver):
    made = (await ask(gateway, "POST", "/endpoints", json={"url": to.url})).json()
    await gateway.submit()
    [mine] = await deliveries(gateway)
    other = gateway.make_key("other")
    for method, path, own in (
        ("GET", "/deliveries/{}", mine["id"]),
        ("POST", "/deliveries/{}/redeliver", mine["id"]),
        ("DELETE", "/endpoints/{}", made["id"]),
    ):
        answers = [await ask(gateway, method, path.format(each), key=other) for each in (own, NOBODY, "x", "%00" * 36)]
        assert {answer.status_code for answer in answers} == {404}
        told = [{name: value for name, value in answer.json().items() if name != "request_id"} for answer in answers]
        assert told[1:] == told[:-1]
    for path in ("/deliveries", "/endpoints", "/secrets"):
        assert list((await ask(gateway, "GET", path, key=other)).json().values()) == [[]]
    assert (await ask(gateway, "GET", "/endpoints")).json()["endpoints"] == [made]


async def test_each_route_takes_its_scope(gateway: Gateway, to: Receiver):
    reader, submitter = gateway.make_key(scopes="read"), gateway.make_key(scopes="submit")
    await gateway.submit(callback_url=to.url)
    [one] = await deliveries(gateway)
    asked = (
        ("GET", "/deliveries", reader, 200),
        ("GET", "/deliveries", submitter, 403),
        ("GET", f"/deliveries/{one['id']}", submitter, 403),
        ("POST", f"/deliveries/{one['id']}/redeliver", reader, 403),
        ("POST", f"/deliveries/{one['id']}/redeliver", submitter, 409),
        ("GET", "/endpoints", reader, 403),
        ("POST", "/endpoints", submitter, 403),
        ("DELETE", f"/endpoints/{NOBODY}", submitter, 403),
        ("POST", "/secrets", submitter, 403),
        ("GET", "/secrets", reader, 403),
    )
    for method, path, key, status in asked:
        body = {"json": {"url": to.url}} if (method, path) == ("POST", "/endpoints") else {}
        assert (await ask(gateway, method, path, key=key, **body)).status_code == status, (method, path)
        assert (await ask(gateway, method, path, key="clinq_none", **body)).status_code == 401


async def test_a_tenant_has_a_limited_number_of_endpoints(gateway: Gateway, to: Receiver):
    for number in range(endpoint.MOST):
        assert (await ask(gateway, "POST", "/endpoints", json={"url": f"{to.origin}/{number}"})).status_code == 201
    answer = await ask(gateway, "POST", "/endpoints", json={"url": f"{to.origin}/more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")


async def test_every_act_leaves_a_row_in_the_audit_trail(gateway: Gateway, to: Receiver):
    made = (await ask(gateway, "POST", "/endpoints", json={"url": to.url})).json()
    await ask(gateway, "DELETE", f"/endpoints/{made['id']}")
    await ask(gateway, "POST", "/secrets")
    job_id = await gateway.submit(callback_url=to.url)
    gateway.worker.complete(job_id)
    [one] = await deliveries(gateway)
    await ask(gateway, "POST", f"/deliveries/{one['id']}/redeliver")
    columns = (tables.audit.c.action, tables.audit.c.job_id)
    with gateway.worker.database.read() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(*columns).order_by(tables.audit.c.id))]
    expected = [("endpoint_named", None), ("endpoint_removed", None), ("secret_rotated", None), ("redelivered", job_id)]
    assert [row for row in rows if row in expected] == expected


async def test_no_address_lies_in_redis_or_in_clear_in_the_database(gateway: Gateway, to: Receiver, settings: Settings):
    await ask(gateway, "POST", "/endpoints", json={"url": f"{to.origin}/{CANARY}-endpoint"})
    await gateway.submit(callback_url=f"{to.origin}/{CANARY}-own")
    secret = (await ask(gateway, "POST", "/secrets")).json()["secret"]
    with Redis.from_url(settings.redis) as redis:
        redis.config_set("rdbcompression", "no")
        held = b"".join(redis.dump(key) or b"" for key in redis.scan_iter())
    stored = (settings.home / "clinq.db").read_bytes() + (settings.home / "clinq.db-wal").read_bytes()
    for place in (held, stored):
        assert CANARY.encode() not in place
        assert secret.encode() not in place
        assert to.origin.encode() not in place


async def test_the_log_and_its_filters_work_on_postgresql(settings: Settings, postgres_url: str, to: Receiver):
    async with running(changed(settings, database_url=postgres_url)) as gateway:
        await ask(gateway, "POST", "/endpoints", json={"url": to.url})
        jobs = [await gateway.submit() for _ in range(3)]
        first = (await ask(gateway, "GET", "/deliveries", params={"most": "2"})).json()
        rest = await deliveries(gateway, after=first["next"])
        assert [each["job_id"] for each in [*first["deliveries"], *rest]] == jobs[::-1]
        with sending(gateway):
            for job_id in jobs:
                gateway.worker.complete(job_id)
            await until(lambda: len(to.calls) == 3)
