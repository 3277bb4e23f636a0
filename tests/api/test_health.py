"""Health, figures and the page."""

from __future__ import annotations

import httpx

from api.routes.page import WEB
from shared import tables
from tests.api.conftest import API, Gateway, changed, running


async def test_health_is_open_and_says_what_is_away(gateway: Gateway):
    gateway.client.headers.pop("Authorization")
    assert (await gateway.client.get("/health/live")).json() == {"status": "ok"}
    assert (await gateway.client.get("/health/ready")).status_code == 200
    detailed = (await gateway.client.get("/health/detailed")).json()
    assert (detailed["database"], detailed["workers"], detailed["jobs"]["queued"]) == ("ok", 0, 0)
    tables.metadata.drop_all(gateway.worker.database.engine)
    assert (await gateway.client.get("/health/ready")).status_code == 503
    assert (await gateway.client.get("/health/detailed")).json()["database"] == "away"
    assert (await gateway.client.get("/health/live")).status_code == 200


async def test_figures_count_jobs_and_name_no_id(gateway: Gateway):
    job_id = await gateway.submit()
    await gateway.client.get(f"{API}/result/{job_id}")
    await gateway.client.get("/ZQXCANARY")
    text = (await gateway.client.get("/metrics")).text
    assert 'clinq_jobs{status="queued"} 1.0' in text
    assert 'route="/result/{job_id}"' in text
    assert job_id not in text
    assert "ZQXCANARY" not in text


async def test_figures_are_open_to_this_machine_alone(gateway: Gateway):
    gateway.client.headers.pop("Authorization")
    assert (await gateway.client.get("/metrics")).status_code == 401
    here = httpx.ASGITransport(gateway.app, client=("127.0.0.1", 40000))
    async with httpx.AsyncClient(transport=here, base_url="http://clinq.test") as client:
        assert (await client.get("/metrics")).status_code == 200


async def test_the_page_is_served_whole_and_needs_no_other_site(gateway: Gateway):
    gateway.client.headers.pop("Authorization")
    page = await gateway.client.get("/")
    assert page.content == (WEB / "index.html").read_bytes()
    assert page.headers["content-type"].startswith("text/html")
    for name in ("app.js", "style.css"):
        answer = await gateway.client.get(f"/{name}")
        assert answer.content == (WEB / name).read_bytes()
    again = await gateway.client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_only_listed_origins_may_call_from_a_browser(settings):
    headers = {"Origin": "https://ehr.example", "Access-Control-Request-Method": "POST"}
    async with running(changed(settings, cors_origins=("https://ehr.example",))) as gateway:
        allowed = await gateway.client.options(f"{API}/submit", headers=headers)
        refused = await gateway.client.options(f"{API}/submit", headers=headers | {"Origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://ehr.example"
    assert "access-control-allow-origin" not in refused.headers


async def test_the_api_description_resolves_all_its_references(gateway: Gateway):
    document = (await gateway.client.get("/openapi.json")).json()

    def references(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*(references(each) for each in part.values()))
        return set().union(*(references(each) for each in part)) if isinstance(part, list) else set()

    for reference in references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    assert (await gateway.client.get("/docs")).status_code == 404
